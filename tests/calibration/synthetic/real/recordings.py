"""Depth recordings made up for tests: somebody who stands, or slides to the right."""

from pathlib import Path

import numpy as np

# Kinect's twenty joints of somebody who stands 2.9 m away: x, y of one half, mirrored for the other.
HALF = [(0.2, 0.2), (0.22, -0.07), (0.24, -0.29), (0.24, -0.35), (0.08, -0.18), (0.1, -0.64), (0.1, -1.0), (0.1, -1.05)]


def write_recording(path: Path, frames: int = 24, step: int = 1, fps: float | None = None) -> None:
    """A board of 30 x 160 pixels that moves by half a step a frame, in Kinect's (mirrored) picture to the right."""
    middle = [(0.0, 0.48), (0.0, 0.31), (0.0, -0.04), (0.0, -0.1)]
    left, right = ([(side * x, y) for x, y in HALF] for side in (-1, 1))
    joints = np.array(middle + left[:4] + right[:4] + left[4:] + right[4:])
    skeleton = np.concatenate([joints, np.full((20, 1), 2.9)], axis=1)
    depth = np.zeros((frames, 170, 70), np.uint16)
    for t in range(frames):
        first = 15 + step * t // 2
        depth[t, 5:165, first : first + 30] = 2900
    skeletons = np.tile(skeleton, (frames, 1, 1)).astype(np.float32)
    origin, size = np.array([58, 125]), np.array([240, 320])
    arrays = {"depth_mm": depth, "origin_yx": origin, "full_hw": size, "skel_m": skeletons}
    if fps is not None:
        arrays["fps"] = np.asarray(fps)
    with path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
