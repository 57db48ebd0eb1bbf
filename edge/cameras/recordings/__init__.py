"""Frames from files.

video_file    `file:PATH`
decoding      pictures out of a video file, for the device and for data sets
image_folder  `images:DIR`
clip_folder   `clips:DIR`, one after the other
bare          a path without a prefix, and what lies there
demo          `demo`, the clip in the package
paced         `--realtime`: any of them at its own pace, as a camera would be
"""

FILE_PREFIX, IMAGES_PREFIX, CLIPS_PREFIX = "file:", "images:", "clips:"
