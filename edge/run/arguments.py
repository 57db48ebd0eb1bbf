"""What the command line of `edge-run` leaves open: which camera is meant, and how it may be named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from edge.errors import UsageError
from edge.run.config import Settings

HERE = "the camera that is here"
NOBODY = "default"  # the origin of a value that nobody named


def named_once(options: dict[str, Any]) -> dict[str, Any]:
    """The options with `edge-run CAMERA` as `--camera CAMERA`. Raises UsageError where both are given."""
    what = options.pop("what")
    if what is None:
        return options
    if options["camera"] is not None:
        raise UsageError(f"two cameras: {what} and --camera {options['camera']}; name one")
    return {**options, "camera": what}


def with_camera(settings: Settings, path: Path | None) -> Settings:
    """Where nobody named a camera, the one of this machine; what a configuration file leaves out stays as it was.

    Raises UsageError where there is none: nobody who forgot the camera wants the demo taken for it.
    """
    if path is not None or settings.origins["camera"] != NOBODY:
        return settings
    from edge.cameras.finding.default import default_camera

    camera, others = default_camera()
    origin = f"{HERE}; others: {', '.join(others)}" if others else HERE
    return Settings(replace(settings.config, camera=camera), {**settings.origins, "camera": origin})
