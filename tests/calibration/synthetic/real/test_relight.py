"""Relit depth recordings: made up here, and the real ones where they are present."""

from pathlib import Path

import numpy as np
import pytest
from calibration.synthetic.relight import load

from calibration.sets import open_set
from edge.errors import DataError

REAL = Path(__file__).parents[3].parent / "shared" / "data" / "utd_depth"
# Kinect's twenty joints of somebody who stands 2.9 m away: x, y of one half, mirrored for the other.
HALF = [(0.2, 0.2), (0.22, -0.07), (0.24, -0.29), (0.24, -0.35), (0.08, -0.18), (0.1, -0.64), (0.1, -1.0), (0.1, -1.05)]


def write_recording(path: Path, frames: int = 24) -> None:
    middle = [(0.0, 0.48), (0.0, 0.31), (0.0, -0.04), (0.0, -0.1)]
    left, right = ([(side * x, y) for x, y in HALF] for side in (-1, 1))
    joints = np.array(middle + left[:4] + right[:4] + left[4:] + right[4:])
    skeleton = np.concatenate([joints, np.full((20, 1), 2.9)], axis=1)
    depth = np.zeros((frames, 170, 70), np.uint16)
    for t in range(frames):
        depth[t, 5:165, 15 + t // 2 : 45 + t // 2] = 2900
    skeletons = np.tile(skeleton, (frames, 1, 1)).astype(np.float32)
    np.savez(path, depth_mm=depth, origin_yx=np.array([58, 125]), full_hw=np.array([240, 320]), skel_m=skeletons)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_recording(tmp_path / "a.npz")
    (tmp_path / "labels.csv").write_text("file,class,actor\na.npz,wave,s1\n")
    return tmp_path


def test_every_recording_comes_under_both_lights_with_every_camera(root: Path) -> None:
    clips = open_set(f"relit:{root}")
    assert clips.labels == ("wave",)
    assert {(c.light, c.camera) for c in clips.clips} == {
        (li, c) for li in ("LL", "ELL") for c in ("brio", "c920", "arducam")
    }
    assert {c.actor for c in clips.clips} == {"s1"}


def test_it_renders_the_same_twice_and_keeps_the_recording_s_time(root: Path) -> None:
    for clip in open_set(f"relit:{root}").clips:
        frames, again = list(clip.frames()), list(clip.frames())
        assert all(np.array_equal(a.image, b.image) for a, b in zip(frames, again, strict=True))
        step = frames[1].capture_time_s - frames[0].capture_time_s
        assert len(frames) * step == pytest.approx(24 / 30)


def test_joints_fall_into_the_body(root: Path) -> None:
    recording = load(root / "a.npz")
    column, row = recording.joints_px[0, 3]
    assert 15 < column < 45 and 60 < row < 110


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"nothing of the kind"])
def test_a_damaged_recording_is_named(root: Path, content: bytes) -> None:
    (root / "a.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.npz: not a depth recording"):
        list(open_set(f"relit:{root}").clips[0].frames())


def test_missing_arrays_are_named(root: Path) -> None:
    np.savez(root / "a.npz", depth_mm=np.ones((3, 4, 5), np.uint16))
    with pytest.raises(DataError, match="skel_m"):
        load(root / "a.npz")


def test_a_folder_without_a_table_says_what_is_needed(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"labels\.csv is missing"):
        open_set(f"relit:{tmp_path}")


@pytest.mark.skipif(not REAL.is_dir(), reason="the real depth recordings are not here")
def test_real_recordings_relight() -> None:
    clips = open_set(f"relit:{REAL}", limit=12)
    assert len(clips.labels) == 12 and {c.label for c in clips.clips} == set(range(12))
    for clip in clips.clips[:3]:
        frames = list(clip.frames())
        assert len(frames) > 15 and frames[0].image.shape == (240, 320, 3)
