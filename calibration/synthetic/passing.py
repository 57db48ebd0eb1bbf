"""Scenes whose boxes are known: people who come, cross, stand, leave and pass far off, things that move in place.

`scene(name, number, light)`: the same for the same arguments; every number has other people, walls and cameras.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from calibration.synthetic.bodies.body import F64, Proportions
from calibration.synthetic.bodies.motions import TWELVE
from calibration.synthetic.clip import Timing, painted, record
from calibration.synthetic.dark_camera import CAMERAS, open_shutter
from calibration.synthetic.scenery.layers import Layer, Mover, composed
from calibration.synthetic.scenery.passers import Curtain, Place, Walker
from calibration.synthetic.scenery.scene import (
    F32,
    HEIGHT,
    OVERSAMPLING,
    SUBPIXEL_BITS,
    WIDTH,
    Painting,
    View,
    background,
    decode,
)
from edge.picture.frame import Frame

FPS, PER_FRAME, SHUTTER_S = 15.0, 3, 0.03

Box = tuple[float, float, float, float]
LEAST_PIXELS = 60.0  # of a box: less is nobody in view
SEEN = 0.35  # of a person's own box that has to be in the picture and in view for the person to be there


@dataclass(frozen=True)
class KnownBoxes:
    """frames: 320x240 at 15 a second. boxes: of every frame, (x, y, width, height) of everybody in view, by index."""

    frames: list[Frame]
    boxes: list[dict[int, Box]]


def known_boxes(
    seed: Sequence[int],
    people: Sequence[Mover],
    things: Sequence[Mover],
    camera: str,
    light: str,
    duration_s: float,
    shift_px: F64 | None = None,
) -> KnownBoxes:
    """A scene as a robot's own camera takes it, and the true box of everybody in it.

    seed: of wall and camera; things: what moves and is nobody; shift_px: float [frames * PER_FRAME, 2], how far the
    camera's own motion has moved the picture. camera, light: as of `clip.render`.
    """
    rng = np.random.default_rng(list(seed))
    timing = Timing(FPS, round(duration_s * FPS), PER_FRAME, SHUTTER_S)
    times = timing.sub_frame_times_s
    move = np.zeros((len(times), 2)) if shift_px is None else np.asarray(shift_px, np.float64)
    view = View(1.3, 0.05, 300.0, np.rint(OVERSAMPLING * move).astype(np.int64))
    backdrop, origin = background(rng, view)
    boxes: list[dict[int, Box]] = []

    def lights() -> Iterator[F32]:
        for index, time_s in enumerate(times.tolist()):
            x, y = (origin - view.shift[index]).tolist()
            window = backdrop[y : y + HEIGHT * OVERSAMPLING, x : x + WIDTH * OVERSAMPLING]
            wall = decode(np.asarray(cv2.resize(window, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8))
            now = (float(move[index, 0]), float(move[index, 1]))
            bodies = [person.layer(time_s, now) for person in people]
            others = [thing.layer(time_s, now) for thing in things]
            if index % PER_FRAME == PER_FRAME // 2:
                boxes.append(_boxes_in_view(bodies))
            yield composed(wall, [layer for layer in (*bodies, *others) if layer is not None])

    frames = list(record(rng, open_shutter(lights(), PER_FRAME), FPS, camera, light, live=True))
    return KnownBoxes(frames, boxes)


def _boxes_in_view(bodies: Sequence[Layer | None]) -> dict[int, Box]:
    """By index; a person that others hide but for less than `SEEN` is none."""
    found: dict[int, Box] = {}
    for index, body in enumerate(bodies):
        box = body.box if body is not None else None
        if body is None or box is None:
            continue
        cover = np.zeros((HEIGHT, WIDTH), np.float32)
        _lay(cover, body)
        whole = float(cover.sum())
        for other in bodies:
            if other is not None and other is not body and other.depth_m < body.depth_m:
                nearer = np.zeros_like(cover)
                _lay(nearer, other)
                cover *= 1 - nearer
        if box[2] * box[3] >= LEAST_PIXELS and float(cover.sum()) >= SEEN * whole:
            found[index] = (float(box[0]), float(box[1]), float(box[2]), float(box[3]))
    return found


def _lay(cover: F32, layer: Layer) -> None:
    x, y = layer.corner
    h, w = layer.mask.shape
    x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + w, WIDTH), min(y + h, HEIGHT)
    if x0 < x1 and y0 < y1:
        cover[y0:y1, x0:x1] = layer.mask[y0 - y : y1 - y, x0 - x : x1 - x]


# ---- Scenes ----


@dataclass(frozen=True)
class Plan:
    """Who walks where, what else moves, and how the camera does. ways: of (seconds, metres right, metres away)."""

    duration_s: float
    ways: tuple[tuple[tuple[float, float, float], ...], ...] = ()
    curtain: bool = False
    turns: bool = False


ACROSS = ((0.0, -2.5, 4.0), (8.0, 2.5, 4.0))
PLANS: dict[str, Plan] = {
    "one walks by": Plan(8.0, (ACROSS,)),
    "two cross": Plan(8.0, (ACROSS, ((0.0, 2.5, 5.0), (8.0, -2.5, 5.0)))),
    "one leaves": Plan(
        10.0,
        (
            ((0.0, -1.0, 3.5), (2.0, 0.0, 4.0), (5.0, 3.5, 4.0), (12.0, 4.0, 4.0)),
            ((0.0, 1.0, 5.0), (3.0, -0.5, 5.0), (6.0, 1.0, 5.0), (12.0, -0.5, 5.0)),
        ),
    ),
    "one stands for 5 s": Plan(12.0, (((0.0, -2.5, 4.0), (3.0, 0.0, 4.0), (8.0, 0.0, 4.0), (12.0, 2.5, 4.0)),)),
    "far, 1/6 high": Plan(10.0, (((0.0, -5.0, 12.5), (10.0, 5.0, 12.5)),)),
    "one and a curtain": Plan(8.0, (ACROSS,), curtain=True),
    "camera turns": Plan(8.0, (ACROSS,), turns=True),
    "curtain alone": Plan(8.0, curtain=True),
    "nobody": Plan(8.0),
    "nobody, camera turns": Plan(8.0, turns=True),
}


def scene(name: str, number: int, light: str) -> KnownBoxes:
    """One of PLANS (KeyError otherwise), filmed; light: `LL` or `ELL`."""
    plan = PLANS[name]
    rate_hz = FPS * PER_FRAME
    people = [
        Walker(np.random.default_rng([70, number, k]), [Place(*place) for place in way], rate_hz)
        for k, way in enumerate(plan.ways)
    ]
    rng = np.random.default_rng([71, number])
    things: list[Mover] = []
    if plan.curtain:
        size = rng.uniform(60, 260), rng.uniform(20, 60), rng.uniform(2, 8)
        things.append(Curtain(rng, *size, rng.uniform(0.4, 1.2)))
    shift = None
    if plan.turns:
        time_s = np.arange(round(FPS * plan.duration_s) * PER_FRAME) / rate_hz
        shift = np.stack([40 * np.sin(2 * np.pi * time_s / 6), 2 * np.sin(2 * np.pi * 3 * time_s)], axis=1)
    camera = CAMERAS[number % len(CAMERAS)]
    return known_boxes((72, number), people, things, camera, light, plan.duration_s, shift)


def acting(number: int, light: str) -> KnownBoxes:
    """A person as the rendered clips have them: one of twelve actions, anywhere, cameras that stand and move."""
    rng = np.random.default_rng([73, number])
    action, camera = TWELVE[number % len(TWELVE)], CAMERAS[number % len(CAMERAS)]
    timing = Timing(FPS, 60, PER_FRAME, SHUTTER_S)
    painting = painted(rng, Proportions.draw(rng), timing, action)
    frames = list(record(rng, painting.frames(PER_FRAME), FPS, camera, light, live=True))
    # Furniture stands as still as the wall does.
    still = painting.corners.astype(np.float64) / (1 << SUBPIXEL_BITS) - painting.view.shift[:, np.newaxis, np.newaxis]
    moving = np.ptp(still, axis=0).max(axis=(1, 2)) > 1.0
    middle = range(PER_FRAME // 2, len(painting.depth), PER_FRAME)
    return KnownBoxes(frames, [_box_of(painting, index, moving) for index in middle])


def _box_of(painting: Painting, index: int, moving: npt.NDArray[np.bool_]) -> dict[int, Box]:
    drawn = moving & np.isfinite(painting.depth[index])
    points = painting.corners[index][drawn].reshape(-1, 2) / (OVERSAMPLING << SUBPIXEL_BITS)
    if not len(points):
        return {}
    low, high = (np.clip(edge, 0, (WIDTH, HEIGHT)) for edge in (points.min(axis=0), points.max(axis=0)))
    wide, tall = (high - low).tolist()
    return {0: (float(low[0]), float(low[1]), wide, tall)} if wide * tall >= LEAST_PIXELS else {}
