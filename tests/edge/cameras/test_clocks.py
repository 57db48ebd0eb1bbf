"""Capture times from stamps that may be of another clock, late, or nonsense."""

from __future__ import annotations

import numpy as np
import pytest

from edge.cameras.clocks import MAX_AGE_S, StreamClock, plausible_stamp_s


@pytest.mark.parametrize(
    ("stamp_s", "expected_s"),
    [(99.97, 99.97), (100.0, 100.0), (100.1, 100.0), (98.0, 100.0), (0.0, 100.0), (1.7e9, 100.0)],
    ids=["fresh", "now", "future", "old", "none", "wall clock"],
)
def test_a_stamp_counts_when_it_can_be_true(stamp_s: float, expected_s: float) -> None:
    assert plausible_stamp_s(stamp_s, 100.0) == expected_s


def test_jitter_of_the_network_does_not_reach_the_capture_times() -> None:
    clock = StreamClock()
    stamps_s = np.arange(200) / 25 + 4000.0
    delays_s = 0.05 + np.random.default_rng(0).exponential(0.03, 200)
    arrivals_s = np.maximum.accumulate(stamps_s - 3900.0 + delays_s)  # no frame overtakes another
    times_s = np.array([clock.capture_time_s(s, now) for s, now in zip(stamps_s, arrivals_s, strict=True)])
    assert (times_s <= arrivals_s).all()
    assert np.abs(np.diff(times_s)[50:] - 0.04).max() < 0.005
    assert np.abs(np.diff(arrivals_s) - 0.04).max() > 0.05


@pytest.mark.parametrize("rate", [1 - 2e-4, 1 + 2e-4])
def test_a_sender_whose_clock_runs_wrong_is_followed(rate: float) -> None:
    clock = StreamClock()
    arrivals_s = np.arange(10_000) / 10
    ages_s = [now - clock.capture_time_s(now * rate, now) for now in arrivals_s]
    assert min(ages_s) >= 0.0 and max(ages_s) < 0.01


def test_a_sender_that_starts_anew_is_followed_at_once() -> None:
    clock = StreamClock()
    for stamp_s, now_s in ((50.0, 10.0), (50.04, 10.04), (0.0, 12.0), (0.04, 12.04), (9.0, 12.08), (9.04, 14.0)):
        assert 0.0 <= now_s - clock.capture_time_s(stamp_s, now_s) <= MAX_AGE_S
