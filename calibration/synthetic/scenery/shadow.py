"""What a body's shadow takes from the floor and from the wall behind it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from calibration.synthetic.bodies.body import F64, TUBES, Proportions, Skeleton
from calibration.synthetic.scenery.eye import Eye
from calibration.synthetic.scenery.layers import Layer, Shift
from calibration.synthetic.scenery.scene import F32, HEIGHT, NEAR_M, WIDTH, Lighting

BEHIND_ALL_M = 1000.0  # a shadow lies on what every body stands before
DARKEST = 0.45  # less than half, so that a shadow is never taken for what covers the picture
HALF = 2  # shadows are soft: drawn at half the picture's size
LIMIT_PX = 4000


@dataclass(frozen=True)
class Ground:
    """What catches a shadow: the floor at height 0, and a wall that many metres from the eye, facing it."""

    wall_m: float
    lighting: Lighting
    softness_px: float = 2.0

    @property
    def darkness(self) -> float:
        """The share of the light that the main lamp gives, bounded."""
        main = float(self.lighting.strengths[0]) * 0.7
        return min(DARKEST, main / (main + self.lighting.ambient))

    def cast(self, points: F64) -> F64:
        """Where the main light's rays through points [...,3] end: on the floor, on the wall, or far off."""
        light = self.lighting.directions[0]
        to_floor = points[..., 1] / max(float(light[1]), 0.05)
        to_wall = (self.wall_m - points[..., 2]) / max(-float(light[2]), 1e-3)
        reach = np.minimum(np.maximum(to_floor, 0), np.where(to_wall > 0, to_wall, np.inf))
        return np.asarray(points - light * reach[..., None])


def shadow_layer(body: Skeleton, person: Proportions, eye: Eye, ground: Ground, shift: Shift) -> Layer | None:
    """The shadow of a body's first instant: no light, and the share of the light behind it that it takes."""
    ends = np.array([[body.joints[tube.start][0], body.joints[tube.end][0]] for tube in TUBES])
    pixels, depth = eye.project(ground.cast(ends))
    pixels = (pixels + np.asarray(shift, np.float64)) / HALF
    width = np.array([max(max(ring[1:]) for ring in tube.rings) for tube in TUBES]) * person.stature_m
    canvas = np.zeros((HEIGHT // HALF, WIDTH // HALF), np.float32)
    for (start, end), far, half_width_m in zip(pixels, depth.min(axis=1), width, strict=True):
        if far < NEAR_M or max(np.abs(start).max(), np.abs(end).max()) > LIMIT_PX:
            continue
        thick = max(1, round(2 * half_width_m * eye.focal_px / far / HALF))
        ends_px = [tuple(np.rint(16 * at).astype(int).tolist()) for at in (start, end)]
        cv2.line(canvas, ends_px[0], ends_px[1], 1.0, min(thick, 255), cv2.LINE_8, 4)
    if not canvas.any():
        return None
    soft = cv2.GaussianBlur(canvas, (0, 0), ground.softness_px / HALF)
    mask: F32 = np.asarray(cv2.resize(soft, (WIDTH, HEIGHT)), np.float32) * np.float32(ground.darkness)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, left = int(rows[0]), int(columns[0])
    mask = mask[top : rows[-1] + 1, left : columns[-1] + 1]
    return Layer(np.zeros((*mask.shape, 3), np.float32), mask, (left, top), BEHIND_ALL_M)
