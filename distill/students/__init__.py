"""The student: from recipe to float bundle.

recipe, job                  what decides it all, in YAML; `distill pretrain`, `train`, `folds`
network/                     the network itself, float and rounding, and its export
sources, augment, lessons    what it learns from: clips, their variations, a teacher's word
learner, training, wiid      what a step asks of it; the steps; WiiD's part of them
quantisation, gate_training  after it: learning on while rounded; the gate
bundles                      what comes out
"""
