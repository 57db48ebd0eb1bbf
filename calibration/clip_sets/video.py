"""Video files, decoded lazily, as the device decodes its recordings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edge.cameras.recordings.decoding import VideoDecoder
from edge.errors import CameraError, DataError
from edge.paths import shown
from edge.picture.frame import Frame

SUFFIXES = (".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v", ".mpg", ".mpeg")


def is_video(path: Path) -> bool:
    """By its name; a hidden file (`._clip.mp4`, as macOS leaves them) is none."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def read(path: Path) -> Iterator[Frame]:
    """Every frame of a video; capture_time_s is the position in the recording.

    Raises DataError that names the file: missing, empty, nothing in it that decodes, interlaced.
    """
    if not path.is_file():
        raise DataError(f"{shown(path)}: no such video file")
    if path.stat().st_size == 0:
        raise DataError(f"{shown(path)}: the file is empty (0 bytes); copy it again")
    try:
        decoder = VideoDecoder(path)
        try:
            yield from iter(decoder.next, None)
        finally:
            decoder.close()
    except CameraError as error:
        raise DataError(str(error)) from error


def existing(path: Path) -> Path:
    """The same path. Raises DataError where no file is."""
    if not path.is_file():
        raise DataError(f"{shown(path)}: no such file")
    return path
