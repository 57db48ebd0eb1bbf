"""Frames from files.

video_file    `file:PATH`
decoding      pictures out of a video file, for the device and for data sets
image_folder  `images:DIR`
demo          `demo`, the clip in the package
paced         `--realtime`: any of them at its own pace, as a camera would be
"""
