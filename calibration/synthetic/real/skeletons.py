"""Real motion on rendered bodies: recorded joints get a body, clothes, a room, a light, and are seen from anywhere.

`skeletons:DIR` reads DIR/labels.csv (file,class,actor) and recordings as recordings/skeletons.py describes them. They
are played at their own rate; frames come at 15 or 30 a second.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from calibration.clip_sets import folder, video
from calibration.clip_sets.clips import Clip, ClipSet
from calibration.synthetic.bodies.body import F64, I64, Proportions, forward, leftward
from calibration.synthetic.bodies.hanging import hung
from calibration.synthetic.bodies.movement import Movement, joined, standing
from calibration.synthetic.clip import record, robot_motion
from calibration.synthetic.dark_camera import CAMERAS, LIGHTS, identity_of
from calibration.synthetic.real.furniture import Furniture
from calibration.synthetic.recordings.skeletons import Joints, load
from calibration.synthetic.scenery.eye import CEILING_M, LOWEST_M, Eye, focal_px
from calibration.synthetic.scenery.figure import Figure, Person
from calibration.synthetic.scenery.layers import Layer, composed
from calibration.synthetic.scenery.scene import (
    F32,
    HEIGHT,
    OVERSAMPLING,
    WIDTH,
    Lighting,
    View,
    decode,
    foreground,
    seat,
    wall,
)
from calibration.synthetic.scenery.shadow import Ground
from edge.errors import DataError
from edge.picture.frame import Frame

Rng = np.random.Generator
REVISION = 1
SMALLEST, LARGEST = 1 / 6, 1.2  # heights of a body, by the picture's
NEAREST_M = 1.1  # the pelvis to the camera
METERED = 8  # every such row and column sets the exposure
LONGEST_S = 5.0  # of a recording; the busiest part of a longer one
SHORTEST_S = 2.0  # what is shorter begins and ends with somebody who stands, where it can
IN_PLACE_M = 0.5
TRAVEL_M_S = {"walk": (0.6, 1.4), "run": (1.4, 3.2)}  # given to who walks or runs in place


def open_skeletons(name: str, root: Path, moving: bool = False) -> ClipSet:
    """`skeletons:DIR`: every recording under both lights, with every camera, each time another body and viewpoint.

    moving: before the camera of a robot that turns and shakes. Raises DataError.
    """
    listing = root / "labels.csv"
    if not listing.is_file():
        raise DataError(f"{name}: {listing} is missing; DIR needs labels.csv (file,class,actor) and the .npz it lists")
    rows = folder.table(listing)
    labels = tuple(sorted({row["class"] for row in rows}))
    clips = []
    for index, row in enumerate(rows):
        path = root / row["file"]
        for variant, (light, camera) in enumerate((light, camera) for light in LIGHTS for camera in CAMERAS):
            clips.append(
                Clip(
                    name=f"{row['file'].removesuffix('.npz')}_{light}_{camera}",
                    label=labels.index(row["class"]),
                    source=partial(render, path, row["class"], (6, index, variant), camera, light, moving),
                    made_by=f"skeletons {REVISION} {row['class']} {index} {light} {identity_of(camera)} "
                    f"{'moving' if moving else 'still'}",
                    file=video.existing(path),
                    actor=row.get("actor") or None,
                    camera=camera,
                    light=light,
                )
            )
    return ClipSet(name, labels, clips)


def render(path: Path, label: str, seed: Sequence[int], camera: str, light: str, moving: bool) -> Iterator[Frame]:
    """Frames of a clip: 320x240, at 15 or 30 fps; a pure function of the file, its class and the seed.

    Raises DataError.
    """
    rng = np.random.default_rng(list(seed))
    fps = 15.0 if rng.random() < 0.7 else 30.0
    yield from record(rng, lights(rng, load(path), label, fps, moving), fps, camera, light, live=True, metered=METERED)


def lights(rng: Rng, recording: Joints, label: str, fps: float, moving: bool) -> Iterator[F32]:
    """Linear light [HEIGHT,WIDTH,3] of somebody at random who moves as recorded, seen from anywhere."""
    person = Person.draw(rng)
    movement = _performed(rng, recording, label, person.proportions)
    eye, movement = _seen(rng, movement)
    times = np.arange(max(2, int(movement.duration_s * fps))) / fps
    shift = robot_motion(rng, times) if moving else np.zeros((len(times), 2), np.int64)
    ground = Ground(float(movement.points[:, 0, 2].max() + rng.uniform(0.4, 4.0)), Lighting.draw(rng), _soft(rng))
    figure = Figure(rng, movement, person, eye, ground, shutter_s=float(rng.uniform(0.012, 0.033)))
    seats = _seats(rng, movement, label, eye, ground.lighting)
    view = View(eye.height_m, eye.tilt, eye.focal_px, shift)
    room, origin = wall(rng, view)
    front = [(polygon, decode(np.array([code], np.uint8))[0].tolist()) for polygon, code in foreground(rng, view)]
    for time, moved in zip(times.tolist(), shift, strict=True):
        pixels = float(moved[0]) / OVERSAMPLING, float(moved[1]) / OVERSAMPLING
        layers = [figure.shadow(time, pixels), *(s.layer(time, pixels) for s in seats), figure.layer(time, pixels)]
        picture = _shot(_window(room, origin - moved), layers)
        for polygon, colour in front:
            cv2.fillConvexPoly(picture, (polygon + moved.astype(np.int32)) // OVERSAMPLING, colour)
        yield picture


def _shot(background: F32, layers: Sequence[Layer | None]) -> F32:
    return composed(background, [layer for layer in layers if layer is not None])


def _window(room: F32, corner: I64) -> F32:
    """The picture's part of the room whose upper left is at `corner` (oversampled pixels)."""
    if not (corner % OVERSAMPLING).any():
        x, y = (corner // OVERSAMPLING).tolist()
        return room[y : y + HEIGHT, x : x + WIDTH]
    x, y = (corner / OVERSAMPLING).tolist()
    centre = (x + (WIDTH - 1) / 2, y + (HEIGHT - 1) / 2)
    return np.asarray(cv2.getRectSubPix(room, (WIDTH, HEIGHT), centre), np.float32)


def _soft(rng: Rng) -> float:
    return float(np.exp(rng.uniform(np.log(1), np.log(6))))


# What is done ---------------------------------------------------------------------------------------------------------


def _performed(rng: Rng, recording: Joints, label: str, proportions: Proportions) -> Movement:
    """The recording on a body: mirrored or not, the busiest part of a long one, with travel or in place."""
    if rng.random() < 0.5:
        recording = recording.mirrored
    recording = recording.busiest(LONGEST_S)
    hips = recording.metres[:, 3, [0, 2]]
    travel_m_s = 0.0
    if label in TRAVEL_M_S and np.ptp(hips, axis=0).max() < IN_PLACE_M and rng.random() < 0.6:
        travel_m_s = float(rng.uniform(*TRAVEL_M_S[label]))
    return _padded(rng, hung(recording, label, proportions, travel_m_s))


def _padded(rng: Rng, movement: Movement) -> Movement:
    """A short one begins and ends with standing, at the ends at which somebody stands anyway."""
    missing = SHORTEST_S - movement.duration_s
    if missing <= 0:
        return movement
    pelvis, rate = movement.points[:, 0], movement.rate_hz
    upright = pelvis[:, 1] > 0.93 * movement.proportions.pelvis_m
    speed = np.linalg.norm(np.gradient(pelvis, axis=0), axis=1) * rate
    parts = [movement]
    pause = 0.3
    length = max(0.3, 0.5 * missing - pause)
    for at, where in ((0, 0), (-1, len(parts))):
        if upright[at] and speed[at] < 0.6:
            parts.insert(where and len(parts), standing(rng, movement.proportions, length))
    return joined(parts, pause)


# From where it is seen ------------------------------------------------------------------------------------------------


def _seen(rng: Rng, movement: Movement) -> tuple[Eye, Movement]:
    """A camera anywhere around, knee-high to a ceiling, and the movement placed before it.

    The body's height in the picture, its column and the row of its head are drawn first; of some azimuths the one is
    taken at which the path stays in the picture.
    """
    stature = movement.proportions.stature_m
    share = float(np.exp(rng.uniform(np.log(SMALLEST), np.log(LARGEST))))
    focal = focal_px(rng)
    away = max(NEAREST_M, focal * stature / (share * HEIGHT))
    low, high = ((-0.2, 0.15), (0.1, 0.5), (0.5, 1.0))[int(rng.choice(3, p=(0.5, 0.3, 0.2)))]
    height = float(np.clip(0.5 * stature + away * np.sin(rng.uniform(low, high)), LOWEST_M, CEILING_M))
    beside = float(np.sqrt(max(away**2 - (height - 0.5 * stature) ** 2, NEAREST_M**2)))
    column = float(np.clip(rng.normal(0.5, 0.15), 0.12, 0.88))
    row = rng.uniform(0.04, 0.3) if share > 0.75 else rng.uniform(0.08, 0.55)
    tries = []
    for azimuth in rng.uniform(-np.pi, np.pi, 6):
        tried = movement.placed(float(azimuth), np.zeros(3))
        middle = 0.5 * (tried.points[:, 0].min(axis=0) + tried.points[:, 0].max(axis=0))
        depth = max(beside, NEAREST_M + float(middle[2] - tried.points[:, 0, 2].min()))
        at = np.array([(column - 0.5) * WIDTH * depth / focal, 0, depth]) - middle
        tried = tried.placed(0.0, tried.points[0, 0] + at)
        tilt = float(np.arctan2(height - stature, depth) + np.arctan((0.5 - row) * HEIGHT / focal))
        eye = Eye(height, tilt, focal)
        columns = eye.project(tried.points[:, 0])[0][:, 0] / WIDTH
        tries.append((float(np.mean((columns > 0.03) & (columns < 0.97))), eye, tried))
        if tries[-1][0] > 0.9:
            break
    return max(tries, key=lambda one: one[0])[1:]


def _seats(rng: Rng, movement: Movement, label: str, eye: Eye, lighting: Lighting) -> list[Furniture]:
    """What one sits on; and seats that nobody uses in other rooms, so that a chair does not tell the action."""
    proportions = movement.proportions
    if label in ("sit", "stand"):
        if rng.random() < 0.1:
            return []
        lowest = int(np.argmin(movement.points[:, 0, 1]))
        at: F64 = movement.points[lowest, 0]
        yaw = movement.heading_at(lowest)
        height = max(0.15, at[1] - 0.068 * proportions.stature_m * proportions.girth**0.5)
    elif rng.random() < 0.35:
        middle = movement.points[len(movement.points) // 2, 0]
        at = middle + np.array([rng.choice([-1, 1]) * rng.uniform(0.6, 2.0), 0, rng.uniform(-0.3, 1.5)])
        yaw, height = float(rng.uniform(-np.pi, np.pi)), float(rng.uniform(0.35, 0.5))
    else:
        return []
    heading = np.asarray(yaw, np.float64)
    return [Furniture(seat(rng, at * [1, 0, 1], leftward(heading), forward(heading), height), eye, lighting)]
