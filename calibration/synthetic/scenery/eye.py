"""Where a camera stands in the room, and what size somebody has in its picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calibration.synthetic.bodies.body import F64
from calibration.synthetic.scenery.scene import HEIGHT, OVERSAMPLING, WIDTH, View

Rng = np.random.Generator
LOWEST_M, CEILING_M = 0.25, 3.2


@dataclass(frozen=True)
class Eye:
    """A camera's place at x = z = 0: height over the floor, tilt downwards (radians), focal length in pixels."""

    height_m: float
    tilt: float
    focal_px: float

    @staticmethod
    def draw(rng: Rng) -> Eye:
        """A robot's camera, knee-high to shoulder-high, or one below a ceiling that looks down."""
        focal = focal_px(rng)
        if rng.random() < 0.75:
            return Eye(float(rng.uniform(0.35, 1.6)), float(rng.uniform(-0.15, 0.2)), focal)
        return Eye(float(rng.uniform(2.0, CEILING_M)), float(rng.uniform(0.25, 0.6)), focal)

    def project(self, points: F64) -> tuple[F64, F64]:
        """World [...,3] -> pixels of the 320x240 picture [...,2] and depth in metres [...]."""
        view = View(self.height_m, self.tilt, self.focal_px, np.zeros((1, 2), np.int64))
        pixels, depth = view.project(points[np.newaxis])
        return pixels[0] / OVERSAMPLING, depth[0]

    def place(self, column: float, depth_m: float) -> F64:
        """On the floor, [3]: that many metres before the camera, at that column (0 left, 1 right) of the picture."""
        return np.array([(column - 0.5) * WIDTH * depth_m / self.focal_px, 0.0, depth_m])

    def distance_for(self, stature_m: float, share: float) -> float:
        """How far off somebody stands whose height fills that share of the picture's height, metres."""
        return self.focal_px * stature_m / (share * HEIGHT)


def focal_px(rng: Rng) -> float:
    """Of lenses that robots have, 48 to 80 degrees wide."""
    return float(WIDTH / 2 / np.tan(np.radians(rng.uniform(48, 80)) / 2))
