"""Sequences whose optical flow is known: the renderer's bodies, filmed in the dark, and where each pixel came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from calibration.synthetic.bodies.body import Proportions
from calibration.synthetic.clip import Timing, painted, record
from calibration.synthetic.scenery.scene import F32, HEIGHT, OVERSAMPLING, SUBPIXEL_BITS, WIDTH, Painting
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
