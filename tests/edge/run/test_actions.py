"""An action begins once and ends once, whatever interrupts it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace

import pytest

from edge.messages import Event, Prediction, TrackPrediction
from edge.run.actions import ENDED, STARTED, Actions

TICK_S = 1 / 15


def prediction(label: str | None, tick: int, confidence: float = 0.5) -> Prediction:
    time_s = tick * TICK_S
    reason = None if label else "low_confidence"
    return Prediction(tick, time_s, time_s, label, reason, confidence, {}, 1.0, 10.0, 1.0)


def events(labels: Sequence[str | None]) -> list[tuple[str, object]]:
    actions, found = Actions(), list[Event]()
    for tick, label in enumerate(labels):
        found += actions.step(prediction(label, tick))
    return [(event.name, event.details["label"]) for event in (*found, *actions.end())]


def test_one_after_the_other() -> None:
    said = [None, "sit", "sit", None, None, "walk", "walk", "run"]
    assert events(said) == [
        (STARTED, "sit"), (ENDED, "sit"), (STARTED, "walk"), (ENDED, "walk"), (STARTED, "run"), (ENDED, "run"),
    ]  # fmt: skip


def test_silence_is_no_event() -> None:
    assert events([None] * 5) == []


def test_it_lasts_from_its_first_prediction_to_its_last_and_tells_the_highest_confidence() -> None:
    actions = Actions()
    for tick, confidence in ((3, 0.4), (4, 0.9), (5, 0.6)):
        actions.step(prediction("sit", tick, confidence))
    (ended,) = actions.step(prediction(None, 6))
    assert ended.details == {
        "label": "sit",
        "confidence": 0.9,
        "start_s": pytest.approx(0.2),
        "duration_s": pytest.approx(2 * TICK_S, abs=1e-3),
    }
    assert actions.end() == ()


def test_every_label_of_a_run_lies_in_an_action_and_they_end_with_it() -> None:
    command = [sys.executable, "-c", "from edge.run.cli import main; main(['demo', '--quiet'])"]
    lines = [json.loads(line) for line in subprocess.run(command, capture_output=True, check=True).stdout.splitlines()]
    going_on, labels = None, []
    for line in lines:
        if line["type"] == "prediction":
            labels.append((line["label"], line["stream_time_s"]))
        elif line["event"] == STARTED:
            assert going_on is None and labels[-1][0] == line["label"]
            going_on = line
        elif line["event"] == ENDED:
            assert going_on is not None and line["label"] == going_on["label"]
            start_s, end_s = line["start_s"], line["start_s"] + line["duration_s"]
            assert {label for label, time_s in labels if start_s <= time_s <= end_s + 1e-3} == {line["label"]}
            going_on = None
    assert going_on is None and lines[-1]["event"] == "stopped"
    assert any(label for label, _ in labels)


def test_everybody_has_actions_of_their_own_which_end_with_them() -> None:
    actions, found = Actions(), list[Event]()
    said = [{1: "walk"}, {1: "walk", 2: "sit"}, {1: "sit", 2: "sit"}, {2: "sit"}, {}]
    for tick, labels in enumerate(said):
        tracks = tuple(TrackPrediction(i, (0, 0, 9, 9), 0.9, label, None, 0.8) for i, label in labels.items())
        found += actions.step(replace(prediction("walk", tick), tracks=tracks))
    assert [(event.name, event.details["track"], event.details["label"]) for event in found] == [
        (STARTED, 1, "walk"), (STARTED, 2, "sit"), (ENDED, 1, "walk"), (STARTED, 1, "sit"),
        (ENDED, 1, "sit"), (ENDED, 2, "sit"),
    ]  # fmt: skip
    assert actions.end() == ()
