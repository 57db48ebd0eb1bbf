"""What was said against what happened: which said events are right, which happenings were found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from calibration.evaluation.streams.heard import SaidEvent
from calibration.evaluation.streams.truth import Happening

ANY = 0.0
OVERLAPS = (ANY, 0.3, 0.5)
LATE_S = 1.0  # the past is so long in the mean: a label that begins so soon after its action is late, and not invented


@dataclass(frozen=True)
class Matched:
    """At one overlap. found: of the happenings, right: of what was said, each as a list of flags in their order."""

    found: tuple[bool, ...]
    right: tuple[bool, ...]


def overlap(a: Happening, b: SaidEvent) -> float:
    """Intersection over union of two spans of time, 0 to 1."""
    both = min(a.end_s, b.end_s) - max(a.start_s, b.start_s)
    return max(0.0, both) / (max(a.end_s, b.end_s) - min(a.start_s, b.start_s))


def matched(happened: Sequence[Happening], said: Sequence[SaidEvent], least: float) -> Matched:
    """Pairs of one label that overlap by `least` (intersection over union), the largest overlaps first, one to one.

    With ANY a happening is found when its label is said at all while it lasts, and whatever overlaps it is right.
    """
    pairs = [(overlap(a, b), i, j) for i, a in enumerate(happened) for j, b in enumerate(said) if a.label == b.label]
    found, right = set(), set()
    for share, i, j in sorted(pairs, key=lambda pair: (-pair[0], pair[1:])):
        if share > ANY and (least == ANY or (share >= least and i not in found and j not in right)):
            found.add(i)
            right.add(j)
    return Matched(tuple(i in found for i in range(len(happened))), tuple(j in right for j in range(len(said))))


def late(happened: Sequence[Happening], said: SaidEvent) -> bool:
    """Does it name what has only just ended?"""
    return any(one.label == said.label and one.end_s <= said.start_s < one.end_s + LATE_S for one in happened)
