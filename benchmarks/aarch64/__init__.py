"""aarch64 without a board: under qemu's user mode, correctness and instruction counts, never times.

guest               a Python for aarch64 with the engines' wheels
tick, stages        instructions of a whole tick, stage by stage: the count here, the stages there
engines, steps      instructions of a step in every engine: the count here, the steps there
labels, recognise   the same decisions on both sides: compared here, computed there
to_litert, to_ncnn  a student in those engines' files
"""
