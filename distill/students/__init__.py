"""The student: from recipe to float bundle.

recipe, job                     what decides it all, in YAML; `distill pretrain`, `train`, `folds`
network/                        the network itself, float and rounding, and its export
sources, augment, lessons       what it learns from: clips, their variations, a teacher's word
starts, folds                   what it begins from; whose clips it learns without
stages/, wiid                   the stages of its training; WiiD's part of what a step asks
bundles, model_card             what comes out, and the word that goes with it
"""
