"""`skeletons:DIR`: recordings of joints made by hand, and the real ones where they are present."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from calibration.sets import open_set
from calibration.synthetic.bodies.body import Proportions
from calibration.synthetic.real import skeletons
from calibration.synthetic.recordings.skeletons import load
from calibration.synthetic.scenery.scene import HEIGHT, WIDTH
from calibration.tensors import Geometry, store_tensors
from edge.errors import DataError
from tests.calibration.synthetic import stick

REAL = Path(__file__).parents[4].parent / "shared" / "data" / "skeletons"
GEOMETRY = Geometry(height=24, width=32, input_height=6, input_width=8, gammas=(1.0, 2.0))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    stick.write(tmp_path / "there" / "sit.npz", stick.sitting_down())
    stick.write(tmp_path / "walk.npz", stick.walking()[0])
    stick.write(tmp_path / "shrug.npz", stick.swimming(1, frames=30))
    rows = ["file,class,actor", "there/sit.npz,sit,a", "walk.npz,walk,b", "shrug.npz,other,b"]
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def test_every_recording_comes_under_both_lights_with_every_camera(root: Path) -> None:
    clips = open_set(f"skeletons:{root}")
    assert clips.labels == ("other", "sit", "walk")
    assert len(clips.clips) == 18 and len({c.name for c in clips.clips}) == 18
    assert {(c.light, c.camera) for c in clips.clips} == {
        (li, c) for li in ("LL", "ELL") for c in ("brio", "c920", "arducam")
    }
    assert {(clips.labels[c.label], c.actor) for c in clips.clips} == {("sit", "a"), ("walk", "b"), ("other", "b")}
    assert (
        len({c.identity for c in clips.clips} | {c.identity for c in open_set(f"skeletons_moving:{root}").clips}) == 36
    )


@pytest.mark.parametrize("kind", ["skeletons", "skeletons_moving"])
def test_it_renders_the_same_twice_and_differently_for_every_camera(root: Path, kind: str) -> None:
    first, *others = (list(clip.frames()) for clip in open_set(f"{kind}:{root}").clips[:6])
    again = list(open_set(f"{kind}:{root}").clips[0].frames())
    assert all(np.array_equal(a.image, b.image) for a, b in zip(first, again, strict=True))
    assert first[0].image.shape == (HEIGHT, WIDTH, 3) and first[0].image.dtype == np.uint8
    assert not any(np.array_equal(first[0].image, other[0].image) for other in others)


def test_it_is_played_at_the_recording_s_own_rate(root: Path, tmp_path: Path) -> None:
    for fps in (30.0, 15.0):
        stick.write(tmp_path / "walk.npz", stick.walking()[0], fps)
        for clip in open_set(f"skeletons:{root}").clips[6:9]:
            frames = list(clip.frames())
            step = frames[1].capture_time_s - frames[0].capture_time_s
            assert 1 / step == pytest.approx(15) or 1 / step == pytest.approx(30)
            assert len(frames) * step == pytest.approx(89 / fps, abs=0.08) or len(frames) * step == pytest.approx(
                5, abs=0.1
            )


def test_a_short_recording_begins_and_ends_with_standing(root: Path) -> None:
    for clip in open_set(f"skeletons:{root}").clips[12:15]:
        frames = list(clip.frames())
        assert 1.9 < frames[-1].capture_time_s + 1 / 15 < 2.3


def test_who_is_recorded_is_seen_and_moves(root: Path) -> None:
    """Where somebody moves, light changes: more of it than noise-free rooms ever do, and in the picture."""
    changed = []
    for seed in range(12):
        lights = list(skeletons.lights(np.random.default_rng(seed), load(root / "walk.npz"), "walk", 15.0, False))
        change = np.abs(lights[len(lights) // 2] - lights[0]).sum(axis=-1)
        changed.append(float((change > 1e-6).mean()))
    assert min(changed) > 0.002 and np.median(changed) > 0.02 and max(changed) < 0.9


def test_a_robot_s_camera_moves_the_room(root: Path) -> None:
    def corner(moving: bool, seed: int) -> float:
        lights = list(skeletons.lights(np.random.default_rng(seed), load(root / "walk.npz"), "walk", 15.0, moving))
        return float(np.abs(lights[-1][:40, :40] - lights[0][:40, :40]).mean() / lights[0][:40, :40].mean())

    still, moved = ([corner(moving, seed) for seed in range(8)] for moving in (False, True))
    assert np.median(still) < 0.01 < np.median(moved)


def test_bodies_come_in_all_sizes_and_from_all_sides(root: Path) -> None:
    recording = load(root / "there/sit.npz")
    shares, headings, elevations = [], [], []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        movement = skeletons._performed(rng, recording, "sit", Proportions())
        eye, placed = skeletons._seen(rng, movement)
        depth = eye.project(placed.points[:, 0])[1].mean()
        shares.append(eye.focal_px * placed.proportions.stature_m / depth / HEIGHT)
        headings.append(placed.heading)
        elevations.append(np.degrees(np.arctan2(eye.height_m - 0.9, depth)))
        assert depth > skeletons.NEAREST_M - 0.05
    assert min(shares) < 0.2 and max(shares) > 0.95
    assert all(
        np.sum(np.abs(np.angle(np.exp(1j * (np.array(headings) - side)))) < 0.8) > 20 for side in (0, 1.6, 3.1, -1.6)
    )
    assert min(elevations) < -8 and max(elevations) > 35


def test_tensors_of_a_killed_run_are_used_and_the_rest_is_made(root: Path, tmp_path: Path) -> None:
    """A process that renders is killed in the middle: what it had finished is whole, and no half file counts."""
    cache = tmp_path / "cache"
    script = (
        "from pathlib import Path; from calibration.sets import open_set; from calibration.tensors import *;"
        f"store_tensors(open_set('skeletons:{root}').clips, {GEOMETRY!r}, Path({str(cache)!r}))"
    )
    process = subprocess.Popen([sys.executable, "-c", script])
    deadline = time.monotonic() + 120
    while len(list(cache.glob("*.npz"))) < 3:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.wait()
    kept = {path: path.stat().st_mtime_ns for path in cache.glob("*.npz")}
    assert 3 <= len(kept) < 18
    clips = open_set(f"skeletons:{root}").clips
    stored = store_tensors(clips, GEOMETRY, cache)
    assert len(stored) == len(list(cache.glob("*.npz"))) == 18
    assert all(path.stat().st_mtime_ns == at for path, at in kept.items())
    fresh = store_tensors(clips[:4], GEOMETRY, tmp_path / "fresh")
    assert all(np.array_equal(ours.x, theirs.x) for ours, theirs in zip(stored[:4], fresh, strict=True))


def test_a_recording_that_changes_is_rendered_anew(root: Path) -> None:
    before = open_set(f"skeletons:{root}").clips[6].identity
    stick.write(root / "walk.npz", stick.walking(speed_m_s=1.0)[0])
    assert open_set(f"skeletons:{root}").clips[6].identity != before


def test_a_folder_without_a_table_says_what_is_needed(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"labels\.csv is missing"):
        open_set(f"skeletons:{tmp_path}")


def test_a_damaged_recording_is_named_when_it_is_asked_for(root: Path) -> None:
    (root / "walk.npz").write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(DataError, match=r"walk\.npz: not a recording of joints"):
        list(open_set(f"skeletons:{root}").clips[6].frames())


@pytest.mark.skipif(not REAL.is_dir(), reason="the real recordings of joints are not here")
def test_real_recordings_render() -> None:
    clips = open_set(f"skeletons:{REAL}", limit=30)
    assert "other" in clips.labels and {clips.labels[c.label] for c in clips.clips} >= {"pick", "sit", "walk", "throw"}
    for clip in clips.clips[::6]:
        frames = list(clip.frames())
        assert len(frames) > 8 and frames[0].image.shape == (HEIGHT, WIDTH, 3)
