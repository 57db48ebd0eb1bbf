"""CSI cameras of a Raspberry Pi.

camera  through picamera2 and libcamera
bayer   raw pictures of a sensor, unpacked and given a camera's levels
"""
