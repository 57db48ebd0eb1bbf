"""What shall happen in a rendered stream, drawn before any picture: visits, the camera's motion, light, losses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calibration.evaluation.streams.truth import CAMERA, SHAKING, TURNING, Circumstance
from calibration.synthetic.bodies.body import F64
from calibration.synthetic.bodies.motions import wander
from calibration.synthetic.scenery.disturbances import LIGHTS, MOVERS
from calibration.synthetic.scenery.scene import WIDTH

Rng = np.random.Generator
COURSE_HZ = 60.0  # how finely the camera's motion is known
EMPTY_S = (8.0, 45.0)  # between two visits
VISIT_S = (30.0, 90.0)
SECOND_PERSON = 0.3  # of the visits
FPS = (15.0, 15.0, 15.0, 30.0)  # cameras are slow in the dark
FRAMES_LOST = "frames lost"
LOST_SHARE = 0.3  # of the frames while frames are lost
GAP_S = (0.2, 1.5)


@dataclass(frozen=True)
class Visit:
    """A person is expected in the room from start_s to about end_s. person: its number in the stream."""

    person: int
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Course:
    """The camera's own motion: shift [S,2] of the picture in pixels, COURSE_HZ a second, and what it is called when."""

    shift: F64
    spans: tuple[Circumstance, ...]

    def at(self, time_s: float) -> tuple[float, float]:
        """(x, y) at a time."""
        x, y = self.shift[min(max(round(time_s * COURSE_HZ), 0), len(self.shift) - 1)].tolist()
        return x, y


@dataclass(frozen=True)
class Script:
    """Everything but the pixels. always: kinds of disturbances that are there all the time; spells: those of light."""

    fps: float
    visits: tuple[Visit, ...]
    course: Course
    always: tuple[str, ...]
    spells: tuple[Circumstance, ...]
    losses: tuple[Circumstance, ...]

    @staticmethod
    def draw(rng: Rng, length_s: float) -> Script:
        """A stream of this length."""
        fps = float(rng.choice(FPS))
        visits = _visits(rng, length_s)
        course = _course(rng, length_s, visits)
        always = rng.choice(sorted(MOVERS), int(rng.choice([0, 0, 1, 2])), replace=False).tolist()
        spells = _spells(rng, length_s, 60.0, (8.0, 20.0), sorted(LIGHTS))
        losses = _spells(rng, length_s, 150.0, (4.0, 10.0), [FRAMES_LOST])
        return Script(fps, visits, course, tuple(always), spells, losses)


def _visits(rng: Rng, length_s: float) -> tuple[Visit, ...]:
    """One after the other, empty rooms between them; with some of them a second person comes later and goes earlier."""
    visits: list[Visit] = []
    time_s = float(rng.uniform(*EMPTY_S))
    while time_s + VISIT_S[0] < length_s:
        lasts = float(min(rng.uniform(*VISIT_S), length_s - time_s))
        visits.append(Visit(0, time_s, time_s + lasts))
        if rng.random() < SECOND_PERSON:
            visits.append(Visit(1, time_s + 0.25 * lasts, time_s + 0.85 * lasts))
        time_s += lasts + float(rng.uniform(*EMPTY_S))
    return tuple(visits)


def _spells(
    rng: Rng, length_s: float, every_s: float, lasts_s: tuple[float, float], kinds: list[str]
) -> tuple[Circumstance, ...]:
    """About every so many seconds one of the kinds for a while; never two at once."""
    spells = []
    time_s = float(rng.uniform(0.1, 0.6) * every_s)
    while time_s + lasts_s[0] < length_s:
        end_s = min(time_s + float(rng.uniform(*lasts_s)), length_s)
        spells.append(Circumstance(time_s, end_s, str(rng.choice(kinds))))
        time_s = end_s + float(rng.uniform(0.3, 1.2)) * every_s
    return tuple(spells)


def _course(rng: Rng, length_s: float, visits: tuple[Visit, ...]) -> Course:
    """Half of the time the camera stands; it turns less while somebody is to be seen."""
    times = np.arange(int(np.ceil(length_s * COURSE_HZ)) + 1) / COURSE_HZ
    shift = np.zeros((len(times), 2))
    spans = []
    time_s = 0.0
    while time_s < length_s:
        end_s = min(time_s + float(rng.uniform(10, 30)), length_s)
        kind = str(rng.choice([*CAMERA, ""], p=[0.2, 0.15, 0.15, 0.5]))
        if kind:
            seen = any(visit.start_s < end_s and visit.end_s > time_s for visit in visits)
            here = (times >= time_s) & (times < end_s)
            edge = np.clip(np.minimum(times[here] - time_s, end_s - times[here]) / 0.5, 0, 1)[:, np.newaxis]
            shift[here] += edge * _moved(rng, kind, times[here] - time_s, end_s - time_s, seen)
            spans.append(Circumstance(time_s, end_s, kind))
        time_s = end_s
    return Course(shift, tuple(spans))


def _moved(rng: Rng, kind: str, times: F64, lasts_s: float, seen: bool) -> F64:
    """Pixels [S,2]: a hand; a robot that turns to a side and back; a robot's wheels on a floor."""
    if kind == SHAKING:
        hand = float(np.exp(rng.uniform(np.log(0.5), np.log(5))))
        rates = ((0.7, 1.0), (4.0, 0.15))
        return np.asarray(sum(_both(rng, times, hand * part, rate) for rate, part in rates))
    if kind == TURNING:
        most = rng.uniform(20, 60) if seen else rng.uniform(40, 200)
        lasting = rng.uniform(0.8, 3.0)
        away = np.clip(times / lasting, 0, 1) - np.clip((times - lasts_s + lasting + 0.5) / lasting, 0, 1)
        turned = rng.choice([-1, 1]) * most * np.clip(away, 0, 1)
        return np.stack([turned, np.zeros_like(turned)], axis=1) + _both(rng, times, 0.5, 5.0)
    shake = float(np.exp(rng.uniform(np.log(0.3), np.log(2))))
    drift = np.stack([wander(rng, times, 0.06 * WIDTH, 0.1), np.zeros_like(times)], axis=1)
    return np.asarray(drift + _both(rng, times, 0.5 * shake, 3.0) + _both(rng, times, shake, 7.0))


def _both(rng: Rng, times: F64, size: float, rate_hz: float) -> F64:
    return np.stack([wander(rng, times, size, rate_hz), wander(rng, times, size, rate_hz)], axis=1)
