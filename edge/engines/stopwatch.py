"""Steps of several students, timed in turn, so that a busy machine is unkind to all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence

from edge.engines.base import U8, StudentSession


def median_steps_ms(students: Sequence[StudentSession], x: U8, rounds: int = 200, warm_up: int = 20) -> list[float]:
    """Median milliseconds of one step of each. x: uint8 [pictures,1,H,W,3], shown one after another."""
    times_ms: list[list[float]] = [[] for _ in students]
    for i in range(warm_up + rounds):
        for student, mine in zip(students, times_ms, strict=True):
            start_s = time.perf_counter()
            student.step(x[i % len(x)])
            mine.append((time.perf_counter() - start_s) * 1e3)
    return [statistics.median(mine[warm_up:]) for mine in times_ms]
