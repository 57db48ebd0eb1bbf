"""Rates, intervals, groups and confusions against counts that are written down here."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.clip_sets.clips import Clip
from calibration.evaluation.scores import ClipResult, Estimate, Evaluation, LiveTicks, wilson
from edge.picture.frame import Frame

LABELS = ("bend", "clap", "jump", "run", "sit", "wave")


def nothing() -> Iterator[Frame]:
    return iter(())


def result(label: int, order: list[int], light: str | None = "LL", camera: str | None = "brio") -> ClipResult:
    """order: labels from the likeliest on; without any, a clip without a tick."""
    probabilities = np.zeros(len(LABELS), np.float32)
    probabilities[order] = np.linspace(0.5, 0.1, len(order))
    clip = Clip(f"{label} {order} {light} {camera}", label, nothing, "", camera=camera, light=light)
    return ClipResult(clip, label, probabilities, len(order), {1.0: 1, 2.0: 3}, LiveTicks(1, 2, 1))


RESULTS = (
    result(0, [0, 1, 2, 3, 4, 5]),
    result(0, [5, 4, 3, 2, 1, 0], light="ELL"),
    result(1, [0, 1, 2, 3, 4, 5], camera="c920"),
    result(2, [2, 1, 0, 3, 4, 5], light=None),
    result(3, [], light="ELL", camera=None),
)
EVALUATION = Evaluation("made up", LABELS, RESULTS, {"swim": 2}, "it")


def test_rates() -> None:
    assert EVALUATION.top(1) == Estimate(0.4, *wilson(2, 5), 5)
    assert EVALUATION.top(5) == Estimate(0.6, *wilson(3, 5), 5)
    assert EVALUATION.top(6).value == 0.8  # a clip without a tick is never right
    assert EVALUATION.per_class == {"bend": (1, 2), "clap": (0, 1), "jump": (1, 1), "run": (0, 1)}
    assert EVALUATION.macro == pytest.approx((0.5 + 0 + 1 + 0) / 4)
    assert EVALUATION.macro_estimate.count == 5


def test_confusion_has_a_column_for_no_decision() -> None:
    expected = np.zeros((6, 7), int)
    expected[0, 0] = expected[0, 5] = expected[1, 0] = expected[2, 2] = expected[3, 6] = 1
    assert np.array_equal(EVALUATION.confusion, expected)


def test_usage_of_gammas_and_live_ticks_are_summed() -> None:
    assert EVALUATION.gamma_usage == {1.0: 0.25, 2.0: 0.75}
    assert EVALUATION.live == LiveTicks(5, 10, 5)


def test_groups_hold_every_clip_once_and_the_unknown_come_last() -> None:
    lights = EVALUATION.by("light")
    assert {light: [r.label for r in e.results] for light, e in lights.items()} == {
        "ELL": [0, 3],
        "LL": [0, 1],
        "unknown": [2],
    }
    assert list(lights)[-1] == "unknown"
    assert list(EVALUATION.by("actor")) == ["unknown"]


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 30)).map(lambda t: (min(t), t[1])), min_size=1, max_size=8)
)
def test_the_interval_of_a_mean_holds_it_and_is_narrower_than_its_parts(cases: list[tuple[int, int]]) -> None:
    parts = [Estimate.of(*case) for case in cases]
    mean = Estimate.mean(parts)
    assert 0 <= mean.low <= mean.value <= mean.high <= 1
    assert mean.high - mean.low <= max(p.high - p.low for p in parts) + 1e-12
    assert mean.count == sum(count for _, count in cases)


def test_the_interval_of_a_mean_covers_the_truth() -> None:
    """In 95 of 100 repetitions, a little more or less; classes of unequal size and difficulty."""
    rng = np.random.default_rng(0)
    truth, sizes, covered = np.array([0.9, 0.5, 0.2, 0.75]), [10, 40, 25, 15], 0
    for _ in range(2000):
        parts = [Estimate.of(int(rng.binomial(n, p)), n) for n, p in zip(sizes, truth, strict=True)]
        mean = Estimate.mean(parts)
        covered += mean.low <= truth.mean() <= mean.high
    assert 0.93 < covered / 2000 < 0.985


def test_nothing_is_known_of_no_clip() -> None:
    assert Estimate.of(0, 0) == Estimate(0, 0, 1, 0)
