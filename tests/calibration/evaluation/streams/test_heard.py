"""What was said: thresholds decide again as the smoother did; runs of a label are events."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.evaluation.streams.heard import JOINED_S, SILENCE, Listener
from edge.bundles.manifest import SmoothingSpec
from edge.messages import Prediction
from edge.recognition.smoothing import Smoother
from tests.calibration.evaluation.streams.sayers import LABELS, heard


def events(said: str) -> list[tuple[float, float, str]]:
    one = heard(said)
    found = one.events(one.decided(one.threshold))
    return [(round(e.start_s, 3), round(e.end_s, 3), e.label) for e in found]


def test_an_event_is_a_run_of_one_label() -> None:
    assert events("--aaa-----------bb") == [(0.2, 0.5, "a"), (1.6, 1.8, "b")]
    assert events("------") == []


def test_a_short_silence_ends_no_event_and_another_label_does() -> None:
    gap = "-" * round(JOINED_S / 0.1)
    assert events(f"aa{gap}aa") == [(0.0, 0.9, "a")]
    assert events(f"aa{gap}-aa") == [(0.0, 0.2, "a"), (0.8, 1.0, "a")]
    assert events("aabaa") == [(0.0, 0.2, "a"), (0.2, 0.3, "b"), (0.3, 0.5, "a")]


def test_a_label_for_nothing_is_silence() -> None:
    one = heard("aab", labels=("a", "b", "nobody"))
    assert (one.decided(0.5) == [0, 0, 1]).all()
    named = dataclasses.replace(one, labels=("a", "other", "nobody"))
    assert (named.decided(0.5) == [0, 0, SILENCE]).all()


@given(st.text("abc-", max_size=40))
def test_events_cover_every_tick_that_was_said_and_do_not_overlap(said: str) -> None:
    one = heard(said)
    found = one.events(one.decided(one.threshold))
    for before, after in pairwise(found):
        assert before.end_s <= after.start_s + 1e-9
        assert before.label != after.label or after.start_s - before.end_s > JOINED_S
    for time_s, letter in zip(one.times_s, said, strict=True):
        inside = [event.label for event in found if event.start_s <= time_s < event.end_s - 1e-9]
        assert letter == "-" or inside == [letter]


@pytest.mark.parametrize("threshold", [0.0, 0.4, 0.6, 0.95])
def test_another_threshold_decides_as_the_smoother_would_have(threshold: float) -> None:
    logits = np.random.default_rng(3).normal(0, 2, (60, 3)).astype(np.float32)
    spec = SmoothingSpec(window_ms=400, minimum_confidence=0.5, warm_up_ms=200)
    listener, wanted = Listener(), []
    here = Smoother(3, spec)
    there = Smoother(3, dataclasses.replace(spec, minimum_confidence=threshold))
    for tick, one in enumerate(logits):
        time_s = tick / 15
        decision = here.skip("black") if tick == 30 else here.step(one, time_s)
        other = there.skip("black") if tick == 30 else there.step(one, time_s)
        wanted.append(SILENCE if other.index is None else other.index)
        label = None if decision.index is None else LABELS[decision.index]
        probabilities = dict(zip(LABELS, decision.probabilities.tolist(), strict=True))
        said = Prediction(tick, time_s, time_s, label, decision.reason, decision.confidence, probabilities, 1.0, 9.0, 1)
        listener.prediction(said)
    record = listener.heard(LABELS, 0.5, 1 / 15)
    assert record.decided(threshold).tolist() == wanted
    assert 0 < (record.decided(0.5) != SILENCE).sum() < 60
