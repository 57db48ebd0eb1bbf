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
LIMIT_PX = 1500
WIDEST_PX = 255  # of a line


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


@dataclass(frozen=True)
class Shade:
    """The shadow of a body over S samples: a line for each of its limbs, in pixels of the half-size picture.

    ends [S,limbs,2,2]; width [S,limbs], 0 where a line is not to be drawn.
    """

    ends: F32
    width: F32
    ground: Ground

    @staticmethod
    def cast(body: Skeleton, person: Proportions, eye: Eye, ground: Ground) -> Shade:
        """The shadow of a skeleton over time."""
        ends = np.stack([np.stack([body.joints[tube.start], body.joints[tube.end]], axis=1) for tube in TUBES], axis=1)
        pixels, depth = eye.project(ground.cast(ends))
        half_m = np.array([max(max(ring[1:]) for ring in tube.rings) for tube in TUBES]) * person.stature_m
        near = depth.min(axis=-1)
        width = 2 * half_m * eye.focal_px / np.maximum(near, NEAR_M) / HALF
        drawn = (near > NEAR_M) & (np.abs(pixels).max(axis=(-1, -2)) < LIMIT_PX)
        return Shade(
            (pixels / HALF).astype(np.float32),
            np.where(drawn, np.clip(width, 1, WIDEST_PX), 0).astype(np.float32),
            ground,
        )

    def layer(self, sample: float, shift: Shift) -> Layer | None:
        """At a sample: no light, and the share of the light behind it that it takes; None where none is in sight."""
        before = min(int(sample), len(self.ends) - 1)
        after, share = min(before + 1, len(self.ends) - 1), np.float32(sample - before)
        ends = self.ends[before] * (1 - share) + self.ends[after] * share + np.asarray(shift, np.float32) / HALF
        canvas = np.zeros((HEIGHT // HALF, WIDTH // HALF), np.float32)
        fixed = np.rint(16 * ends).astype(np.int32).tolist()
        for (start, end), width in zip(fixed, self.width[before].tolist(), strict=True):
            if width:
                cv2.line(canvas, start, end, 1.0, round(width), cv2.LINE_8, 4)
        margin = int(3 * self.ground.softness_px / HALF) + 2
        x, y, w, h = cv2.boundingRect(canvas.astype(np.uint8))
        if not w:
            return None
        x0, y0, x1, y1 = (
            max(x - margin, 0),
            max(y - margin, 0),
            min(x + w + margin, WIDTH // HALF),
            min(y + h + margin, HEIGHT // HALF),
        )
        soft = cv2.GaussianBlur(canvas[y0:y1, x0:x1], (0, 0), self.ground.softness_px / HALF)
        soft = cv2.resize(soft, ((x1 - x0) * HALF, (y1 - y0) * HALF), interpolation=cv2.INTER_LINEAR)
        mask: F32 = np.asarray(soft, np.float32) * np.float32(self.ground.darkness)
        return Layer(np.zeros((*mask.shape, 3), np.float32), mask, (x0 * HALF, y0 * HALF), BEHIND_ALL_M)
