"""Cameras through GStreamer: a Jetson's, or any pipeline.

camera        the camera
libgstreamer  the few functions of its C library, by ctypes
"""
