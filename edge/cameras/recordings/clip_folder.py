"""`clips:DIR`: the clips of a folder, one after the other, in natural order; each begins anew."""

from __future__ import annotations

from pathlib import Path

from edge.cameras.base import Camera
from edge.cameras.recordings.image_folder import natural_order
from edge.cameras.recordings.video_file import open_recording
from edge.errors import CameraError
from edge.paths import shown
from edge.picture.frame import Frame

SUFFIXES = frozenset({".avi", ".h264", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm"})


class ClipFolder(Camera):
    """Every clip's times are its own, from its first frame: where the next one begins the clock goes back.

    To whoever recognises that is a gap: nothing of one clip is left in the next. `notes` name each as it begins.
    Nothing is dropped; sub-folders, other and hidden files are left alone. Raises CameraError: no folder, no clip in
    it, or, when its turn comes, a clip that cannot be read.
    """

    live = False

    def __init__(self, folder: Path, realtime: bool = False, fps: float | None = None, name: str = "") -> None:
        super().__init__(name or f"clips:{shown(folder)}")
        self._realtime, self._fps = realtime, fps
        self._paths = _clips(folder)
        self._number = 0
        self._clip = self._open()

    def read(self, timeout_s: float) -> Frame | None:
        while (frame := self._clip.read(timeout_s)) is None:
            self._clip.close()
            if self._number == len(self._paths):
                return None
            self._clip = self._open()
        return frame

    def close(self) -> None:
        self._clip.close()

    def _open(self) -> Camera:
        path = self._paths[self._number]
        clip = open_recording(path, self._realtime, fps=self._fps)
        self._number += 1
        place = f"clip {self._number} of {len(self._paths)}: {shown(path.name)}"
        self.notes = (place, *clip.notes)
        return clip


def clips_in(folder: Path) -> list[Path]:
    """Its videos by their names' ends, in natural order. Raises OSError."""
    return natural_order(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
    )


def _clips(folder: Path) -> list[Path]:
    name = shown(folder)
    try:
        paths = clips_in(folder)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise CameraError(f"{name}: no folder that can be read ({reason}); check --camera clips:DIR") from error
    if not paths:
        raise CameraError(f"{name}: no clip in it; expected files like walk.mp4 ({' '.join(sorted(SUFFIXES))})")
    return paths
