"""What calibration saw of every tensor: extremes, histograms, means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Range = tuple[float, float]
BINS = 2048


@dataclass(frozen=True)
class Histogram:
    """counts: int64 [BINS] of values between `low` and `high`, the extremes."""

    low: float
    high: float
    counts: npt.NDArray[np.int64]

    @property
    def centres(self) -> npt.NDArray[np.float64]:
        """Middle of every bin."""
        return self.low + (np.arange(BINS) + 0.5) * (self.high - self.low) / BINS


@dataclass(frozen=True)
class TensorStatistics:
    """What calibration saw of every tensor. ticks: under all experts together.

    extremes: of all streams. usual: the same, but of one stream in a thousand they may lie outside. histograms: of the
    tensors that are not constant. means: float64 [C], per channel, of the tensors [1,C,...] that convolutions read.
    """

    ticks: int
    extremes: Mapping[str, Range]
    usual: Mapping[str, Range]
    histograms: Mapping[str, Histogram]
    means: Mapping[str, npt.NDArray[np.float64]]
