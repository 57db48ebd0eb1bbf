"""Real people's recorded motion in a rendered life: who was recorded comes in, does what was recorded, goes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from calibration.clip_sets.clips import ClipSet
from calibration.clip_sets.labels import OTHER, plain
from calibration.evaluation.streams.composing.script import Rng, Visit
from calibration.evaluation.streams.composing.visits import BRIDGE_S, POSE_HZ, Stage, difference, gone
from calibration.evaluation.streams.truth import IDLE, Happening
from calibration.synthetic.bodies.body import F64, Pose, Proportions, skeleton
from calibration.synthetic.bodies.hanging import hung
from calibration.synthetic.bodies.motions import idle
from calibration.synthetic.bodies.movement import Movement, joined, measured
from calibration.synthetic.recordings.skeletons import load
from edge.errors import DataError

LONGEST_S = 6.0  # of a recording; the busiest part of a longer one
STANDING_S = (1.5, 5.0)


@dataclass(frozen=True)
class Recorded:
    """A recording of joints. label: what is done in it; identity: changes when its motion may have changed."""

    path: Path
    label: str
    identity: str


@dataclass(frozen=True)
class Cast:
    """A real person. recordings: all that there is of one."""

    person: str
    recordings: tuple[Recorded, ...]


def casts(clips: ClipSet) -> list[Cast]:
    """The people of a set of recorded joints (`skeletons:DIR`). Raises DataError for a set of another kind."""
    people: dict[str, dict[Path, Recorded]] = defaultdict(dict)
    for clip in clips.clips:
        if clip.file is None or clip.file.suffix != ".npz" or not clip.made_by.startswith("skeletons"):
            raise DataError(f"{clips.name}: expected recorded joints (skeletons:DIR), found {clip.name}")
        label = clips.labels[clip.label]
        recorded = Recorded(clip.file, OTHER if plain(label) == OTHER else label, clip.identity)
        people[clip.actor or ""].setdefault(clip.file, recorded)
    return [Cast(person, tuple(found.values())) for person, found in sorted(people.items())]


def performed(
    rng: Rng, visit: Visit, proportions: Proportions, stage: Stage, recordings: Sequence[Recorded]
) -> tuple[Movement, tuple[Happening, ...]]:
    """One visit: in, standing and what was recorded in turn, out; and what it shows, in the stream's seconds.

    Raises DataError for a damaged recording.
    """
    player = _Player(rng, proportions, stage)
    player.walk(stage.spot(rng))
    while player.lasts_s < visit.end_s - visit.start_s - 8:
        player.add(IDLE, player.standing())
        one = recordings[int(rng.integers(len(recordings)))]
        player.add(one.label, hung(load(one.path).busiest(LONGEST_S), one.label, proportions))
        if player.astray:
            player.walk(stage.spot(rng))
    player.add(IDLE, player.standing())
    player.walk(stage.outside(rng))
    return player.movement, player.happenings(visit)


class _Player:
    """Movements joined one after the other; the first begins out of sight."""

    def __init__(self, rng: Rng, proportions: Proportions, stage: Stage) -> None:
        self._rng, self._proportions, self._stage = rng, proportions, stage
        self._place = stage.outside(rng)
        self._yaw = float(np.arctan2(-self._place[0], 0.0))
        self._parts: list[tuple[str, Movement]] = []

    @property
    def lasts_s(self) -> float:
        """So far."""
        return sum(movement.duration_s + BRIDGE_S for _, movement in self._parts)

    @property
    def astray(self) -> bool:
        """What was recorded has led out of sight, or into the camera."""
        x, z = self._place.tolist()
        stage = self._stage
        return not (0.9 * stage.near_m < z < 1.3 * stage.far_m and abs(x) < 0.85 * stage.half_width * z)

    @property
    def movement(self) -> Movement:
        """All of it, without a cut."""
        return joined([movement for _, movement in self._parts], BRIDGE_S)

    def standing(self) -> Movement:
        """With the small movements of a living body."""
        times = np.arange(round(POSE_HZ * self._rng.uniform(*STANDING_S))) / POSE_HZ
        return self._moved(idle(self._rng, self._proportions, times))

    def walk(self, to: F64) -> None:
        """Over the floor to a place [x, z]."""
        way = to - self._place
        pose = gone(self._rng, self._proportions, way, self._yaw)
        self.add("walk", self._moved(pose))

    def add(self, label: str, movement: Movement) -> None:
        """From where the last one stands, as it stands."""
        start = np.array([self._place[0], 0.0, self._place[1]])
        movement = movement.placed(difference(self._yaw, movement.heading), start)
        self._parts.append((label, movement))
        self._place, self._yaw = movement.points[-1, 0, [0, 2]].copy(), movement.heading_at(-1)

    def happenings(self, visit: Visit) -> tuple[Happening, ...]:
        """What it shows; the short ways from one posture to the next are idle."""
        found: list[Happening] = []
        time_s = visit.start_s
        for label, movement in self._parts:
            if found:
                found.append(Happening(time_s, time_s + BRIDGE_S, IDLE, visit.person))
                time_s += BRIDGE_S
            found.append(Happening(time_s, time_s + movement.duration_s, label, visit.person))
            time_s += movement.duration_s
        return tuple(found)

    def _moved(self, pose: Pose) -> Movement:
        return Movement(*measured(skeleton(pose, self._proportions)), POSE_HZ, self._proportions)
