"""Lines for people: label changes and events as they come, the summary at the end."""

from __future__ import annotations

from typing import TextIO

from edge.messages import Event, Prediction
from edge.outputs import Output
from edge.outputs.summary import Summary
from edge.printable import one_line
from edge.recognition.smoothing import WARMING_UP

# They would flood: every line that is written names its expert, and its time and label.
SILENT_EVENTS = ("gamma_changed", "action_started", "action_ended")


class HumanLines(Output):
    """Writes a line to a text stream whenever the answer changes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._last: tuple[str | None, str | None] = (None, WARMING_UP)

    def prediction(self, prediction: Prediction) -> None:
        answer = (prediction.label, prediction.reason)
        if answer == self._last:
            return
        self._last = answer
        what = one_line(prediction.label or f"- ({(prediction.reason or '').replace('_', ' ')})")
        seen_by = prediction.seen_by
        self._say(f"{prediction.stream_time_s:8.2f} s  {what:<20} {prediction.confidence:4.0%}  {seen_by}")

    def event(self, event: Event) -> None:
        if event.name not in SILENT_EVENTS:
            self._say(one_line(event.message))

    def stopped(self, summary: Summary) -> None:
        self._say("\n".join(map(one_line, summary.to_text().split("\n"))))

    def _say(self, text: str) -> None:
        print(text, file=self._stream, flush=True)
