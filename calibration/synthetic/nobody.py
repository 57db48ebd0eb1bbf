"""Dark clips without a person: rooms, lamps, a camera that stands, shakes or turns. Nothing to recognise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from calibration.synthetic.bodies.body import F64
from calibration.synthetic.bodies.motions import wander
from calibration.synthetic.clip import Timing, camera_motion, record, robot_motion
from calibration.synthetic.scenery.scene import F32, HEIGHT, OVERSAMPLING, WIDTH, View, background, decode
from edge.picture.frame import Frame

Rng = np.random.Generator


def render(seed: Sequence[int], camera: str, light: str, duration_s: float | None = None) -> Iterator[Frame]:
    """Frames of a clip: 320x240, 15 or 30 fps, 1.8 to 3.2 s or as told; seed, camera, light: see `clip.render`."""
    rng = np.random.default_rng(list(seed))
    drawn_s = rng.uniform(1.8, 3.2)
    timing = Timing.draw(rng, duration_s or drawn_s)
    times = np.arange(timing.frames) / timing.fps
    return record(rng, _lights(rng, times), timing.fps, camera, light, live=bool(rng.random() < 0.5))


def _lights(rng: Rng, times: F64) -> Iterator[F32]:
    """Linear light [HEIGHT,WIDTH,3] of an empty room; a third of the rooms have a light that changes."""
    if rng.random() < 0.5:
        middle = np.tile(OVERSAMPLING * np.array([WIDTH, HEIGHT]) / 2, (len(times), 1))
        shift = camera_motion(rng, times, middle, follow=False)
    else:
        shift = robot_motion(rng, times)
    backdrop, origin = background(rng, View(1.4, rng.uniform(-0.1, 0.3), WIDTH, shift))
    flicker = 1 + (wander(rng, times, rng.uniform(0.05, 0.4), 1.5) if rng.random() < 0.33 else np.zeros(len(times)))
    for strength, (x, y) in zip(flicker, (origin - shift).tolist(), strict=True):
        window = backdrop[y : y + HEIGHT * OVERSAMPLING, x : x + WIDTH * OVERSAMPLING]
        small = np.asarray(cv2.resize(window, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)
        yield decode(small) * np.float32(strength)
