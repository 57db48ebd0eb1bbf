"""`images:DIR`: the pictures of a folder, in the order that people number them in."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import cast

import cv2
import numpy as np

from edge.cameras.base import Camera
from edge.cameras.recordings.paced import PacedRecording
from edge.errors import CameraError
from edge.picture.frame import Frame, Image

SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
DEFAULT_FPS = 30.0
FLAGS = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION
# Names that are times, and the power of ten of their unit in seconds.
TIME_NAMES = (
    (re.compile(r"[0-9]{16,19}"), -9),  # 1403636579763555584.png, as EuRoC and ROS name pictures
    (re.compile(r"[0-9]+\.[0-9]+"), 0),  # 1311868164.363181.png, as TUM does
)


class ImageFolder(Camera):
    """A folder as a recording: natural order (2 before 10), nothing dropped, sub-folders and other files left alone.

    Times come from the names where every name is one: nanoseconds (16 to 19 digits) or seconds (digits, a point,
    digits), counted from the first; otherwise from `fps`, or 30 frames a second.
    Pictures of 16 bits, white at 65535, become frames of the format bgr16; others bgr.
    Raises CameraError: the folder is missing, empty or holds no picture; while reading also for a picture that does not
    decode or has another size than the first.
    """

    live = False

    def __init__(self, folder: Path, fps: float | None = None, name: str = "") -> None:
        super().__init__(name or f"images:{folder}")
        self._paths = _pictures(folder)
        self._times_s = _times_s(self._paths, fps)
        self._sequence = 0
        self._first = self._paths[0].name, _decode(self._paths[0])

    def read(self, timeout_s: float = 0.0) -> Frame | None:
        if self._sequence == len(self._paths):
            return None
        path, time_s = self._paths[self._sequence], self._times_s[self._sequence]
        name, first = self._first
        image = first if self._sequence == 0 else _decode(path)
        if image.shape != first.shape:
            raise CameraError(
                f"{path}: expected {_size(first)} as {name} has, found {_size(image)}; one folder holds one recording"
            )
        frame = Frame(image, self._sequence, time_s, "bgr" if image.dtype == np.uint8 else "bgr16")
        self._sequence += 1
        return frame

    def close(self) -> None:
        """Nothing stays open between two pictures."""


def open_folder(folder: Path, realtime: bool = False, fps: float | None = None, name: str = "") -> Camera:
    """Open a folder, to be read as fast as it goes or played in real time. Raises CameraError."""
    recording = ImageFolder(folder, fps, name)
    return PacedRecording(recording) if realtime else recording


def natural_order(paths: Iterable[Path]) -> list[Path]:
    """Sorted by name, numbers in the names by their value: frame2 before frame10."""
    return sorted(paths, key=lambda path: [_part(text) for text in re.split(r"([0-9]+)", path.name)])


def _part(text: str) -> tuple[int, str]:
    return (int(text), text) if text.isascii() and text.isdigit() else (-1, text)


def _pictures(folder: Path) -> list[Path]:
    try:
        paths = [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file()]
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise CameraError(f"{folder}: no folder that can be read ({reason}); check --camera images:DIR") from error
    if not paths:
        raise CameraError(f"{folder}: no picture in it; expected files like 000001.png ({' '.join(sorted(SUFFIXES))})")
    return natural_order(paths)


def _times_s(paths: list[Path], fps: float | None) -> list[float]:
    names = [path.stem for path in paths]
    exponent = next((exponent for pattern, exponent in TIME_NAMES if all(map(pattern.fullmatch, names))), None)
    if fps is None and exponent is not None:
        stamps = [Decimal(name).scaleb(exponent) for name in names]  # exact: a float has no room for nanoseconds
        return [float(stamp - stamps[0]) for stamp in stamps]
    return [number / (fps or DEFAULT_FPS) for number in range(len(paths))]


def _decode(path: Path) -> Image:
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
        image = cv2.imdecode(data, FLAGS) if data.size else None
    except (OSError, cv2.error) as error:
        raise CameraError(f"{path}: cannot be read ({error})") from error
    if image is None:
        raise CameraError(f"{path}: not a picture that OpenCV can decode ({data.size} bytes); copy it again")
    if image.dtype != np.uint16:
        return np.asarray(image, np.uint8)
    return cast("Image", np.asarray((image * np.uint32(4080) + 32767) // 65535, np.uint16))


def _size(image: Image) -> str:
    return f"{image.shape[1]}x{image.shape[0]}"
