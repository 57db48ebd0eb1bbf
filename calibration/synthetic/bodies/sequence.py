"""Several actions in turn, done by one body without a cut: poses aligned and joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from calibration.synthetic.bodies.body import F64, Pose, Proportions, turned
from calibration.synthetic.bodies.motions import MOTIONS, ease


@dataclass(frozen=True)
class Act:
    """An action, how long it lasts, the seed that draws its style, and the pause before it."""

    action: str
    duration_s: float
    seed: int
    pause_s: float = 0.5


@dataclass(frozen=True)
class Segment:
    """Where an action is in a recording."""

    start_s: float
    end_s: float
    label: str


def perform(
    acts: Sequence[Act], proportions: Proportions, rate_hz: float, heading: float
) -> tuple[Pose, list[Segment]]:
    """All acts from the origin, the first one starting with `heading`; poses at rate_hz and the true segments."""
    poses: list[Pose] = []
    segments: list[Segment] = []
    ticks = 0
    for act in acts:
        t = np.arange(round(act.duration_s * rate_hz)) / rate_hz
        pose = MOTIONS[act.action](np.random.default_rng(act.seed), proportions, t)
        if poses:
            end = poses[-1]
            pose = aligned(pose, end.pelvis[-1], float(end.yaw[-1]))
            poses.append(bridge(end, pose, round(act.pause_s * rate_hz)))
            ticks += len(poses[-1].yaw)
        else:
            pose = aligned(pose, np.zeros(3), heading)
        poses.append(pose)
        segments.append(Segment(round(ticks / rate_hz, 2), round((ticks + len(t)) / rate_hz, 2), act.action))
        ticks += len(t)
    joined = {f.name: np.concatenate([getattr(pose, f.name) for pose in poses]) for f in fields(Pose)}
    return Pose(**joined), segments


def aligned(pose: Pose, start: F64, heading: float) -> Pose:
    """Turned and moved over the floor so that it begins at `start` with `heading`."""
    angle = heading - float(pose.yaw[0])
    pelvis, ankles = turned(pose.pelvis, angle), turned(pose.ankles, angle)
    move = (start - pelvis[0]) * [1, 0, 1]
    values = {f.name: getattr(pose, f.name) for f in fields(Pose)}
    values.update(pelvis=pelvis + move, ankles=ankles + move, yaw=pose.yaw + angle, foot_yaw=pose.foot_yaw + angle)
    return Pose(**values)


def bridge(before: Pose, after: Pose, ticks: int) -> Pose:
    """From the last of one pose to the first of the next, at rest at both ends."""
    u = ease((np.arange(ticks) + 1) / (ticks + 1))
    values = {}
    for f in fields(Pose):
        a, b = getattr(before, f.name)[-1], getattr(after, f.name)[0]
        values[f.name] = a + (b - a) * u.reshape(-1, *[1] * np.ndim(a))
    return Pose(**values)
