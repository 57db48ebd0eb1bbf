"""Dark clips without a person: rooms, lamps, a camera that stands, shakes or turns. Nothing to recognise.

The disturbed ones are hard: things move and the light changes, and still there is nobody.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from calibration.synthetic.bodies.body import F64, I64
from calibration.synthetic.bodies.motions import wander
from calibration.synthetic.clip import Timing, camera_motion, record, robot_motion
from calibration.synthetic.dark_camera import SENSORS, jpeg, open_shutter, recorded
from calibration.synthetic.scenery.disturbances import KEY_FRAMES, Disturbance, draw
from calibration.synthetic.scenery.layers import composed
from calibration.synthetic.scenery.lights import lit
from calibration.synthetic.scenery.scene import F32, HEIGHT, OVERSAMPLING, WIDTH, View, background, decode
from edge.picture.frame import Frame

Rng = np.random.Generator
MOTIONS = ("still", "shaking", "turning")  # of the camera
LIVE_SHARE = 0.5  # of the disturbed clips: as a robot gets them from its own camera


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


def render_disturbed(
    seed: Sequence[int],
    camera: str,
    light: str,
    kinds: Sequence[str],
    motion: str,
    duration_s: float | None = None,
) -> Iterator[Frame]:
    """Frames of a clip as `render` gives them, with disturbances of these kinds (scenery/disturbances.py).

    motion: of the camera, one of MOTIONS. With `key_frames` the clip went through a recorder, which pulses.
    """
    rng = np.random.default_rng(list(seed))
    drawn_s = rng.uniform(1.8, 3.2)
    timing = Timing.draw(rng, duration_s or drawn_s)
    disturbances = [draw(kind, rng, timing.frames / timing.fps) for kind in kinds]
    instants = _disturbed(rng, timing.sub_frame_times_s, disturbances, motion)
    live = KEY_FRAMES not in kinds and rng.random() < LIVE_SHARE
    codec = jpeg(SENSORS[camera].jpeg_quality) if live else recorded(rng)
    lights = open_shutter(instants, timing.per_frame)
    yield from record(rng, lights, timing.fps, camera, light, codec=codec)


def _disturbed(rng: Rng, times: F64, disturbances: Sequence[Disturbance], motion: str) -> Iterator[F32]:
    """Linear light [HEIGHT,WIDTH,3], a new array for every moment."""
    movers = [mover for disturbance in disturbances for mover in disturbance.movers]
    lights = [light for disturbance in disturbances for light in disturbance.lights]
    shift = _moved(rng, times, motion)
    backdrop, origin = background(rng, View(1.4, rng.uniform(-0.1, 0.3), WIDTH, shift))
    for time_s, (x, y) in zip(times.tolist(), shift.tolist(), strict=True):
        left, top = (origin - (x, y)).tolist()
        window = backdrop[top : top + HEIGHT * OVERSAMPLING, left : left + WIDTH * OVERSAMPLING]
        wall = decode(np.asarray(cv2.resize(window, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8))
        by = (x / OVERSAMPLING, y / OVERSAMPLING)
        layers = [layer for mover in movers if (layer := mover.layer(time_s, by)) is not None]
        yield lit(composed(wall, layers), lights, time_s, by)


def _moved(rng: Rng, times: F64, motion: str) -> I64:
    """Shift of the picture [S,2] in oversampled pixels."""
    if motion == "turning":
        return robot_motion(rng, times)
    if motion == "still":
        return np.zeros((len(times), 2), np.int64)
    shake = OVERSAMPLING * np.exp(rng.uniform(np.log(0.3), np.log(3)))
    return np.rint(np.stack([wander(rng, times, shake, rate) for rate in (3.0, 6.0)], axis=1)).astype(np.int64)
