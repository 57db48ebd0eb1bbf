"""A rendered clip: lazy, dark, of the right size and rate, with a visible moving body."""

from itertools import islice

import numpy as np
import pytest

from calibration.sets import open_set
from calibration.synthetic.bodies.body import Pose, Proportions
from calibration.synthetic.bodies.motions import TWELVE
from calibration.synthetic.clip import Timing, liveliest, painted, render, render_recorded
from calibration.synthetic.scenery.scene import BRIGHTEST, HEIGHT, WIDTH, decode, encode


@pytest.mark.parametrize("action", TWELVE)
def test_every_action_renders(action: str) -> None:
    frames = list(render((1, 2), (3, 4), action, "c920", "LL"))
    assert all(f.image.shape == (HEIGHT, WIDTH, 3) and f.image.dtype == np.uint8 for f in frames)
    times = np.array([f.capture_time_s for f in frames])
    fps = 1 / np.diff(times).mean()
    assert round(fps) in (15, 30) and 1.7 < len(frames) / fps < 3.3
    assert [f.sequence for f in frames] == list(range(len(frames)))


@pytest.mark.parametrize(("light", "low", "high"), [("LL", 4, 60), ("ELL", 0.2, 12)])
def test_clips_are_as_dark_as_their_light_says(light: str, low: float, high: float) -> None:
    for seed in range(4):
        frame = next(render((seed,), (seed,), "walk", "brio", light))
        assert low < frame.image.mean() < high


def test_seeds_change_the_scene_and_people_change_the_body() -> None:
    first = next(render((1,), (1,), "sit", "brio", "LL")).image
    assert np.array_equal(first, next(render((1,), (1,), "sit", "brio", "LL")).image)
    assert not np.array_equal(first, next(render((2,), (1,), "sit", "brio", "LL")).image)
    assert not np.array_equal(first, next(render((1,), (2,), "sit", "brio", "LL")).image)


def test_the_square_root_code_keeps_dark_cloth_and_lamps_apart() -> None:
    light = np.array([0.01, 0.05, 0.5, 1.0, 5.0])
    assert np.allclose(decode(encode(light)).ravel(), light, rtol=0.12)
    assert decode(encode(np.array([99.0]))).item() == pytest.approx(BRIGHTEST)


def test_a_recorded_clip_has_30_pictures_a_second_and_is_the_same_twice() -> None:
    once, again = (list(islice(render_recorded((1, 2), (3, 4), "walk", "c920", "LL"), 6)) for _ in range(2))
    assert all(np.array_equal(a.image, b.image) for a, b in zip(once, again, strict=True))
    assert np.allclose(np.diff([frame.capture_time_s for frame in once]), 1 / 30)
    assert 3 < once[0].image.mean() < 60


def test_the_recorded_splits_share_no_clip_with_each_other_or_with_the_plain_ones() -> None:
    recorded, plain = (
        [clip for split in ("train", "val", "test") for clip in open_set(f"synthetic{kind}_{split}").clips]
        for kind in ("_recorded", "")
    )
    assert len({clip.identity for clip in (*recorded, *plain)}) == len(recorded) + len(plain)
    assert [clip.actor for clip in recorded] == [clip.actor for clip in plain], "the same people, by split"


def test_twice_the_tempo_goes_twice_as_far() -> None:
    timing, body = Timing(30.0, 30, 1, 0.02), Proportions.draw(np.random.default_rng(1))
    centres = []
    for tempo in (1.0, 2.0):
        painting = painted(np.random.default_rng(5), body, timing, "walk", tempo)
        corners = (painting.corners.mean(axis=(1, 2)) / 8 - painting.view.shift)[:, 0]
        centres.append(np.ptp(corners) * np.median(painting.depth[np.isfinite(painting.depth)]))
    assert centres[1] > 1.4 * centres[0]


def test_the_liveliest_part_is_where_the_joints_move_most() -> None:
    body = Proportions.draw(np.random.default_rng(1))
    pose = Pose.standing(body, 60)
    pose.arm_flex[30:45] = np.linspace(0, 2, 15)[:, np.newaxis]
    pose.arm_flex[45:] = 2.0
    cut = liveliest(pose, body, 18, 3)
    assert len(cut.pelvis) == len(cut.ankles) == 18
    assert cut.arm_flex[0, 0] < 0.1 and cut.arm_flex[-1, 0] > 1.9
    assert liveliest(pose, body, 60, 3) is pose
