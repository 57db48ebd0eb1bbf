"""What the pipeline says to its outputs: predictions and events (docs/output.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

ROLLED_BACK = "bundle_rolled_back"  # an event that an update waits for


@dataclass(frozen=True)
class TrackPrediction:
    """One tick's answer about one person. id: rises, never used again in a stream; it begins anew after a gap.

    box: x, y, width, height in pixels of the source picture; person: confidence that it is one at all. label, reason,
    confidence: as of `Prediction`.
    """

    id: int
    box: tuple[int, int, int, int]
    person: float
    label: str | None
    reason: str | None
    confidence: float


@dataclass(frozen=True)
class Prediction:
    """One tick's answer.

    sequence, capture_time_s: the frame's. stream_time_s: since the first frame. label: None is an abstention, and then
    `reason` says why. confidence: the highest of `probabilities`, which are averaged over time. gamma: the one of this
    tick. mean: brightness, 0..255. latency_ms: from the frame's arrival in the pipeline to this answer. expert: the
    name of the one that looked, for people; in JSON the gamma stands for it. tracks: everybody in the picture, the most
    prominent first, whose answer is the picture's; None: the bundle's form does not follow people.
    """

    sequence: int
    capture_time_s: float
    stream_time_s: float
    label: str | None
    reason: str | None
    confidence: float
    probabilities: Mapping[str, float]
    gamma: float
    mean: float
    latency_ms: float
    expert: str = ""
    tracks: tuple[TrackPrediction, ...] | None = None

    @property
    def seen_by(self) -> str:
        """For people: the expert that looked, and its gamma."""
        return expert_text(self.expert, self.gamma)


@dataclass(frozen=True)
class Event:
    """Something that happened to the stream. name: stable, for programs; message: a sentence, for people."""

    name: str
    message: str
    details: Mapping[str, object] = field(default_factory=dict)


def expert_text(name: str, gamma: float) -> str:
    """`light x1 (gamma 1.5)`; of an expert without a name, its gamma."""
    return f"{name} (gamma {gamma:g})" if name else f"gamma {gamma:g}"
