"""What every training shares, whoever learns.

job, loop            a training as it was asked for; its steps, and how it continues
checkpoint, metrics  everything a step changes, in a file; what a training says of itself
losses, optim        beyond cross entropy; R-BERT's optimiser
parallel             one process or many
"""
