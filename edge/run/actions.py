"""When an action begins and ends: events, made from the labels that are said."""

from __future__ import annotations

from dataclasses import dataclass

from edge.messages import Event, Prediction

STARTED, ENDED = "action_started", "action_ended"
# After these the picture is another one, or nobody looks: what was going on is over, as far as anybody knows.
INTERRUPTIONS = frozenset({"camera_lost", "stream_gap", "resting", "bundle_changed"})


@dataclass
class _Action:
    label: str
    start_s: float
    last_s: float
    confidence: float


class Actions:
    """Follows the predictions of a stream. An action lasts from its label's first prediction to its last."""

    def __init__(self) -> None:
        self._going_on: _Action | None = None

    def step(self, prediction: Prediction) -> tuple[Event, ...]:
        """What ends and what begins with this prediction."""
        action, label, now_s = self._going_on, prediction.label, prediction.stream_time_s
        if action is not None and action.label == label:
            action.last_s, action.confidence = now_s, max(action.confidence, prediction.confidence)
            return ()
        ended = self.end()
        if label is None:
            return ended
        self._going_on = _Action(label, now_s, now_s, prediction.confidence)
        details = {"label": label, "confidence": round(prediction.confidence, 4), "start_s": round(now_s, 3)}
        return (*ended, Event(STARTED, f"{label} begins", details))

    def end(self) -> tuple[Event, ...]:
        """What goes on is over."""
        action, self._going_on = self._going_on, None
        if action is None:
            return ()
        duration_s = action.last_s - action.start_s
        details = {
            "label": action.label,
            "confidence": round(action.confidence, 4),
            "start_s": round(action.start_s, 3),
            "duration_s": round(duration_s, 3),
        }
        return (Event(ENDED, f"{action.label} ends after {duration_s:.1f} s", details),)
