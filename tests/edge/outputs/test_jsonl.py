"""JSON Lines: the documented fields, flushed line by line; a reader that goes away is no failure."""

from __future__ import annotations

import io
import json
import os
import re
from dataclasses import fields, replace
from pathlib import Path

import pytest

from edge.errors import EdgeError
from edge.messages import Event, Prediction, TrackPrediction
from edge.outputs import OutputClosedError
from edge.outputs.jsonl import SCHEMA, JsonLines

PREDICTION = Prediction(
    2, 0.1, 0.1, None, "warming_up", 0.83333333, {"jump": 0.83333333, "gehen ü": 0.1}, 2.0, 12.0, 5.0
)
# `expert` is for people; `tracks` is written where a bundle follows people.
WRITTEN = {field.name for field in fields(Prediction)} - {"expert", "tracks"}
DOCUMENT = Path(__file__).parents[3] / "docs" / "output.md"


def test_a_line_is_a_prediction_with_all_its_fields() -> None:
    stream = io.StringIO()
    JsonLines(stream).prediction(PREDICTION)
    line = json.loads(stream.getvalue())
    assert stream.getvalue().count("\n") == 1
    assert set(line) == {"schema", "type", "time", *WRITTEN}
    assert (line["schema"], line["type"], line["label"], line["reason"]) == (SCHEMA, "prediction", None, "warming_up")
    assert line["probabilities"] == {"jump": 0.8333, "gehen ü": 0.1}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", line["time"])


def test_everybody_in_the_picture_has_an_entry() -> None:
    track = TrackPrediction(3, (10, 20, 30, 60), 0.91237, "jump", None, 0.666666)
    stream = io.StringIO()
    JsonLines(stream).prediction(replace(PREDICTION, tracks=(track,)))
    JsonLines(stream).prediction(replace(PREDICTION, tracks=()))
    with_one, with_none = (json.loads(line) for line in stream.getvalue().splitlines())
    assert with_one["tracks"] == [
        {"id": 3, "box": [10, 20, 30, 60], "person": 0.9124, "label": "jump", "reason": None, "confidence": 0.6667}
    ]
    assert with_none["tracks"] == []


def test_an_event_has_its_name_message_and_details() -> None:
    stream = io.StringIO()
    JsonLines(stream).event(Event("stream_gap", "no frame", {"gap_ms": 700.0}))
    line = json.loads(stream.getvalue())
    assert (line["type"], line["event"], line["message"], line["gap_ms"]) == ("event", "stream_gap", "no frame", 700.0)


def test_every_field_is_documented() -> None:
    text = DOCUMENT.read_text()
    for name in ("schema", "type", "time", *WRITTEN):
        assert f"| `{name}` |" in text, name


def test_each_line_is_flushed() -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stream, os.fdopen(reader) as lines:
        JsonLines(stream).event(Event("started", "now"))
        assert json.loads(lines.readline())["event"] == "started"


def test_a_reader_that_is_gone_closes_the_output_once() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stream:
        output = JsonLines(stream)
        with pytest.raises(OutputClosedError):
            output.prediction(PREDICTION)
        output.prediction(PREDICTION)  # says nothing any more


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_an_error() -> None:
    stream = Path("/dev/full").open("w")  # noqa: SIM115 - closing it fails as well
    with pytest.raises(EdgeError, match="cannot write the JSON lines: No space left"):
        JsonLines(stream).prediction(PREDICTION)
    with pytest.raises(OSError, match="No space left"):
        stream.close()
