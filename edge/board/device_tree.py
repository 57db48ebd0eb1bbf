"""What a board says of itself in its device tree."""

from __future__ import annotations

from pathlib import Path

from edge.errors import ConfigError
from edge.files import within

TREE = "/proc/device-tree"


def compatible(root: Path = Path("/")) -> list[str]:
    """The `compatible` strings, the most specific first; none on a machine without a device tree."""
    return [entry for entry in _text(root, "compatible").split("\0") if entry]


def model(root: Path = Path("/")) -> str:
    """The board's own name, with its revision; empty on a machine without a device tree."""
    return _text(root, "model").rstrip("\0")


def _text(root: Path, name: str) -> str:
    try:
        return within(root, f"{TREE}/{name}").read_bytes().decode(errors="replace")
    except (ConfigError, OSError):
        return ""
