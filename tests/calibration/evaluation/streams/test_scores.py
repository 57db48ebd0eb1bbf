"""All streams together: figures by hand, intervals from people, the curve from one pass."""

from __future__ import annotations

import json

import pytest

from calibration.evaluation.streams.page import page
from calibration.evaluation.streams.report import StreamReport, as_dict, text
from calibration.evaluation.streams.scores import StreamScores, scored
from calibration.evaluation.streams.truth import IDLE, Happening, Truth
from tests.calibration.evaluation.streams.sayers import heard, perfect, stream

DAY = Truth(10.0, (Happening(1, 3, "a"), Happening(3, 5, IDLE), Happening(5, 8, "b")))


def scores_of(*said: str, people: str = "") -> StreamScores:
    names = people or "p" * len(said)
    return scored(
        [stream(f"s{i}", DAY, heard(one), person=names[i]) for i, one in enumerate(said)],
    )


def test_a_perfect_sayer_gets_one_and_a_silent_one_nothing() -> None:
    best = scores_of(*[perfect(DAY)] * 4, people="abcd")
    for one in best.overlaps.values():
        assert (one.found.value, one.right.value, one.f1.value) == (1, 1, 1)
    assert best.negatives_per_hour.value == 0
    assert best.negatives_per_hour.high == pytest.approx(3.6889 / (4 * 5 / 3600), rel=1e-3)
    assert (best.latency_p50_s.value, best.ticks["right"].value) == (pytest.approx(0), 1)
    silent = scores_of(*["-" * 100] * 4, people="abcd")
    assert [one.found.value for one in silent.overlaps.values()] == [0, 0, 0]
    assert [one.right.value for one in silent.overlaps.values()] == [None, None, None]
    assert silent.overlaps[0.3].f1.value == 0
    assert silent.negatives_per_hour.value == 0
    assert silent.latency_p50_s.value is None


def test_figures_by_hand() -> None:
    found = scores_of(perfect(DAY), "c" * 5 + "-" * 95)
    any_ = found.overlaps[0.0]
    assert (any_.found.value, any_.found.count) == (0.5, 4)
    assert (any_.right.value, any_.right.count) == (pytest.approx(2 / 3), 3)
    assert any_.f1.value == pytest.approx(2 * 0.5 * (2 / 3) / (0.5 + 2 / 3))
    assert found.negatives_per_hour.value == pytest.approx(1 / (10 / 3600))
    assert found.ticks["right"].value == 0.5
    assert found.hours == pytest.approx(20 / 3600)
    assert [(row.name, row.named.value) for row in found.classes] == [("a", 0.5), ("b", 0.5), ("c", None)]


def test_streams_of_one_person_are_resampled_together() -> None:
    said = [perfect(DAY), "-" * 100] * 3
    assert scores_of(*said, people="aabbcc").ticks["right"].low == 0.5, "every person is half right"
    apart = scores_of(*said, people="abcdef").ticks["right"]
    assert apart.low is not None and apart.low < 0.5
    assert scores_of(*said, people="aaaaaa").ticks["right"].low is None, "one person tells nothing of others"


def test_rows_by_source_have_their_own_streams() -> None:
    here, there = heard(perfect(DAY)), heard("c" * 5 + "-" * 95)
    found = scored([stream("1", DAY, here, source="here"), stream("2", DAY, there, source="there")])
    assert [(row.name, row.named.value) for row in found.sources] == [("here", 1), ("there", 0)]
    rates = [row.false_per_hour.value for row in found.sources if row.false_per_hour is not None]
    assert rates == [0, pytest.approx(720)]


def test_the_curve_falls_with_the_threshold_and_passes_through_the_bundle_s_own() -> None:
    found = scores_of(perfect(DAY), "c" * 5 + "-" * 95)
    named = [point.named.value for point in found.curve]
    assert named == sorted(named, reverse=True)  # type: ignore[type-var]
    own = next(point for point in found.curve if point.threshold == found.threshold)
    assert own.named == found.overlaps[0.0].found
    assert own.false_per_hour == found.negatives_per_hour
    assert found.curve[-1].threshold == 0.95
    assert found.curve[-1].named.value == 0, "nobody is surer than 0.9"


def test_calibration_error_is_the_distance_of_confidence_from_truth() -> None:
    found = scored([stream("s", DAY, heard(perfect(DAY), sure=0.7))])
    assert found.calibration["acting"].error.value == pytest.approx(0.3)
    assert found.calibration["acting"].bins == ((50, pytest.approx(0.7), 1.0),)


def test_it_is_told_in_text_json_and_html() -> None:
    report = StreamReport("b int8", "here", scores_of(perfect(DAY), "c" * 5 + "-" * 95), ("bend",), ("x.mp4: cut",))
    told = text(report)
    assert "2 streams, 1 people" in told
    assert "counted as something unknown: bend" in told
    assert "left out, damaged: x.mp4: cut" in told
    assert "somebody idle" in told
    read = json.loads(json.dumps(as_dict(report)))
    assert read["overlaps"]["0.0"]["found"]["value"] == 0.5
    assert read["counted_as_other"] == ["bend"]
    drawn = page(report)
    assert drawn.count("<svg") >= 3
    assert "named at all" in drawn
    assert "b int8 in streams of here" in drawn


def test_streams_in_which_nothing_happens_are_told_too() -> None:
    empty = scored([stream("s", Truth(3.0), heard("-" * 30))])
    assert "-" in text(StreamReport("b", "rooms", empty))
    assert page(StreamReport("b", "rooms", empty)).startswith("<!doctype html>")
