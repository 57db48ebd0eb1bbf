"""Pictures that must not lead to a label: black, saturated, frozen."""

from __future__ import annotations

import numpy as np

from edge.frame import Image
from edge.frontend import FrameStatistics

BLACK = "black"
SATURATED = "saturated"
FROZEN = "frozen"

# A picture of 0.25 levels on average can still be recognised (its pixels flicker between 0 and 1, std 0.4); a covered
# lens cannot.
BLACK_MEAN, BLACK_STD = 0.5, 0.25
SATURATED_MEAN = 250.0
# A sensor's noise never repeats; a recording's encoder may repeat a picture for a few frames.
FROZEN_AFTER_S = 0.5


class PictureHealth:
    """Looks at every tick's small, uncorrected frame."""

    def __init__(self) -> None:
        self._last: Image | None = None
        self._changed_s = 0.0

    def reset(self) -> None:
        """Forget the stream."""
        self._last = None

    def check(self, statistics: FrameStatistics, small: Image, time_s: float) -> str | None:
        """The reason to abstain, or None. small: uint8 [height,width,3]; time_s: its capture time."""
        if self._last is None or not np.array_equal(self._last, small):
            self._last, self._changed_s = small.copy(), time_s
        if statistics.mean < BLACK_MEAN and statistics.std < BLACK_STD:
            return BLACK
        if statistics.mean > SATURATED_MEAN:
            return SATURATED
        return FROZEN if time_s - self._changed_s >= FROZEN_AFTER_S else None
