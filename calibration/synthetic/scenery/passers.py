"""People whose ways are told, and a curtain that sways: movers whose true boxes are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from calibration.synthetic.bodies.body import F64, Mesh, Proportions, mesh, skeleton
from calibration.synthetic.bodies.motions import Gait, Path, idle, stepped, swing_arms
from calibration.synthetic.scenery.layers import Layer, Shift
from calibration.synthetic.scenery.scene import (
    F32,
    HEIGHT,
    OVERSAMPLING,
    SUBPIXEL_BITS,
    WIDTH,
    Lighting,
    Painting,
    View,
    colour,
    decode,
    paint,
)

Rng = np.random.Generator
FOCAL_PX = 300.0  # 56 degrees across
CAMERA_M = 1.3
ROUNDED_S = 0.3  # corners of a way, in which a walker turns


@dataclass(frozen=True)
class Place:
    """Where a walker is at a moment: metres to the right of the picture's middle, and away from the camera."""

    time_s: float
    x_m: float
    z_m: float


class Walker:
    """Somebody who walks from place to place; between two that are the same, stands without moving a finger."""

    def __init__(self, rng: Rng, way: Sequence[Place], rate_hz: float) -> None:
        """way: at least two places, times rising; rate_hz: how often the body is posed."""
        times = np.arange(way[0].time_s, way[-1].time_s, 1 / rate_hz)
        self._first_s, self._rate_hz = way[0].time_s, rate_hz
        self._painting = _painted(rng, times, _clock(way, times), way)

    def layer(self, time_s: float, shift: Shift) -> Layer | None:
        """See `Mover.layer`."""
        index = round((time_s - self._first_s) * self._rate_hz)
        if not 0 <= index < len(self._painting.depth):
            return None
        return _drawn(self._painting, index, shift)


def _clock(way: Sequence[Place], times: F64) -> F64:
    """The body's own time, which rests while it stands."""
    going = np.array([(a.x_m, a.z_m) != (b.x_m, b.z_m) for a, b in pairwise(way)])
    ends = np.array([place.time_s for place in way])
    own = np.concatenate([[0.0], np.cumsum(np.diff(ends) * going)])
    return np.asarray(np.interp(times, ends, own))


def _painted(rng: Rng, times: F64, clock: F64, way: Sequence[Place]) -> Painting:
    proportions = Proportions.draw(rng)
    path = _path(way, times, clock)
    pose = idle(rng, proportions, clock)
    speed = float(np.median(path.speed(clock)))
    gait = Gait((0.52 + 0.32 * speed) * rng.uniform(0.9, 1.12), 0.62, 0.07, 0.09, 0.06, rng.random())
    phases = stepped(pose, proportions, path, gait, clock)
    swing_arms(pose, phases, np.full(len(clock), rng.uniform(0.2, 0.6)), 0.0, rng.uniform(-0.3, 0.3))
    skin = mesh(skeleton(pose, proportions), proportions)
    view = View(CAMERA_M, 0.05, FOCAL_PX, np.zeros((len(times), 2), np.int64))
    return paint(rng, view, Mesh(skin.vertices, skin.quads, skin.part, skin.along, skin.around), Lighting.draw(rng), [])


def _path(way: Sequence[Place], times: F64, clock: F64) -> Path:
    """Over the body's own time, the corners rounded; who stands looks where they last went."""
    fine = np.linspace(-2.0, float(clock[-1]) + 2.0, 1500)
    at = np.interp(fine, clock + 1e-9 * np.arange(len(clock)), times)
    keys = [place.time_s for place in way]
    window = np.hanning(max(3, round(ROUNDED_S / (fine[1] - fine[0]))) + 2)
    window /= window.sum()
    pad = len(window)
    position = np.stack(
        [
            np.convolve(np.pad(np.interp(at, keys, values), pad, mode="edge"), window, mode="same")[pad:-pad]
            for values in ([place.x_m for place in way], [place.z_m for place in way])
        ],
        axis=1,
    )
    step = np.gradient(position, axis=0)
    moving = np.hypot(step[:, 0], step[:, 1]) > 0.2 * (fine[1] - fine[0])
    known = np.flatnonzero(moving)
    yaw = np.unwrap(np.arctan2(step[known, 0], -step[known, 1])) if len(known) else np.zeros(1)
    return Path(fine, position, np.interp(np.arange(len(fine)), known if len(known) else [0], yaw))


def _drawn(painting: Painting, index: int, shift: Shift) -> Layer | None:
    depth = painting.depth[index]
    order = np.argsort(-depth)
    order = order[np.isinf(depth).sum() :]
    if not len(order):
        return None
    one = 1 << SUBPIXEL_BITS
    move = np.rint(np.array(shift) * OVERSAMPLING * one).astype(np.int32)
    corners = painting.corners[index][order] + move
    around = corners.reshape(-1, 2) // (one * OVERSAMPLING)
    low, high = np.maximum(around.min(axis=0), 0), np.minimum(around.max(axis=0) + 1, [WIDTH, HEIGHT])
    if (high <= low).any():
        return None
    corners = corners - (low * OVERSAMPLING * one).astype(np.int32)
    light, mask = _filled(corners, painting.codes[index][order], (high - low).tolist())
    return Layer(light, mask, (int(low[0]), int(low[1])), float(np.median(depth[order])))


def _filled(corners: npt.NDArray[np.int32], codes: npt.NDArray[np.uint8], size: list[int]) -> tuple[F32, F32]:
    """Quads, the farthest first, in their own light on nothing: linear light and the share that is covered."""
    canvas = np.zeros((size[1] * OVERSAMPLING, size[0] * OVERSAMPLING, 3), np.uint8)
    covered = np.zeros(canvas.shape[:2], np.uint8)
    for quad, code in zip(corners, codes.tolist(), strict=True):
        cv2.fillConvexPoly(canvas, quad, code, cv2.LINE_8, SUBPIXEL_BITS)
        cv2.fillConvexPoly(covered, quad, 255.0, cv2.LINE_8, SUBPIXEL_BITS)
    light = cv2.resize(decode(canvas), size, interpolation=cv2.INTER_AREA)
    mask = cv2.resize(covered, size, interpolation=cv2.INTER_AREA)
    return np.asarray(light, np.float32), np.asarray(np.asarray(mask, np.float32) / np.float32(255), np.float32)


class Curtain:
    """A strip of cloth that sways in place and never travels."""

    def __init__(self, rng: Rng, middle_px: float, width_px: float, sway_px: float, rate_hz: float) -> None:
        self._middle, self._sway, self._rate_hz = middle_px, sway_px, rate_hz
        self._phase = rng.uniform(0, 2 * np.pi)
        self._height = int(rng.uniform(0.5, 0.9) * HEIGHT)
        wide = max(8, round(width_px))
        folds = 1 + 0.4 * np.sin(2 * np.pi * np.arange(wide) / rng.uniform(5, 11) + rng.uniform(0, 6))
        cloth = colour(rng, 0.1, 0.6, 0.2) * folds[np.newaxis, :, np.newaxis]
        self._cloth: F32 = np.broadcast_to(cloth, (self._height, wide, 3)).astype(np.float32)

    def layer(self, time_s: float, shift: Shift) -> Layer | None:
        """See `Mover.layer`."""
        tall, wide = self._cloth.shape[:2]
        room = int(np.ceil(self._sway)) + 2
        y, x = np.mgrid[0:tall, 0 : wide + 2 * room].astype(np.float32)
        swung = self._sway * np.sin(2 * np.pi * self._rate_hz * time_s + self._phase - 1.5 * y / tall)
        source = (x - room - swung * (0.15 + 0.85 * y / tall)).astype(np.float32)
        light = cv2.remap(self._cloth, source, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        inside = np.clip(np.minimum(source + 1, wide - source), 0, 1).astype(np.float32)
        corner = (round(self._middle - wide / 2 - room + shift[0]), round(shift[1]))
        return Layer(np.asarray(light, np.float32) * inside[..., np.newaxis], inside, corner, 20.0)
