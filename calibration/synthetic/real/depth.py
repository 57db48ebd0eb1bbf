"""A depth recording of a person, at its own rate, as an unmirrored camera sees it.

An .npz with `depth_mm` uint16 [T,h,w] (0: background), `origin_yx` and `full_hw` (where the crop lies in the depth
camera's picture), `skel_m` [T,20,3] (Kinect's joints, metres, in the depth camera's axes) and, at times, `fps`. Kinect
mirrors what it sees: a left hand is on the left.
"""

from __future__ import annotations

import hashlib
import math
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from calibration.learnt import DIGEST_BYTES, FIRST_FRAMES
from edge.errors import DataError

F32 = npt.NDArray[np.float32]
FOCAL_SHARE = 0.92  # focal length of the depth camera (Kinect, 57 degrees) by its picture's width
LOOKS_DOWN = math.radians(5)  # the camera of UTD-MHAD: measured on floors and on people who stand
PLAUSIBLE_FPS = (1.0, 120.0)


@dataclass(frozen=True)
class Recording:
    """depth_m [T,h,w] (0: background), joints_px [T,20,2] (column, row in the crop), pitch_m: a pixel's size.

    rate_hz: recorded frames a second. away_m: the person's distance. horizon_px: the horizon's row in the crop, outside
    of it as a rule. tall_px: the person's height in rows, upright.
    """

    depth_m: F32
    joints_px: F32
    pitch_m: float
    rate_hz: float
    away_m: float
    horizon_px: float
    tall_px: float

    @property
    def duration_s(self) -> float:
        """From the first recorded frame to the last."""
        return (len(self.depth_m) - 1) / self.rate_hz


def load(path: Path, rate_hz: float | None = None) -> Recording:
    """Read a recording, and turn what Kinect mirrored. rate_hz: what a table says of it goes before its own `fps`.

    Raises DataError that names the file and what is wrong with it; also where nobody says how fast it was recorded: at
    a guessed rate people walk and wave at a speed at which nobody does.
    """
    depth, origin, size, joints, own = _stored(path)
    rate = checked_rate(rate_hz or own, str(path))
    depth = depth[..., ::-1]
    joints = joints[np.minimum(np.arange(len(depth)), len(joints) - 1)]
    focal = FOCAL_SHARE * float(size[1])
    left = float(size[1] - origin[1] - depth.shape[2])  # of the turned crop in the turned picture
    column = size[1] / 2 - focal * joints[..., 0] / joints[..., 2] - left
    row = size[0] / 2 - focal * joints[..., 1] / joints[..., 2] - origin[0]
    depth_m: F32 = np.ascontiguousarray(depth, np.float32) / np.float32(1000)
    away_m = float(np.median(depth_m[depth_m > 0]))
    return Recording(
        depth_m,
        np.stack([column, row], axis=-1).astype(np.float32),
        pitch_m=away_m / focal,
        rate_hz=rate,
        away_m=away_m,
        horizon_px=float(size[0] / 2 - focal * math.tan(LOOKS_DOWN) - origin[0]),
        tall_px=float((depth_m > 0).any(axis=2).sum(axis=1).max()),
    )


def checked_rate(rate_hz: float | None, where: str) -> float:
    """The rate. Raises DataError where it is missing or cannot be one."""
    low, high = PLAUSIBLE_FPS
    if rate_hz is None:
        raise DataError(
            f"{where}: nothing says how many frames a second it was recorded at; give labels.csv a column `fps`, "
            "measured (`calibration convert` does so); depth cameras are slower than the 30 that are mostly assumed"
        )
    if not low <= rate_hz <= high:
        raise DataError(f"{where}: fps: expected {low:g} to {high:g} frames a second, found {rate_hz:g}")
    return rate_hz


class _Stored(NamedTuple):
    """Arrays of a file by their names there, and its own rate, if it has one."""

    depth_mm: npt.NDArray[Any]
    origin_yx: npt.NDArray[Any]
    full_hw: npt.NDArray[Any]
    skel_m: npt.NDArray[Any]
    fps: float | None


def _stored(path: Path) -> _Stored:
    try:
        with np.load(path, allow_pickle=False) as data:
            depth, origin, size, joints = (data[k] for k in ("depth_mm", "origin_yx", "full_hw", "skel_m"))
            own = float(data["fps"]) if "fps" in data.files else None
    except (OSError, EOFError, KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: not a depth recording (depth_mm, origin_yx, full_hw, skel_m): {error}") from error
    if depth.ndim != 3 or not depth.any() or joints.shape[1:] != (20, 3) or not len(joints):
        raise DataError(f"{path}: depth_mm {depth.shape} or skel_m {joints.shape} is empty or not [T,h,w] and [T,20,3]")
    return _Stored(depth, origin, size, joints, own)


def fingerprint(path: Path) -> str:
    """Of what a recording shows in its first frames (calibration/learnt.py), however it was cropped and packed.

    Raises DataError.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    return _fingerprint_of(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=1 << 16)
def _fingerprint_of(path: Path, size: int, changed_ns: int) -> str:
    stored = _stored(path)
    top, left = np.asarray(stored.origin_yx, np.int64).tolist()
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for frame in stored.depth_mm[:FIRST_FRAMES]:
        rows, columns = np.nonzero(frame)
        digest.update(np.stack([rows + top, columns + left]).astype("<i4").tobytes())
        digest.update(frame[rows, columns].astype("<u2").tobytes())
    return digest.hexdigest()
