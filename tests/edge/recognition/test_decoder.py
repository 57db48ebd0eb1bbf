"""Beliefs that follow what is seen at any rate, and actions that begin and end once."""

import dataclasses
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.bundles.manifest import DecisionSpec, OperatingPoint
from edge.recognition.decoder import NO_ACTION, UNKNOWN_ACTION, Decoder
from edge.recognition.smoothing import LOW_CONFIDENCE, NOT_FINITE, WARMING_UP

LABELS = ("sit", "walk", "other", "nothing")
SPEC = DecisionSpec(
    scale=(1.0,) * 4,
    bias=(0.0,) * 4,
    dwell_ms=3000.0,
    evidence=0.3,
    shortest_ms=200.0,
    warm_up_ms=0.0,
    low=OperatingPoint(0.9, 0.6, 0.5, 1.0),
    normal=OperatingPoint(0.7, 0.4, 0.7, 5.0),
    high=OperatingPoint(0.5, 0.3, 0.8, 20.0),
)


def logits(label: str, sure: float = 4.0) -> npt.NDArray[np.float32]:
    return np.array([sure * (one == label) for one in LABELS], np.float32)


def said(seen: list[str], fps: float = 15.0, sensitivity: str = "normal", sure: float = 4.0) -> list[str | None]:
    decoder = Decoder(LABELS, SPEC, sensitivity)
    answers = [decoder.step(logits(label, sure), i / fps) for i, label in enumerate(seen)]
    return [None if answer.index is None else LABELS[answer.index] for answer in answers]


@pytest.mark.parametrize("fps", [7.5, 15, 30])
def test_an_action_begins_and_ends_once_and_as_soon_at_any_rate(fps: float) -> None:
    count = round(2 * fps)
    answers = said(["nothing"] * count + ["walk"] * count + ["nothing"] * count, fps)
    assert sum(before != now for before, now in pairwise(answers)) == 2
    assert set(answers) == {None, "walk"}
    begins, ends = answers.index("walk") / fps - 2, 4 - (len(answers) - answers[::-1].index("walk")) / fps
    assert 0.2 <= begins <= 0.8 and -0.8 <= ends <= 0


def test_a_short_flash_of_another_action_is_not_said() -> None:
    seen = ["walk"] * 30 + ["sit"] * 2 + ["walk"] * 30
    assert set(said(seen)[20:]) == {"walk"}


def test_one_action_gives_way_to_the_next() -> None:
    answers = said(["sit"] * 30 + ["walk"] * 30)
    assert answers[29] == "sit" and answers[-1] == "walk"


def test_what_is_no_action_is_silence_with_its_reason() -> None:
    decoder = Decoder(LABELS, SPEC)
    for reason, label in ((NO_ACTION, "nothing"), (UNKNOWN_ACTION, "other")):
        decoder.reset()
        for i in range(30):
            decision = decoder.step(logits(label), i / 15)
        assert (decision.index, decision.reason) == (None, reason)
        assert decision.confidence == pytest.approx(decision.probabilities[LABELS.index(label)])


def test_between_two_actions_it_is_unsure() -> None:
    decoder = Decoder(LABELS, SPEC)
    both = np.array([4, 4, 0, 0], np.float32)
    decisions = [decoder.step(both, i / 15) for i in range(30)]
    assert {decision.reason for decision in decisions} == {LOW_CONFIDENCE}


def test_the_higher_the_sensitivity_the_sooner_and_the_more_is_said() -> None:
    seen, counts = ["nothing"] * 15 + ["walk"] * 20, []
    for sensitivity in ("low", "normal", "high"):
        answers = said(seen, sensitivity=sensitivity, sure=2.0)
        counts.append(sum(answer == "walk" for answer in answers))
    assert counts == sorted(counts) and counts[0] < counts[-1]


def test_scale_and_bias_make_the_probabilities() -> None:
    spec = dataclasses.replace(SPEC, scale=(0.0,) * 4, bias=(0.0, 3.0, 0.0, 0.0))
    decoder = Decoder(LABELS, spec)
    for i in range(30):
        decision = decoder.step(logits("sit"), i / 15)
    assert decision.index == 1


def test_warming_up_and_what_is_no_number_are_silent() -> None:
    decoder = Decoder(LABELS, dataclasses.replace(SPEC, warm_up_ms=500.0))
    decisions = [decoder.step(logits("walk"), i / 15) for i in range(10)]
    assert [decision.reason for decision in decisions].count(WARMING_UP) == 8
    assert decisions[-1].index == 1
    broken = decoder.step(np.array([np.nan, 0, 0, 0], np.float32), 1.0)
    assert (broken.index, broken.reason) == (None, NOT_FINITE)


def test_after_a_reset_nothing_is_left() -> None:
    decoder = Decoder(LABELS, SPEC)
    first = [decoder.step(logits("walk"), i / 15) for i in range(20)]
    decoder.reset()
    again = [decoder.step(logits("walk"), 100 + i / 15) for i in range(20)]
    assert [one.index for one in first] == [one.index for one in again]
    np.testing.assert_allclose(first[-1].probabilities, again[-1].probabilities, rtol=1e-6)


@given(
    st.lists(
        st.tuples(st.lists(st.floats(-50, 50, width=32), min_size=4, max_size=4), st.floats(0.001, 3.0)), max_size=40
    )
)
def test_beliefs_are_probabilities_and_only_actions_are_said(ticks: list[tuple[list[float], float]]) -> None:
    decoder, now = Decoder(LABELS, SPEC, "high"), 0.0
    for values, passed_s in ticks:
        now += passed_s
        decision = decoder.step(np.array(values, np.float32), now)
        assert np.isfinite(decision.probabilities).all()
        assert decision.probabilities.sum() == pytest.approx(1, abs=1e-5)
        assert decision.index is None or decision.index < 2
        assert (decision.index is None) == (decision.reason is not None)
