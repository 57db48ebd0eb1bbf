"""Clips to learn from and to measure on: data sets by name, rendered clips, evaluation as the device decides.

cli                    the command `calibration`
sets, clip_sets/       data sets by name; what they are, how they are read and checked
people                 who is learnt from, chosen by, tested on
synthetic/             clips that need no data: a rendered body, rooms, a simulated dark camera
learnt                 which clips a bundle has learnt from, so that they are no test of it
tensors                clips as the network sees them, kept on disk
evaluation/            how good a bundle is, in clips and in streams
deciding/              how a bundle decides: probabilities that hold, operating points
measurement/           a camera's noise, and rendered clips beside real ones
jobs/                  work over processes and machines, and how far it is
svg                    small plots
"""
