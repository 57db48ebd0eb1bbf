"""Sequences whose truth is known: where each pixel of the renderer's bodies came from, where who walks by is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from calibration.synthetic.bodies.body import Proportions
from calibration.synthetic.clip import Timing, painted, record
from calibration.synthetic.dark_camera import open_shutter
from calibration.synthetic.scenery.layers import Layer, Mover, composed
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


@dataclass(frozen=True)
class KnownMotion:
    """A rendered clip, 320x240 at 15 frames a second, and the painting that knows its motion."""

    frames: list[Frame]
    painting: Painting

    def flow(self, now: float, before: float) -> tuple[F32, F32]:
        """How far what is seen in frame `now` moved since frame `before`, the camera's own motion taken off.

        Frames count from 0; fractions lie between two. Returns pixels of the 320x240 picture, float32 [240,320,2],
        and the share of each pixel that the moving body covers, float32 [240,320]; both 0 where there is none.
        """
        first, last = (round(PER_FRAME * at) + PER_FRAME // 2 for at in (before, now))
        if not 0 <= first < len(self.painting.depth) > last >= 0:
            raise ValueError(f"frames: expected 0 to {len(self.frames) - 1}, found {before:g} and {now:g}")
        return _drawn(self.painting, last, first)


def known_motion(
    seed: Sequence[int], person: Sequence[int], action: str, camera: str, light: str, duration_s: float = 2.0
) -> KnownMotion:
    """A clip as a robot's own camera takes it (no recorder's codec); arguments as of `clip.render`."""
    rng = np.random.default_rng(list(seed))
    proportions = Proportions.draw(np.random.default_rng(list(person)))
    timing = Timing(FPS, round(duration_s * FPS), PER_FRAME, SHUTTER_S)
    painting = painted(rng, proportions, timing, action)
    frames = list(record(rng, painting.frames(PER_FRAME), FPS, camera, light, live=True))
    return KnownMotion(frames, painting)


def _drawn(painting: Painting, now: int, before: int) -> tuple[F32, F32]:
    """Painted as the picture is, every quad in the colour of its own motion."""
    one = float(1 << SUBPIXEL_BITS)
    camera = (painting.view.shift[now] - painting.view.shift[before]).astype(np.float64)
    motion = (painting.corners[now].astype(np.float64) - painting.corners[before]).mean(axis=1) / one - camera
    still = np.abs(motion).max(axis=1) < 1e-3 + 2 / one  # furniture, but for the rounding of its corners
    canvas = np.zeros((HEIGHT * OVERSAMPLING, WIDTH * OVERSAMPLING, 3), np.float32)
    order = np.argsort(-painting.depth[now])
    order = order[np.isinf(painting.depth[now]).sum() :]
    colours = np.column_stack([motion, np.ones(len(motion))]) * ~still[:, np.newaxis]
    for corners, colour in zip(painting.corners[now][order], colours[order].tolist(), strict=True):
        cv2.fillConvexPoly(canvas, corners, colour, cv2.LINE_8, SUBPIXEL_BITS)
    for polygon, _ in painting.foreground:
        cv2.fillConvexPoly(canvas, polygon + painting.view.shift[now].astype(np.int32), (0.0, 0.0, 0.0))
    small = np.asarray(cv2.resize(canvas, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.float32)
    share = small[..., 2]
    return small[..., :2] / (OVERSAMPLING * np.maximum(share, 1e-6))[..., np.newaxis], share


# ---- Where people are ----

Box = tuple[float, float, float, float]
SEEN = 0.35  # of a person's own box that has to be in the picture and in view for the person to be there


@dataclass(frozen=True)
class KnownBoxes:
    """frames: 320x240 at 15 a second. boxes: of every frame, of every person in view, (x, y, width, height) by index."""

    frames: list[Frame]
    boxes: list[dict[int, Box]]


def known_boxes(
    seed: Sequence[int],
    people: Sequence[Mover],
    things: Sequence[Mover],
    camera: str,
    light: str,
    duration_s: float,
    shift_px: F32 | None = None,
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
        if box[2] * box[3] >= 60 and float(cover.sum()) >= SEEN * whole:
            found[index] = (float(box[0]), float(box[1]), float(box[2]), float(box[3]))
    return found


def _lay(cover: F32, layer: Layer) -> None:
    x, y = layer.corner
    h, w = layer.mask.shape
    x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + w, WIDTH), min(y + h, HEIGHT)
    if x0 < x1 and y0 < y1:
        cover[y0:y1, x0:x1] = layer.mask[y0 - y : y1 - y, x0 - x : x1 - x]
