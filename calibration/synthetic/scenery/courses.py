"""Courses in time of what moves or changes by itself: drawn once, then known at any moment in any order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calibration.synthetic.bodies.body import F64

Rng = np.random.Generator
SINUSOIDS = 5


@dataclass(frozen=True)
class Sway:
    """A smooth random course around zero that never repeats itself: a few sinusoids of rates about one."""

    sizes: F64
    rates_hz: F64
    phases: F64

    @staticmethod
    def draw(rng: Rng, size: float, rate_hz: float) -> Sway:
        """Within +-size in about 19 of 20 moments; rates from half to 1.6 times `rate_hz`."""
        sizes = rng.uniform(0.4, 1.0, SINUSOIDS)
        sizes *= size / np.sqrt(2 * np.sum(sizes**2))  # its standard deviation is half the size
        rates = rate_hz * np.exp(rng.uniform(np.log(0.5), np.log(1.6), SINUSOIDS))
        return Sway(sizes, rates, rng.uniform(0, 2 * np.pi, SINUSOIDS))

    def at(self, time_s: float) -> float:
        """The course at one moment."""
        return float(self.sizes @ np.sin(2 * np.pi * self.rates_hz * time_s + self.phases))

    def over(self, times_s: F64) -> F64:
        """The course at many moments, [N] -> [N]."""
        return np.asarray(np.sin(2 * np.pi * times_s[:, np.newaxis] * self.rates_hz + self.phases) @ self.sizes)


@dataclass(frozen=True)
class Turns:
    """A level that changes at moments: starts_s [N] rising, levels [N+1], each change taking `lasts_s` (0: at once)."""

    starts_s: F64
    levels: F64
    lasts_s: float

    @staticmethod
    def draw(rng: Rng, duration_s: float, every_s: float, between: tuple[float, float], lasts_s: float) -> Turns:
        """About every `every_s` from the first part of the duration on, to levels low and high in turn.

        Low ones come from the lower third of `between`, high ones from the upper third.
        """
        starts = moments(rng, duration_s, every_s)
        low, high = between
        high_now = (np.arange(len(starts) + 1) + rng.integers(2)) % 2
        levels = low + (high - low) * (high_now * 2 / 3 + rng.uniform(0, 1 / 3, len(high_now)))
        gap = float(np.diff(starts).min()) if len(starts) > 1 else np.inf
        return Turns(starts, levels, min(lasts_s, 0.9 * gap))

    def at(self, time_s: float) -> float:
        """The level at one moment; changes begin and end softly."""
        passed = int(np.searchsorted(self.starts_s, time_s, side="right"))
        if not passed:
            return float(self.levels[0])
        part = 1.0 if self.lasts_s <= 0 else min((time_s - self.starts_s[passed - 1]) / self.lasts_s, 1.0)
        before, after = self.levels[passed - 1 : passed + 1]
        return float(before + (after - before) * part * part * (3 - 2 * part))

    def number(self, time_s: float) -> int:
        """How many changes have begun."""
        return int(np.searchsorted(self.starts_s, time_s, side="right"))


@dataclass(frozen=True)
class Passages:
    """Something passes from time to time: starts_s [N], lasts_s [N], and which way [N] (1 or -1)."""

    starts_s: F64
    lasts_s: F64
    ways: F64

    @staticmethod
    def draw(rng: Rng, duration_s: float, every_s: float, lasts_s: tuple[float, float]) -> Passages:
        """About every `every_s`, at least one within the duration, one after the other."""
        starts = moments(rng, duration_s, every_s)
        lasts = np.exp(rng.uniform(np.log(lasts_s[0]), np.log(lasts_s[1]), len(starts)))
        lasts[:-1] = np.minimum(lasts[:-1], np.diff(starts))
        return Passages(starts, lasts, rng.choice([-1.0, 1.0], len(starts)))

    def at(self, time_s: float) -> tuple[int, float] | None:
        """The passage that goes on, by its number, and how far it is, 0 to 1; None between passages."""
        number = int(np.searchsorted(self.starts_s, time_s, side="right")) - 1
        if number < 0 or time_s >= self.starts_s[number] + self.lasts_s[number]:
            return None
        return number, float((time_s - self.starts_s[number]) / self.lasts_s[number])


def moments(rng: Rng, duration_s: float, every_s: float) -> F64:
    """Seconds [N], N >= 1, rising: the first in the first 60 % of the duration, the others about `every_s` apart."""
    found = [rng.uniform(0.1, 0.6) * min(every_s, duration_s)]
    while (after := found[-1] + every_s * rng.uniform(0.5, 1.5)) < duration_s:
        found.append(after)
    return np.array(found)
