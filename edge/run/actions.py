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
    """Follows the predictions of a stream. An action lasts from its label's first prediction to its last.

    Where a bundle follows people, everybody's own; then the events say whose (`track`).
    """

    def __init__(self) -> None:
        self._going_on: dict[int | None, _Action] = {}

    def step(self, prediction: Prediction) -> tuple[Event, ...]:
        """What ends and what begins with this prediction."""
        now_s = prediction.stream_time_s
        if prediction.tracks is None:
            return self._follow(None, prediction.label, prediction.confidence, now_s)
        here = {track.id for track in prediction.tracks}
        ended = [event for track in list(self._going_on) if track not in here for event in self._end(track)]
        for one in prediction.tracks:
            ended += self._follow(one.id, one.label, one.confidence, now_s)
        return tuple(ended)

    def end(self) -> tuple[Event, ...]:
        """All that goes on is over."""
        return tuple(event for track in list(self._going_on) for event in self._end(track))

    def _follow(self, track: int | None, label: str | None, confidence: float, now_s: float) -> tuple[Event, ...]:
        action = self._going_on.get(track)
        if action is not None and action.label == label:
            action.last_s, action.confidence = now_s, max(action.confidence, confidence)
            return ()
        ended = self._end(track)
        if label is None:
            return ended
        self._going_on[track] = _Action(label, now_s, now_s, confidence)
        details: dict[str, object] = {"label": label, "confidence": round(confidence, 4), "start_s": round(now_s, 3)}
        return (*ended, Event(STARTED, f"{label} begins", _whose(track, details)))

    def _end(self, track: int | None) -> tuple[Event, ...]:
        action = self._going_on.pop(track, None)
        if action is None:
            return ()
        duration_s = action.last_s - action.start_s
        details: dict[str, object] = {
            "label": action.label,
            "confidence": round(action.confidence, 4),
            "start_s": round(action.start_s, 3),
            "duration_s": round(duration_s, 3),
        }
        return (Event(ENDED, f"{action.label} ends after {duration_s:.1f} s", _whose(track, details)),)


def _whose(track: int | None, details: dict[str, object]) -> dict[str, object]:
    return details if track is None else {"track": track, **details}
