"""The teachers' networks, and what they are made of.

base, weights          what every teacher is; weights of files into it
dgam, rbert, actlumos  the papers' teachers
video_swin, r2plus1d   their backbones
bert_head, views       attention over time instead of a mean; two views of a clip, for contrast
"""
