"""A person recorded in depth, as files hold it: un-mirrored, and at the rate at which it was recorded."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge.errors import DataError

F32 = npt.NDArray[np.float32]
DEFAULT_FPS = 19.0  # the median of UTD-MHAD, for a table that does not tell the rate
PLAUSIBLE_FPS = (5.0, 60.0)
FOCAL_SHARE = 0.92  # focal length of the depth camera (Kinect, 57 degrees) by its picture's width
HEAD, HIPS, FEET = 0, 3, (15, 19)  # of Kinect's twenty joints
CROWN_SHARE = 0.08  # from the middle of the head to its top, by the height from feet to head


@dataclass(frozen=True)
class Recording:
    """depth_m [T,h,w] (0: background), joints_px [T,20,2] (column, row in the crop), pitch_m: a pixel's size.

    fps: frames a second when it was recorded. Its pictures are as a camera sees them: who faces it has the left hand
    on the right.
    """

    depth_m: F32
    joints_px: F32
    pitch_m: float
    fps: float

    @property
    def length_s(self) -> float:
        """From the first frame until the last one is over."""
        return len(self.depth_m) / self.fps

    @property
    def stature_px(self) -> float:
        """Of the body when it stands upright, in the recording's pixels."""
        feet = self.joints_px[:, FEET, 1].max(axis=1)
        return float(np.percentile(feet - self.joints_px[:, HEAD, 1], 90) * (1 + CROWN_SHARE))

    @property
    def stand_px(self) -> tuple[float, float]:
        """Where it stands in the crop: the column of its hips and the row of its feet, mostly."""
        feet = self.joints_px[:, FEET, 1].max(axis=1)
        return float(np.median(self.joints_px[:, HIPS, 0])), float(np.median(feet))


def load(path: Path, fps: float = DEFAULT_FPS) -> Recording:
    """Read an .npz with `depth_mm` uint16 [T,h,w] (0: background), `origin_yx` and `full_hw` (where the crop lies in
    the depth camera's picture) and `skel_m` [T,20,3] (Kinect's joints, metres, in the depth camera's axes), mirrored.

    Raises DataError that names the file and what is wrong with it.
    """
    try:
        with np.load(path, allow_pickle=False) as data:
            depth, origin, size, joints = (data[k] for k in ("depth_mm", "origin_yx", "full_hw", "skel_m"))
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: not a depth recording (depth_mm, origin_yx, full_hw, skel_m): {error}") from error
    if depth.ndim != 3 or not depth.any() or joints.shape[1:] != (20, 3) or not len(joints):
        raise DataError(f"{path}: depth_mm {depth.shape} or skel_m {joints.shape} is empty or not [T,h,w] and [T,20,3]")
    joints = joints[np.minimum(np.arange(len(depth)), len(joints) - 1)]
    focal = FOCAL_SHARE * float(size[1])
    column = size[1] / 2 + focal * joints[..., 0] / joints[..., 2] - origin[1]
    row = size[0] / 2 - focal * joints[..., 1] / joints[..., 2] - origin[0]
    depth_m = depth[:, :, ::-1].astype(np.float32) / 1000
    pitch_m = float(np.median(depth_m[depth_m > 0])) / focal
    unmirrored = depth.shape[2] - 1 - column
    return Recording(depth_m, np.stack([unmirrored, row], axis=-1).astype(np.float32), pitch_m, fps)


def fps_of(row: dict[str, str], where: str) -> float:
    """The rate in a table's row, DEFAULT_FPS where the table has no such column. Raises DataError."""
    text = row.get("fps")
    if text is None:
        return DEFAULT_FPS
    low, high = PLAUSIBLE_FPS
    try:
        fps = float(text)
    except ValueError:
        fps = 0.0
    if not low <= fps <= high:
        raise DataError(
            f"{where}: {row['file']}: fps: expected {low:g} to {high:g} frames a second, at which it was recorded, "
            f"found {text!r}; leave the column out where no rate is known ({DEFAULT_FPS:g} is taken then)"
        )
    return fps
