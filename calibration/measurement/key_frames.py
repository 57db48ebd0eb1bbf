"""`calibration key-frames`: how often recordings pulse, and how strongly, where nothing moves.

An encoder codes a key frame without the pictures before it and shows anew all that it had held back: everything in a
still picture changes a little at once. The strength of a pulse is that change in 8x8 blocks, the median over the
picture, which one who moves covers less than half of, beside the same between the frames around it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from calibration.sets import open_set
from edge.errors import DataError
from edge.paths import user_path

F32 = npt.NDArray[np.float32]
BLOCK_PX = 8
AROUND = 4  # frames on either side that a pulse is set beside
LEAST = 0.02  # levels: what does not change at all is no measure
QUARTILES = (25, 50, 75)


@dataclass(frozen=True)
class Pulse:
    """period: frames since the key frame before. change, around: levels, root mean square, at it and around it."""

    period: int
    change: float
    around: float

    @property
    def ratio(self) -> float:
        """How many times what changes around it."""
        return self.change / max(self.around, LEAST)

    @property
    def added(self) -> float:
        """Levels on top of what changes around it, root mean square."""
        return float(np.sqrt(max(self.change**2 - self.around**2, 0.0)))


def still_change(frames: Sequence[F32]) -> F32:
    """Luma [H,W] each -> float32 [len(frames)-1]: change between two, root mean square in a block, median of blocks."""
    found = []
    for before, now in pairwise(frames):
        h, w = (size // BLOCK_PX * BLOCK_PX for size in now.shape)
        squares = (now - before)[:h, :w] ** 2
        blocks = squares.reshape(h // BLOCK_PX, BLOCK_PX, w // BLOCK_PX, BLOCK_PX).mean(axis=(1, 3))
        found.append(float(np.sqrt(np.median(blocks))))
    return np.array(found, np.float32)


def pulses(frames: Sequence[F32], keys: Sequence[int]) -> list[Pulse]:
    """Those of a clip whose key frames lie at these indices, as far as there are others than key frames around them."""
    change, found = still_change(frames), []
    for last, key in pairwise(keys):
        at = key - 1
        if key - last > AROUND and at + AROUND < len(change) and not set(keys) & set(range(key + 1, key + 1 + AROUND)):
            around = np.median([*change[at - AROUND : at], *change[at + 1 : at + 1 + AROUND]])
            found.append(Pulse(key - last, float(change[at]), float(around)))
    return found


def read(file: Path) -> tuple[list[F32], list[int]]:
    """Luma of every frame and the indices of key frames. Raises DataError for a file that tells neither."""
    capture = cv2.VideoCapture(str(file))
    frames: list[F32] = []
    keys = []
    while True:
        there, image = capture.read()
        if not there:
            break
        if chr(int(capture.get(cv2.CAP_PROP_FRAME_TYPE))) == "I":
            keys.append(len(frames))
        frames.append(np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.float32))
    capture.release()
    if not frames or not keys:
        raise DataError(f"{file}: no frame is known to be a key frame; expected a video that FFmpeg decodes")
    return frames, keys


def described(found: Sequence[Pulse]) -> str:
    """Medians and quartiles, a line each."""
    calm = float(np.median([pulse.around for pulse in found]))
    rows = (
        ("period, frames", [pulse.period for pulse in found]),
        ("change around, levels", [pulse.around for pulse in found]),
        ("at a key frame, times that", [pulse.ratio for pulse in found]),
        ("the same in the calmer half", [pulse.ratio for pulse in found if pulse.around <= calm]),
        ("levels on top", [pulse.added for pulse in found]),
    )
    lines = []
    for title, values in rows:
        low, middle, high = np.percentile(values, QUARTILES)
        lines.append(f"{title:28} {middle:.2f} (quartiles {low:.2f} and {high:.2f})")
    return "\n".join(lines)


def add_parser(commands: Any) -> None:
    """Register the command with `calibration`."""
    parser = commands.add_parser("key-frames", help="how often recordings pulse, and how strongly")
    parser.add_argument("--set", required=True, metavar="NAME", help="a set of recordings, such as folder:DIR")
    parser.add_argument("--data-root", type=user_path, metavar="DIR", help="where downloaded data sets lie")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print what the set's recordings have. Raises EdgeError."""
    files = [clip.file for clip in open_set(arguments.set, arguments.data_root).clips if clip.file is not None]
    if not files:
        raise DataError(f"{arguments.set}: rendered clips have no key frames; expected recordings, folder:DIR")
    found = [pulse for file in files for pulse in pulses(*read(file))]
    if not found:
        raise DataError(f"{arguments.set}: none of {len(files)} files has a key frame with others around it")
    print(f"{len(found)} key frames in {len(files)} recordings\n{described(found)}")
    return 0
