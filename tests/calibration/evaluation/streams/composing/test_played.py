"""Clips end to end: what lies where, which rooms lie between them, and what is damaged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from calibration.clip_sets.clips import Clip, ClipSet
from calibration.evaluation.streams.composing.choice import Source, sources
from calibration.evaluation.streams.composing.played import EMPTY_S, NOISE_S, PlayedStream, played_streams
from calibration.evaluation.streams.truth import NOISE, REAL_ROOM, Notes, Truth
from edge.errors import DataError, UsageError
from edge.picture.frame import Frame
from tests.clips import square_clip, square_set, write_square_folder


def truth_of(stream: PlayedStream) -> tuple[list[Frame], Truth]:
    notes = Notes()
    frames = list(stream.play(notes))
    return frames, notes.truth()


def test_clips_rooms_and_noise_follow_each_other_without_a_break() -> None:
    (stream,) = played_streams(square_set(5), 60, 0)
    frames, truth = truth_of(stream)
    steps = [b.capture_time_s - a.capture_time_s for a, b in pairwise(frames)]
    assert min(steps) > 0
    assert max(steps) < 0.15
    assert [frame.sequence for frame in frames] == list(range(len(frames)))
    assert sorted(one.label for one in truth.happenings) == ["left", "left", "right", "right", "still"]
    assert all(one.end_s - one.start_s == pytest.approx(20 / 15) for one in truth.happenings)
    (noise,) = truth.of_kind(NOISE)
    assert noise.end_s - noise.start_s == pytest.approx(NOISE_S, abs=0.1)
    assert truth.length_s == pytest.approx(5 * 20 / 15 + EMPTY_S + NOISE_S, abs=0.3)


def test_streams_are_of_one_person_camera_and_light() -> None:
    clips = square_set(12)
    people = [replace(clip, actor="ab"[i % 2], camera="brio", light="LL") for i, clip in enumerate(clips.clips)]
    streams = played_streams(replace(clips, clips=people), 20, 0)
    assert {stream.person for stream in streams} == {"a", "b"}
    for stream in streams:
        assert {part.clip.actor for part in stream.parts if part.clip and part.label} == {stream.person}
    names = [part.clip.name for stream in streams for part in stream.parts if part.clip and part.label]
    assert sorted(names) == sorted(clip.name for clip in people), "every clip once"


def test_the_set_s_own_rooms_come_before_rendered_ones(tmp_path: Path) -> None:
    labels = ("left", "right", "nobody")
    clips = [square_clip(labels[i % 2], labels, i) for i in range(4)]
    file = tmp_path / "room"
    file.write_bytes(b"a file makes it a recording")
    room = replace(square_clip("nobody", labels, 9), file=file)
    stream, of_rooms = played_streams(ClipSet("set", labels, [*clips, room]), 60, 0)
    assert [part.clip for part in of_rooms.parts] == [room]
    _, truth = truth_of(stream)
    assert len(truth.of_kind(REAL_ROOM)) == 1
    assert len(truth.happenings) == 4
    (alone,) = played_streams(ClipSet("set", labels, [room]), 60, 0)
    _, truth = truth_of(alone)
    assert [one.kind for one in truth.circumstances] == [REAL_ROOM]
    assert truth.happenings == ()


def _cut(message: str) -> Iterator[Frame]:
    yield from list(square_set(1).clips[0].frames())[:5]
    raise DataError(message)


def test_a_damaged_clip_ends_where_it_is_damaged_and_is_named() -> None:
    clips = square_set(2)
    broken = Clip("broken", 0, lambda: _cut("broken.mp4: cut short"), "broken")
    (stream,) = played_streams(replace(clips, clips=[*clips.clips, broken]), 60, 0)
    _, truth = truth_of(stream)
    assert truth.damaged == ("broken.mp4: cut short",)
    assert sorted(round(15 * (one.end_s - one.start_s)) for one in truth.happenings) == [5, 20, 20]


def test_names_of_actions_are_the_bundle_s() -> None:
    naming = Source("s", ("Walking", "sit_down", "bow"), ()).naming(("sit", "walk", "other"))
    assert [naming(label) for label in ("Walking", "sit_down", "bow", "unheard of")] == ["walk", "sit", None, None]


def test_several_sets_share_the_hours(tmp_path: Path) -> None:
    folder = write_square_folder(tmp_path / "squares", 3)
    lives, clips = sources(f"life_val+folder:{folder}", hours=0.2, minutes=2)
    assert [len(lives.streams), len(clips.streams)] == [3, 1]
    assert lives.streams[0].person == "val_00"
    one = sources("life_test", hours=0.01, minutes=5)[0].streams
    assert len(one) == 1, "shorter than a stream: one of that length"


@pytest.mark.parametrize("hours", [0.0, -1.0, float("nan")])
def test_no_time_is_no_stream(hours: float) -> None:
    with pytest.raises(UsageError, match="--hours"):
        sources("life_test", hours=hours)
