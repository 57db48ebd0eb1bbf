"""A terminal: lines that stay, as for people anywhere, and below them one that is written over: how it goes now."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Mapping
from typing import TextIO

from edge.messages import Event, Prediction
from edge.outputs.human import HumanLines
from edge.outputs.summary import Summary
from edge.paths import shown

EVERY_S = 0.2
ERASE = "\r\x1b[K"  # to the first column, and the line away
COLUMNS = 80  # of a terminal that does not say


class TerminalLines(HumanLines):
    """quiet: labels alone, no events, no summary, no line that moves; a terminal that cannot erase has none, either."""

    def __init__(self, stream: TextIO, quiet: bool = False, environment: Mapping[str, str] = os.environ) -> None:
        super().__init__(stream)
        self._quiet = quiet
        self._moves = not quiet and environment.get("TERM", "dumb") != "dumb"
        self._camera = ""
        self._ticks, self._since_s, self._drawn = 0, time.monotonic(), False

    def prediction(self, prediction: Prediction) -> None:
        super().prediction(prediction)
        self._ticks += 1
        if (passed_s := time.monotonic() - self._since_s) >= EVERY_S:
            answer = prediction.label or (prediction.reason or "").replace("_", " ")
            self._draw(
                f"{prediction.stream_time_s:8.2f} s  {self._camera}: {answer} {prediction.confidence:.0%}, "
                f"{self._ticks / passed_s:.0f} ticks/s, brightness {prediction.mean:.0f} of 255 (Ctrl-C ends)"
            )

    def event(self, event: Event) -> None:
        if "camera" in event.details:
            self._camera = shown(str(event.details["camera"]))
        if not self._quiet:
            super().event(event)

    def waiting(self) -> None:
        if time.monotonic() - self._since_s >= EVERY_S:
            self._draw(f"{'':8}    {self._camera}: waiting (Ctrl-C ends)")

    def stopped(self, summary: Summary) -> None:
        self.close()
        if not self._quiet:
            super().stopped(summary)

    def close(self) -> None:
        """Take the moving line away."""
        if self._drawn:
            self._drawn = False
            self._stream.write(ERASE)
            self._stream.flush()

    def _say(self, text: str) -> None:
        self.close()
        super()._say(text)

    def _draw(self, text: str) -> None:
        self._ticks, self._since_s = 0, time.monotonic()
        if self._moves:
            self._drawn = True
            self._stream.write(ERASE + shown(text)[: self._columns - 1])
            self._stream.flush()

    @property
    def _columns(self) -> int:
        """Asked each time: windows change. A longer line would wrap, and could not be erased."""
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or COLUMNS
        except (OSError, io.UnsupportedOperation):
            return COLUMNS
