"""Which frames become ticks of the model, decided by capture times alone: cameras change their rate in the dark."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from edge.bundles.manifest import CadenceSpec
from edge.picture.frame import Frame

SMOOTHED_TICKS = 8  # over how many ticks the measured interval is averaged before a camera is called slow


class Step(Enum):
    """What a frame is to the model."""

    SKIP = "skip"  # earlier than the next tick
    TICK = "tick"
    GAP = "gap"  # a tick, but so much later than the last (or earlier: a clock that went back) that state is stale


@dataclass
class CadenceCounts:
    """frames: offered. lost: missing in the camera's count. skipped: between two ticks. late: over the tolerance."""

    frames: int = 0
    lost: int = 0
    skipped: int = 0
    ticks: int = 0
    late: int = 0
    gaps: int = 0


class Cadence:
    """Keeps the model's tick on a grid of the bundle's `interval_ms`, as far as the camera allows.

    A frame serves a tick from half the tolerance before it: cameras jitter. A camera slower than the grid by more than
    `tolerance_ms` gives a tick per frame and is `degraded`; more than `reset_after_ms` without a tick is a gap.
    counts: go on from these.
    """

    def __init__(self, pace: CadenceSpec, counts: CadenceCounts | None = None) -> None:
        self._interval_s = pace.interval_ms / 1e3
        self._tolerance_s = pace.tolerance_ms / 1e3
        self._reset_after_s = pace.reset_after_ms / 1e3
        self.counts = CadenceCounts() if counts is None else counts
        self.reset()

    def reset(self) -> None:
        """Forget the grid (another camera, another clock); the counts stay."""
        self._due_s: float | None = None
        self._last_s = 0.0
        self._sequence: int | None = None
        self._measured_s = self._interval_s
        self.degraded = False
        self.gap_ms = 0.0

    def offer(self, frame: Frame) -> Step:
        """Take the camera's next frame and say what it is; after GAP, `gap_ms` tells its length."""
        counts = self.counts
        self._count(frame)
        now_s = frame.capture_time_s
        if self._due_s is None:
            self._due_s = now_s
        elif not 0 <= now_s - self._last_s <= self._reset_after_s:
            self.gap_ms = (now_s - self._last_s) * 1e3
            counts.gaps += 1
            self._tick(now_s, due_s=now_s)
            return Step.GAP
        elif now_s < self._due_s - self._tolerance_s / 2:
            counts.skipped += 1
            return Step.SKIP
        else:
            self._measure(now_s - self._last_s)
        self._tick(now_s, self._due_s)
        return Step.TICK

    def skip(self, frame: Frame) -> None:
        """Count a frame that nobody looks at."""
        self._count(frame)
        self.counts.skipped += 1

    def pace(self, interval_ms: float) -> None:
        """Space the ticks out, or back again."""
        if interval_ms / 1e3 != self._interval_s:
            self._interval_s = self._measured_s = interval_ms / 1e3
            self.degraded = False

    @property
    def measured_interval_ms(self) -> float:
        """Time between ticks, averaged over the last few."""
        return self._measured_s * 1e3

    def _count(self, frame: Frame) -> None:
        self.counts.frames += 1
        if self._sequence is not None:
            self.counts.lost += max(frame.sequence - self._sequence - 1, 0)
        self._sequence = frame.sequence

    def _tick(self, now_s: float, due_s: float) -> None:
        self.counts.ticks += 1
        self._last_s = now_s
        # A late tick keeps the grid as long as it is less than one interval behind; further behind, the grid moves.
        self._due_s = max(due_s, now_s - self._interval_s) + self._interval_s

    def _measure(self, interval_s: float) -> None:
        self.counts.late += interval_s > self._interval_s + self._tolerance_s
        self._measured_s += (interval_s - self._measured_s) / SMOOTHED_TICKS
        # Hysteresis: a camera at the edge of the tolerance is not reported over and over.
        limit_s = self._tolerance_s / 2 if self.degraded else self._tolerance_s
        self.degraded = self._measured_s - self._interval_s > limit_s


def at_cadence(frames: Iterable[Frame], cadence: Cadence, forget: Callable[[], None]) -> Iterator[Frame]:
    """The frames of a recording that become ticks. forget: called before the first one after a gap, as in the chain."""
    for frame in frames:
        step = cadence.offer(frame)
        if step is Step.GAP:
            forget()
        if step is not Step.SKIP:
            yield frame
