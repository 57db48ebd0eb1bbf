"""When a frame was taken, on the monotonic clock: from what a driver or a stream says, where that can be true."""

from __future__ import annotations

MAX_AGE_S = 1.0  # no camera holds a frame longer; an older stamp is of another clock
DRIFT = 0.001  # seconds per second that a sender's clock may lose against ours; crystals stay under 0.0001


def plausible_stamp_s(stamp_s: float, now_s: float) -> float:
    """A driver's time stamp if it is the monotonic clock's, else the time of arrival."""
    return stamp_s if 0.0 <= now_s - stamp_s <= MAX_AGE_S else now_s


class StreamClock:
    """Turns the time stamps of a sender whose clock is not ours into capture times on the monotonic clock.

    A frame arrives late by what the network did to it, never early: the least delay seen is taken for the way itself,
    and everything above it for jitter. The sender's clock may run slower or faster (`DRIFT`) and may jump.
    """

    def __init__(self) -> None:
        self._offset_s: float | None = None
        self._stamp_s = 0.0

    def capture_time_s(self, stamp_s: float, now_s: float) -> float:
        """stamp_s: the sender's, of a frame that arrived now. Never later than now, never over MAX_AGE_S ago."""
        elapsed_s, self._stamp_s = stamp_s - self._stamp_s, stamp_s
        delay_s = now_s - stamp_s
        if self._offset_s is None or elapsed_s < 0.0 or delay_s - self._offset_s > MAX_AGE_S:
            self._offset_s = delay_s  # the first frame, or the sender started anew
        self._offset_s = min(delay_s, self._offset_s + DRIFT * elapsed_s)
        return min(now_s, stamp_s + self._offset_s)  # the sum rounds
