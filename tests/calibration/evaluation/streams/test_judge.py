"""Every count against one that was made by hand: a perfect sayer, a silent one, one that says one word, a late one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.evaluation.streams.judge import Judge
from calibration.evaluation.streams.matching import ANY
from calibration.evaluation.streams.truth import (
    ACTING,
    DISTURBED,
    IDLE,
    SOMEBODY_IDLE,
    STILL,
    UNKNOWN_ACTION,
    Circumstance,
    Happening,
    Truth,
    nobody,
)
from tests.calibration.evaluation.streams.sayers import heard, judged, own_name, perfect

DAY = Truth(
    12.0,
    (Happening(2, 4, "a"), Happening(4, 6, IDLE), Happening(6, 8, "b"), Happening(8, 10, "other")),
    (Circumstance(1, 2, "fan"),),
)


def test_a_perfect_sayer_finds_everything_at_once_and_invents_nothing() -> None:
    counts = judged(DAY, perfect(DAY))
    for least in (ANY, 0.3, 0.5):
        assert (counts.found(least), counts.happened, counts.right(least), counts.said) == (2, 2, 2, 2)
    assert counts.latencies_s == pytest.approx([0, 0])
    assert counts.ticks == {"right": 40, "wrong": 0, "silent": 0}
    assert counts.false.total() == counts.late == counts.flickers == 0


def test_a_silent_sayer_finds_nothing_and_invents_nothing() -> None:
    counts = judged(DAY, "-" * 120)
    assert (counts.found(ANY), counts.happened, counts.said) == (0, 2, 0)
    assert counts.ticks == {"right": 0, "wrong": 0, "silent": 40}
    assert counts.false.total() == 0
    assert counts.latencies_s == []


def test_one_word_for_everything_is_one_event_and_no_overlap_worth_the_name() -> None:
    counts = judged(DAY, "a" * 120)
    assert (counts.said, counts.found(ANY), counts.right(ANY)) == (1, 1, 1)
    assert (counts.found(0.3), counts.right(0.3)) == (0, 0), "2 s of 12 s"
    assert counts.ticks == {"right": 20, "wrong": 20, "silent": 0}


def test_a_late_sayer_is_late_and_not_false() -> None:
    counts = judged(DAY, "-" * 45 + "a" * 10 + "-" * 65)
    assert (counts.late, counts.false.total(), counts.found(ANY), counts.right(ANY)) == (1, 0, 0, 0)


def test_latency_runs_from_the_start_of_the_action() -> None:
    counts = judged(DAY, "-" * 25 + "a" * 15 + "-" * 33 + "b" * 7 + "-" * 40)
    assert counts.latencies_s == pytest.approx([0.5, 1.3])
    assert counts.labels["a"].found[0.5] == 1
    assert counts.labels["b"].found[0.3] == 1
    assert counts.labels["b"].found[0.5] == 0


def test_a_false_label_belongs_to_the_state_in_which_it_comes_up() -> None:
    said = list("-" * 120)
    for start, letter in ((5, "c"), (15, "b"), (22, "c"), (45, "b"), (85, "c"), (110, "a")):
        said[start : start + 2] = letter * 2
    counts = judged(DAY, "".join(said))
    assert counts.false == {
        nobody(STILL): 2,
        nobody(DISTURBED): 1,
        "fan": 1,
        ACTING: 1,
        SOMEBODY_IDLE: 1,
        UNKNOWN_ACTION: 1,
    }
    assert counts.false_in_negatives == 5
    assert counts.negative_s == pytest.approx(8)
    seconds = {state: round(s, 3) for state, s in counts.seconds.items() if s}
    assert seconds == {
        ACTING: 4,
        UNKNOWN_ACTION: 2,
        SOMEBODY_IDLE: 2,
        nobody(DISTURBED): 1,
        nobody(STILL): 3,
        "fan": 1,
    }


def test_flicker_is_what_changes_beyond_the_action_s_own_change() -> None:
    assert judged(DAY, "-" * 20 + "bbaabbaaaa" + "-" * 90).flickers == 2
    assert judged(DAY, "-" * 20 + "bbaaaaaaaa" + "-" * 90).flickers == 0


def test_two_people_at_once_are_both_right() -> None:
    both = Truth(4.0, (Happening(0, 4, "a"), Happening(2, 4, "b", 1)))
    counts = judged(both, "a" * 30 + "b" * 10)
    assert counts.ticks == {"right": 40, "wrong": 0, "silent": 0}
    assert (counts.happened, counts.found(ANY)) == (2, 2)


def test_confidence_is_counted_by_tenths_said_or_not() -> None:
    counts = Judge(DAY, heard(perfect(DAY), sure=0.75), own_name).counts()
    acting, always = counts.bins
    assert acting[7].tolist() == pytest.approx([40, 30, 40])
    assert always[3, 0] == 80, "silence has a confidence, too: a third"
    assert always[:, 0].sum() == 120


def test_a_label_that_changes_with_the_gate_is_told() -> None:
    one = Truth(2.0, (Happening(0, 2, "a"),))
    gammas = "1" * 10 + "2" * 10
    changed = Judge(one, heard("a" * 12 + "b" * 8, gammas=gammas), own_name).counts()
    kept = Judge(one, heard("a" * 20, gammas=gammas), own_name).counts()
    assert (changed.switches, changed.unsettled, kept.switches, kept.unsettled) == (1, 1, 1, 0)


def test_a_higher_threshold_says_less() -> None:
    assert judged(DAY, perfect(DAY), 0.91).said == 0
    assert judged(DAY, perfect(DAY), 0.2).ticks["silent"] == 0


@given(st.text("abc-", min_size=120, max_size=120))
def test_counts_agree_with_each_other_whatever_is_said(said: str) -> None:
    counts = judged(DAY, said)
    assert counts.ticks.total() == 40
    wrong = counts.said - counts.right(ANY)
    states = sum(n for state, n in counts.false.items() if state != "fan")
    assert states + counts.late == wrong
    assert sum(s for state, s in counts.seconds.items() if state != "fan") == pytest.approx(12)
    assert len(counts.latencies_s) == counts.found(ANY)
    assert np.array_equal(counts.bins[:, :, 0].sum(axis=1), [40, 120])
