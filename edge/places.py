"""Where a user's own files lie; a uid without an account or a home has no such place, and does without."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

FOLDER = "ellar-edge"


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path | None:
    """What can be made again: under XDG_CACHE_HOME, else ~/.cache; None without a home."""
    return _under(environment, "XDG_CACHE_HOME", ".cache")


def settings_folder(environment: Mapping[str, str] = os.environ) -> Path | None:
    """What the user wrote: under XDG_CONFIG_HOME, else ~/.config; None without a home."""
    return _under(environment, "XDG_CONFIG_HOME", ".config")


def _under(environment: Mapping[str, str], variable: str, hidden: str) -> Path | None:
    if environment.get(variable):
        return Path(environment[variable]) / FOLDER
    with suppress(RuntimeError):
        return Path.home() / hidden / FOLDER
    return None
