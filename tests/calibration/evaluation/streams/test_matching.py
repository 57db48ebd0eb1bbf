"""What was said against what happened, by hand and by what must hold for everything."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.evaluation.streams.heard import SaidEvent
from calibration.evaluation.streams.matching import ANY, OVERLAPS, late, matched, overlap
from calibration.evaluation.streams.truth import Happening


def test_overlap_is_intersection_over_union() -> None:
    assert overlap(Happening(0, 2, "a"), SaidEvent(1, 3, "a")) == pytest.approx(1 / 3)
    assert overlap(Happening(0, 2, "a"), SaidEvent(0, 2, "a")) == 1
    assert overlap(Happening(0, 1, "a"), SaidEvent(2, 3, "a")) == 0


def test_pairs_are_one_to_one_where_an_overlap_is_asked_for() -> None:
    happened, said = [Happening(0, 4, "a")], [SaidEvent(0, 1.9, "a"), SaidEvent(2.0, 4, "a")]
    assert matched(happened, said, ANY).right == (True, True)
    assert matched(happened, said, 0.3).right == (False, True), "the larger overlap wins"
    assert matched(happened, said, 0.5).found == (True,)
    assert matched(happened, said, 0.51).found == (False,)


def test_another_label_is_never_right() -> None:
    assert matched([Happening(0, 1, "a")], [SaidEvent(0, 1, "b")], ANY).right == (False,)


def test_what_begins_just_after_its_action_is_late() -> None:
    happened = [Happening(0, 2, "a")]
    assert late(happened, SaidEvent(2.0, 2.5, "a"))
    assert late(happened, SaidEvent(2.9, 3.5, "a"))
    assert not late(happened, SaidEvent(3.0, 3.5, "a"))
    assert not late(happened, SaidEvent(2.0, 2.5, "b"))


spans = st.lists(
    st.tuples(st.integers(0, 40), st.integers(1, 10), st.sampled_from("ab")).map(
        lambda one: (one[0] / 2, (one[0] + one[1]) / 2, one[2])
    ),
    max_size=8,
)


@given(spans, spans)
def test_a_stricter_overlap_finds_no_more(
    happened: list[tuple[float, float, str]], said: list[tuple[float, float, str]]
) -> None:
    pairs = [matched([Happening(*one) for one in happened], [SaidEvent(*one) for one in said], o) for o in OVERLAPS]
    for loose, strict in pairwise(pairs):
        assert sum(strict.found) <= sum(loose.found)
        assert sum(strict.right) <= sum(loose.right)
    for strict in pairs[1:]:
        assert sum(strict.found) == sum(strict.right), "one to one"
