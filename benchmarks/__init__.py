"""Figures that the docs name, printed by the command that stands beside them; times are this machine's.

pipeline, native, cameras        the device: a frame's whole way, the C core, capture
engines, aarch64/                the student in every engine: times here, instructions on an emulated Cortex-A76
peers/                           what one would run instead, on the same core
makers/                          what the makers cost: INT8, reading data, an epoch
flow, tracks                     the motion stage against the truth and OpenCV; who is where against the truth
results, demo                    accuracy: the tables of docs/results.md, the demo clip
other_cameras/                   other cameras' pictures, and a camera that moves
"""
