"""JSON Lines: one object per prediction or event, each flushed as it is written (docs/output.md)."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timezone
from typing import TextIO

from edge.errors import EdgeError
from edge.messages import Event, Prediction
from edge.outputs import Output, OutputClosedError
from edge.outputs.summary import Summary

SCHEMA = 1  # raised when a field goes or changes its meaning, not when one is added


def prediction_line(prediction: Prediction) -> str:
    """A prediction as JSON, without a newline."""
    fields = asdict(prediction)
    del fields["expert"]  # a name for people; programs have its gamma, and `started` has the names of all
    if prediction.tracks is None:
        del fields["tracks"]
    else:
        fields["tracks"] = [_rounded(track) for track in fields["tracks"]]
    fields["probabilities"] = {label: round(p, 4) for label, p in prediction.probabilities.items()}
    rounded = {"capture_time_s": 6, "stream_time_s": 3, "confidence": 4, "mean": 3, "latency_ms": 3}
    return _line("prediction", fields | {key: round(fields[key], digits) for key, digits in rounded.items()})


def _rounded(track: dict[str, object]) -> dict[str, object]:
    return {key: round(value, 4) if isinstance(value, float) else value for key, value in track.items()}


def event_line(event: Event) -> str:
    """An event as JSON, without a newline."""
    return _line("event", {"event": event.name, "message": event.message, **event.details})


def stopped_line(summary: Summary) -> str:
    """The last event, which carries the summary."""
    return event_line(Event("stopped", "stopped", summary.to_dict()))


def _line(kind: str, fields: Mapping[str, object]) -> str:
    time = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    return json.dumps({"schema": SCHEMA, "type": kind, "time": time, **fields})


class JsonLines(Output):
    """Writes to a text stream. Raises OutputClosedError: its reader is gone; EdgeError: it cannot be written."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._closed = False

    def prediction(self, prediction: Prediction) -> None:
        self._write(prediction_line(prediction))

    def event(self, event: Event) -> None:
        self._write(event_line(event))

    def stopped(self, summary: Summary) -> None:
        self._write(stopped_line(summary))

    def _write(self, line: str) -> None:
        if self._closed:
            return
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except BrokenPipeError as error:
            self._closed = True
            # What is still in its buffer goes nowhere, or Python complains when it flushes at the end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
            raise OutputClosedError("the reader of the JSON lines is gone") from error
        except OSError as error:
            self._closed = True
            raise EdgeError(f"cannot write the JSON lines: {error.strerror}") from error
