"""What was said: thresholds decide again as the smoother did; runs of a label are events."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.evaluation.streams.heard import JOINED_S, SILENCE, Heard, Listener
from edge.bundles.manifest import NORMAL, DecisionSpec, Manifest, OperatingPoint, SmoothingSpec
from edge.messages import Prediction
from edge.recognition.decoder import Decoder
from edge.recognition.smoothing import Smoother
from tests.calibration.evaluation.streams.sayers import LABELS, heard
from tests.students import tiny_manifest, tiny_student

DECODER = DecisionSpec(
    scale=(1.0,) * 3,
    bias=(0.0,) * 3,
    dwell_ms=2000.0,
    evidence=0.5,
    shortest_ms=150.0,
    warm_up_ms=300.0,
    low=OperatingPoint(0.9, 0.6, 0.5, 1.0),
    normal=OperatingPoint(0.7, 0.4, 0.7, 5.0),
    high=OperatingPoint(0.5, 0.3, 0.8, 20.0),
)


def events(said: str) -> list[tuple[float, float, str]]:
    one = heard(said)
    found = one.events(one.decided())
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
    assert (one.decided() == [0, 0, 1]).all()
    named = dataclasses.replace(one, labels=("a", "other", "nobody"))
    assert (named.decided() == [0, 0, SILENCE]).all()


@given(st.text("abc-", max_size=40))
def test_events_cover_every_tick_that_was_said_and_do_not_overlap(said: str) -> None:
    one = heard(said)
    found = one.events(one.decided())
    for before, after in pairwise(found):
        assert before.end_s <= after.start_s + 1e-9
        assert before.label != after.label or after.start_s - before.end_s > JOINED_S
    for time_s, letter in zip(one.times_s, said, strict=True):
        inside = [event.label for event in found if event.start_s <= time_s < event.end_s - 1e-9]
        assert letter == "-" or inside == [letter]


def told(manifest: Manifest, thresholds: list[float | None]) -> tuple[Heard, list[list[int]]]:
    """What a chain's decider says of random answers with a black picture and a gap in them, and at other thresholds."""
    rng = np.random.default_rng(3)
    answers = np.repeat(rng.normal(0, 1.5, (20, 3)), 4, axis=0).astype(np.float32)
    listener, wanted = Listener(), []
    for number, threshold in enumerate(thresholds):
        decider = decider_of(manifest if threshold is None else at(manifest, threshold))
        said = []
        for tick, one in enumerate(answers):
            time_s = tick / 15 + 2 * (tick >= 55)
            if tick == 55:
                decider.reset()
            decision = decider.skip("black") if tick in (30, 31) else decider.step(one, time_s)
            said.append(SILENCE if decision.index is None else decision.index)
            if number == 0:
                label = None if decision.index is None else LABELS[decision.index]
                probabilities = dict(zip(LABELS, decision.probabilities.tolist(), strict=True))
                listener.prediction(
                    Prediction(
                        tick, time_s, time_s, label, decision.reason, decision.confidence, probabilities, 1.0, 9.0, 1
                    )
                )
        wanted.append(said)
    return listener.heard(manifest), wanted


def decider_of(manifest: Manifest) -> Decoder | Smoother:
    if manifest.decision is None:
        return Smoother(len(manifest.labels), manifest.smoothing)
    return Decoder(manifest.labels, manifest.decision)


def at(manifest: Manifest, threshold: float) -> Manifest:
    """The same with another threshold."""
    if manifest.decision is None:
        smoothing = dataclasses.replace(manifest.smoothing, minimum_confidence=threshold)
        return dataclasses.replace(manifest, smoothing=smoothing)
    point = manifest.decision.point(NORMAL)
    moved = OperatingPoint(threshold, threshold * point.leave / point.enter, 0.5, 1.0)
    return dataclasses.replace(manifest, decision=dataclasses.replace(manifest.decision, normal=moved))


def manifest(decision: DecisionSpec | None) -> Manifest:
    made = tiny_manifest(tiny_student(), "luma_flow")
    smoothing = SmoothingSpec(window_ms=400, minimum_confidence=0.5, warm_up_ms=200)
    return dataclasses.replace(made, labels=LABELS, smoothing=smoothing, decision=decision)


@pytest.mark.parametrize("decoder", [False, True])
@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7, 0.9])
def test_another_threshold_decides_as_the_bundle_would_have(threshold: float, decoder: bool) -> None:
    one = manifest(DECODER if decoder else None)
    record, (own, other) = told(one, [None, threshold])
    assert record.decided().tolist() == own
    assert record.decided(record.rule.threshold).tolist() == own
    assert record.decided(threshold).tolist() == other
    assert 0 < (np.array(own) != SILENCE).sum() < len(own)
