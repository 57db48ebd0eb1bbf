"""`images:DIR`: the pictures of a folder, in the order of their times, or as people number them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from edge.cameras.base import Camera
from edge.cameras.recordings.paced import PacedRecording
from edge.errors import CameraError, PictureError
from edge.paths import shown
from edge.picture.bounds import check_size
from edge.picture.frame import Frame, Image
from edge.picture.headers import Header, read_header

SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
DEFAULT_FPS = 30.0
FLAGS = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH  # upright, as the picture itself says (EXIF)
WHITE = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}  # and the levels of a frame
LEVELS = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 4080}
# Names that are times, and the power of ten of their unit in seconds.
TIME_NAMES = (
    (re.compile(r"[0-9]{16,19}"), -9),  # 1403636579763555584.png, as EuRoC and ROS name pictures
    (re.compile(r"[0-9]+\.[0-9]+"), 0),  # 1311868164.363181.png, as TUM does
)


class ImageFolder(Camera):
    """A folder as a recording: natural order (2 before 10), nothing dropped, sub-folders, other and hidden files left
    alone.

    Where every name is a time, of nanoseconds (16 to 19 digits) or seconds (digits, a point, digits), that is the
    order; it is also the time, counted from the first, unless `fps` is given. Otherwise 30 frames a second.
    Pictures of 16 bits, white at 65535, become frames of the format bgr16; others bgr. EXIF's orientation is obeyed.
    Raises CameraError: the folder is missing, empty or holds no picture; while reading also for a picture that does not
    decode, is too large, has no levels of 8 or 16 bits, or another size than the first.
    """

    live = False

    def __init__(self, folder: Path, fps: float | None = None, name: str = "") -> None:
        super().__init__(name or f"images:{shown(folder)}")
        self._paths, self._times_s = _in_order(_pictures(folder), fps)
        self._sequence = 0
        self._first: Image | None = _decode(self._paths[0])
        self._shape = self._first.shape

    def read(self, timeout_s: float = 0.0) -> Frame | None:
        if self._sequence == len(self._paths):
            return None
        path, time_s = self._paths[self._sequence], self._times_s[self._sequence]
        first, self._first = self._first, None
        image = _decode(path) if first is None else first
        if image.shape != self._shape:
            raise CameraError(
                f"{shown(path)}: expected {_size(self._shape)} as {shown(self._paths[0].name)} has, found "
                f"{_size(image.shape)}; one folder holds one recording"
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
    name = shown(folder)
    try:
        paths = [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file()]
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise CameraError(f"{name}: no folder that can be read ({reason}); check --camera images:DIR") from error
    paths = [path for path in paths if not path.name.startswith(".")]
    if not paths:
        raise CameraError(f"{name}: no picture in it; expected files like 000001.png ({' '.join(sorted(SUFFIXES))})")
    return natural_order(paths)


def _in_order(paths: list[Path], fps: float | None) -> tuple[list[Path], list[float]]:
    """The pictures, and when they were taken, in seconds from the first."""
    names = [path.stem for path in paths]
    exponent = next((exponent for pattern, exponent in TIME_NAMES if all(map(pattern.fullmatch, names))), None)
    if exponent is None:
        return paths, [number / (fps or DEFAULT_FPS) for number in range(len(paths))]
    # Exact: a float has no room for nanoseconds.
    stamps = sorted(((Decimal(path.stem).scaleb(exponent), path) for path in paths), key=lambda stamp: stamp[0])
    times_s = [number / fps if fps else float(time - stamps[0][0]) for number, (time, _) in enumerate(stamps)]
    return [path for _, path in stamps], times_s


def _decode(path: Path) -> Image:
    name = shown(path)
    try:
        data = path.read_bytes()
        header = read_header(data)
        if header:
            check_size(header.height, header.width)
        image = cv2.imdecode(np.frombuffer(data, np.uint8), FLAGS) if header else None
    except (OSError, cv2.error) as error:
        raise CameraError(f"{name}: cannot be read ({error})") from error
    except PictureError as error:
        raise CameraError(f"{name}: {error}; make it smaller") from error
    samples = (header.samples if header else "") if image is None else str(image.dtype)
    if samples not in ("", "uint8", "uint16"):
        raise CameraError(f"{name}: expected levels of 8 or 16 bits, uint8 or uint16, found {samples}; convert it")
    if image is None:
        raise CameraError(f"{name}: not a picture that OpenCV can decode ({len(data)} bytes); copy it again")
    return _levels(image, header)


def _levels(image: npt.NDArray[np.generic], header: Header | None) -> Image:
    """As a frame has them: white is 255, or 4080 sixteenths of a level."""
    white = header.white if header and header.white else WHITE[image.dtype]
    if white == LEVELS[image.dtype]:
        return cast("Image", image)
    return cast("Image", _level_table(white, LEVELS[image.dtype], image.dtype.char)[image])


@lru_cache(maxsize=4)
def _level_table(white: int, highest: int, dtype: str) -> npt.NDArray[np.generic]:
    """By a picture's level, of which `white` is the highest: rounded."""
    levels = np.arange(np.iinfo(dtype).max + 1)
    return ((np.minimum(levels, white) * highest + white // 2) // white).astype(dtype)


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[0]}"
