"""A rendered clip: lazy, dark, of the right size and rate, with a visible moving body."""

import numpy as np
import pytest

from calibration.synthetic.bodies.motions import TWELVE
from calibration.synthetic.clip import render
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
