"""USB cameras through V4L2, captured by OpenCV."""

from __future__ import annotations

import os
import time
from pathlib import Path

import cv2
import numpy as np

from edge.cameras.base import Camera
from edge.cameras.controls import apply_controls
from edge.cameras.devices import DeviceFinder, device_at, profile_of
from edge.cameras.freshest import Freshest
from edge.errors import CameraError
from edge.frame import Frame
from edge.profiles import CameraProfile, Mode

STAMP_MAX_AGE_S = 1.0


class V4l2Camera(Camera):
    """A V4L2 device, set up as its profile says, read by a thread of its own.

    Raises CameraError when it is missing, forbidden, busy, or delivers nothing.
    """

    live = True

    def __init__(self, device: Path, profile: CameraProfile) -> None:
        super().__init__(f"{profile.name} ({device})")
        _check(device)
        self._device = device
        self._sequence = -1
        self._capture = cv2.VideoCapture(str(device), cv2.CAP_V4L2)
        if not self._capture.isOpened():
            raise CameraError(f"{device}: cannot be opened as a camera; does another program use it? (fuser {device})")
        try:
            mode_notes = _set_mode(self._capture, profile.modes[0]) if profile.modes else ()
            self.notes = (*mode_notes, *apply_controls(device, profile.controls))
        except OSError as error:
            self._capture.release()
            raise CameraError(f"{device}: went away while it was set up ({error.strerror})") from error
        self._freshest = Freshest(self.name, self._produce, self._capture.release)

    def read(self, timeout_s: float) -> Frame | None:
        return self._freshest.read(timeout_s)

    def close(self) -> None:
        self._freshest.close()

    def _produce(self) -> Frame:
        captured, image = self._capture.read()
        now_s = time.monotonic()
        if not captured or image is None or not image.size:
            raise CameraError(f"{self._device} stopped delivering frames (unplugged, or its driver gave up)")
        self._sequence += 1
        return Frame(np.asarray(image, np.uint8), self._sequence, self._capture_time_s(now_s))

    def _capture_time_s(self, now_s: float) -> float:
        """The driver's time stamp where it is the monotonic clock's (UVC), else the time of arrival."""
        stamp_s = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3
        return stamp_s if 0.0 <= now_s - stamp_s <= STAMP_MAX_AGE_S else now_s


def open_found(finder: DeviceFinder) -> V4l2Camera:
    """Open the camera that a profile means, whatever its number is today."""
    device = finder.find()
    camera = V4l2Camera(device.path, finder.profile)
    camera.notes = (*filter(None, [finder.note]), *camera.notes)
    return camera


def open_device(device: Path) -> V4l2Camera:
    """Open a device by its path, with the profile that knows it."""
    return V4l2Camera(device, profile_of(device_at(device)))


def _check(device: Path) -> None:
    if not device.exists():
        raise CameraError(f"{device}: no such device; is the camera plugged in? (ls /dev/video*)")
    if not device.is_char_device():
        raise CameraError(f"{device}: is not a device; for a recording write --camera file:{device}")
    if not os.access(device, os.R_OK | os.W_OK):
        raise CameraError(
            f"{device}: permission denied; join the group video: sudo usermod -aG video $USER, log in again"
        )


def _set_mode(capture: cv2.VideoCapture, mode: Mode) -> tuple[str, ...]:
    capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*mode.format))
    capture.set(cv2.CAP_PROP_FRAME_WIDTH, mode.width)
    capture.set(cv2.CAP_PROP_FRAME_HEIGHT, mode.height)
    capture.set(cv2.CAP_PROP_FPS, mode.fps)
    wanted = (mode.format, mode.width, mode.height, mode.fps)
    got = (
        int(capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little").decode("ascii", "replace"),
        int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
        int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
        round(capture.get(cv2.CAP_PROP_FPS)),
    )
    return () if got == wanted else (f"mode is {_mode(got)}, not {_mode(wanted)}",)


def _mode(values: tuple[str, int, int, int]) -> str:
    return "{} {}x{} at {} fps".format(*values)
