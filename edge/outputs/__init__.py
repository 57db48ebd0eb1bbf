"""Outputs: one file per place that predictions and events go to.

human, terminal          lines for people; the same in a terminal, above a line that says how it goes
choice                   which of them a run has
jsonl                    JSON Lines for programs, the contract of docs/output.md
events_socket, tail      the same on a Unix socket, for many readers; `edge-tail`, one of them
journal, service_status  systemd's journal; its READY, WATCHDOG and STATUS
summary                  what the whole run was like
"""

from __future__ import annotations

from edge.errors import EdgeError
from edge.messages import Event, Prediction
from edge.outputs.summary import Summary


class OutputClosedError(EdgeError, BrokenPipeError):
    """Whoever read this output has gone away; a reason to stop, not a failure."""


class Output:
    """Takes what the pipeline says. An output overrides what it cares for."""

    def prediction(self, prediction: Prediction) -> None:
        """A tick's answer."""

    def event(self, event: Event) -> None:
        """Something happened."""

    def stopped(self, summary: Summary) -> None:
        """The run is over."""

    def waiting(self) -> None:
        """No picture to work on, but all is well: the camera is looked for again and again."""

    def close(self) -> None:
        """The end, however it came: nothing half written stays."""
