"""One synthetic dark clip, a pure function of its seed: person, action, viewpoint, scene, camera."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import chain

import numpy as np
import numpy.typing as npt

from calibration.synthetic.bodies.body import (
    F64,
    I64,
    Mesh,
    Pose,
    Proportions,
    Skeleton,
    forward,
    leftward,
    mesh,
    skeleton,
)
from calibration.synthetic.bodies.motions import MOTIONS, wander
from calibration.synthetic.dark_camera import SENSORS, DarkCamera, InterCoder, Recorder, exposure_for, jpeg, recorded
from calibration.synthetic.scenery.scene import (
    F32,
    HEIGHT,
    OVERSAMPLING,
    WIDTH,
    Lighting,
    Painting,
    Solid,
    View,
    paint,
    seat,
)
from edge.picture.frame import Frame

Rng = np.random.Generator
ELL_SHARE = 0.2
# By light: how many recordings went through an inter-frame codec, and the range of its quantiser's step.
INTER_CODED_SHARE = {"LL": 0.7, "ELL": 0.3}
INTER_CODED_STEP = {"LL": (4.0, 12.0), "ELL": (1.5, 4.0)}
# Of `render_recorded`: how many times as fast; how many times as long the scene is that the liveliest part is cut from;
# how often the camera follows. Speeds are then nearer to those of real clips, which are cut around their actions.
RECORDED_TEMPO = (0.8, 1.4)
RECORDED_SPARE = 1.6
RECORDED_FOLLOWS = 0.2


@dataclass(frozen=True)
class Timing:
    """When sub-frames are taken: fps, frames in the clip, sub-frames per frame and the shutter's time."""

    fps: float
    frames: int
    per_frame: int
    shutter_s: float

    @property
    def sub_frame_times_s(self) -> F64:
        """[frames * per_frame], evenly spaced sub-frames in every open shutter (its middle is the frame's time)."""
        offsets = (np.arange(self.per_frame) + 0.5) / self.per_frame - 0.5
        return np.asarray((np.arange(self.frames)[:, None] / self.fps + offsets * self.shutter_s).ravel())

    @staticmethod
    def draw(rng: Rng, duration_s: float) -> Timing:
        """Two thirds of the clips at 15 fps, the others at 30; long shutters, as in the dark."""
        fps = 15.0 if rng.random() < 0.67 else 30.0
        shutter = rng.uniform(0.012, 0.033)
        return Timing(fps, max(4, round(duration_s * fps)), 3, float(shutter))


def render(seed: Sequence[int], person: Sequence[int], action: str, camera: str, light: str) -> Iterator[Frame]:
    """Frames of a clip: 320x240, 15 or 30 fps, 1.8 to 3.2 s.

    seed, person: entropy of the clip and of the body that acts in it; action: a key of MOTIONS; camera: a key of
    SENSORS; light: `LL` or `ELL`.
    """
    rng = np.random.default_rng(list(seed))
    proportions = Proportions.draw(np.random.default_rng(list(person)))
    timing = Timing.draw(rng, rng.uniform(1.8, 3.2))
    painting = painted(rng, proportions, timing, action)
    return record(rng, painting.frames(timing.per_frame), timing.fps, camera, light)


def render_recorded(
    seed: Sequence[int], person: Sequence[int], action: str, camera: str, light: str
) -> Iterator[Frame]:
    """The same as recordings of people in the dark are (`calibration compare-inputs` measures it).

    Cut around the action, 30 pictures a second, from a hand that follows more often, by a telephone that denoises and
    keeps its rate.
    """
    rng = np.random.default_rng(list(seed))
    proportions = Proportions.draw(np.random.default_rng(list(person)))
    drawn = Timing.draw(rng, rng.uniform(1.8, 3.2))
    timing = Timing(30.0, round(drawn.frames / drawn.fps * 30), drawn.per_frame, drawn.shutter_s)
    tempo = float(np.exp(rng.uniform(*np.log(RECORDED_TEMPO).tolist())))
    follows = bool(rng.random() < RECORDED_FOLLOWS)
    painting = painted(rng, proportions, timing, action, tempo, follows=follows, spare=RECORDED_SPARE)
    return record(rng, painting.frames(timing.per_frame), timing.fps, camera, light, codec=recorded(rng))


def painted(
    rng: Rng,
    proportions: Proportions,
    timing: Timing,
    action: str,
    tempo: float = 1.0,
    *,
    follows: bool = False,
    spare: float = 1.0,
) -> Painting:
    """A person who acts, in a place and a light of its own; not yet taken by a camera.

    tempo: how many times as fast as people do it when nothing drives them. follows: the camera does, whatever happens.
    spare: the liveliest part is cut out of a scene that is so many times as long.
    """
    times = timing.sub_frame_times_s
    longer = replace(timing, frames=round(spare * timing.frames))
    pose = MOTIONS[action](rng, proportions, longer.sub_frame_times_s * tempo)
    pose = liveliest(pose, proportions, len(times), timing.per_frame)
    figure = skeleton(pose, proportions)
    skin = mesh(figure, proportions)
    view, offset = place(rng, figure, times, follows=follows)
    solids = furniture(rng, pose, proportions, offset, action)
    lighting = Lighting.draw(rng)
    moved = Mesh(skin.vertices + offset, skin.quads, skin.part, skin.along, skin.around)
    return paint(rng, view, moved, lighting, solids)


def liveliest(pose: Pose, proportions: Proportions, count: int, per_frame: int) -> Pose:
    """The `count` moments in a row in which the joints move most, from the beginning of a frame on."""
    moments = len(pose.pelvis)
    if moments <= count:
        return pose
    joints = np.stack(list(skeleton(pose, proportions).joints.values()), axis=1)
    way = np.concatenate([[0.0], np.linalg.norm(np.diff(joints, axis=0), axis=-1).mean(axis=1).cumsum()])
    starts = np.arange(0, moments - count + 1, per_frame)
    start = int(starts[np.argmax(way[starts + count - 1] - way[starts])])
    return replace(pose, **{name.name: getattr(pose, name.name)[start : start + count] for name in fields(pose)})


def record(
    rng: Rng,
    lights: Iterator[F32],
    fps: float,
    camera: str,
    light: str,
    *,
    live: bool = False,
    codec: Recorder | None = None,
    metered: int = 4,
) -> Iterator[Frame]:
    """Shoot linear light, frame after frame, and pass it through the camera's stream or a recorder's codec.

    lights: float32 [240,320,3] BGR each; the exposure is set on the first, for a mean from the camera's range. live: as
    a robot gets it from its own camera, never through a recorder's inter-frame codec. codec: that one and no other.
    metered: the exposure is set on every such row and column.
    """
    sensor = SENSORS[camera]
    low, high = sensor.mean_luma[light]
    target = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    coded = rng.random() < INTER_CODED_SHARE[light] and not live
    drawn: Recorder = InterCoder(rng.uniform(*INTER_CODED_STEP[light])) if coded else jpeg(sensor.jpeg_quality)
    recorder = codec or drawn
    first = next(lights)
    dark = DarkCamera(sensor, exposure_for(first[::metered, ::metered], sensor, target), rng)
    for i, linear in enumerate(chain([first], lights)):
        yield Frame(recorder(dark.shoot(linear)), i, i / fps)


def place(rng: Rng, figure: Skeleton, times: F64, *, follows: bool = False) -> tuple[View, F64]:
    """Choose a viewpoint and where the body stands: a View and the offset [3] that moves the body before it.

    The body's height in the picture, its column and its head's row are drawn first; distance and tilt follow. follows:
    so does the camera, even where the body would stay in the picture.
    """
    head, pelvis = figure.joints["crown"], figure.joints["pelvis"]
    middle = len(times) // 2
    focal = WIDTH / 2 / np.tan(np.radians(rng.uniform(48, 80)) / 2)
    share = _share(rng, float(np.ptp(pelvis[:, 2])))
    distance = max(1.35, focal * 1.7 / (share * HEIGHT))
    # Walking towards the camera must not end behind it.
    depth = pelvis[:, 2] - pelvis[middle, 2]
    distance = max(distance, 1.1 - float(depth.min()))
    height = rng.uniform(0.7, 1.8)
    row = rng.uniform(0.04, 0.3) if share > 0.75 else rng.uniform(0.08, 0.55)
    column = np.clip(rng.normal(0.5, 0.15), 0.15, 0.85)
    offset = np.array([(column - 0.5) * WIDTH / focal * distance, 0, distance]) - pelvis[middle] * [1, 0, 1]
    top = float(head[:, 1].max())
    tilt = np.arctan2(height - top, distance) + np.arctan((0.5 - row) * HEIGHT / focal)
    still = View(height, float(tilt), focal, np.zeros((len(times), 2), np.int64))
    target = still.project((0.6 * head + 0.4 * pelvis + offset)[:, None])[0][:, 0]
    seen = np.mean(np.abs(target[:, 0] / (OVERSAMPLING * WIDTH) - 0.5) < 0.5)
    return View(
        height, float(tilt), focal, camera_motion(rng, times, target, follow=follows or bool(seen < 0.7))
    ), offset


def _share(rng: Rng, depth_m: float) -> float:
    """Body height by picture height; small where the body is far off, mostly so when it moves through the depth."""
    far = rng.random() < (0.7 if depth_m > 3 else 0.07)
    return float(rng.uniform(0.12, 0.5) if far else rng.uniform(0.5, 2.0))


def camera_motion(rng: Rng, times: F64, target: F64, follow: bool) -> I64:
    """Shift of the picture [S,2] in oversampled pixels: a tripod, a hand, or a hand that follows the body.

    follow: the body would leave the picture otherwise, so it has to be the last.
    """
    shift = np.zeros((len(times), 2))
    kind = 1.0 if follow else rng.random()
    if kind > 0.35:
        hand = OVERSAMPLING * np.exp(rng.uniform(np.log(0.3), np.log(5)))
        shift += np.stack([wander(rng, times, hand, 0.7), wander(rng, times, hand, 0.7)], axis=1)
        shift += np.stack([wander(rng, times, 0.15 * hand, 4.0), wander(rng, times, 0.15 * hand, 4.0)], axis=1)
    if kind > 0.65:
        centre = OVERSAMPLING * np.array([WIDTH / 2, HEIGHT / 2])
        away = np.clip(target, -3 * centre, 5 * centre) - target[len(times) // 2]
        # A part of the clip, and never so long that the camera would know what comes.
        window = max(3, int(min(len(times) * rng.uniform(0.1, 0.4), 1.4 / (times[-1] - times[0]) * len(times))))
        smooth = np.stack([_smoothed(away[:, i], window) for i in range(2)], axis=1)
        shift -= smooth * np.array([rng.uniform(0.7 if follow else 0.3, 1.05), rng.uniform(0, 0.8)])
    limit = OVERSAMPLING * np.array([1.5 * WIDTH, 0.8 * HEIGHT])
    return np.rint(np.clip(shift, -limit, limit)).astype(np.int64)


def robot_motion(rng: Rng, times: F64) -> I64:
    """Shift of the picture [S,2] in oversampled pixels before a robot's camera: it turns, drives and shakes.

    Turns of up to 40 degrees per second that begin and end at any time; the shaking of wheels on a floor.
    """
    shift = np.zeros((len(times), 2))
    degree = OVERSAMPLING * WIDTH / 60
    turning = rng.uniform(-40, 40) * degree
    start, stop = np.sort(rng.uniform(times[0] - 1, times[-1] + 1, 2))
    shift[:, 0] += turning * (np.clip(times, start, stop) - np.clip(0.5 * (times[0] + times[-1]), start, stop))
    shake = OVERSAMPLING * np.exp(rng.uniform(np.log(0.2), np.log(2)))
    shift += np.stack([wander(rng, times, 0.5 * shake, 3.0), wander(rng, times, shake, 7.0)], axis=1)
    limit = OVERSAMPLING * np.array([1.5 * WIDTH, 0.8 * HEIGHT])
    return np.rint(np.clip(shift, -limit, limit)).astype(np.int64)


def _smoothed(values: npt.NDArray[np.float64], window: int) -> F64:
    """Hann-window mean, the ends held."""
    weights = np.hanning(window + 2)[1:-1]
    padded = np.pad(values, window, mode="edge")
    return np.convolve(padded, weights / weights.sum(), mode="same")[window:-window]


def furniture(rng: Rng, pose: Pose, proportions: Proportions, offset: F64, action: str) -> list[Solid]:
    """What one sits on; and seats that nobody uses in other scenes, so that a chair does not tell the action."""
    if action in ("sit", "stand"):
        if rng.random() < 0.1:
            return []
        seated = int(np.argmin(pose.pelvis[:, 1]))
        at, yaw = pose.pelvis[seated].copy(), pose.yaw[seated]
        height = max(0.15, at[1] - 0.085 * proportions.stature_m * proportions.girth**0.5 * 0.8)
    elif rng.random() < 0.35:
        side = rng.choice([-1, 1]) * rng.uniform(0.6, 2.0)
        at, yaw = np.array([side, 0, rng.uniform(-0.3, 1.5)]), np.asarray(rng.uniform(-np.pi, np.pi))
        height = rng.uniform(0.35, 0.5)
    else:
        return []
    at = at * [1, 0, 1] + offset
    yaw = np.asarray(yaw, np.float64)
    return [seat(rng, at, leftward(yaw), forward(yaw), height)]
