"""Clips without a person: the same every time, dark, and with a camera that may move."""

import numpy as np
import pytest

from calibration.sets import open_set
from calibration.synthetic.clip import robot_motion


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
