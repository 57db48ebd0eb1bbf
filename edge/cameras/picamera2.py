"""CSI cameras of a Raspberry Pi through picamera2 and libcamera."""
