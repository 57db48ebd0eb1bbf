"""Percentiles of stages: near the exact ones, in bounded memory."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.timing import Durations, StageTimer


@given(st.lists(st.floats(0.002, 5e4), min_size=1, max_size=300))
def test_percentiles_are_within_half_a_percent_of_the_exact_nearest_rank(durations_ms: list[float]) -> None:
    durations = Durations()
    for duration_ms in durations_ms:
        durations.add(duration_ms)
    found = durations.percentiles()
    exact = np.percentile(durations_ms, [50, 95, 99], method="inverted_cdf")
    assert [found.p50_ms, found.p95_ms, found.p99_ms] == pytest.approx(exact, rel=0.0051)
    assert found.count == len(durations_ms) and found.max_ms == max(durations_ms)


@given(st.floats(0, 1e-3) | st.floats(1e5, 1e12))
def test_durations_out_of_range_are_counted_too(duration_ms: float) -> None:
    durations = Durations()
    durations.add(duration_ms)
    found = durations.percentiles()
    assert found.count == 1 and found.p50_ms <= found.max_ms and math.isfinite(found.p99_ms)


def test_no_duration_gives_zeros() -> None:
    assert Durations().percentiles().p99_ms == 0.0


def test_stages_keep_their_order_and_leave_out_what_failed() -> None:
    timer = StageTimer()
    for name in ("first", "second", "first"):
        with timer.stage(name):
            pass
    with pytest.raises(RuntimeError), timer.stage("second"):
        raise RuntimeError
    assert {name: found.count for name, found in timer.percentiles().items()} == {"first": 2, "second": 1}
    assert list(timer.percentiles()) == ["first", "second"]
