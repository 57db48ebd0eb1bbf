"""Recorded joints: an .npz with `skel_mm` int16 [T,20,3], `fps` and `up`, a person's motion without the person.

x to the right of an unmirrored picture, y up with the floor at 0, z away from the camera; joints in Kinect's order.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge.errors import DataError

F64 = npt.NDArray[np.float64]
JOINTS = (
    *("head", "neck", "spine", "hips"),
    *(f"left_{part}" for part in ("shoulder", "elbow", "wrist", "hand")),
    *(f"right_{part}" for part in ("shoulder", "elbow", "wrist", "hand")),
    *(f"left_{part}" for part in ("hip", "knee", "ankle", "foot")),
    *(f"right_{part}" for part in ("hip", "knee", "ankle", "foot")),
)
MIRRORED = (*range(4), *range(8, 12), *range(4, 8), *range(16, 20), *range(12, 16))
SHORTEST = 4  # frames
LONGEST_BONE_M = 3.0


@dataclass(frozen=True)
class Joints:
    """metres: [T,20,3] by JOINTS; rate_hz: samples a second."""

    metres: F64
    rate_hz: float

    @property
    def mirrored(self) -> Joints:
        """As in a mirror: left and right change places."""
        return Joints(self.metres[:, MIRRORED] * [-1, 1, 1], self.rate_hz)

    def busiest(self, longest_s: float) -> Joints:
        """All of it, or those `longest_s` in which most moves."""
        length = round(longest_s * self.rate_hz)
        if len(self.metres) <= length:
            return self
        speed = np.linalg.norm(np.diff(self.metres, axis=0), axis=-1).mean(axis=1)
        total = np.concatenate([[0.0], np.cumsum(speed)])
        first = int(np.argmax(total[length - 1 :] - total[: len(total) - length + 1]))
        return Joints(self.metres[first : first + length], self.rate_hz)


def load(path: Path) -> Joints:
    """Read a recording. Raises DataError that names the file and what is wrong with it."""
    try:
        with np.load(path, allow_pickle=False) as data:
            millimetres, fps, up = (np.asarray(data[key]) for key in ("skel_mm", "fps", "up"))
            rate_hz, upward = float(fps), np.asarray(up, np.float64)
    except (OSError, EOFError, KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: not a recording of joints (skel_mm, fps, up): {error}") from error
    if millimetres.ndim != 3 or millimetres.shape[1:] != (20, 3) or len(millimetres) < SHORTEST:
        raise DataError(f"{path}: skel_mm is {millimetres.shape}; expected [T,20,3] with T of {SHORTEST} or more")
    if not 1 <= rate_hz <= 1000:
        raise DataError(f"{path}: fps is {rate_hz:g}; expected 1 to 1000")
    if upward.shape != (3,) or not np.allclose(upward, [0, 1, 0], atol=1e-3):
        raise DataError(f"{path}: up is {upward.tolist()}; expected [0, 1, 0]: turn the joints so that y is up")
    metres = millimetres.astype(np.float64) / 1000
    spread = np.abs(metres - metres[:, 3:4]).max() if np.isfinite(metres).all() else np.nan
    if not 0.1 < spread < LONGEST_BONE_M:
        raise DataError(f"{path}: joints lie up to {spread:.2f} m from the hips; expected a person, in millimetres")
    return Joints(metres, rate_hz)
