"""What speaks for a track being a person: it travels, keeps its direction, and is more than an edge that trembles.

Curtains, fans and screens change in place. Each number alone tells little; the weights were fitted on rendered people
who walk and act, and on things that move (`python -m benchmarks.tracks --evidence` fits them on other scenes, and
prints what each number tells alone; docs/results.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

MEMORY_TICKS, DRIFT_TICKS = 20, 45  # of the running means
SLOW = 0.003  # body heights a tick, below which a velocity has no direction
TICKS_A_SECOND = 15.0
MOST_ACROSS, MOST_ALONG, MOST_TURNS = 1.0, 0.5, 5.0  # from there on, more says nothing more
FIRST_TICKS, SMOOTHED = 5, 0.15  # what a newborn box does is no travel; a tick's share of the way to the box's place

GAP_TICKS = 5  # a longer rest is somebody who stands, not a flicker

NAMES = ("across", "along", "turns", "straight", "drift", "fill", "seen")
WEIGHTS = (1.67, 2.99, -0.17, 1.76, 1.99, -3.20, 9.18)
BIAS = -9.18


@dataclass(frozen=True)
class Look:
    """What one tick shows of a track, in its own body heights.

    moved: across the picture, of its middle since the last look; rose: the same of its upper edge, downwards; vx: its
    velocity across [a tick], by the flow; fill: the share of its box that changes.
    """

    moved: float
    rose: float
    vx: float
    fill: float


class Travel:
    """Of a smoothed place along one axis: edges tremble, and that is no way that anybody went."""

    def __init__(self) -> None:
        self._place = self._smooth = self._home = 0.0
        self.farthest = self.path = 0.0

    def add(self, moved: float, begins: bool) -> None:
        """One look later; begins: what a newborn box does is no travel."""
        self._place += moved
        step = SMOOTHED * (self._place - self._smooth)
        self._smooth += step
        if begins:
            self._smooth = self._home = self._place
            return
        self.farthest = max(self.farthest, abs(self._smooth - self._home))
        self.path += abs(step)


class Evidence:
    """Running numbers of a track's life."""

    def __init__(self) -> None:
        self._looks = self._gaps = self._reversals = 0
        self._direction = 0
        self._fill = self._drift = self._motion = 0.0
        self._across, self._along = Travel(), Travel()

    def add(self, look: Look) -> None:
        """Take one tick in which the track was seen."""
        self._looks += 1
        share = 1.0 / min(self._looks, MEMORY_TICKS)
        self._fill += share * (look.fill - self._fill)
        share = 1.0 / min(self._looks, DRIFT_TICKS)
        self._drift += share * (look.vx - self._drift)
        self._motion += share * (abs(look.vx) - self._motion)
        begins = self._looks <= FIRST_TICKS
        self._across.add(look.moved, begins)
        self._along.add(look.rose, begins)
        direction = 0 if abs(look.vx) < SLOW else 1 if look.vx > 0 else -1
        if direction:
            self._reversals += direction == -self._direction
            self._direction = direction

    def rest(self, unseen: int) -> None:
        """Take one in which it was not, for this many in a row."""
        self._gaps += unseen <= GAP_TICKS

    def features(self) -> tuple[float, ...]:
        """By NAMES: travel across, and of the upper edge, in body heights; changes of direction a second; travel by
        path; velocity across by speed; share of the box that changes; share of its life that it was seen, long rests
        left out.
        """
        return (
            min(self._across.farthest, MOST_ACROSS),
            min(self._along.farthest, MOST_ALONG),
            min(self._reversals / max(self._looks, 1) * TICKS_A_SECOND, MOST_TURNS),
            min(self._across.farthest / max(self._across.path, 0.05), 1.0),
            abs(self._drift) / max(self._motion, SLOW),
            self._fill,
            self._looks / max(self._looks + self._gaps, 1),
        )

    @property
    def confidence(self) -> float:
        """That the track is a person, 0 to 1."""
        score = BIAS + sum(weight * value for weight, value in zip(WEIGHTS, self.features(), strict=True))
        return 1.0 / (1.0 + math.exp(-score))
