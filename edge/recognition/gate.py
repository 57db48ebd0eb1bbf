"""The gate: chooses the expert from the last T frames' statistics (AGC of the ELLAR paper, ACCV 2024)."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from edge.picture.front_end import FrameStatistics

F32 = npt.NDArray[np.float32]
LEAK = 0.01  # LeakyReLU's slope in the released code


class Gate:
    """3T -> 128 -> 256 -> one score per expert, with hysteresis so that a stream does not flicker.

    weights: float32 w1 [3T,128], b1 [128], w2 [128,256], b2 [256], w3 [256,experts], b3 [experts]; batch norm is folded
    in. gammas: one per expert. hold: ticks that another expert must win in a row before it is taken.
    """

    def __init__(self, weights: Mapping[str, F32], gammas: Sequence[float], hold: int = 4) -> None:
        self._layers = [(weights[f"w{i}"], weights[f"b{i}"]) for i in (1, 2, 3)]
        self.gammas = tuple(gammas)
        self.window = self._layers[0][0].shape[0] // 3
        self._hold = hold
        self._seen: deque[tuple[float, float, float]] = deque(maxlen=self.window)
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        self._seen.clear()
        self.expert: int | None = None
        self._challenger = (0, 0)

    def step(self, statistics: FrameStatistics) -> int:
        """Take one more tick's statistics; returns the index of the expert."""
        values = (statistics.mean, statistics.std, statistics.entropy)
        self._seen.extend([values] * (1 if self._seen else self.window))
        best = int(np.argmax(self.scores(self.features())))
        if self.expert is None:
            self.expert = best
        elif best == self.expert:
            self._challenger = (best, 0)
        else:
            wins = self._challenger[1] + 1 if self._challenger[0] == best else 1
            self._challenger = (best, wins)
            if wins >= self._hold:
                self.expert, self._challenger = best, (best, 0)
        return self.expert

    def features(self) -> F32:
        """The gate's input, oldest first: float32 [3T] = mean, std, entropy of each tick, interleaved."""
        return np.asarray(self._seen, np.float32).reshape(-1)

    def scores(self, features: F32) -> F32:
        """float32 [..., 3T] -> float32 [..., experts] (before the softmax)."""
        x = features
        for layer, (weight, bias) in enumerate(self._layers):
            x = x @ weight + bias
            if layer < 2:
                x = np.where(x > 0, x, LEAK * x)
        return x
