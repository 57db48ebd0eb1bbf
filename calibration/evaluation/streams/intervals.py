"""95 % intervals of what streams show: shares by Wilson, rates by Poisson, everything else by resampling people."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from calibration.evaluation.scores import wilson

T = TypeVar("T")
RESAMPLED = 1000
FEWEST = 3  # units that can be resampled at all
SEED = 7


@dataclass(frozen=True)
class Figure:
    """A value with its interval; None: nothing to say it from. count: of what it rests on."""

    value: float | None
    low: float | None
    high: float | None
    count: int


def share(successes: int, trials: int) -> Figure:
    """A share of independent things (Wilson 1927)."""
    if not trials:
        return Figure(None, None, None, 0)
    return Figure(successes / trials, *wilson(successes, trials), trials)


def rate(count: int, exposure: float) -> Figure:
    """So many in so many hours (or minutes): exact Poisson interval (Garwood 1936)."""
    if exposure <= 0:
        return Figure(None, None, None, count)
    low, high = poisson(count)
    return Figure(count / exposure, low / exposure, high / exposure, count)


def poisson(count: int) -> tuple[float, float]:
    """Exact 95 % interval of the mean of a Poisson variable of which `count` was seen."""
    low = 0.0 if count == 0 else _mean_at(lambda mean: 1 - _below(count, mean), 0.025, count)
    return low, _mean_at(lambda mean: 1 - _below(count + 1, mean), 0.975, count)


def resampled(units: Sequence[T], figure: Callable[[Sequence[T]], float | None], count: int) -> Figure:
    """`figure` of all units, and of as many drawn with replacement: percentiles of the bootstrap (Efron 1979).

    Without an interval where there are fewer than FEWEST units.
    """
    value = figure(units)
    if value is None or len(units) < FEWEST:
        return Figure(value, None, None, count)
    rng = np.random.default_rng(SEED)
    drawn = (figure([units[i] for i in rng.integers(len(units), size=len(units))]) for _ in range(RESAMPLED))
    values = [one for one in drawn if one is not None]
    low, high = np.percentile(values, [2.5, 97.5]).tolist()
    return Figure(value, min(low, value), max(high, value), count)


def _below(count: int, mean: float) -> float:
    """P(X < count) of a Poisson variable."""
    if mean <= 0:
        return 1.0
    return math.fsum(math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(count))


def _mean_at(rising: Callable[[float], float], level: float, count: int) -> float:
    """Where a rising function of the mean reaches a level; bisection."""
    low, high = 0.0, count + 10 * math.sqrt(count + 1) + 10
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < level else (low, middle)
    return (low + high) / 2
