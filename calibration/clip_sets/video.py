"""Video files, decoded lazily with OpenCV."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from edge.errors import DataError
from edge.picture.frame import Frame

SUFFIXES = (".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v", ".mpg", ".mpeg")
ASSUMED_FPS = 30.0  # where a container does not say


def read(path: Path) -> Iterator[Frame]:
    """Every frame of a video; capture_time_s is the position in the recording.

    Raises DataError that names the file: missing, empty, or nothing in it that decodes.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such video file")
    if path.stat().st_size == 0:
        raise DataError(f"{path}: the file is empty (0 bytes); copy it again")
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        yield from _frames(capture, path)
    finally:
        capture.release()


def _frames(capture: cv2.VideoCapture, path: Path) -> Iterator[Frame]:
    rate = capture.get(cv2.CAP_PROP_FPS)
    interval_s = 1.0 / (rate if 1.0 <= rate <= 1000.0 else ASSUMED_FPS)
    count, last_s = 0, -interval_s
    while True:
        decoded, image = capture.read()
        if not decoded:
            break
        at_s = capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3
        # Some containers report no positions, or the same one for ever.
        last_s = at_s if last_s < at_s < last_s + 60 else last_s + interval_s
        yield Frame(np.asarray(image, np.uint8), count, last_s)
        count += 1
    if count == 0:
        raise DataError(
            f"{path}: no frame could be decoded; it is not a video that this OpenCV reads, or it is damaged"
        )


def existing(path: Path) -> Path:
    """The same path. Raises DataError where no file is."""
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    return path
