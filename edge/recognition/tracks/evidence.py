"""What speaks for a track being a person: it travels, keeps its direction, and is more than an edge that trembles.

Curtains, fans and screens change in place. Each number alone tells little; the weights were fitted on rendered people
who act and things that move (`python -m benchmarks.tracks --evidence` prints them, and what each tells alone).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

MEMORY_TICKS, DRIFT_TICKS = 20, 45  # of the running means
SLOW = 0.003  # body heights a tick, below which a velocity has no direction
TICKS_A_SECOND = 15.0
MOST_ACROSS, MOST_TURNS = 1.0, 5.0  # from there on, more says nothing more
FIRST_TICKS = 3  # what a newborn box does is no travel

GAP_TICKS = 5  # a longer rest is somebody who stands, not a flicker

NAMES = ("across", "turns", "straight", "drift", "fill", "seen")
WEIGHTS = (1.76, -0.07, 1.07, 1.51, -5.15, 6.59)
BIAS = -5.43


@dataclass(frozen=True)
class Look:
    """What one tick shows of a track, in its own body heights: its middle, its velocity across [a tick]; fill: the share
    of its box that changes.
    """

    x: float
    y: float
    vx: float
    fill: float


class Evidence:
    """Running numbers of a track's life."""

    def __init__(self) -> None:
        self._looks = self._gaps = self._reversals = 0
        self._direction = 0
        self._fill = self._drift = self._motion = 0.0
        self._home = self._last = (0.0, 0.0)
        self._across = self._along = self._path = 0.0

    def add(self, look: Look) -> None:
        """Take one tick in which the track was seen."""
        self._looks += 1
        share = 1.0 / min(self._looks, MEMORY_TICKS)
        self._fill += share * (look.fill - self._fill)
        share = 1.0 / min(self._looks, DRIFT_TICKS)
        self._drift += share * (look.vx - self._drift)
        self._motion += share * (abs(look.vx) - self._motion)
        if self._looks <= FIRST_TICKS:
            self._home = self._last = (look.x, look.y)
        self._travel(look)
        direction = 0 if abs(look.vx) < SLOW else 1 if look.vx > 0 else -1
        if direction:
            self._reversals += direction == -self._direction
            self._direction = direction

    def rest(self, unseen: int) -> None:
        """Take one in which it was not, for this many in a row."""
        self._gaps += unseen <= GAP_TICKS

    def _travel(self, look: Look) -> None:
        self._across = max(self._across, abs(look.x - self._home[0]))
        self._along = max(self._along, abs(look.y - self._home[1]))
        self._path += math.hypot(look.x - self._last[0], look.y - self._last[1])
        self._last = (look.x, look.y)

    def features(self) -> tuple[float, ...]:
        """By NAMES: travel across in body heights; changes of direction a second; travel by path; velocity
        across by speed; share of the box that changes; share of its life that it was seen, long rests left out.
        """
        return (
            min(self._across, MOST_ACROSS),
            min(self._reversals / max(self._looks, 1) * TICKS_A_SECOND, MOST_TURNS),
            min(math.hypot(self._across, self._along) / max(self._path, 0.05), 1.0),
            abs(self._drift) / max(self._motion, SLOW),
            self._fill,
            self._looks / max(self._looks + self._gaps, 1),
        )

    @property
    def confidence(self) -> float:
        """That the track is a person, 0 to 1."""
        score = BIAS + sum(weight * value for weight, value in zip(WEIGHTS, self.features(), strict=True))
        return 1.0 / (1.0 + math.exp(-score))
