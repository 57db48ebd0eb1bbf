"""A model as one thing: a folder or .tar that is verified before anything of it is parsed.

manifest                 what a bundle says of itself, every field with its limits, and its own digest
bundle                   a verified one in memory: its files, its forms, its gate
reading, writing         its files on a disk: listed and bounded before they are read; written all or nothing
student_file, gate_file  what is looked at in student.onnx before an engine may see it; gate.npz as arrays
store                    numbered bundles on a device, one of them current; updates that may be interrupted
"""
