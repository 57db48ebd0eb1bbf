"""Outputs: one file per place that predictions and events go to."""

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
