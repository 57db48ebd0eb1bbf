"""How somebody moved, whoever it was: a path, the directions of bones and where feet stand, ready for any body.

Actions of motions.py (`acted`) and recordings of joints (hanging.py) both come to this form; it is read at any time,
stretched over a body of given proportions, turned, moved and joined to another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from calibration.synthetic.bodies.body import F64, SIDES, TOES, UP, Axes, Proportions, Skeleton, skeleton, turned
from calibration.synthetic.bodies.motions import MOTIONS, ease, idle
from calibration.synthetic.bodies.sequence import Segment

# Unit vectors that make a pose, in the order of `Movement.ways`; `knee` is where a knee bends to.
WAYS = (
    *("pelvis_up", "pelvis_left", "chest_up", "chest_left", "head_up", "head_left"),
    *(f"{side}_{part}" for side in ("left", "right") for part in ("upper", "fore", "hand", "knee", "toes")),
)
POINTS = ("pelvis", "left_ankle", "right_ankle")
RATE_HZ = 30.0
# Lengths of bones by stature, as `body.skeleton` has them.
WAIST, TRUNK, NECK, HEAD = 0.09, 0.215, 0.042, 0.125
SHOULDER, SHOULDER_DROP = 0.105, 0.02
UPPER_ARM, FOREARM, HAND = 0.172, 0.15, 0.09


@dataclass(frozen=True)
class Movement:
    """ways: unit vectors [T,len(WAYS),3]; points: metres [T,3,3] by POINTS, the floor at 0; rate_hz: samples a second.

    proportions: of the body whose feet reach the floor. segments: which actions, from when to when, in seconds from
    the first sample.
    """

    ways: F64
    points: F64
    rate_hz: float
    proportions: Proportions
    segments: tuple[Segment, ...] = ()

    @property
    def duration_s(self) -> float:
        """From the first sample to the last."""
        return (len(self.points) - 1) / self.rate_hz

    @property
    def heading(self) -> float:
        """Where the pelvis faces at the start, radians; 0 towards the camera."""
        return self.heading_at(0)

    def heading_at(self, sample: int) -> float:
        """Where the pelvis faces at a sample, radians."""
        left = self.ways[sample, WAYS.index("pelvis_left")]
        return float(np.arctan2(left[2], left[0]))

    def placed(self, turn: float, start: F64) -> Movement:
        """Turned about the vertical by `turn` radians, the first pelvis over `start` [3] on the floor."""
        points = turned(self.points, turn)
        points = points + (np.asarray(start) - points[0, 0]) * [1, 0, 1]
        return replace(self, ways=turned(self.ways, turn), points=points)

    def between(self, start_s: float, end_s: float) -> Movement:
        """A part of it; segments are cut to it, those that lie outside are gone."""
        first, last = round(start_s * self.rate_hz), round(end_s * self.rate_hz) + 1
        first = min(max(first, 0), len(self.points) - 2)
        segments = (
            Segment(max(s.start_s - start_s, 0.0), min(s.end_s, end_s) - start_s, s.label)
            for s in self.segments
            if s.start_s < end_s and s.end_s > start_s
        )
        return replace(self, ways=self.ways[first:last], points=self.points[first:last], segments=tuple(segments))

    def skeleton(self, times_s: F64) -> Skeleton:
        """Joints at these times [N] (the ends are held): every bone as long as the proportions say, at every time."""
        at = np.clip(np.asarray(times_s, np.float64) * self.rate_hz, 0, len(self.points) - 1)
        before = np.minimum(at.astype(np.int64), max(len(self.points) - 2, 0))
        after = np.minimum(before + 1, len(self.points) - 1)
        share = (at - before)[:, None, None]
        ways = self.ways[before] * (1 - share) + self.ways[after] * share
        return _stretched(unit(ways), self.points[before] * (1 - share) + self.points[after] * share, self.proportions)


def acted(action: str, rng: np.random.Generator, proportions: Proportions, duration_s: float) -> Movement:
    """An action of motions.py, in a style that rng draws; it counts as the action from its start to its end."""
    times = np.arange(round(duration_s * RATE_HZ) + 1) / RATE_HZ
    pose = MOTIONS[action](rng, proportions, times)
    ways, points = measured(skeleton(pose, proportions))
    return Movement(ways, points, RATE_HZ, proportions, (Segment(0.0, duration_s, action),))


def standing(rng: np.random.Generator, proportions: Proportions, duration_s: float) -> Movement:
    """Standing with the small movements of a living body: no action."""
    times = np.arange(round(duration_s * RATE_HZ) + 1) / RATE_HZ
    ways, points = measured(skeleton(idle(rng, proportions, times), proportions))
    return Movement(ways, points, RATE_HZ, proportions)


def joined(movements: Sequence[Movement], pause_s: float = 0.5) -> Movement:
    """One after the other without a cut: each begins where the one before ended, facing as it did, `pause_s` later.

    All must be of one body; raises ValueError.
    """
    whole = movements[0]
    for movement in movements[1:]:
        if movement.proportions != whole.proportions:
            raise ValueError(f"one body: expected {whole.proportions}, found {movement.proportions}")
        whole = _joined(whole, resampled(movement, whole.rate_hz), pause_s)
    return whole


def resampled(movement: Movement, rate_hz: float) -> Movement:
    """At another rate."""
    if movement.rate_hz == rate_hz:
        return movement
    at = np.arange(int(movement.duration_s * rate_hz) + 1) / rate_hz * movement.rate_hz
    before = np.minimum(at.astype(np.int64), len(movement.points) - 2)
    share = (at - before)[:, None, None]
    ways, points = (a[before] * (1 - share) + a[before + 1] * share for a in (movement.ways, movement.points))
    return replace(movement, ways=unit(ways), points=points, rate_hz=rate_hz)


def _joined(first: Movement, then: Movement, pause_s: float) -> Movement:
    then = then.placed(first.heading_at(-1) - then.heading, first.points[-1, 0])
    ticks = max(1, round(pause_s * first.rate_hz))
    share = ease((np.arange(ticks) + 1) / (ticks + 1))[:, None, None]
    ways = unit(first.ways[-1] * (1 - share) + then.ways[0] * share)
    points = first.points[-1] * (1 - share) + then.points[0] * share
    begin = (len(first.points) + ticks) / first.rate_hz
    segments = tuple(Segment(s.start_s + begin, s.end_s + begin, s.label) for s in then.segments)
    return replace(
        first,
        ways=np.concatenate([first.ways, ways, then.ways]),
        points=np.concatenate([first.points, points, then.points]),
        segments=(*first.segments, *segments),
    )


def measured(body: Skeleton) -> tuple[F64, F64]:
    """Ways and points of a skeleton."""
    j = body.joints
    ways = {
        "pelvis_up": body.pelvis.up,
        "pelvis_left": body.pelvis.left,
        "chest_up": body.chest.up,
        "chest_left": body.chest.left,
        "head_up": body.head.up,
        "head_left": body.head.left,
    }
    for side in ("left", "right"):
        ways[f"{side}_upper"] = j[f"{side}_elbow"] - j[f"{side}_shoulder"]
        ways[f"{side}_fore"] = j[f"{side}_wrist"] - j[f"{side}_elbow"]
        ways[f"{side}_hand"] = j[f"{side}_fingers"] - j[f"{side}_wrist"]
        ways[f"{side}_knee"] = j[f"{side}_knee"] - 0.5 * (j[f"{side}_hip"] + j[f"{side}_ankle"])
        ways[f"{side}_toes"] = j[f"{side}_toes"] - j[f"{side}_heel"]
    return unit(np.stack([ways[name] for name in WAYS], axis=1)), np.stack([j[name] for name in POINTS], axis=1)


def unit(vectors: F64) -> F64:
    """Vectors [...,3] at length 1."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9))


def _axes(up: F64, left: F64) -> Axes:
    left = unit(left - up * (left * up).sum(-1, keepdims=True))
    return Axes(left, up, np.cross(up, left))


def _stretched(ways: F64, points: F64, p: Proportions) -> Skeleton:
    """Bones of these proportions along the ways; ankles that legs cannot reach come as near as they can."""
    h = p.stature_m
    way = dict(zip(WAYS, ways.transpose(1, 0, 2), strict=True))
    pelvis, chest, head = (_axes(way[f"{part}_up"], way[f"{part}_left"]) for part in ("pelvis", "chest", "head"))
    j = {"pelvis": points[:, 0], "waist": points[:, 0] + WAIST * h * pelvis.up}
    j["neck"] = j["waist"] + TRUNK * h * chest.up
    j["chin"] = j["neck"] + NECK * h * (0.6 * chest.up + 0.4 * head.up)
    j["crown"] = j["chin"] + HEAD * h * head.up
    for i, side in enumerate(("left", "right")):
        j[f"{side}_shoulder"] = j["neck"] + chest.left * (SIDES[i] * SHOULDER * h * p.shoulder)
        j[f"{side}_shoulder"] -= chest.up * SHOULDER_DROP * h
        j[f"{side}_elbow"] = j[f"{side}_shoulder"] + UPPER_ARM * h * p.arm * way[f"{side}_upper"]
        j[f"{side}_wrist"] = j[f"{side}_elbow"] + FOREARM * h * p.arm * way[f"{side}_fore"]
        j[f"{side}_fingers"] = j[f"{side}_wrist"] + HAND * h * p.arm * way[f"{side}_hand"]
        hip = j["pelvis"] + pelvis.left * (SIDES[i] * p.hip_half_m)
        j[f"{side}_hip"] = hip
        j[f"{side}_knee"], j[f"{side}_ankle"] = _leg(hip, points[:, 1 + i], way[f"{side}_knee"], p)
        heel = j[f"{side}_ankle"] - 0.7 * p.ankle_m * UP
        j[f"{side}_heel"] = heel - 0.03 * h * way[f"{side}_toes"]
        j[f"{side}_toes"] = heel + TOES * h * way[f"{side}_toes"]
    return Skeleton(pelvis, chest, head, j)


def _leg(hip: F64, target: F64, bend: F64, p: Proportions) -> tuple[F64, F64]:
    """Knee and ankle of a leg of two equal bones."""
    reach = target - hip
    length = np.linalg.norm(reach, axis=-1, keepdims=True)
    along = reach / np.maximum(length, 1e-6)
    length = np.clip(length, 0.25 * p.leg_m, 0.998 * p.leg_m)
    bend = unit(bend - along * (bend * along).sum(-1, keepdims=True))
    knee = hip + along * length / 2 + bend * np.sqrt(np.maximum(p.thigh_m**2 - length**2 / 4, 0))
    return knee, hip + along * length
