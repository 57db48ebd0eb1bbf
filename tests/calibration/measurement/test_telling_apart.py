"""The classifier finds what tells two kinds apart, and finds nothing where nothing does."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.measurement.telling_apart import FOLDS, folds_of, told_apart

NAMES = ("one", "two", "three", "four")
COUNT = 160


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Features that tell nothing, kinds in turn, groups of four clips each."""
    rng = np.random.default_rng(seed)
    is_real = np.arange(COUNT) % 2 == 1
    return rng.normal(0, 1, (COUNT, 4)), is_real, [f"{real} {i // 8}" for i, real in enumerate(is_real)]


@pytest.mark.parametrize("seed", range(3))
def test_what_does_not_differ_is_not_told_apart(seed: int) -> None:
    found = told_apart(*drawn(seed), NAMES).accuracy
    assert 0.35 < found.value < 0.65
    assert found.low < 0.5


def test_the_feature_that_differs_is_named_first() -> None:
    x, is_real, groups = drawn(4)
    x[is_real, 2] += 3.0
    found = told_apart(x, is_real, groups, NAMES)
    assert found.accuracy.value > 0.88
    assert found.telling[0][0] == "three" and found.telling[0][1] > 0.88
    assert len({name for name, _ in found.telling}) == 3


def test_a_difference_in_spread_alone_is_found_too() -> None:
    x, is_real, groups = drawn(5)
    x[is_real, 1] *= 0.1
    assert told_apart(x, is_real, groups, NAMES).telling[0][0] == "two"


def test_knowing_a_person_is_no_help_with_another_one() -> None:
    """Every group has a mark of its own, which says nothing of its kind."""
    x, is_real, groups = drawn(6)
    order = np.random.default_rng(7).permutation(len(set(groups)))
    marks = dict(zip(sorted(set(groups)), order.tolist(), strict=True))
    x[:, 0] = [10 * marks[group] for group in groups]
    assert told_apart(x, is_real, groups, NAMES).accuracy.value < 0.7


def test_no_group_is_in_two_folds_and_every_fold_has_both_kinds() -> None:
    _, is_real, groups = drawn(8)
    folds = folds_of(groups, is_real)
    for group in set(groups):
        assert len({int(fold) for fold, mine in zip(folds, groups, strict=True) if mine == group}) == 1
    assert {(int(fold), bool(real)) for fold, real in zip(folds, is_real, strict=True)} == {
        (fold, real) for fold in range(FOLDS) for real in (False, True)
    }


def test_a_missing_feature_counts_as_an_ordinary_one() -> None:
    x, is_real, groups = drawn(9)
    x[is_real, 0] += 3
    x[::5, 1] = np.nan
    x[:, 3] = np.nan
    assert told_apart(x, is_real, groups, NAMES).telling[0][0] == "one"


def test_each_kind_weighs_the_same_however_many_there_are() -> None:
    """Nine of ten are rendered: to say so of all is no better than chance."""
    x, _, _ = drawn(10)
    is_real = np.arange(COUNT) % 10 == 0
    found = told_apart(x, is_real, [str(i) for i in range(COUNT)], NAMES).accuracy
    assert found.value < 0.7 and found.count == 2 * is_real.sum()
