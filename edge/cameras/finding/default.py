"""The camera of a machine where nobody named one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edge.cameras.finding.listing import ListedCamera, list_cameras
from edge.errors import UsageError

NONE_HERE = (
    "no camera is here (edge-run --list-cameras says more); plug one in, or name what to look at: edge-run demo (a "
    "dark clip in the package), edge-run CLIP.mp4, edge-run FOLDER, edge-run rtsp://HOST/STREAM, edge-run PROFILE"
)


def default_camera(find: Callable[[], Sequence[ListedCamera]] = list_cameras) -> tuple[str, tuple[str, ...]]:
    """What to write for --camera to get the first one that can be had, and the same for the others that are here.

    Raises UsageError where there is none.
    """
    named = [camera for camera in find() if camera.camera]
    names = [camera.camera for camera in sorted(named, key=lambda camera: bool(camera.problem))]
    if not names:
        raise UsageError(NONE_HERE)
    return names[0], tuple(names[1:])
