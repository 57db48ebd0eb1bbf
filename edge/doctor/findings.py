"""What an examination says: one finding per fact, with the command that repairs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "error"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    level: `warning` runs, but worse than it could; `error` does not run. area: the part that was examined (camera,
    board, ...). what: the thing (`power supply`). found: what it is, with units. repair: the exact command, or what to
    do by hand; empty where there is nothing to repair.
    """

    level: Level
    area: str
    what: str
    found: str
    repair: str = ""


def ok(area: str, what: str, found: str) -> Finding:
    """Nothing to repair."""
    return Finding("ok", area, what, found)


def warning(area: str, what: str, found: str, repair: str) -> Finding:
    """It runs, but worse than it could."""
    return Finding("warning", area, what, found, repair)


def error(area: str, what: str, found: str, repair: str) -> Finding:
    """It does not run."""
    return Finding("error", area, what, found, repair)
