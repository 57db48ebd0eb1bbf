"""What happens in a stream, on a timeline: who does what from when to when, what else changes, where everybody is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from calibration.clip_sets.labels import OTHER

Bools = npt.NDArray[np.bool_]
F64 = npt.NDArray[np.float64]
Box = tuple[int, int, int, int]  # x, y, width, height in the picture's pixels
Name = Callable[[str], str | None]  # a source's name of an action -> the bundle's label, None where it has none

IDLE = "idle"  # somebody is there and does nothing that has a name: stands, fidgets, sits
# What the camera does; where none of these goes on it stands still.
SHAKING, TURNING, DRIVEN = CAMERA = ("camera shaking", "camera turning", "camera driven")
# What is played where nobody is; whatever the camera and the light do in it belongs to it.
REAL_ROOM, RENDERED_ROOM, NOISE = ROOMS = "real room", "rendered room", "noise alone"
# States of a stream that are no action of the bundle's, in which every label is a false one.
UNKNOWN_ACTION, SOMEBODY_IDLE = "somebody does something unknown", "somebody idle"
ACTING = "another action"
DISTURBED, STILL = "something else moves or changes", "camera still"


@dataclass(frozen=True)
class Happening:
    """A person does one thing. label: of its source, OTHER or IDLE; person: a number, the same all through a stream."""

    start_s: float
    end_s: float
    label: str
    person: int = 0

    @property
    def nameless(self) -> bool:
        """Nothing that a bundle could name."""
        return self.label in (IDLE, OTHER)


@dataclass(frozen=True)
class Circumstance:
    """Something that goes on beside people. kind: one of CAMERA, of ROOMS or the name of a disturbance."""

    start_s: float
    end_s: float
    kind: str


@dataclass(frozen=True)
class Truth:
    """A whole stream. Between a person's happenings the person is not there.

    boxes: for every person what of the body is seen, int16 [frames,4] (x, y, width, height; width 0: nothing), empty
    where it is not known. damaged: what could not be decoded, and so is not in it.
    """

    length_s: float
    happenings: tuple[Happening, ...] = ()
    circumstances: tuple[Circumstance, ...] = ()
    boxes: Mapping[int, npt.NDArray[np.int16]] = field(default_factory=dict)
    damaged: tuple[str, ...] = ()

    def events(self, name: Name) -> list[Happening]:
        """The happenings that the bundle has a label for, under that label, by their start."""
        named = [(one, name(one.label)) for one in self.happenings if not one.nameless]
        found = [Happening(one.start_s, one.end_s, label, one.person) for one, label in named if label is not None]
        return sorted(found, key=lambda one: one.start_s)

    def states(self, times_s: F64, name: Name) -> dict[str, Bools]:
        """ACTING and the kinds of negatives -> at which of the times [T] the stream is in this state; exactly one is.

        What somebody does goes before what somebody else leaves undone: an idle second person changes nothing. Where
        nobody is, a disturbance goes before what the camera does: `camera still` is a still picture.
        """
        known = [one for one in self.happenings if not one.nameless and name(one.label) is not None]
        unknown = [one for one in self.happenings if one not in known and one.label != IDLE]
        acting, other = during(known, times_s), during(unknown, times_s)
        idle = during((one for one in self.happenings if one.label == IDLE), times_s)
        states = {ACTING: acting, UNKNOWN_ACTION: other & ~acting, SOMEBODY_IDLE: idle & ~other & ~acting}
        left = ~(acting | other | idle)
        spans = {kind: self.of_kind(kind) for kind in ROOMS}
        spans[DISTURBED] = [one for one in self.circumstances if one.kind in self.disturbances]
        spans |= {kind: self.of_kind(kind) for kind in reversed(CAMERA)}
        for kind, circumstances in spans.items():
            states[nobody(kind)] = left & during(circumstances, times_s)
            left = left & ~states[nobody(kind)]
        return states | {nobody(STILL): left}

    def of_kind(self, kind: str) -> list[Circumstance]:
        """When this goes on."""
        return [one for one in self.circumstances if one.kind == kind]

    @property
    def disturbances(self) -> list[str]:
        """What changes in the picture beside people and the camera's own motion, by name."""
        return sorted({one.kind for one in self.circumstances} - {*CAMERA, *ROOMS})


def nobody(kind: str) -> str:
    """The name of the state in which nobody is there."""
    return f"nobody, {kind}"


def during(spans: Iterable[Happening | Circumstance], times_s: F64) -> Bools:
    """At which of the times [T] one of the spans goes on: from its start on, before its end."""
    found = np.zeros(len(times_s), bool)
    for span in spans:
        found |= (times_s >= span.start_s) & (times_s < span.end_s)
    return found


class Notes:
    """The truth of a stream, written down while its frames are made."""

    def __init__(self) -> None:
        self._happenings: list[Happening] = []
        self._circumstances: list[Circumstance] = []
        self._boxes: dict[int, dict[int, Box]] = {}
        self._damaged: list[str] = []
        self._length_s = 0.0
        self._frames = 0

    def damaged(self, message: str) -> None:
        """A part of it could not be decoded."""
        self._damaged.append(message)

    def happens(self, happenings: Iterable[Happening]) -> None:
        """Somebody does this."""
        self._happenings += [one for one in happenings if one.end_s > one.start_s]

    def goes_on(self, circumstances: Iterable[Circumstance]) -> None:
        """This goes on."""
        self._circumstances += [one for one in circumstances if one.end_s > one.start_s]

    def frame(self, end_s: float, boxes: Mapping[int, Box | None] | None = None) -> None:
        """Another frame, shown until end_s. boxes: where everybody is, if that is known."""
        self._length_s = end_s
        for person, box in (boxes or {}).items():
            if box is not None:
                self._boxes.setdefault(person, {})[self._frames] = box
        self._frames += 1

    def truth(self) -> Truth:
        """What was written down."""
        boxes = {}
        for person, seen in self._boxes.items():
            boxes[person] = np.zeros((self._frames, 4), np.int16)
            boxes[person][list(seen)] = list(seen.values())
        happenings = [self._seen(one, boxes) for one in self._happenings]
        return Truth(
            self._length_s,
            tuple(one for one in happenings if one is not None),
            tuple(self._circumstances),
            boxes,
            tuple(self._damaged),
        )

    def _seen(self, one: Happening, boxes: Mapping[int, npt.NDArray[np.int16]]) -> Happening | None:
        """What is seen of a happening, where that is known: nobody can name what goes on out of sight."""
        if not boxes or not self._frames:
            return one
        frame_s = self._length_s / self._frames
        first, last = round(one.start_s / frame_s), round(one.end_s / frame_s)
        seen = np.flatnonzero(boxes[one.person][first:last, 2]) if one.person in boxes else np.zeros(0, np.int64)
        if not len(seen):
            return None
        start_s, end_s = (first + seen[0]) * frame_s, (first + seen[-1] + 1) * frame_s
        return replace(one, start_s=max(one.start_s, float(start_s)), end_s=min(one.end_s, float(end_s)))
