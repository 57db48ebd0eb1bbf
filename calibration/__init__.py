"""Clips to learn from and to measure on: data sets by name, rendered clips, evaluation as the device decides."""
