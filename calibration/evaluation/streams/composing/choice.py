"""Which streams a name stands for: rendered lives, or the clips of a data set end to end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from calibration.clip_sets.labels import OTHER, counterparts
from calibration.evaluation.streams.composing.lived import LABELS, LivedStream
from calibration.evaluation.streams.composing.played import played_streams
from calibration.evaluation.streams.composing.recorded import casts
from calibration.evaluation.streams.truth import Name, Notes
from calibration.sets import JOIN, ClipSet, open_set, public_name
from edge.errors import UsageError
from edge.picture.frame import Frame

LIFE = {"life_val": "val", "life_test": "test"}
LIFE_OF = "life:"  # of the people of a set of recorded joints
DEFAULT_SET, DEFAULT_HOURS, DEFAULT_MINUTES = "life_test", 1.0, 5.0


class Stream(Protocol):
    """A long recording whose truth is known. person: who acts in it, empty where it is not known."""

    @property
    def name(self) -> str: ...
    @property
    def person(self) -> str: ...
    @property
    def identity(self) -> str:
        """Changes when the frames may have changed."""

    def play(self, notes: Notes) -> Iterator[Frame]:
        """Frames from the start; `notes` are whole when they are over."""


@dataclass(frozen=True)
class Source:
    """Streams of one set. labels: what its happenings are called; aliases: see `ClipSet`."""

    name: str
    labels: tuple[str, ...]
    streams: Sequence[Stream]
    aliases: Mapping[str, str] = field(default_factory=dict)

    def naming(self, labels: Sequence[str]) -> Name:
        """The bundle's label that means the same as the set's; None where the bundle has none, or its `other`."""
        known = dict(zip(self.labels, counterparts(self.labels, labels, self.aliases), strict=True))

        def name(label: str) -> str | None:
            index = known.get(label)
            return None if index is None or labels[index] == OTHER else labels[index]

        return name


def sources(
    name: str,
    data_root: Path | None = None,
    *,
    hours: float | None = None,
    minutes: float = DEFAULT_MINUTES,
    seed: int = 0,
    limit: int | None = None,
) -> list[Source]:
    """What a name stands for, `A+B` for several; hours are shared among them.

    hours: rendered lives last as long, DEFAULT_HOURS unless told; of a data set all clips are played unless told.
    minutes: of a stream. limit: clips of every data set. Raises UsageError, DataError.
    """
    if hours is not None and not 0 < hours < 1000:
        raise UsageError(f"--hours is {hours:g}; it must be more than 0 and less than 1000")
    if not 0 < minutes <= 24 * 60:
        raise UsageError(f"--minutes is {minutes:g}; it must be more than 0 and at most a day")
    lives = [part for part in name.split(JOIN) if part in LIFE or part.startswith(LIFE_OF)]
    rest = JOIN.join(part for part in name.split(JOIN) if part not in lives)
    others = [_data_set(rest, data_root, limit, seed)] if rest else []
    each_s = None if hours is None else 3600 * hours / (len(lives) + len(others))
    found = []
    for part in lives:
        clips = None if part in LIFE else _data_set(part.removeprefix(LIFE_OF), data_root, limit, seed)
        found.append(_lives(part, clips, each_s or 3600 * DEFAULT_HOURS, 60 * minutes, seed))
    for clips in others:
        streams = played_streams(clips, 60 * minutes, seed, each_s)
        found.append(Source(public_name(clips.name), clips.labels, streams, clips.aliases))
    return found


def _data_set(name: str, data_root: Path | None, limit: int | None, seed: int) -> ClipSet:
    try:
        return open_set(name, data_root, limit, seed)
    except UsageError as error:
        raise UsageError(f"{error}; of streams also {', '.join(LIFE)}, {LIFE_OF}skeletons:DIR") from error


def _lives(name: str, clips: ClipSet | None, total_s: float, length_s: float, seed: int) -> Source:
    """clips: of the people whose motion it is, None for the renderer's own."""
    length_s = min(length_s, total_s)
    numbers = range(max(1, round(total_s / length_s)))
    if clips is None:
        return Source(name, LABELS, [LivedStream(LIFE[name], i, length_s, seed) for i in numbers])
    found = casts(clips)
    streams = [LivedStream("test", i, length_s, seed, found[i % len(found)]) for i in numbers]
    labels = tuple(dict.fromkeys(("walk", *clips.labels)))
    return Source(LIFE_OF + public_name(clips.name), labels, streams, clips.aliases)
