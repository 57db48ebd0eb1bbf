"""Clips without a person: the same every time, dark, and with a camera that may move."""

from collections import Counter

import numpy as np
import pytest

from calibration.sets import open_set
from calibration.synthetic.clip import robot_motion
from calibration.synthetic.dark_camera import CAMERAS
from calibration.synthetic.nobody import MOTIONS, _moved, render_disturbed
from calibration.synthetic.scenery.disturbances import KINDS


def test_a_clip_is_the_same_twice() -> None:
    clip = open_set("synthetic_nobody_test").clips[3]
    once, again = ([frame.image for frame in clip.frames()] for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(once, again, strict=True))


def test_no_clip_is_in_two_splits() -> None:
    identities = [
        clip.identity for split in ("train", "val", "test") for clip in open_set(f"synthetic_nobody_{split}").clips
    ]
    assert len(set(identities)) == len(identities) == 640


def test_the_rooms_are_as_dark_as_their_light_says() -> None:
    clips = open_set("synthetic_nobody_val").clips
    means = {
        light: np.mean([next(clip.frames()).image.mean() for clip in clips[:40] if clip.light == light])
        for light in ("LL", "ELL")
    }
    assert 5 < means["LL"] < 50
    assert means["ELL"] < 8


@pytest.mark.parametrize("seed", range(8))
def test_a_robot_s_camera_shakes_and_turns_no_faster_than_it_can(seed: int) -> None:
    times = np.arange(45) / 15
    shift = robot_motion(np.random.default_rng(seed), times)
    assert shift.shape == (45, 2)
    assert np.abs(np.diff(shift, axis=0)).max() > 0
    per_second = 640 / 60 * 40  # 40 degrees a second, oversampled pixels
    assert np.abs(shift[-1, 0] - shift[0, 0]) <= 3 * per_second + 20


def test_every_kind_of_disturbance_comes_as_often_as_the_others_before_every_motion_of_the_camera() -> None:
    clips = open_set("synthetic_disturbed_val").clips
    first = Counter((str(clip.disturbance).split("+")[0], clip.name.rpartition("_")[2]) for clip in clips)
    assert first == {(kind, motion): 4 for kind in KINDS for motion in MOTIONS}
    two = [str(clip.disturbance).split("+") for clip in clips if "+" in str(clip.disturbance)]
    assert 0.2 < len(two) / len(clips) < 0.5 and all(a != b for a, b in two)
    assert {clip.light for clip in clips} == {"LL", "ELL"} and {clip.camera for clip in clips} == set(CAMERAS)


def test_no_disturbed_clip_is_in_two_splits() -> None:
    identities = [
        clip.identity for split in ("train", "val", "test") for clip in open_set(f"synthetic_disturbed_{split}").clips
    ]
    assert len(set(identities)) == len(identities) == 1260


@pytest.mark.parametrize("kind", KINDS)
def test_a_disturbed_clip_is_dark_and_the_same_twice(kind: str) -> None:
    seed, motion = (9, KINDS.index(kind)), MOTIONS[KINDS.index(kind) % 3]
    once, again = (
        [frame.image for frame in render_disturbed(seed, "brio", "LL", (kind,), motion, 0.7)] for _ in range(2)
    )
    assert all(np.array_equal(a, b) for a, b in zip(once, again, strict=True))
    assert 3 < once[0].mean() < 60


def test_a_camera_that_stands_still_does_and_the_others_do_not() -> None:
    times = np.arange(90) / 30
    moved = {motion: np.ptp(_moved(np.random.default_rng(3), times, motion), axis=0) for motion in MOTIONS}
    assert (moved["still"] == 0).all()
    assert (moved["shaking"] > 0).all() and moved["shaking"].max() < 40
    assert moved["turning"].max() > 0
