"""What a run was like: bounded, and readable by people and programs."""

from __future__ import annotations

import json

from edge.cameras.base import DropCounts
from edge.messages import Prediction
from edge.outputs.summary import TIMELINE_LENGTH, RunRecord
from edge.recognition.cadence import CadenceCounts
from edge.timing import StageTimer


def prediction(index: int, label: str | None, gamma: float = 2.0, expert: str = "") -> Prediction:
    reason = None if label else "low_confidence"
    probabilities = {"jump": 0.8, "run": 0.2}
    return Prediction(index, index / 15, index / 15, label, reason, 0.8, probabilities, gamma, 12.0, 5.0, expert)


def test_equal_answers_are_one_span() -> None:
    record = RunRecord()
    for index, label in enumerate(["jump"] * 15 + [None] * 3 + ["run"] * 12):
        record.add(prediction(index, label))
    spans = record.summary(CadenceCounts(), {}, DropCounts()).timeline
    assert [(span.label, span.reason) for span in spans] == [
        ("jump", None),
        (None, "low_confidence"),
        ("run", None),
    ]
    assert (spans[0].start_s, spans[0].end_s) == (0.0, 0.933)


def test_weeks_of_changes_take_no_more_memory() -> None:
    record = RunRecord()
    for index in range(3 * TIMELINE_LENGTH):
        record.add(prediction(index, "jump" if index % 2 else "run"))
    spans = record.summary(CadenceCounts(), {}, DropCounts()).timeline
    assert len(spans) == TIMELINE_LENGTH
    assert spans[-1].end_s == round((3 * TIMELINE_LENGTH - 1) / 15, 3)


def test_the_text_shows_counts_gammas_labels_and_stages() -> None:
    record, timer = RunRecord(), StageTimer()
    for index, label in enumerate(["jump", None, "run"]):
        record.add(prediction(index, label, gamma=1.0 + index / 2))
    timer.add("student", 1.0)
    drops = DropCounts(flagged=2, stale=1)
    text = record.summary(CadenceCounts(frames=6, lost=1, ticks=3), timer.percentiles(), drops).to_text()
    assert "buffers without a frame: flagged 2, stale 1" in text
    assert "frames 6" in text and "dropped 1" in text and "ticks seen by: gamma 1 1, gamma 1.5 1, gamma 2 1" in text
    assert "jump" in text and "run" in text and "low" not in text
    assert text.splitlines()[-1].split() == ["student", "1.000", "1.000", "1.000", "1.000"]


def test_people_read_the_names_of_experts_and_programs_their_gammas() -> None:
    record = RunRecord()
    for index, (gamma, name) in enumerate([(1.5, "light x1"), (1.5, "light x1"), (3.0, "heavy x64")]):
        record.add(prediction(index, "jump", gamma, name))
    summary = record.summary(CadenceCounts(), {}, DropCounts())
    assert "ticks seen by: light x1 (gamma 1.5) 2, heavy x64 (gamma 3) 1\n" in summary.to_text()
    assert summary.to_dict()["gammas"] == {"1.5": 2, "3": 1}
    assert summary.to_dict()["experts"] == {"1.5": "light x1", "3": "heavy x64"}


def test_the_dictionary_is_json() -> None:
    record = RunRecord()
    record.add(prediction(0, "jump"))
    summary = json.loads(json.dumps(record.summary(CadenceCounts(), {}, DropCounts()).to_dict()))
    assert summary["timeline"] == [{"label": "jump", "reason": None, "start_s": 0.0, "end_s": 0.0}]
