"""Cameras on the network.

camera     RTSP and HTTP addresses as cameras
multipart  pictures over HTTP, one after the other, each bounded
"""
