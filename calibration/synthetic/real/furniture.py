"""A seat or another box that stands in the room: a layer among the others."""

from __future__ import annotations

import cv2
import numpy as np

from calibration.synthetic.scenery.eye import Eye
from calibration.synthetic.scenery.layers import Layer, Shift
from calibration.synthetic.scenery.scene import HEIGHT, NEAR_M, OVERSAMPLING, WIDTH, Lighting, Solid

SUBPIXEL_BITS = 4
FARTHEST_PX = 4000


class Furniture:
    """A Mover that does not move."""

    def __init__(self, solid: Solid, eye: Eye, lighting: Lighting) -> None:
        points = solid.vertices[solid.quads]
        normals = np.cross(points[:, 2] - points[:, 0], points[:, 3] - points[:, 1])
        normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-12)
        corners, depth = eye.project(points)
        self._corners = np.clip(corners, -FARTHEST_PX, FARTHEST_PX)
        a, b = corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1]
        seen = (a[:, 0] * b[:, 1] > a[:, 1] * b[:, 0]) & (depth.min(axis=1) > NEAR_M)
        order = np.flatnonzero(seen)
        self._order = order[np.argsort(-depth[order].mean(axis=1))]
        light = lighting.shade(normals)[:, None] * solid.albedo
        self._colours = np.column_stack([light, np.ones(len(light))])
        self._depth_m = float(depth.mean())
        self._drawn: tuple[Shift, Layer | None] | None = None

    def layer(self, time_s: float, shift: Shift) -> Layer | None:
        """As seen in a picture that is moved by `shift`; drawn once where the camera stands still."""
        if self._drawn is None or self._drawn[0] != shift:
            self._drawn = shift, self._painted(shift)
        return self._drawn[1]

    def _painted(self, shift: Shift) -> Layer | None:
        corners = self._corners + shift
        x0, y0 = (int(v) for v in np.maximum(np.floor(corners.min(axis=(0, 1))), 0))
        x1, y1 = (int(v) for v in np.minimum(np.ceil(corners.max(axis=(0, 1))) + 1, [WIDTH, HEIGHT]))
        if x0 >= x1 or y0 >= y1 or not len(self._order):
            return None
        canvas = np.zeros(((y1 - y0) * OVERSAMPLING, (x1 - x0) * OVERSAMPLING, 4), np.float32)
        fixed = ((corners - [x0, y0]) * (OVERSAMPLING << SUBPIXEL_BITS)).astype(np.int32)
        for quad, colour in zip(fixed[self._order], self._colours[self._order].tolist(), strict=True):
            cv2.fillConvexPoly(canvas, quad, colour, cv2.LINE_8, SUBPIXEL_BITS)
        small = np.asarray(cv2.resize(canvas, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA), np.float32)
        return Layer(small[..., :3].copy(), small[..., 3].copy(), (x0, y0), self._depth_m)
