"""Lines for people: only changes, and no warm-up."""

from __future__ import annotations

import dataclasses
import io

from edge.messages import Event, Prediction
from edge.outputs.human import HumanLines

JUMP = Prediction(2, 100.1, 0.1, "jump", None, 0.8, {"jump": 0.8, "run": 0.2}, 2.0, 12.0, 5.0)
WARMING = dataclasses.replace(JUMP, label=None, reason="warming_up")
UNSURE = dataclasses.replace(JUMP, label=None, reason="low_confidence", stream_time_s=3.25)


def lines(*messages: Prediction | Event) -> list[str]:
    stream = io.StringIO()
    human = HumanLines(stream)
    for message in messages:
        if isinstance(message, Event):
            human.event(message)
        else:
            human.prediction(message)
    return stream.getvalue().splitlines()


def test_a_line_comes_when_the_answer_changes() -> None:
    found = lines(WARMING, WARMING, JUMP, JUMP, UNSURE, JUMP)
    assert [line.split()[:3] for line in found] == [["0.10", "s", "jump"], ["3.25", "s", "-"], ["0.10", "s", "jump"]]
    assert "(low confidence)" in found[1] and "80%" in found[0]


def test_a_line_says_who_looked() -> None:
    assert lines(JUMP)[0].endswith("80%  gamma 2")
    assert lines(dataclasses.replace(JUMP, expert="medium x8"))[0].endswith("80%  medium x8 (gamma 2)")


def test_events_are_sentences_and_gammas_do_not_flood() -> None:
    assert lines(Event("camera_back", "camera back after 1.2 s"), Event("gamma_changed", "gamma 1 -> 2")) == [
        "camera back after 1.2 s"
    ]
