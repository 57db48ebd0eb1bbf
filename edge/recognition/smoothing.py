"""Averages probabilities over time and decides: a label, or an abstention with its reason."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.bundles.manifest import SmoothingSpec

F32 = npt.NDArray[np.float32]

WARMING_UP = "warming_up"
LOW_CONFIDENCE = "low_confidence"
NOT_FINITE = "not_finite"
CLOCK_S = 5e-4  # times come from decimal files and binary clocks


@dataclass(frozen=True)
class Decision:
    """index: of the label, or None with a reason. confidence: the highest of probabilities, float32 [classes]."""

    index: int | None
    reason: str | None
    confidence: float
    probabilities: F32


class Smoother:
    """The mean of the softmax of the logits of the last `window_ms`, by capture time: it does not hang on the rate.

    It abstains until what it has seen spans `warm_up_ms`, and below `minimum_confidence`.
    """

    def __init__(self, classes: int, smoothing: SmoothingSpec) -> None:
        self._classes = classes
        self._window_s = smoothing.window_ms / 1e3
        self._minimum = smoothing.minimum_confidence
        self._warm_up_s = min(smoothing.warm_up_ms, smoothing.window_ms) / 1e3
        self._seen: deque[tuple[float, F32]] = deque()

    def reset(self) -> None:
        """Forget the stream."""
        self._seen.clear()

    def step(self, logits: F32, time_s: float) -> Decision:
        """Take one tick's logits, float32 [classes], and decide."""
        if not np.isfinite(logits).all():
            return self.skip(NOT_FINITE)
        self._seen.append((time_s, softmax(logits)))
        while time_s - self._seen[0][0] > self._window_s:
            self._seen.popleft()
        probabilities = np.asarray(np.mean([p for _, p in self._seen], axis=0), np.float32)
        best = int(np.argmax(probabilities))
        confidence = float(probabilities[best])
        if time_s - self._seen[0][0] < self._warm_up_s - CLOCK_S:
            return Decision(None, WARMING_UP, confidence, probabilities)
        if confidence < self._minimum:
            return Decision(None, LOW_CONFIDENCE, confidence, probabilities)
        return Decision(best, None, confidence, probabilities)

    def skip(self, reason: str) -> Decision:
        """Abstain for another reason: this tick's logits mean nothing and stay out of the mean."""
        return Decision(None, reason, 0.0, np.zeros(self._classes, np.float32))


def softmax(logits: F32) -> F32:
    """float32 [classes] -> float32 [classes], sums to 1."""
    exponentials = np.exp(logits - logits.max())
    return np.asarray(exponentials / exponentials.sum(), np.float32)
