"""What real cameras and real clips are like.

camera, photon_transfer  `measure-camera`: black level, read noise and gain, from two recordings
clip_statistics          `compare-statistics`: rendered clips beside real dark ones
"""
