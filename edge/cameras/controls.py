"""V4L2 controls (exposure, gain, ...) by number: drivers rename them between kernels, their numbers stay."""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Iterable
from pathlib import Path

from edge.profiles import Control

# linux/videodev2.h: _IOWR('V', 27 and 28, struct v4l2_control { __u32 id; __s32 value; })
VIDIOC_G_CTRL = 0xC008561B
VIDIOC_S_CTRL = 0xC008561C
_CONTROL = struct.Struct("=Ii")


def apply_controls(device: Path, controls: Iterable[Control]) -> tuple[str, ...]:
    """Set the controls in their order and read them back; returns a sentence for each that the camera did not take."""
    descriptor = os.open(device, os.O_RDWR | os.O_NONBLOCK)
    try:
        notes = [_apply(descriptor, control) for control in controls]
    finally:
        os.close(descriptor)
    return tuple(note for note in notes if note)


def _apply(descriptor: int, control: Control) -> str:
    try:
        fcntl.ioctl(descriptor, VIDIOC_S_CTRL, _CONTROL.pack(control.id, control.value))
        answer = fcntl.ioctl(descriptor, VIDIOC_G_CTRL, _CONTROL.pack(control.id, 0))
    except OSError as error:
        return f"control {control.name} ({control.id:#010x}) = {control.value} refused: {error.strerror}"
    value = _CONTROL.unpack(answer)[1]
    if value != control.value:
        return f"control {control.name} ({control.id:#010x}) is {value}, not {control.value}"
    return ""
