"""A person's visit, acted: comes in, stands about, acts, goes; poses all along, and the truth of what they show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from calibration.evaluation.streams.composing.script import Rng, Visit
from calibration.evaluation.streams.truth import IDLE, Happening
from calibration.synthetic.bodies.body import F64, Pose, Proportions
from calibration.synthetic.bodies.motions import MOTIONS, Gait, Path, ease, idle, stepped, swing_arms, wander
from calibration.synthetic.bodies.sequence import aligned, bridge

POSE_HZ = 30.0
IN_PLACE = ("wave", "clap", "push", "pick", "jump", "sit")
NAMELESS = ("bend", "stretch")  # what no bundle of ours has a label for
ACT_S = (1.8, 3.2)
STANDING_S, BRIDGE_S = (1.5, 7.0), 0.4
RUNS, TURNS, MOVES, UNKNOWN = 0.3, 0.1, 0.22, 0.2  # chances: a run instead of a walk; and what is done next


@dataclass(frozen=True)
class Stage:
    """Where a person may be, in metres before the camera: the depths, and half the width seen at one metre."""

    near_m: float
    far_m: float
    half_width: float

    def spot(self, rng: Rng) -> F64:
        """A place [x, z] in sight."""
        z = float(np.exp(rng.uniform(np.log(self.near_m), np.log(self.far_m))))
        return np.array([rng.uniform(-0.7, 0.7) * self.half_width * z, z])

    def outside(self, rng: Rng) -> F64:
        """A place [x, z] just out of sight, to a side."""
        z = rng.uniform(self.near_m, self.far_m)
        return np.array([rng.choice([-1, 1]) * (self.half_width * z + 0.8), z])


@dataclass(frozen=True)
class Acted:
    """Poses from start_s on, POSE_HZ a second; what they show; where somebody sat: (pelvis [3], yaw) of each seat."""

    start_s: float
    pose: Pose
    happenings: tuple[Happening, ...]
    seats: tuple[tuple[F64, float], ...]

    @property
    def end_s(self) -> float:
        """After the last pose."""
        return self.start_s + len(self.pose.yaw) / POSE_HZ


def acted(rng: Rng, visit: Visit, proportions: Proportions, stage: Stage) -> Acted:
    """One visit. It ends a little before or after the time that was planned for it, when the person is out of sight."""
    actor = _Actor(rng, visit, proportions, stage)
    actor.go(stage.spot(rng))
    while actor.time_s < visit.end_s - 10:
        actor.stand_about()
        kind = rng.random()
        if kind < UNKNOWN:
            actor.act(str(rng.choice(NAMELESS)))
        elif kind < UNKNOWN + MOVES:
            actor.go(stage.spot(rng), running=bool(rng.random() < RUNS))
        elif kind < UNKNOWN + MOVES + TURNS:
            actor.turn(actor.yaw + rng.choice([-1, 1]) * rng.uniform(1.2, 3.1))
        else:
            actor.act(str(rng.choice(IN_PLACE)))
    actor.stand_about()
    actor.go(stage.outside(rng))
    return actor.acted()


class _Actor:
    """Poses joined one after the other. place [x, z] and yaw: where the last of them stands."""

    def __init__(self, rng: Rng, visit: Visit, proportions: Proportions, stage: Stage) -> None:
        self._rng, self._visit, self._proportions, self._stage = rng, visit, proportions, stage
        self._poses: list[Pose] = []
        self._spans: list[tuple[int, str]] = []  # ticks, what they show
        self._seats: list[tuple[F64, float]] = []
        self.place = stage.outside(rng)
        self.yaw = float(np.arctan2(-self.place[0], 0.0))

    @property
    def time_s(self) -> float:
        return self._visit.start_s + sum(ticks for ticks, _ in self._spans) / POSE_HZ

    def go(self, to: F64, running: bool = False) -> None:
        """Over the floor to a place [x, z]; who has to look elsewhere for it turns around first."""
        way = to - self.place
        yaw = float(np.arctan2(way[0], -way[1]))
        if self._poses and abs(difference(yaw, self.yaw)) > 1.0:
            self.turn(self.yaw + difference(yaw, self.yaw))
            way = to - self.place
        pose = gone(self._rng, self._proportions, way, self.yaw, running)
        self._add("run" if running else "walk", pose, moved=True)

    def turn(self, yaw: float) -> None:
        """On the spot, in small steps, to another heading."""
        rng = self._rng
        angle = yaw - self.yaw
        lasts = float(rng.uniform(0.8, 1.4) * (0.5 + 0.4 * abs(angle)))
        times = np.linspace(-2, lasts + 2, 1200)
        path = Path(times, np.zeros((len(times), 2)), self.yaw + angle * ease(times / lasts))
        pose = idle(rng, self._proportions, t := _times(lasts))
        gait = Gait(rng.uniform(0.8, 1.5), 0.62, rng.uniform(0.07, 0.14), rng.uniform(0.05, 0.1), 0.0, rng.random())
        swing = np.full(len(t), rng.uniform(0, 0.2))
        swing_arms(pose, stepped(pose, self._proportions, path, gait, t), swing, 0.0, 0.0)
        pose.head_yaw += np.clip(path.at(t + 0.2)[1] - path.at(t)[1], -0.9, 0.9)
        self._add("turn", pose, moved=True)

    def stand_about(self) -> None:
        """Idle, with the small movements of a living body."""
        self._add(IDLE, idle(self._rng, self._proportions, _times(self._rng.uniform(*STANDING_S))))

    def act(self, label: str) -> None:
        """In place. Who sits down stays for a while and stands up again."""
        rng = self._rng
        self._add(label, MOTIONS[label](rng, self._proportions, _times(rng.uniform(*ACT_S))))
        if label == "sit":
            last = self._poses[-1]
            self._seats.append((last.pelvis[-1].copy(), float(last.yaw[-1])))
            held = _held(rng, last, rng.uniform(*STANDING_S))
            self._join(IDLE, held, 0.0)
            self._add("stand", MOTIONS["stand"](rng, self._proportions, _times(rng.uniform(*ACT_S))))

    def acted(self) -> Acted:
        """Everything so far."""
        happenings: list[Happening] = []
        ticks = 0
        for count, label in self._spans:
            start_s = self._visit.start_s + ticks / POSE_HZ
            ticks += count
            end_s = self._visit.start_s + ticks / POSE_HZ
            if happenings and happenings[-1].label == label == IDLE:
                start_s = happenings.pop().start_s
            happenings.append(Happening(start_s, end_s, label, self._visit.person))
        pose = _joined(self._poses)
        return Acted(self._visit.start_s, pose, tuple(happenings), tuple(self._seats))

    def _add(self, label: str, pose: Pose, moved: bool = False) -> None:
        """moved: the pose has its heading already, and its way from the place where the last one stands."""
        at = np.array([self.place[0], 0.0, self.place[1]])
        if moved:
            for points in (pose.pelvis, pose.ankles):
                points += at
        else:
            pose = aligned(pose, at, self.yaw)
        self._join(label, pose, BRIDGE_S)

    def _join(self, label: str, pose: Pose, bridge_s: float) -> None:
        if self._poses and bridge_s:
            self._poses.append(bridge(self._poses[-1], pose, round(bridge_s * POSE_HZ)))
            self._spans.append((len(self._poses[-1].yaw), IDLE))
        self._poses.append(pose)
        self._spans.append((len(pose.yaw), label))
        self.place, self.yaw = pose.pelvis[-1, [0, 2]].copy(), float(pose.yaw[-1])


def gone(rng: Rng, p: Proportions, way: F64, yaw: float, running: bool = False) -> Pose:
    """From the origin over the floor by a way [x, z], looking to `yaw` at first; POSE_HZ poses a second."""
    speed = rng.uniform(1.8, 3.2) if running else rng.uniform(0.7, 1.5)
    lasts = max(1.2, float(np.hypot(*way)) / speed)
    times = np.linspace(-2, lasts + 2, 1200)
    going = _even(times / lasts, 0.4 / lasts)[:, np.newaxis]
    heading = yaw + difference(float(np.arctan2(way[0], -way[1])), yaw) * ease(times / 0.6)
    return _carried(rng, p, Path(times, way * going, heading), _times(lasts), speed, running)


def _carried(rng: Rng, p: Proportions, path: Path, t: F64, speed: float, running: bool) -> Pose:
    """Walking or running along a path."""
    pose = idle(rng, p, t)
    if running:
        gait = Gait(
            (1.22 + 0.08 * speed) * rng.uniform(0.9, 1.12),
            rng.uniform(0.28, 0.42),
            rng.uniform(0.03, 0.09),
            rng.uniform(0.1, 0.22),
            rng.uniform(0.1, 0.35),
        )
    else:
        cycles_hz = (0.52 + 0.32 * speed) * rng.uniform(0.9, 1.12)
        gait = Gait(cycles_hz, rng.uniform(0.58, 0.66), rng.uniform(0.04, 0.1), rng.uniform(0.05, 0.13), 0.06)
    phases = stepped(pose, p, path, gait, t)
    activity = np.minimum(1, path.speed(t) / speed)
    bob = (rng.uniform(0.03, 0.06) if running else rng.uniform(0.012, 0.028)) * activity
    pose.pelvis[:, 1] -= bob * (1.2 + np.cos(4 * np.pi * (phases[:, 0] - 0.05)))
    pose.lean += rng.uniform(0.05, 0.28) * activity if running else rng.uniform(0, 0.1)
    if running:
        pose.elbow += (rng.uniform(0.9, 1.8) - pose.elbow) * activity[:, np.newaxis]
    swing = rng.uniform(0.25, 0.9) if running else rng.uniform(0.1, 0.6)
    swing_arms(pose, phases, swing * activity, 0.0, rng.uniform(-0.3, 0.3))
    return pose


def _held(rng: Rng, last: Pose, seconds: float) -> Pose:
    """The last posture, kept by a living body."""
    t = _times(seconds)
    pose = Pose(**{f.name: np.repeat(getattr(last, f.name)[-1:], len(t), axis=0) for f in fields(Pose)})
    fidget = rng.choice([0.03, 0.1, 0.25])

    def swaying(size: float, rate_hz: float) -> F64:
        course = wander(rng, t, size, rate_hz)
        return np.asarray(course - course[0])

    pose.lean += swaying(0.04, 0.4)
    pose.head_yaw += swaying(0.2, 0.5)
    pose.head_pitch += swaying(0.1, 0.5)
    for i in range(2):
        pose.arm_flex[:, i] += swaying(fidget, 0.6)
        pose.elbow[:, i] += swaying(fidget, 0.6)
    return pose


def _joined(poses: Sequence[Pose]) -> Pose:
    return Pose(**{f.name: np.concatenate([getattr(pose, f.name) for pose in poses]) for f in fields(Pose)})


def _times(seconds: float) -> F64:
    return np.arange(max(2, round(seconds * POSE_HZ))) / POSE_HZ


def difference(a: float, b: float) -> float:
    """a - b, the short way around."""
    return float((a - b + np.pi) % (2 * np.pi) - np.pi)


def _even(part: F64, edge: float) -> F64:
    """0 to 1 at an even speed, softly begun and ended within `edge` at both ends."""
    fine = np.linspace(0, 1, 500)
    speed = ease(fine / edge) * ease((1 - fine) / edge)
    way = np.cumsum(speed) / speed.sum()
    return np.asarray(np.interp(part, fine, way - way[0]))
