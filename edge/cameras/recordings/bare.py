"""What a path without a prefix is: a video, or a folder of pictures or clips; and which path was meant."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from edge.cameras.recordings import CLIPS_PREFIX, FILE_PREFIX, IMAGES_PREFIX
from edge.cameras.recordings.clip_folder import clips_in
from edge.cameras.recordings.image_folder import SUFFIXES as PICTURES
from edge.errors import UsageError
from edge.paths import shown


def prefix_of(path: Path) -> str | None:
    """Which prefix says what lies there; None where nothing does, or what no file system can have.

    Raises UsageError for a folder that is no recording, or two.
    """
    try:
        if not path.is_dir():
            return FILE_PREFIX if path.exists() else None
        clips = bool(clips_in(path))
        pictures = any(one.suffix.lower() in PICTURES and not one.name.startswith(".") for one in path.iterdir())
    except (OSError, ValueError):
        return None
    if clips == pictures:
        found = "both pictures and clips" if clips else "neither pictures nor clips"
        raise UsageError(
            f"{shown(path)}: a folder with {found}; say which: {IMAGES_PREFIX}{shown(path)} (one recording, picture by "
            f"picture) or {CLIPS_PREFIX}{shown(path)} (one clip after the other)"
        )
    return CLIPS_PREFIX if clips else IMAGES_PREFIX


def like(path: Path) -> str:
    """A name in the same folder that may have been meant; empty where none is near."""
    try:
        names = [one.name for one in path.parent.iterdir()]
    except (OSError, ValueError):
        return ""
    near = get_close_matches(path.name, names, n=1)
    return shown(path.with_name(near[0])) if near else ""
