"""A scaling that was there is found again, and with little to go by nothing is made up."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.deciding.scaling import F64, I64, Scaling, _loss, _slopes, calibration_error, fit, plain

CLASSES = 4


def drawn(count: int, truth: Scaling, seed: int = 0) -> tuple[F64, I64]:
    """Logits, and labels that are drawn with the probabilities that the true scaling gives."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, (count, CLASSES))
    chances = truth.probabilities(logits)
    return logits, (chances.cumsum(1) < rng.random((count, 1))).sum(1)


TRUTH = Scaling(np.array([0.3, 0.5, 0.4, 0.8]), np.array([0.5, -0.5, 1.0, -1.0]))


def test_with_enough_to_go_by_the_true_scaling_is_found() -> None:
    logits, labels = drawn(40_000, TRUTH)
    found = fit(logits, labels, np.ones(len(labels)), trust=1.0)
    np.testing.assert_allclose(found.scale, TRUTH.scale, atol=0.03)
    np.testing.assert_allclose(found.bias, TRUTH.bias, atol=0.06)


def test_what_it_says_then_holds() -> None:
    logits, labels = drawn(20_000, TRUTH)
    found = fit(logits, labels, np.ones(len(labels)), trust=1.0)
    fresh, truth = drawn(20_000, TRUTH, 1)
    errors = []
    for scaling in (plain(CLASSES), found):
        p = scaling.probabilities(fresh)
        errors.append(calibration_error(p.max(1), p.argmax(1) == truth, np.ones(len(truth))))
    assert errors[0] > 0.15 and errors[1] < 0.02


def test_with_next_to_nothing_it_stays_with_the_softmax() -> None:
    logits, labels = drawn(3, TRUTH)
    found = fit(logits, labels, np.ones(3), trust=1000.0)
    np.testing.assert_allclose(found.scale, 1, atol=0.05)
    np.testing.assert_allclose(found.bias, 0, atol=0.05)


def test_a_weight_of_two_is_the_same_row_twice() -> None:
    logits, labels = drawn(50, TRUTH)
    twice = fit(np.concatenate([logits, logits]), np.concatenate([labels, labels]), np.ones(100))
    weighed = fit(logits, labels, np.full(50, 2.0))
    np.testing.assert_allclose(twice.scale, weighed.scale, atol=1e-6)


def test_slopes_are_those_of_the_loss() -> None:
    logits, labels = drawn(30, TRUTH)
    rng = np.random.default_rng(3)
    weights, at = rng.uniform(0.5, 2, 30), rng.normal(1, 0.3, 2 * CLASSES)
    start, prior = np.ones(2 * CLASSES), np.full(2 * CLASSES, 0.7)
    gradient, curvature = _slopes(at, logits, labels, weights, start, prior)
    for i in range(2 * CLASSES):
        step = np.zeros(2 * CLASSES)
        step[i] = 1e-5
        up, down = (_loss(at + sign * step, logits, labels, weights, start, prior) for sign in (1, -1))
        assert gradient[i] == pytest.approx((up - down) / 2e-5, rel=1e-4, abs=1e-4)
        above, below = (_slopes(at + sign * step, logits, labels, weights, start, prior)[0] for sign in (1, -1))
        np.testing.assert_allclose(curvature[i], (above - below) / 2e-5, rtol=1e-4, atol=1e-4)


def test_confidence_that_holds_has_no_error_and_boasting_has() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0, 1, 50_000)
    right = rng.random(50_000) < confidence
    assert calibration_error(confidence, right, np.ones(50_000)) < 0.01
    assert calibration_error(np.ones(100), np.arange(100) < 60, np.ones(100)) == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("logits", "labels"),
    [
        (np.zeros((0, 4)), np.zeros(0, int)),
        (np.zeros((2, 4)), np.array([0, 4])),
        (np.full((1, 4), np.nan), np.zeros(1, int)),
    ],
)
def test_what_cannot_be_fitted_is_refused(logits: F64, labels: I64) -> None:
    with pytest.raises(ValueError, match="expected"):
        fit(logits, labels, np.ones(len(labels)))
