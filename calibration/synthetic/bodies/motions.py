"""Procedural daily actions: each turns times into a pose of the body, at the origin, drawing its own style.

`MOTIONS[name](rng, proportions, t)`: t is float64 [T], seconds from the start of the clip, evenly spaced.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from calibration.synthetic.bodies.body import F64, SIDES, UP, Pose, Proportions, forward, leftward, turned

GRAVITY = 9.81
Rng = np.random.Generator
Motion = Callable[[Rng, Proportions, F64], Pose]


def ease(u: npt.ArrayLike) -> F64:
    """Minimum jerk from 0 to 1 (Flash and Hogan 1985), clamped outside."""
    x = np.clip(np.asarray(u, np.float64), 0.0, 1.0)
    return np.asarray(x**3 * (10 - 15 * x + 6 * x**2))


def keyed(t: F64, times: npt.ArrayLike, values: npt.ArrayLike) -> F64:
    """Minimum-jerk interpolation between key values; constant outside."""
    times_, values_ = np.asarray(times, np.float64), np.asarray(values, np.float64)
    i = np.clip(np.searchsorted(times_, t, side="right") - 1, 0, len(times_) - 2)
    u = (t - times_[i]) / np.maximum(times_[i + 1] - times_[i], 1e-6)
    return np.asarray(values_[i] + (values_[i + 1] - values_[i]) * ease(u))


def wander(rng: Rng, t: F64, amplitude: float, frequency_hz: float) -> F64:
    """Smooth random movement around 0: three sines with random phases."""
    rates = frequency_hz * rng.uniform(0.4, 1.6, 3)
    phases = rng.uniform(0, 2 * np.pi, 3)
    return np.asarray(amplitude * np.sin(2 * np.pi * np.outer(t, rates) + phases).mean(axis=1))


def idle(rng: Rng, p: Proportions, t: F64) -> Pose:
    """Standing with the small movements of a living body; the start of every other motion."""
    pose = Pose.standing(p, len(t), rng.uniform(0.07, 0.16))
    pose.pelvis[:, 0] += wander(rng, t, 0.02, 0.4)
    pose.pelvis[:, 2] += wander(rng, t, 0.015, 0.4)
    pose.lean += rng.uniform(-0.03, 0.12) + wander(rng, t, 0.04, 0.4)
    pose.side += wander(rng, t, 0.04, 0.4)
    pose.twist += wander(rng, t, 0.08, 0.4)
    pose.head_yaw += rng.normal(0, 0.15) + wander(rng, t, rng.uniform(0.03, 0.3), 0.5)
    pose.head_pitch += rng.uniform(-0.05, 0.4) + wander(rng, t, rng.uniform(0.02, 0.15), 0.5)
    fidget = rng.choice([0.03, 0.1, 0.25])
    for i in range(2):
        pose.arm_flex[:, i] += rng.uniform(-0.1, 0.2) + wander(rng, t, fidget, 0.6)
        pose.arm_out[:, i] += rng.uniform(-0.05, 0.15) + wander(rng, t, 0.3 * fidget, 0.6)
        pose.elbow[:, i] += rng.uniform(0, 0.35) + np.abs(wander(rng, t, fidget, 0.6))
        pose.foot_yaw[:, i] -= SIDES[i] * rng.uniform(0, 0.3)
    return pose


# Locomotion ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Path:
    """Where the pelvis is over the floor: sampled position [N,2] (x, z) and heading [N] at times [N]."""

    times: F64
    position: F64
    heading: F64

    def at(self, t: F64) -> tuple[F64, F64]:
        """Position [...,3] on the floor and heading [...] at any times; the ends are held."""
        x, z, yaw = (np.interp(t, self.times, v) for v in (*self.position.T, self.heading))
        return np.stack([x, np.zeros_like(x), z], axis=-1), yaw

    def speed(self, t: F64) -> F64:
        """Metres per second."""
        ahead, behind = self.at(t + 0.1)[0], self.at(t - 0.1)[0]
        return np.asarray(np.linalg.norm(ahead - behind, axis=-1) / 0.2)


def straight(rng: Rng, t: F64, speed_m_s: float, heading: float, start_s: float, stop_s: float, bend: float) -> Path:
    """A path along a heading that starts and stops within 0.4 s; bend: change of heading in radians per second."""
    times = np.linspace(t[0] - 4, t[-1] + 4, 1200)
    step = times[1] - times[0]
    going = ease((times - start_s) / 0.4 + 0.5) * ease((stop_s - times) / 0.4 + 0.5)
    yaw = heading + bend * np.cumsum(going - going[0]) * step
    velocity = forward(yaw)[:, [0, 2]] * (speed_m_s * going)[:, None]
    position = np.cumsum(velocity, axis=0) * step
    return Path(times, position - position[len(times) // 2], yaw)


@dataclass(frozen=True)
class Gait:
    """How feet go: cycles per second, the part of a cycle on the floor, and heights in metres."""

    cycles_hz: float
    duty: float
    half_width_m: float
    lift_m: float
    kick_m: float = 0.0
    phase: float = 0.0
    idle_lift_m: float = 0.0


def stepped(pose: Pose, p: Proportions, path: Path, gait: Gait, t: F64) -> F64:
    """Carry the pose along a path and plant its feet; returns the cycle's phase [T,2] of both legs.

    A foot stands where the path is at the middle of its stance, so that planted feet never slide.
    """
    position, yaw = path.at(t)
    pose.pelvis[:, [0, 2]] += position[:, [0, 2]]
    pose.yaw += yaw
    phases = np.zeros((len(t), 2))
    for i, sign in enumerate(SIDES):
        cycle = gait.cycles_hz * t + gait.phase + 0.5 * i
        n, phase = np.floor(cycle), cycle % 1.0
        middle = (n + gait.duty / 2 - gait.phase - 0.5 * i) / gait.cycles_hz
        (here, yaw_here), (there, yaw_there) = path.at(middle), path.at(middle + 1 / gait.cycles_hz)
        swing = np.clip((phase - gait.duty) / (1 - gait.duty), 0, 1)
        heading = yaw_here + (yaw_there - yaw_here) * ease(swing)
        stride = np.linalg.norm(there - here, axis=-1) + 0.3 * np.abs(yaw_there - yaw_here)
        effort = np.minimum(1.0, stride / 0.5)
        ankle = here + (there - here) * ease(swing)[:, None] + leftward(heading) * (sign * gait.half_width_m)
        arc = np.sin(np.pi * swing) ** 1.5
        early = np.sin(np.pi * np.clip(swing * 1.6, 0, 1)) ** 2
        ankle[:, 1] = p.ankle_m + arc * (gait.lift_m * effort + gait.idle_lift_m) + early * gait.kick_m * effort
        pose.ankles[:, i] = ankle
        pose.foot_yaw[:, i] += heading
        push_off = np.clip((phase - 0.75 * gait.duty) / (0.25 * gait.duty), 0, 1) * (swing == 0)
        pose.ankles[:, i, 1] += 0.05 * push_off * effort
        pose.foot_pitch[:, i] = effort * (
            0.3 * np.sin(2 * np.pi * swing) * (swing > 0.5) - 0.9 * early - 0.5 * push_off
        )
        phases[:, i] = phase
    return phases


def swing_arms(pose: Pose, phases: F64, amplitude: F64, bias: float, asymmetry: float) -> None:
    """Arms against legs: the left arm is forward when the right foot is."""
    for i in range(2):
        scale = 1 + asymmetry * SIDES[i]
        pose.arm_flex[:, i] += scale * amplitude * -np.cos(2 * np.pi * (phases[:, i] - 0.05)) + bias
        pose.elbow[:, i] += 0.3 * amplitude * (1 - np.cos(2 * np.pi * (phases[:, i] - 0.05)))
    pose.twist += 0.15 * amplitude * np.cos(2 * np.pi * phases[:, 0])


def _heading(rng: Rng, across: float, along: float) -> float:
    """Across the picture or along the line of sight with these probabilities, else anywhere."""
    kind = rng.random()
    if kind < across:
        return float(rng.choice([-1, 1]) * np.pi / 2 + rng.normal(0, 0.25))
    if kind < across + along:
        return float(rng.choice([0, np.pi]) + rng.normal(0, 0.2))
    return float(rng.uniform(-np.pi, np.pi))


def _span(rng: Rng, t: F64) -> tuple[float, float]:
    """Start and stop of a locomotion: mostly under way for the whole clip."""
    start = rng.uniform(0.1, 0.7) if rng.random() < 0.25 else -9.0
    stop = t[-1] - rng.uniform(0.1, 0.7) if rng.random() < 0.2 else t[-1] + 9.0
    return float(start), float(stop)


def walk(rng: Rng, p: Proportions, t: F64) -> Pose:
    """Walking across the picture, towards or away, straight or in a bend."""
    pose = idle(rng, p, t)
    speed = rng.uniform(0.6, 1.7)
    bend = rng.normal(0, 0.5) if rng.random() < 0.3 else rng.normal(0, 0.05)
    path = straight(rng, t, speed, _heading(rng, 0.55, 0.2), *_span(rng, t), bend)
    cycles_hz = (0.52 + 0.32 * speed) * rng.uniform(0.9, 1.12)
    gait = Gait(cycles_hz, rng.uniform(0.58, 0.66), rng.uniform(0.04, 0.1), rng.uniform(0.05, 0.13), 0.06, rng.random())
    phases = stepped(pose, p, path, gait, t)
    activity = np.minimum(1, path.speed(t) / speed)
    bob = rng.uniform(0.012, 0.028) * activity
    pose.pelvis[:, 1] -= bob * (1.2 + np.cos(4 * np.pi * (phases[:, 0] - 0.05)))
    pose.side += 0.04 * activity * np.sin(2 * np.pi * phases[:, 0])
    pose.lean += rng.uniform(0, 0.1)
    swing_arms(pose, phases, rng.uniform(0.1, 0.6) * activity, 0.0, rng.uniform(-0.35, 0.35))
    return pose


def run(rng: Rng, p: Proportions, t: F64) -> Pose:
    """Running or jogging, mostly through the picture, at times nearly in place."""
    pose = idle(rng, p, t)
    speed = rng.uniform(0.0, 1.0) if rng.random() < 0.12 else rng.uniform(1.5, 4.0)
    path = straight(rng, t, speed, _heading(rng, 0.4, 0.4), *_span(rng, t), rng.normal(0, 0.15))
    duty = rng.uniform(0.28, 0.42)
    gait = Gait(
        cycles_hz=(1.22 + 0.08 * speed) * rng.uniform(0.9, 1.12),
        duty=duty,
        half_width_m=rng.uniform(0.03, 0.09),
        lift_m=rng.uniform(0.1, 0.22),
        kick_m=rng.uniform(0.1, 0.35),
        phase=rng.random(),
        idle_lift_m=rng.uniform(0.05, 0.15) if speed < 1 else 0.0,
    )
    phases = stepped(pose, p, path, gait, t)
    activity = np.ones_like(t) if speed < 1 else np.minimum(1, path.speed(t) / speed)
    bob = rng.uniform(0.03, 0.06) * activity
    pose.pelvis[:, 1] -= (0.05 + rng.uniform(0, 0.04)) * activity
    pose.pelvis[:, 1] -= bob * np.cos(4 * np.pi * (phases[:, 0] - duty / 2))
    pose.lean += rng.uniform(0.05, 0.28) * activity
    bent = rng.uniform(0.9, 1.8)
    pose.elbow += (bent - pose.elbow) * activity[:, None]
    pose.arm_in += rng.uniform(0, 0.6)
    swing_arms(pose, phases, rng.uniform(0.25, 0.9) * activity, rng.uniform(-0.1, 0.2), rng.uniform(-0.3, 0.3))
    return pose


def turn(rng: Rng, p: Proportions, t: F64) -> Pose:
    """Turning around in place, in small steps, to either side, the head ahead of the body."""
    pose = idle(rng, p, t)
    angle = rng.choice([-1, 1]) * rng.uniform(1.2, 3.6)
    length = rng.uniform(0.8, 1.5) * (0.4 + 0.35 * abs(angle))
    start = rng.uniform(-0.2, max(0.05, min(0.8, t[-1] - length)))
    times = np.linspace(t[0] - 4, t[-1] + 4, 1200)
    yaw = rng.uniform(-np.pi, np.pi) + angle * ease((times - start) / length)
    drift = np.stack([wander(rng, times, 0.1, 0.2), wander(rng, times, 0.1, 0.2)], axis=1)
    path = Path(times, drift * ease((times - start) / length)[:, None], yaw)
    gait = Gait(rng.uniform(0.8, 1.5), 0.62, rng.uniform(0.07, 0.14), rng.uniform(0.05, 0.1), 0.0, rng.random())
    phases = stepped(pose, p, path, gait, t)
    lead = rng.uniform(0.1, 0.3)
    rate = np.abs(path.at(t + 0.05)[1] - path.at(t - 0.05)[1]) / 0.1
    pose.head_yaw += np.clip(path.at(t + lead)[1] - path.at(t)[1], -0.9, 0.9)
    pose.twist += 0.5 * np.clip(path.at(t + 0.6 * lead)[1] - path.at(t)[1], -0.5, 0.5)
    pose.pelvis[:, 1] -= 0.01 * np.minimum(rate, 1) * (1 + np.cos(4 * np.pi * phases[:, 0]))
    pose.side += 0.06 * np.minimum(rate, 1) * np.sin(2 * np.pi * phases[:, 0])
    pose.arm_out += rng.uniform(0, 0.15) * np.minimum(rate, 2)[:, None]
    swing_arms(pose, phases, rng.uniform(0, 0.2) * np.minimum(rate, 1), 0.0, rng.uniform(-0.5, 0.5))
    return pose


# Whole-body actions in place ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Leap:
    """One jump: times of the start of the crouch, its bottom, the take-off, the landing, its bottom and the end."""

    start: float
    bottom: float
    takeoff: float
    landing: float
    absorbed: float
    end: float


def _leaps(rng: Rng, duration_s: float, height_m: float) -> list[Leap]:
    tempo = rng.uniform(0.7, 1.25)
    pause = rng.uniform(0.0, 0.35) if rng.random() < 0.6 else 0.0
    at = rng.uniform(-0.3, 0.45)
    flight = 2 * np.sqrt(2 * height_m / GRAVITY)
    leaps: list[Leap] = []
    while at < duration_s - 0.6 or not leaps:
        spans = np.array([0.38, 0.24, flight / tempo, 0.2, 0.36]) * tempo * rng.uniform(0.9, 1.1, 5)
        spans[2] = flight
        leaps.append(Leap(*np.concatenate([[at], at + np.cumsum(spans)]).tolist()))
        at = leaps[-1].end + pause * rng.uniform(0.5, 1.5)
    return leaps


def jump(rng: Rng, p: Proportions, t: F64) -> Pose:
    """Jumps with both feet, in place or forward, one or several, with or without arms."""
    pose = idle(rng, p, t)
    height, depth = rng.uniform(0.06, 0.38), rng.uniform(0.08, 0.42)
    length = rng.uniform(0.2, 1.5) if rng.random() < 0.5 else rng.normal(0, 0.06)
    tuck, lean, arms = rng.uniform(0, 0.18), rng.uniform(0.2, 1.0), rng.uniform(0.0, 1.0)
    reach, back = rng.uniform(0.5, 2.6), rng.uniform(0.2, 1.0)
    heading = rng.normal(0, 0.6) if rng.random() < 0.5 else rng.uniform(-np.pi, np.pi)
    pose.yaw += heading
    pose.foot_yaw += heading
    travel = np.zeros_like(t)
    raised, lift = np.zeros_like(t), np.zeros_like(t)
    for leap in _leaps(rng, float(t[-1]), height):
        down, flying, after, air = _leap_phases(leap, t)
        sink = depth * np.maximum(down, 0.75 * after)
        raised += air * height - sink
        lift += air * (height + tuck * air)
        travel += length * flying
        pose.lean += lean * np.maximum(down, 0.7 * after)
        pose.head_pitch -= 0.5 * lean * np.maximum(down, 0.7 * after)
        swing = keyed(
            t, [leap.start, leap.bottom, leap.takeoff + 0.05, leap.landing, leap.end], [0, -back, reach, 0.5, 0]
        )
        pose.arm_flex += arms * swing[:, None]
        pose.elbow += (arms * 0.5 * np.maximum(down, air))[:, None]
        toes = keyed(t, [leap.bottom, leap.takeoff, leap.landing, leap.landing + 0.1], [0, -0.8, -0.2, 0])
        pose.foot_pitch += toes[:, None]
        lift += 0.06 * np.abs(toes)
    pose.ankles[:, :, :] = turned(pose.ankles, heading)
    ahead = forward(np.full_like(t, heading))
    middle = travel[len(t) // 2]
    pose.pelvis += ahead * (travel - middle)[:, None] + UP * raised[:, None]
    pose.ankles += (ahead * (travel - middle)[:, None] + UP * lift[:, None])[:, None]
    pose.pelvis -= ahead * 0.12 * np.maximum(0, -raised)[:, None]
    return pose


def _leap_phases(leap: Leap, t: F64) -> tuple[F64, F64, F64, F64]:
    """Crouch before, progress of the flight, crouch after (0..1) and the height of the parabola (0..1)."""
    push = np.clip((t - leap.bottom) / (leap.takeoff - leap.bottom), 0, 1)
    down = ease((t - leap.start) / (leap.bottom - leap.start)) * (1 - push**2)
    flying = np.clip((t - leap.takeoff) / (leap.landing - leap.takeoff), 0, 1)
    fall = np.clip((t - leap.landing) / (leap.absorbed - leap.landing), 0, 1)
    after = (1 - (1 - fall) ** 2) * (1 - ease((t - leap.absorbed) / (leap.end - leap.absorbed)))
    return down, flying, after, 4 * flying * (1 - flying)


def _seat_transition(rng: Rng, p: Proportions, t: F64, rising: bool) -> Pose:
    """Between standing (0) and seated (1): hips back and down while the trunk leans forward and comes up again."""
    pose = idle(rng, p, t)
    length = rng.uniform(0.8, 1.9)
    start = rng.uniform(-0.1, max(0.1, t[-1] - length - 0.1))
    u = (t - start) / length
    u = 1 - u if rising else u
    skew = rng.uniform(0.8, 1.3)
    seated = ease(np.clip(u * 1.15 - 0.15, 0, 1) ** skew)
    # Sitting down starts from the standing posture, so a lean that is not yet an action belongs to the idle pose.
    bow = np.sin(np.pi * np.clip(u, 0, 1) ** rng.uniform(0.8, 1.1)) ** 1.3
    heading = rng.normal(0, 0.7) if rng.random() < 0.6 else rng.uniform(-np.pi, np.pi)
    seat_m, back_m = rng.uniform(0.28, 0.5) + 0.09, rng.uniform(0.32, 0.46)
    pose.yaw += heading
    pose.foot_yaw += heading
    pose.ankles[:, :, :] = turned(pose.ankles, heading)
    ahead = forward(np.full_like(t, heading))
    pose.pelvis[:, 1] += (seat_m - p.pelvis_m) * seated
    pose.pelvis -= ahead * (back_m * ease(np.clip(u * 1.1, 0, 1)))[:, None]
    pose.lean += rng.uniform(0.4, 1.05) * bow + rng.uniform(-0.15, 0.3) * seated
    pose.head_pitch += rng.uniform(-0.7, 0.3) * bow
    pose.twist += rng.normal(0, 0.3) * bow
    pose.head_yaw += rng.normal(0, 0.4) * np.sin(np.pi * np.clip(u * 1.3, 0, 1))
    _seat_arms(rng, pose, bow, seated)
    spread = rng.uniform(0, 0.1) * seated
    pose.ankles += (leftward(np.full_like(t, heading))[:, None] * SIDES[:, None]) * spread[:, None, None]
    if rng.random() < 0.4:  # a small step before, or after getting up
        _shift_weight(rng, pose, t, start + (length if rising else -0.5), ahead)
    return pose


def _seat_arms(rng: Rng, pose: Pose, bow: F64, seated: F64) -> None:
    """Hands reach for the seat, the knees or nothing on the way, and rest on the thighs at the end."""
    way = rng.choice(["back", "knees", "free"])
    rest_flex, rest_elbow = rng.uniform(0.2, 0.7), rng.uniform(0.5, 1.5)
    for i in range(2):
        if rng.random() < 0.15:
            continue
        flex = {"back": -0.7, "knees": 0.5, "free": 0.2}[way] * rng.uniform(0.6, 1.2)
        pose.arm_flex[:, i] += flex * bow + rest_flex * seated
        pose.elbow[:, i] += rng.uniform(0, 0.6) * bow + rest_elbow * seated
        pose.arm_in[:, i] += rng.uniform(0, 0.8) * seated


def _shift_weight(rng: Rng, pose: Pose, t: F64, at_s: float, ahead: F64) -> None:
    """One foot makes a small step."""
    i = int(rng.integers(2))
    u = np.clip((t - at_s) / 0.45, 0, 1)
    step = ahead * (rng.uniform(-0.1, 0.2) * (ease(u) if at_s > t[-1] / 2 else ease(u) - 1))[:, None]
    pose.ankles[:, i] += step + UP * (0.06 * np.sin(np.pi * u))[:, None]
    pose.pelvis[:, [0, 2]] += 0.5 * step[:, [0, 2]]


def sit(rng: Rng, p: Proportions, t: F64) -> Pose:
    """From standing to sitting on something behind."""
    return _seat_transition(rng, p, t, rising=False)


def stand(rng: Rng, p: Proportions, t: F64) -> Pose:
    """From sitting to standing."""
    return _seat_transition(rng, p, t, rising=True)


# Actions of arms and trunk ------------------------------------------------------------------------------------------


def _facing(rng: Rng, p: Proportions, t: F64) -> Pose:
    """Idle, facing anywhere, frontal half of the time."""
    pose = idle(rng, p, t)
    heading = rng.normal(0, 0.6) if rng.random() < 0.5 else rng.uniform(-np.pi, np.pi)
    pose.yaw += heading
    pose.foot_yaw += heading
    pose.ankles[:, :, :] = turned(pose.ankles, heading)
    return pose


def _episode(rng: Rng, t: F64, shortest_s: float, longest_s: float) -> tuple[float, float]:
    """Start and end of an action that fits into the clip."""
    length = min(rng.uniform(shortest_s, longest_s), 0.95 * t[-1])
    start = rng.uniform(0, t[-1] - length)
    return float(start), float(start + length)


def _hold(t: F64, start: float, end: float, rise_s: float) -> F64:
    """0 outside, 1 inside, easing over rise_s at both ends."""
    return ease((t - start) / rise_s) * ease((end - t) / rise_s)


def wave(rng: Rng, p: Proportions, t: F64) -> Pose:
    """One hand, at times both, waving beside the head."""
    pose = _facing(rng, p, t)
    held = _hold(t, *_episode(rng, t, 1.5, 4.0), rng.uniform(0.3, 0.6))
    rate, sweep = rng.uniform(1.2, 2.8), rng.uniform(0.3, 0.7)
    arms = [0, 1] if rng.random() < 0.15 else [int(rng.integers(2))]
    for i in arms:
        pose.arm_flex[:, i] += held * rng.uniform(0.3, 1.3)
        pose.arm_out[:, i] += held * rng.uniform(0.7, 1.5)
        pose.elbow[:, i] += held * rng.uniform(1.0, 1.9)
        pose.arm_in[:, i] += held * (sweep * 1.5 * np.sin(2 * np.pi * rate * t) - 0.3)
        pose.elbow[:, i] += held * 0.4 * sweep * np.sin(2 * np.pi * rate * t + 0.5)
    return pose


def clap(rng: Rng, p: Proportions, t: F64) -> Pose:
    """Both hands meeting in front of the chest, several times."""
    pose = _facing(rng, p, t)
    held = _hold(t, *_episode(rng, t, 1.5, 4.0), rng.uniform(0.3, 0.5))
    beat = np.cos(2 * np.pi * rng.uniform(1.5, 3.2) * t)
    pose.arm_flex += (held * rng.uniform(0.4, 0.9))[:, None]
    pose.elbow += (held * rng.uniform(1.0, 1.5))[:, None]
    pose.arm_in += (held * (0.55 + rng.uniform(0.25, 0.5) * beat))[:, None]
    pose.arm_out += (held * 0.1 * (1 - beat))[:, None]
    return pose


def push(rng: Rng, p: Proportions, t: F64) -> Pose:
    """Both hands drawn to the chest and pushed forward, the trunk and one foot behind them."""
    pose = _facing(rng, p, t)
    start, end = _episode(rng, t, 1.2, 2.4)
    draw, thrust = start + 0.35 * (end - start), start + 0.6 * (end - start)
    bent = keyed(t, [start, draw, thrust, end], [0, 1, 0, 0])
    out = keyed(t, [start, draw, thrust, thrust + 0.15, end], [0, 0.3, 1, 1, 0])
    pose.arm_flex += (rng.uniform(1.2, 1.6) * out + 0.3 * bent)[:, None]
    pose.elbow += (rng.uniform(1.5, 2.1) * bent - 0.15 * out)[:, None]
    pose.lean += rng.uniform(0.1, 0.45) * out - 0.1 * bent
    ahead = forward(pose.yaw)
    pose.pelvis += ahead * (rng.uniform(0.05, 0.2) * out)[:, None]
    pose.ankles[:, int(rng.integers(2))] += ahead * 0.2
    return pose


def _stoop(rng: Rng, pose: Pose, p: Proportions, down: F64, bow: float, squat_m: float) -> None:
    """Bend the trunk and the knees by `down` (0..1), hips going back for balance."""
    pose.lean += bow * down
    pose.head_pitch -= 0.3 * bow * down
    pose.pelvis[:, 1] -= squat_m * down
    pose.pelvis -= forward(pose.yaw) * ((0.12 * bow + 0.2 * squat_m) * down)[:, None]


def pick(rng: Rng, p: Proportions, t: F64) -> Pose:
    """Reaching down to the floor with one hand, taking something up."""
    pose = _facing(rng, p, t)
    start, end = _episode(rng, t, 1.3, 2.6)
    down = keyed(t, [start, start + 0.45 * (end - start), start + 0.55 * (end - start), end], [0, 1, 1, 0])
    bow = rng.uniform(0.8, 1.5)
    _stoop(rng, pose, p, down, bow, rng.uniform(0.05, 0.4))
    hand = int(rng.integers(2))
    pose.arm_flex[:, hand] += bow * down * rng.uniform(0.9, 1.2)
    pose.arm_flex[:, 1 - hand] += bow * down * rng.uniform(0.2, 0.8)
    pose.elbow[:, hand] += rng.uniform(0.6, 1.5) * ease((t - end + 0.6) / 0.5)  # what was taken is looked at
    return pose


def bend(rng: Rng, p: Proportions, t: F64) -> Pose:
    """Bowing with straight legs, arms hanging, once or twice."""
    pose = _facing(rng, p, t)
    start, end = _episode(rng, t, 1.2, 2.8)
    times = 1 if rng.random() < 0.6 else 2
    down = np.sin(np.pi * times * np.clip((t - start) / (end - start), 0, 1)) ** 2
    bow = rng.uniform(0.9, 1.7)
    _stoop(rng, pose, p, down, bow, 0.02)
    pose.arm_flex += (bow * down * rng.uniform(0.5, 1.1))[:, None]
    return pose


def stretch(rng: Rng, p: Proportions, t: F64) -> Pose:
    """Both arms raised over the head, the trunk drawn out and leaning to the sides."""
    pose = _facing(rng, p, t)
    start, end = _episode(rng, t, 1.8, 4.0)
    up = _hold(t, start, end, rng.uniform(0.5, 0.9))
    sideways = rng.random() < 0.5
    raise_by = rng.uniform(2.3, 2.9)
    if sideways:
        pose.arm_out += (up * (raise_by - 0.2))[:, None]
    else:
        pose.arm_flex += (up * raise_by)[:, None]
    pose.elbow += (up * rng.uniform(0, 0.8))[:, None]
    pose.lean -= rng.uniform(0, 0.25) * up
    pose.side += rng.uniform(0, 0.4) * up * np.sin(2 * np.pi * rng.uniform(0.2, 0.6) * (t - start))
    pose.head_pitch -= rng.uniform(0, 0.4) * up
    return pose


MOTIONS: dict[str, Motion] = {
    "jump": jump,
    "run": run,
    "sit": sit,
    "stand": stand,
    "turn": turn,
    "walk": walk,
    "bend": bend,
    "clap": clap,
    "pick": pick,
    "push": push,
    "stretch": stretch,
    "wave": wave,
}
SIX = tuple(MOTIONS)[:6]
TWELVE = tuple(MOTIONS)
