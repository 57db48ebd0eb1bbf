"""Tensors stream in order, from several processes, are kept, and a damaged video costs itself alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from calibration.clip_sets.clips import Clip
from calibration.sets import open_set
from calibration.synthetic.passing import scene
from calibration.tensors import Geometry, clip_tensors, store_tensors, stream_tensors
from edge.bundles.manifest import ExpertSpec
from edge.errors import DataError, EdgeError
from edge.picture.frame import Frame
from tests.calibration.trees import write_video
from tests.clips import moving_square, square_set

GEOMETRY = Geometry(height=24, width=32, input_height=6, input_width=8, gammas=(1.0, 2.0))


def test_two_processes_give_what_one_gives_in_order(tmp_path: Path) -> None:
    clips = square_set(10).clips
    seen: list[tuple[int, int]] = []
    streamed = list(stream_tensors(iter(clips), GEOMETRY, tmp_path / "a", workers=2))
    stored = store_tensors(clips, GEOMETRY, tmp_path / "b", 1, lambda done, of: seen.append((done, of)))
    assert [clip.name for clip, _ in streamed] == [clip.name for clip in clips]
    for clip, (_, ours), theirs in zip(clips, streamed, stored, strict=True):
        expected = clip_tensors(clip.frames(), GEOMETRY)
        for tensors in (ours, theirs):
            assert np.array_equal(tensors.x, expected.x) and tensors.x.dtype == np.uint8
            assert np.array_equal(tensors.statistics, expected.statistics)
    assert seen == [(done, 10) for done in range(1, 11)]


def test_stored_tensors_can_be_cut_and_chosen(tmp_path: Path) -> None:
    stored = store_tensors(square_set(5).clips, GEOMETRY, tmp_path)
    assert len(stored) == 5 and len(stored[1:3]) == 2
    assert np.array_equal(stored[1:3][-1].x, stored[2].x)
    assert np.array_equal(stored.only([4, 0])[0].x, stored[4].x)
    assert not np.array_equal(stored[4].x, stored[2].x)
    assert stored.ticks(3) == len(stored[3].statistics)


def test_a_stopped_run_goes_on_where_it_was(tmp_path: Path) -> None:
    for seed in range(6):
        write_video(tmp_path / "clips" / "walk" / f"{seed}.avi", seed)
    clips = open_set(f"folder:{tmp_path / 'clips'}").clips
    list(stream_tensors(clips[:3], GEOMETRY, tmp_path / "cache"))
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()}
    assert len(kept) == 3
    assert len(list(stream_tensors(clips, GEOMETRY, tmp_path / "cache"))) == 6
    assert len(list((tmp_path / "cache").iterdir())) == 6
    assert all(path.stat().st_mtime_ns == at for path, at in kept.items())


def test_a_damaged_video_costs_itself_and_a_line(tmp_path: Path) -> None:
    for seed in range(4):
        write_video(tmp_path / "walk" / f"{seed}.avi", seed)
    (tmp_path / "walk" / "1.avi").write_bytes(b"no video")
    clips = open_set(f"folder:{tmp_path}").clips
    lines: list[str] = []

    def report(clip: Clip, error: EdgeError) -> None:
        lines.append(f"{clip.name}: {error}")

    streamed = list(stream_tensors(clips, GEOMETRY, tmp_path / "cache", 2, report))
    assert [clip.name for clip, _ in streamed] == ["walk/0.avi", "walk/2.avi", "walk/3.avi"]
    (line,) = lines
    assert line.startswith("walk/1.avi: ") and "no video in it that OpenCV can decode" in line
    with pytest.raises(DataError, match=r"1\.avi: no video in it that OpenCV can decode"):
        store_tensors(clips, GEOMETRY, tmp_path / "cache")


def test_after_a_gap_a_clip_starts_anew_as_on_the_device() -> None:
    frames = list(moving_square("left", 0, 12))
    late = [Frame(f.image, f.sequence, f.capture_time_s + (2.0 if f.sequence >= 6 else 0.0)) for f in frames]
    whole, halves = clip_tensors(late, GEOMETRY), [clip_tensors(part, GEOMETRY) for part in (frames[:6], frames[6:])]
    assert np.array_equal(whole.x, np.concatenate([half.x for half in halves], axis=1))
    assert np.array_equal(whole.statistics, np.concatenate([half.statistics for half in halves]))


def test_in_the_form_tracks_training_may_look_at_the_true_box() -> None:
    experts = (ExpertSpec(), ExpertSpec(2, 2, 1))
    geometry = Geometry(120, 160, "tracks", 30, 40, 5.0, gammas=(1.5, 2.0), experts=experts, fraction_bits=4)
    frames = scene("one walks by", 0, "LL").frames[:30]
    found = clip_tensors(frames, geometry)
    true = clip_tensors(frames, geometry, lambda frame: (0.0, 0.3, 0.2, 0.5))
    assert found.x.shape == true.x.shape == (2, 29, 30, 40, 3)
    assert not np.array_equal(found.x, true.x)
    with pytest.raises(ValueError, match="box_of: expected the input form tracks"):
        clip_tensors(frames, GEOMETRY, lambda frame: None)
