"""A body that has acted, as something that moves before the wall; and the seats that it sat on, part of the wall."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import cv2
import numpy as np
import numpy.typing as npt

from calibration.evaluation.streams.composing.visits import POSE_HZ, Acted
from calibration.synthetic.bodies.body import F64, I64, Pose, Proportions, forward, leftward, mesh, skeleton
from calibration.synthetic.scenery.layers import Layer, Shift
from calibration.synthetic.scenery.scene import (
    F32,
    HEIGHT,
    NEAR_M,
    OVERSAMPLING,
    SUBPIXEL_BITS,
    U8,
    WIDTH,
    Lighting,
    Rng,
    View,
    clothes,
    decode,
    encode,
    seat,
)

AHEAD = 32  # poses that are given a skin at once: fewer calls, little memory


class Body:
    """A `Mover`: one person's visit, lit and dressed. view: the camera's place, its shift aside."""

    def __init__(self, rng: Rng, acted: Acted, proportions: Proportions, view: View, lighting: Lighting) -> None:
        self._acted, self._proportions, self._view, self._lighting = acted, proportions, view, lighting
        skin = mesh(skeleton(_part(acted.pose, 0, 1), proportions), proportions)
        self._quads, self._albedo = skin.quads, clothes(rng, skin)
        self._brightness = float(rng.uniform(0.5, 1.6))
        self._first, self._vertices = 0, skin.vertices[:0]

    def layer(self, time_s: float, shift: Shift) -> Layer | None:
        """See `Mover`."""
        at = (time_s - self._acted.start_s) * POSE_HZ
        last = len(self._acted.pose.yaw) - 1
        if not 0 <= at <= last:
            return None
        before = min(int(at), last - 1)
        now, then = self._posed(before), self._posed(before + 1)
        vertices = now + (then - now) * (at - before)
        return painted(vertices, self._quads, self._albedo, self._view, shift, self._lighting, self._brightness)

    def _posed(self, pose: int) -> F64:
        """Vertices [V,3] of a pose by its number; times rise, so that what is behind is forgotten."""
        if not self._first <= pose < self._first + len(self._vertices):
            self._first = pose
            figure = skeleton(_part(self._acted.pose, pose, pose + AHEAD), self._proportions)
            self._vertices = mesh(figure, self._proportions).vertices
        return np.asarray(self._vertices[pose - self._first])


def painted(
    vertices: F64, quads: I64, albedo: F64, view: View, shift: Shift, lighting: Lighting, brightness: float
) -> Layer | None:
    """Quads [Q,4] of vertices [V,3] in linear light, back to front; None: nothing of them is in the picture."""
    pixels, depth = view.project(vertices[np.newaxis])
    corners = pixels[0][quads] + OVERSAMPLING * np.asarray(shift)  # [Q,4,2]
    depths = depth[0][quads]
    a, b = corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1]
    seen = (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0] > 0) & (depths.min(axis=1) > NEAR_M)
    low = np.floor(corners[seen].reshape(-1, 2).min(axis=0, initial=1e6) / OVERSAMPLING).astype(int) - 1
    high = np.ceil(corners[seen].reshape(-1, 2).max(axis=0, initial=-1e6) / OVERSAMPLING).astype(int) + 2
    (x0, y0), (x1, y1) = np.maximum(low, 0).tolist(), np.minimum(high, [WIDTH, HEIGHT]).tolist()
    if x0 >= x1 or y0 >= y1:
        return None
    points = vertices[quads[seen]]
    normals = np.cross(points[:, 2] - points[:, 0], points[:, 3] - points[:, 1])
    normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-12)
    codes = encode(brightness * lighting.shade(normals)[:, np.newaxis] * albedo[seen])
    canvas = np.zeros(((y1 - y0) * OVERSAMPLING, (x1 - x0) * OVERSAMPLING, 4), np.uint8)
    moved = corners[seen] - OVERSAMPLING * np.array([x0, y0])
    _fill(canvas, moved, np.column_stack([codes, np.full(len(codes), 255)]), depths[seen].mean(axis=1))
    light, mask = decode(np.ascontiguousarray(canvas[..., :3])), canvas[..., 3].astype(np.float32) / 255
    size = (x1 - x0, y1 - y0)
    small: list[F32] = [
        np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.float32) for plane in (light, mask)
    ]
    return Layer(small[0], small[1], (x0, y0), float(depths[seen].mean()))


def place_seats(rng: Rng, backdrop: U8, origin: I64, view: View, lighting: Lighting, visits: Sequence[Acted]) -> None:
    """Something to sit on, painted onto the wall behind whoever sits; in one of ten scenes nothing."""
    if rng.random() < 0.1:
        return
    for pelvis, yaw in (one for visit in visits for one in visit.seats):
        at, heading = pelvis * [1, 0, 1], np.asarray(yaw, np.float64)
        solid = seat(rng, at, leftward(heading), forward(heading), max(0.15, float(pelvis[1]) - 0.12))
        pixels, depth = view.project(solid.vertices[np.newaxis])
        corners, depths = pixels[0][solid.quads] + origin, depth[0][solid.quads]
        if depths.min() <= NEAR_M:
            continue
        points = solid.vertices[solid.quads]
        normals = np.cross(points[:, 2] - points[:, 0], points[:, 3] - points[:, 1])
        normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-12)
        codes = encode(lighting.shade(normals)[:, np.newaxis] * solid.albedo)
        a, b = corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1]
        seen = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0] > 0
        _fill(backdrop, corners[seen], codes[seen], depths[seen].mean(axis=1))


def _fill(canvas: U8, corners: F64, codes: npt.NDArray[np.generic], depths: F64) -> None:
    fixed = np.clip(corners * (1 << SUBPIXEL_BITS), -200_000, 200_000).astype(np.int32)
    for i in np.argsort(-depths).tolist():
        cv2.fillConvexPoly(canvas, fixed[i], codes[i].tolist(), cv2.LINE_8, SUBPIXEL_BITS)


def _part(pose: Pose, start: int, stop: int) -> Pose:
    return Pose(**{f.name: getattr(pose, f.name)[start:stop] for f in fields(Pose)})
