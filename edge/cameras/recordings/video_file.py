"""`file:PATH`: any video that OpenCV reads, as fast as it goes or in real time."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from edge.cameras.base import Camera
from edge.cameras.recordings.decoding import VideoDecoder
from edge.cameras.recordings.paced import PacedRecording
from edge.errors import CameraError
from edge.paths import shown
from edge.picture.frame import Frame


class VideoFile(Camera):
    """A recording; capture times are its own, in seconds from its first frame, or by `fps`. Nothing is dropped.

    Raises CameraError when the file is missing, a directory, empty, or holds no video that can be read.
    """

    live = False

    def __init__(self, path: Path, name: str = "", fps: float | None = None) -> None:
        super().__init__(name or f"file:{shown(path)}")
        check_file(path)
        self._decoder = VideoDecoder(path, fps)
        self.notes = (self._decoder.note,) if self._decoder.note else ()
        self._next = self._decoder.next()

    def read(self, timeout_s: float = 0.0) -> Frame | None:
        frame = self._next
        self._next = self._decoder.next()
        return frame

    def close(self) -> None:
        self._decoder.close()


def open_recording(path: Path, realtime: bool = False, name: str = "", fps: float | None = None) -> Camera:
    """Open a recording, to be read as fast as it goes or played in real time. Raises CameraError."""
    recording = VideoFile(path, name, fps)
    return PacedRecording(recording) if realtime else recording


def check_file(path: Path) -> None:
    """Raises CameraError for what is no file, empty or forbidden, and says how to name what it is."""
    name = shown(path)
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise CameraError(f"{name}: no such video file; check the path (--camera file:PATH)") from None
    except (OSError, ValueError) as error:
        raise CameraError(f"{name}: cannot be read ({error}); check the path and its permissions") from error
    if stat.S_ISDIR(status.st_mode):
        raise CameraError(
            f"{name}: is a directory; name one video file in it (--camera file:{name}/CLIP.mp4), "
            f"or read its pictures (--camera images:{name})"
        )
    if not stat.S_ISREG(status.st_mode):
        raise CameraError(f"{name}: is a pipe or a device, not a video file; for a camera write --camera {name}")
    if status.st_size == 0:
        raise CameraError(f"{name}: the video file is empty (0 bytes); record or copy it again")
    if not os.access(path, os.R_OK):
        raise CameraError(f"{name}: cannot be read (permission denied); check its permissions")
