"""What a bundle decides with, for the whole picture or for everybody in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from edge.bundles.manifest import NORMAL, Manifest
from edge.engines.catalogue import Say
from edge.recognition.decoder import Decoder
from edge.recognition.recogniser import TickResult, TrackLogits
from edge.recognition.smoothing import Decision, Smoother
from edge.recognition.tracks.locate import Located

NOBODY = "nobody"


@dataclass(frozen=True)
class TrackDecision:
    """What is decided of one track."""

    track: Located
    decision: Decision


class Deciders:
    """One decider for the whole picture, or one for each track, which ends with it.

    Where nobody is found, the tick abstains: `nobody`. What the picture as a whole is told is its first track's.
    """

    def __init__(self, manifest: Manifest, sensitivity: str, say: Say) -> None:
        self._classes = len(manifest.labels)
        self._whole = decider(manifest, sensitivity, say)
        self._make = partial(decider, manifest, sensitivity, _said_before)
        self._of: dict[int, Decoder | Smoother] = {}

    def reset(self) -> None:
        """Forget the stream."""
        self._whole.reset()
        self._of.clear()

    def step(
        self, result: TickResult, fault: str | None, time_s: float
    ) -> tuple[Decision, tuple[TrackDecision, ...] | None]:
        """Of the picture, and of every track where the form has any; fault: why this tick must not lead to a label."""
        if result.tracks is None:
            return self._whole.skip(fault) if fault else self._whole.step(result.logits, time_s), None
        tracks = self._of_tracks(result.tracks, fault, time_s)
        if tracks:
            return tracks[0].decision, tracks
        return Decision(None, fault or NOBODY, 0.0, np.zeros(self._classes, np.float32)), ()

    def _of_tracks(self, tracks: Sequence[TrackLogits], fault: str | None, time_s: float) -> tuple[TrackDecision, ...]:
        self._of = {one.track.identity: self._of.get(one.track.identity) or self._make() for one in tracks}
        deciders = self._of.values()
        return tuple(
            TrackDecision(one.track, mine.skip(fault) if fault else mine.step(one.logits, time_s))
            for one, mine in zip(tracks, deciders, strict=True)
        )


def decider(manifest: Manifest, sensitivity: str, say: Say) -> Decoder | Smoother:
    """What a bundle decides with: its decoder, or the mean over time of those without one."""
    if manifest.decision is not None:
        return Decoder(manifest.labels, manifest.decision, sensitivity)
    if sensitivity != NORMAL:  # no error: a service that goes back to an older bundle shall run
        say(f"sensitivity {sensitivity}: bundle {manifest.name} has one operating point alone, which is used")
    return Smoother(len(manifest.labels), manifest.smoothing)


def _said_before(text: str) -> None:
    """What the first decider said holds for those of every track."""
