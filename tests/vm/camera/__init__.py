"""A virtual USB camera: user space on one side, the kernel's vhci-hcd and uvcvideo on the other.

Standard library only. Its endpoint is bulk where the real camera's is isochronous: what a real bus can carry is not
part of the imitation.
"""
