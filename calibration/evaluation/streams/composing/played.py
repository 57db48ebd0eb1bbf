"""Real or rendered clips end to end, with empty stretches of the same camera and light between them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from calibration.clip_sets.clips import Clip, ClipSet
from calibration.clip_sets.labels import OTHER, plain
from calibration.evaluation.streams.truth import NOISE, REAL_ROOM, RENDERED_ROOM, Circumstance, Happening, Notes
from calibration.synthetic.dark_camera import CAMERAS, SENSORS, DarkCamera
from calibration.synthetic.splits import NOBODY, open_nobody
from edge.errors import DataError, PictureError
from edge.picture.frame import Frame

EMPTY_AFTER = 4  # actions between two empty stretches
EMPTY_S, NOISE_S = 10.0, 6.0
NOISE_FPS, NOISE_SIZE = 15.0, (240, 320)
LONGEST_S = 2.6  # about what a clip lasts, to share clips out among streams before they are decoded


@dataclass(frozen=True)
class Part:
    """A clip in a stream. label: as its set calls it; None where nobody is to be seen, and kind says what instead."""

    clip: Clip | None
    label: str | None
    kind: str = ""
    seed: int = 0


@dataclass(frozen=True)
class PlayedStream:
    """Clips of one person before one camera in one light, and what lies between them."""

    name: str
    person: str
    camera: str
    parts: tuple[Part, ...]

    @property
    def identity(self) -> str:
        """All that its frames hang on."""
        parts = [(one.clip.identity if one.clip else NOISE, one.label, one.kind, one.seed) for one in self.parts]
        return f"played {EMPTY_S} {NOISE_S} {self.camera} {parts}"

    def play(self, notes: Notes) -> Iterator[Frame]:
        """Frames as they were recorded, without a break; what happens is written into `notes` on the way.

        A clip that cannot be decoded ends where it is damaged, and `notes` know.
        """
        now_s, sequence = 0.0, 0
        for part in self.parts:
            start_s, last_s, step_s = now_s, 0.0, 1 / NOISE_FPS
            for frame in self._frames(part, notes):
                step_s = frame.capture_time_s - last_s if frame.capture_time_s > last_s else step_s
                last_s = frame.capture_time_s
                now_s = start_s + last_s
                notes.frame(now_s + step_s)
                yield Frame(frame.image, sequence, now_s, frame.format)
                sequence += 1
            now_s = start_s + last_s + step_s
            if part.label is not None:
                notes.happens([Happening(start_s, now_s, part.label)])
            elif part.kind:
                notes.goes_on([Circumstance(start_s, now_s, part.kind)])

    def _frames(self, part: Part, notes: Notes) -> Iterator[Frame]:
        if part.clip is None:
            yield from _noise(self.camera, part.seed)
            return
        try:
            yield from part.clip.frames()
        except (DataError, PictureError) as error:
            notes.damaged(str(error))


def played_streams(clips: ClipSet, length_s: float, seed: int, limit_s: float | None = None) -> list[PlayedStream]:
    """The set's clips in a random order, streams of about `length_s`; at most `limit_s` of clips in all.

    Clips of the set's label `nobody` are the rooms: some lie between people's clips, all have streams of their own, in
    the set's order. Where there are none of a camera, rendered rooms lie between; those of a set to choose by
    (`..._val`) are not those of the others, which one reports.
    """
    rng = np.random.default_rng([5, seed])
    split = "val" if clips.name.endswith("_val") else "test"
    rendered = open_nobody(f"synthetic_nobody_{split}", split, EMPTY_S).clips
    people: dict[tuple[str, str, str], list[Clip]] = defaultdict(list)
    rooms: dict[tuple[str, str, str], list[Clip]] = defaultdict(list)
    most = None if limit_s is None else max(1, round(limit_s / LONGEST_S))
    for i in sorted(rng.permutation(len(clips.clips))[:most].tolist()):
        clip = clips.clips[i]
        if plain(clips.labels[clip.label]) == NOBODY:
            rooms[clip.location or "", clip.camera or "", clip.light or ""].append(clip)
        else:
            people[clip.actor or "", clip.camera or "", clip.light or ""].append(clip)
    each = max(1, round(length_s / (LONGEST_S + EMPTY_S / EMPTY_AFTER)))
    streams: list[PlayedStream] = []
    for (actor, camera, light), members in sorted(people.items()):
        stand_in = [Part(one, None, RENDERED_ROOM) for one in rendered if light in ("", one.light)]
        real = [_room(one) for (_, *of), found in rooms.items() if of == [camera, light] for one in found]
        shuffled = [members[i] for i in rng.permutation(len(members))]
        for number, some in enumerate(_chunks(shuffled, each)):
            parts = _with_rooms(rng, clips, some, real or stand_in)
            streams.append(_stream(clips, (actor, camera, light, f"{number:02d}"), actor, camera, parts))
    for (location, camera, light), members in sorted(rooms.items()):
        for number, some in enumerate(_chunks(members, each)):
            parts = [_room(one) for one in some]
            streams.append(_stream(clips, ("room", location, camera, light, f"{number:02d}"), "", camera, parts))
    return streams


def _stream(clips: ClipSet, names: Sequence[str], person: str, camera: str, parts: Sequence[Part]) -> PlayedStream:
    sensor = camera if camera in CAMERAS else CAMERAS[-1]
    return PlayedStream("_".join(name for name in (clips.name, *names) if name), person, sensor, tuple(parts))


def _chunks(clips: Sequence[Clip], each: int) -> Iterator[Sequence[Clip]]:
    for start in range(0, len(clips), each):
        yield clips[start : start + each]


def _room(clip: Clip) -> Part:
    return Part(clip, None, RENDERED_ROOM if clip.file is None else REAL_ROOM)


def _with_rooms(rng: np.random.Generator, clips: ClipSet, members: Sequence[Clip], rooms: Sequence[Part]) -> list[Part]:
    parts = []
    for number, clip in enumerate(members, 1):
        label = clips.labels[clip.label]
        parts.append(Part(clip, OTHER if plain(label) == OTHER else label))
        if number % EMPTY_AFTER == 0 and rooms:
            parts.append(rooms[int(rng.integers(len(rooms)))])
    return [*parts, Part(None, None, NOISE, int(rng.integers(1 << 31)))]


def _noise(camera: str, seed: int) -> Iterator[Frame]:
    """What a camera delivers behind its lens cap, but with black level and gain at work."""
    dark = DarkCamera(SENSORS[camera], 1.0, np.random.default_rng(seed), illumination=0.0, gain=4.0)
    nothing = np.zeros((*NOISE_SIZE, 3), np.float32)
    for i in range(round(NOISE_S * NOISE_FPS)):
        yield Frame(dark.shoot(nothing.copy()), i, i / NOISE_FPS)
