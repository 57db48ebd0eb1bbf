"""Cameras through the kernel's V4L2.

videodev2         the kernel's structures and numbers
device, controls  an open device: modes, controls, set and read back
stream            mapped buffers, the newest good one lent out
sysfs             which device a profile means: by identity, never by number
camera            the camera made of these
"""
