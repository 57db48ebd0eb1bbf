"""Sayers written by hand: one letter a tick, `-` is silence; and a bundle that says them through the real pipeline."""

from __future__ import annotations

import numpy as np

from calibration.evaluation.streams.heard import SILENCE, Heard, Rule
from calibration.evaluation.streams.judge import Counts, Judge
from calibration.evaluation.streams.scores import HeardStream
from calibration.evaluation.streams.truth import Circumstance, Happening, Truth

LABELS = ("a", "b", "c")
TICK_S = 0.1


def heard(said: str, *, sure: float = 0.9, labels: tuple[str, ...] = LABELS, gammas: str = "") -> Heard:
    """One tick every tenth of a second; a letter is said with the confidence `sure`, `-` is under the threshold 0.5."""
    probabilities = np.full((len(said), len(labels)), (1 - sure) / (len(labels) - 1), np.float32)
    for tick, letter in enumerate(said):
        if letter == "-":
            probabilities[tick] = 1 / len(labels)
        else:
            probabilities[tick, labels.index(letter)] = sure
    times_s = np.round(np.arange(len(said)) * TICK_S, 6)
    spoken = np.array([float(gamma) for gamma in gammas or "1" * len(said)])
    told = np.array([SILENCE if letter == "-" or sure < 0.5 else labels.index(letter) for letter in said], np.int64)
    return Heard(labels, times_s, probabilities, told, np.zeros(len(said), np.uint8), spoken, Rule(0.5), TICK_S)


def happening(start_s: float, end_s: float, label: str, person: int = 0) -> Happening:
    return Happening(start_s, end_s, label, person)


def truth(length_s: float, *happenings: Happening, circumstances: tuple[Circumstance, ...] = ()) -> Truth:
    return Truth(length_s, happenings, circumstances)


def own_name(label: str) -> str | None:
    """A source whose labels are the bundle's."""
    return label if label in LABELS else None


def judged(what: Truth, said: str, threshold: float | None = None) -> Counts:
    return Judge(what, heard(said), own_name).counts(threshold)


def stream(name: str, what: Truth, said: Heard, *, source: str = "here", person: str = "") -> HeardStream:
    return HeardStream(name, source, person, what, said, own_name)


def perfect(what: Truth) -> str:
    """Says what is done as long as it is done, and nothing else."""
    said = ["-"] * round(what.length_s / TICK_S)
    for one in what.events(own_name):
        for tick in range(len(said)):
            if one.start_s <= round(tick * TICK_S, 6) < one.end_s:
                said[tick] = one.label
    return "".join(said)
