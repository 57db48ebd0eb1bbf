"""From what was seen of a tensor to the range that its 256 levels shall cover: the estimators by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from quantize.observing.observed import BINS, Histogram, Observed, Range

LEVELS = 256
INSIDE = 0.9999  # of the values, by `percentile`
SHARES = np.linspace(1.0, 0.2, 81)  # of the extremes: what `entropy` and `mse` try


def minmax(observed: Observed, name: str) -> Range:
    """The extremes, but of one stream in a thousand."""
    return observed.usual[name]


def percentile(observed: Observed, name: str) -> Range:
    """All but one value in ten thousand."""
    seen = observed.histograms[name]
    reached = np.cumsum(seen.counts) / seen.counts.sum()
    edges = np.linspace(seen.low, seen.high, BINS + 1)
    first, last = np.searchsorted(reached, 1 - INSIDE), np.searchsorted(reached, INSIDE)
    return float(edges[first]), float(edges[last + 1])


def mse(observed: Observed, name: str) -> Range:
    """Least expected squared error: rounding inside the range, clipping outside it."""
    seen = observed.histograms[name]
    lows, highs = _candidates(seen)
    below = np.array([(seen.counts * np.maximum(low - seen.centres, 0) ** 2).sum() for low in lows])
    above = np.array([(seen.counts * np.maximum(seen.centres - high, 0) ** 2).sum() for high in highs])
    rounding = seen.counts.sum() * ((highs[None] - lows[:, None]) / (LEVELS - 1)) ** 2 / 12
    best = np.unravel_index(np.argmin(rounding + below[:, None] + above[None]), rounding.shape)
    return float(lows[best[0]]), float(highs[best[1]])


def entropy(observed: Observed, name: str) -> Range:
    """Least information lost (Kullback-Leibler) by 256 levels: one end after the other is drawn in."""
    seen = _without_zeros(observed.histograms[name])
    lows, highs = _candidates(seen)
    high = float(highs[int(np.argmin([_divergence(seen, seen.low, h) for h in highs]))])
    low = float(lows[int(np.argmin([_divergence(seen, low, high) for low in lows]))])
    return low, high


ESTIMATORS: Mapping[str, Callable[[Observed, str], Range]] = {
    "minmax": minmax,
    "percentile": percentile,
    "entropy": entropy,
    "mse": mse,
}


def estimated(observed: Observed, estimator: str) -> dict[str, Range]:
    """Tensor name -> range. The picture's is [0, 1] by contract, and a constant has but one."""
    choose = ESTIMATORS[estimator]
    ranges = {
        name: choose(observed, name) if name in observed.histograms else usual for name, usual in observed.usual.items()
    }
    return {**ranges, "x": (0.0, 1.0)}


def _candidates(seen: Histogram) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Lower and upper ends to try; an end at zero, or on the other side of it, stays, for zero is always a level."""
    lows = SHARES * seen.low if seen.low < 0 else np.array([seen.low])
    highs = SHARES * seen.high if seen.high > 0 else np.array([seen.high])
    return lows, highs


def _without_zeros(seen: Histogram) -> Histogram:
    """Zero is exact in every range; what a ReLU leaves there would outweigh all other values."""
    counts = seen.counts.copy()
    counts[np.argmin(np.abs(seen.centres))] = 0
    return Histogram(seen.low, seen.high, counts)


def _divergence(seen: Histogram, low: float, high: float) -> float:
    """KL divergence of the values, clipped to a range, from what 256 equal levels of that range keep of them."""
    inside = (seen.centres >= low) & (seen.centres <= high)
    first, last = int(np.argmax(inside)), BINS - 1 - int(np.argmax(inside[::-1]))
    kept = seen.counts[first : last + 1].astype(np.float64)
    if len(kept) <= LEVELS:
        return np.inf  # the bins are coarser than the levels: nothing can be told
    clipped = kept.copy()
    clipped[0] += seen.counts[:first].sum()
    clipped[-1] += seen.counts[last + 1 :].sum()
    starts = np.arange(LEVELS) * len(kept) // LEVELS
    occupied = kept > 0
    sums, filled = np.add.reduceat(kept, starts), np.add.reduceat(occupied.astype(np.float64), starts)
    spread = np.repeat(sums / np.maximum(filled, 1), np.diff([*starts, len(kept)])) * occupied
    p, q = clipped / clipped.sum(), spread / max(spread.sum(), 1.0)
    told = p > 0
    # A bin that clipping filled and no level holds would make it infinite; the floor makes it dear instead.
    return float((p[told] * np.log(p[told] / np.maximum(q[told], 1e-12))).sum())
