"""How long every stage takes: p50, p95, p99 over a whole run, in memory that does not grow."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

FLOOR_MS = 1e-3
STEP = 1.01  # a bucket is 1 % wide, so a percentile is right to half a percent
BUCKETS = 1 + math.ceil(math.log(1e8) / math.log(STEP))  # 1 us .. 100 s; the last bucket takes what is longer


@dataclass(frozen=True)
class Percentiles:
    """Of `count` durations, in milliseconds."""

    count: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


class Durations:
    """A histogram with logarithmic buckets: weeks of frames cost as much memory as a second."""

    def __init__(self) -> None:
        self._counts = [0] * BUCKETS
        self._count = 0
        self._max_ms = 0.0

    def add(self, duration_ms: float) -> None:
        """Count one duration."""
        self._counts[_bucket(duration_ms)] += 1
        self._count += 1
        self._max_ms = max(self._max_ms, duration_ms)

    def percentiles(self) -> Percentiles:
        """The percentiles so far (nearest rank), each within 0.5 % of the duration that was added."""
        p50_ms, p95_ms, p99_ms = (self._percentile(p) for p in (0.50, 0.95, 0.99))
        return Percentiles(self._count, p50_ms, p95_ms, p99_ms, self._max_ms)

    def _percentile(self, p: float) -> float:
        rank, seen = max(1, math.ceil(p * self._count)), 0
        for bucket, count in enumerate(self._counts):
            seen += count
            if seen >= rank:
                return min(_middle_ms(bucket), self._max_ms)
        return 0.0


class StageTimer:
    """Durations by stage name, in the order in which the stages first ran."""

    def __init__(self) -> None:
        self._stages: dict[str, Durations] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a `with` block; a block that raises is not counted."""
        start_s = time.perf_counter()
        yield
        self.add(name, (time.perf_counter() - start_s) * 1e3)

    def add(self, name: str, duration_ms: float) -> None:
        """Count a duration that was measured elsewhere."""
        self._stages.setdefault(name, Durations()).add(duration_ms)

    def percentiles(self) -> dict[str, Percentiles]:
        """Every stage's percentiles."""
        return {name: durations.percentiles() for name, durations in self._stages.items()}


def _bucket(duration_ms: float) -> int:
    if duration_ms <= FLOOR_MS:
        return 0
    return min(1 + int(math.log(duration_ms / FLOOR_MS) / math.log(STEP)), BUCKETS - 1)


def _middle_ms(bucket: int) -> float:
    return FLOOR_MS if bucket == 0 else FLOOR_MS * STEP ** (bucket - 0.5)
