"""Intervals against published values, and against what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.evaluation.streams.intervals import Figure, poisson, rate, resampled, share


@pytest.mark.parametrize(
    ("count", "low", "high"), [(0, 0.0, 3.6889), (1, 0.0253, 5.5716), (10, 4.7954, 18.3904), (100, 81.364, 121.627)]
)
def test_poisson_gives_the_published_intervals(count: int, low: float, high: float) -> None:
    assert poisson(count) == pytest.approx((low, high), abs=5e-4)


@given(st.integers(0, 300), st.floats(0.01, 100))
def test_a_rate_lies_in_its_interval(count: int, hours: float) -> None:
    found = rate(count, hours)
    assert found.low is not None and found.high is not None and found.value is not None
    assert found.low <= found.value <= found.high
    assert found.value == pytest.approx(count / hours)


def test_nothing_is_said_from_nothing() -> None:
    assert share(0, 0) == Figure(None, None, None, 0)
    assert rate(0, 0.0) == Figure(None, None, None, 0)
    assert resampled([], lambda units: None, 0) == Figure(None, None, None, 0)


def test_too_few_units_give_no_interval() -> None:
    assert resampled([1.0, 3.0], lambda units: float(np.mean(units)), 2) == Figure(2.0, None, None, 2)


def test_resampling_is_repeatable_and_near_the_normal_interval_of_a_mean() -> None:
    units = np.random.default_rng(0).normal(5, 2, 100).tolist()
    found = resampled(units, lambda drawn: float(np.mean(drawn)), 100)
    assert found == resampled(units, lambda drawn: float(np.mean(drawn)), 100)
    half = 1.96 * np.std(units) / 10
    assert found.low == pytest.approx(np.mean(units) - half, abs=0.1)
    assert found.high == pytest.approx(np.mean(units) + half, abs=0.1)
