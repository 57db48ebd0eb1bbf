"""From what was seen of a tensor to the range that its 256 levels shall cover: the estimators by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from quantize.observing.tensor_statistics import BINS, Histogram, Range, TensorStatistics

LEVELS = 256
INSIDE = 0.9999  # of the values, by `percentile`
SHARES = np.linspace(1.0, 0.2, 81)  # of the extremes: what `entropy` and `mse` try


def minmax(statistics: TensorStatistics, name: str) -> Range:
    """The extremes, but of one stream in a thousand."""
    return statistics.usual[name]


def percentile(statistics: TensorStatistics, name: str) -> Range:
    """All but one value in ten thousand."""
    histogram = statistics.histograms[name]
    reached = np.cumsum(histogram.counts) / histogram.counts.sum()
    edges = np.linspace(histogram.low, histogram.high, BINS + 1)
    first, last = np.searchsorted(reached, 1 - INSIDE), np.searchsorted(reached, INSIDE)
    return float(edges[first]), float(edges[last + 1])


def mse(statistics: TensorStatistics, name: str) -> Range:
    """Least expected squared error: rounding inside the range, clipping outside it."""
    histogram = statistics.histograms[name]
    lows, highs = _candidates(histogram)
    below = np.array([(histogram.counts * np.maximum(low - histogram.centres, 0) ** 2).sum() for low in lows])
    above = np.array([(histogram.counts * np.maximum(histogram.centres - high, 0) ** 2).sum() for high in highs])
    rounding = histogram.counts.sum() * ((highs[None] - lows[:, None]) / (LEVELS - 1)) ** 2 / 12
    best = np.unravel_index(np.argmin(rounding + below[:, None] + above[None]), rounding.shape)
    return float(lows[best[0]]), float(highs[best[1]])


def entropy(statistics: TensorStatistics, name: str) -> Range:
    """Least information lost (Kullback-Leibler) by 256 levels: one end after the other is drawn in."""
    histogram = _without_zeros(statistics.histograms[name])
    lows, highs = _candidates(histogram)
    high = float(highs[int(np.argmin([_divergence(histogram, histogram.low, h) for h in highs]))])
    low = float(lows[int(np.argmin([_divergence(histogram, low, high) for low in lows]))])
    return low, high


ESTIMATORS: Mapping[str, Callable[[TensorStatistics, str], Range]] = {
    "minmax": minmax,
    "percentile": percentile,
    "entropy": entropy,
    "mse": mse,
}


def estimated(statistics: TensorStatistics, estimator: str) -> dict[str, Range]:
    """Tensor name -> range. The picture's is [0, 1] by contract, and a constant has but one."""
    choose = ESTIMATORS[estimator]
    ranges = {
        name: choose(statistics, name) if name in statistics.histograms else usual
        for name, usual in statistics.usual.items()
    }
    return {**ranges, "x": (0.0, 1.0)}


def _candidates(histogram: Histogram) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Lower and upper ends to try; an end at zero, or on the other side of it, stays, for zero is always a level."""
    lows = SHARES * histogram.low if histogram.low < 0 else np.array([histogram.low])
    highs = SHARES * histogram.high if histogram.high > 0 else np.array([histogram.high])
    return lows, highs


def _without_zeros(histogram: Histogram) -> Histogram:
    """Zero is exact in every range; what a ReLU leaves there would outweigh all other values."""
    counts = histogram.counts.copy()
    counts[np.argmin(np.abs(histogram.centres))] = 0
    return Histogram(histogram.low, histogram.high, counts)


def _divergence(histogram: Histogram, low: float, high: float) -> float:
    """KL divergence of the values, clipped to a range, from what 256 equal levels of that range keep of them."""
    inside = (histogram.centres >= low) & (histogram.centres <= high)
    first, last = int(np.argmax(inside)), BINS - 1 - int(np.argmax(inside[::-1]))
    kept = histogram.counts[first : last + 1].astype(np.float64)
    if len(kept) <= LEVELS:
        return np.inf  # the bins are coarser than the levels: nothing can be told
    clipped = kept.copy()
    clipped[0] += histogram.counts[:first].sum()
    clipped[-1] += histogram.counts[last + 1 :].sum()
    starts = np.arange(LEVELS) * len(kept) // LEVELS
    occupied = kept > 0
    sums, filled = np.add.reduceat(kept, starts), np.add.reduceat(occupied.astype(np.float64), starts)
    spread = np.repeat(sums / np.maximum(filled, 1), np.diff([*starts, len(kept)])) * occupied
    p, q = clipped / clipped.sum(), spread / max(spread.sum(), 1.0)
    told = p > 0
    # A bin that clipping filled and no level holds would make it infinite; the floor makes it dear instead.
    return float((p[told] * np.log(p[told] / np.maximum(q[told], 1e-12))).sum())
