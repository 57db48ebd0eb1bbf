"""What real cameras and real clips are like.

camera, photon_transfer  `measure-camera`: black level, read noise and gain, from two recordings
clip_statistics          `compare-statistics`: rendered clips beside real dark ones
input_features, telling_apart, compare_inputs    `compare-inputs`: the same as the network sees them; what tells them
key_frames               `key-frames`: how often recordings pulse, and how strongly
"""
