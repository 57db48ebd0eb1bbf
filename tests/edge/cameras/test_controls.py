"""V4L2 controls on real system calls: what a device does not take is said, and nothing fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.cameras.controls import VIDIOC_G_CTRL, VIDIOC_S_CTRL, apply_controls
from edge.profiles import camera_profiles


def ioctl_number(direction: int, kind: str, number: int, size: int) -> int:
    """_IOC of linux/ioctl.h."""
    return direction << 30 | size << 16 | ord(kind) << 8 | number


def test_the_requests_are_those_of_the_kernels_header() -> None:
    read_and_write, size_of_v4l2_control = 3, 8
    assert ioctl_number(read_and_write, "V", 27, size_of_v4l2_control) == VIDIOC_G_CTRL
    assert ioctl_number(read_and_write, "V", 28, size_of_v4l2_control) == VIDIOC_S_CTRL


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_every_refused_control_is_named_and_the_device_closed() -> None:
    controls = camera_profiles()["arducam_b0200"].controls
    before = open_descriptors()
    notes = apply_controls(Path("/dev/null"), controls)
    assert len(notes) == len(controls)
    assert notes[0] == "control auto_exposure (0x009a0901) = 1 refused: Inappropriate ioctl for device"
    assert open_descriptors() == before


def test_a_device_that_is_gone_is_an_os_error() -> None:
    with pytest.raises(FileNotFoundError):
        apply_controls(Path("/dev/video987"), camera_profiles()["generic_uvc"].controls)
