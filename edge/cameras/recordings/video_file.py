"""`file:PATH`: any video that OpenCV reads, as fast as it goes or in real time."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import cv2
import numpy as np

from edge.cameras.base import Camera
from edge.cameras.recordings.paced import PacedRecording
from edge.errors import CameraError
from edge.picture.frame import Frame

FALLBACK_FPS = 30.0  # for the rare container that tells neither times nor a rate


class VideoFile(Camera):
    """A recording; capture times are its own, in seconds from its first frame. Nothing is dropped.

    Raises CameraError when the file is missing, a directory, empty, or holds no video.
    """

    live = False

    def __init__(self, path: Path, name: str = "") -> None:
        super().__init__(name or f"file:{path}")
        _check(path)
        self._capture = cv2.VideoCapture(str(path))
        self._sequence = 0
        self._last_s = 0.0
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        self._interval_s = 1.0 / (fps if 0.1 <= fps <= 1000.0 else FALLBACK_FPS)
        self._next = self._decode()
        if self._next is None:
            self.close()
            raise CameraError(
                f"{path}: no video in it that OpenCV can decode ({path.stat().st_size} bytes); "
                "check that the copy is complete, or convert it: ffmpeg -i IN -c:v libx264 OUT.mp4"
            )

    def read(self, timeout_s: float = 0.0) -> Frame | None:
        frame = self._next
        self._next = self._decode()
        return frame

    def close(self) -> None:
        self._capture.release()

    def _decode(self) -> Frame | None:
        decoded, image = self._capture.read()
        if not decoded:
            return None
        time_s = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3
        if self._sequence and not self._last_s < time_s:  # a container without usable times
            time_s = self._last_s + self._interval_s
        frame = Frame(np.asarray(image, np.uint8), self._sequence, time_s)
        self._sequence, self._last_s = self._sequence + 1, time_s
        return frame


def open_recording(path: Path, realtime: bool = False, name: str = "") -> Camera:
    """Open a recording, to be read as fast as it goes or played in real time. Raises CameraError."""
    recording = VideoFile(path, name)
    return PacedRecording(recording) if realtime else recording


def _check(path: Path) -> None:
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise CameraError(f"{path}: no such video file; check the path (--camera file:PATH)") from None
    except (OSError, ValueError) as error:
        raise CameraError(f"{path}: cannot be read ({error}); check the path and its permissions") from error
    if stat.S_ISDIR(status.st_mode):
        raise CameraError(
            f"{path}: is a directory; name one video file in it (--camera file:{path}/CLIP.mp4), "
            f"or read its pictures (--camera images:{path})"
        )
    if not stat.S_ISREG(status.st_mode):
        raise CameraError(f"{path}: is a pipe or a device, not a video file; for a camera write --camera {path}")
    if status.st_size == 0:
        raise CameraError(f"{path}: the video file is empty (0 bytes); record or copy it again")
    if not os.access(path, os.R_OK):
        raise CameraError(f"{path}: cannot be read (permission denied); check its permissions")
