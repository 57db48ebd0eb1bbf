"""The clip that a virtual camera sees, in every format and size that it offers, encoded beforehand: a VM has no time.

A folder with `index.json` and one file per format and size that holds the frames one after the other.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tests.vm.camera.model import Mode

INDEX = "index.json"


class Clip:
    """Reads a clip's folder. Time runs on whether somebody looks or not, and starts anew at the end."""

    def __init__(self, folder: Path) -> None:
        index = json.loads((folder / INDEX).read_text())
        self._rate: float = index["rate"]
        self._ends: dict[str, list[int]] = index["ends"]
        self._bytes = {name: memoryview(_mapped(folder / name)) for name in self._ends}

    def frame(self, mode: Mode, now_s: float) -> memoryview:
        """The frame that is to be seen now, as the camera sends it."""
        name = file_name(mode)
        ends = self._ends[name]
        number = int(now_s * self._rate) % len(ends)
        return self._bytes[name][ends[number - 1] if number else 0 : ends[number]]


def write_clip(folder: Path, rate: float, frames: Mapping[str, Iterable[bytes]]) -> None:
    """Write a clip's folder: encoded frames by `file_name` of their mode."""
    ends = {name: _write(folder / name, encoded) for name, encoded in frames.items()}
    (folder / INDEX).write_text(json.dumps({"rate": rate, "ends": ends}))


def file_name(mode: Mode) -> str:
    """Where the frames of a mode are."""
    return f"{mode.format}-{mode.width}x{mode.height}"


def _write(path: Path, frames: Iterable[bytes]) -> Sequence[int]:
    ends = []
    with path.open("wb") as file:
        for frame in frames:
            file.write(frame)
            ends.append(file.tell())
    return ends


def _mapped(path: Path) -> mmap.mmap:
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
