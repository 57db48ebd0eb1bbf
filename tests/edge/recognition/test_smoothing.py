"""Averaging over time, abstention while warming up and when unsure."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.bundles.manifest import SmoothingSpec
from edge.recognition.smoothing import LOW_CONFIDENCE, NOT_FINITE, WARMING_UP, Smoother, softmax

LEFT, RIGHT = np.array([9.0, 0.0, 0.0], np.float32), np.array([0.0, 9.0, 0.0], np.float32)


@pytest.mark.parametrize("fps", [5, 15, 30])
def test_warm_up_takes_its_time_at_any_rate(fps: int) -> None:
    smoother = Smoother(3, SmoothingSpec(window_ms=1500, minimum_confidence=0.4, warm_up_ms=600))
    reasons = [smoother.step(LEFT, i / fps).reason for i in range(2 * fps)]
    assert reasons.count(WARMING_UP) == round(0.6 * fps)
    assert reasons[-1] is None


def test_the_window_forgets_by_time() -> None:
    smoother = Smoother(3, SmoothingSpec(window_ms=1000, minimum_confidence=0.4, warm_up_ms=0))
    for i in range(30):
        smoother.step(LEFT, i / 15)
    answers = [smoother.step(RIGHT, 2.0 + i / 15).index for i in range(16)]
    assert answers[0] == 0 and answers[-1] == 1
    assert smoother.step(RIGHT, 3.1).probabilities[0] == pytest.approx(softmax(RIGHT)[0])


def test_below_the_minimum_it_abstains() -> None:
    smoother = Smoother(3, SmoothingSpec(window_ms=1000, minimum_confidence=0.6, warm_up_ms=0))
    smoother.step(LEFT, 0.0)
    decision = smoother.step(RIGHT, 0.1)
    assert decision.index is None and decision.reason == LOW_CONFIDENCE
    assert decision.confidence == pytest.approx(0.5, abs=0.01)


def test_a_skipped_picture_stays_out_of_the_mean() -> None:
    smoother = Smoother(3, SmoothingSpec(window_ms=1000, minimum_confidence=0.4, warm_up_ms=0))
    before = smoother.step(LEFT, 0.0)
    skipped = smoother.skip("black")
    assert (skipped.index, skipped.reason, skipped.confidence) == (None, "black", 0.0)
    assert np.array_equal(smoother.step(LEFT, 0.1).probabilities, before.probabilities)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_logits_that_are_no_numbers_are_refused(bad: float) -> None:
    smoother = Smoother(3, SmoothingSpec(window_ms=1000, minimum_confidence=0.4, warm_up_ms=0))
    assert smoother.step(np.array([0, bad, 0], np.float32), 0.0).reason == NOT_FINITE
    assert smoother.step(LEFT, 0.1).index == 0


def test_reset_forgets() -> None:
    smoother = Smoother(3, SmoothingSpec(window_ms=1000, minimum_confidence=0.4, warm_up_ms=100))
    smoother.step(LEFT, 0.0)
    smoother.step(LEFT, 0.2)
    smoother.reset()
    assert smoother.step(RIGHT, 0.3).reason == WARMING_UP


@given(st.lists(st.floats(-80, 80, width=32), min_size=2, max_size=20))
def test_softmax_is_a_distribution_that_keeps_the_order(logits: list[float]) -> None:
    array = np.array(logits, np.float32)
    p = softmax(array)
    exact = np.exp(array.astype(np.float64) - array.max())
    assert p == pytest.approx(exact / exact.sum(), abs=1e-6)
