"""`demo`: the short dark clip that is shipped with the package."""

from __future__ import annotations

from pathlib import Path

import edge
from edge.cameras.base import Camera
from edge.cameras.recordings.video_file import open_recording
from edge.errors import CameraError
from edge.shipped import reinstall

DEMO_CLIP = Path(edge.__file__).parent / "data" / "demo.mp4"


def open_demo(realtime: bool = False, fps: float | None = None) -> Camera:
    """Open the clip. Raises CameraError."""
    if not DEMO_CLIP.is_file():
        raise CameraError(f"{DEMO_CLIP}: missing from this installation: {reinstall()}")
    return open_recording(DEMO_CLIP, realtime, "demo", fps)
