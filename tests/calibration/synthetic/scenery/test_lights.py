"""Each light is a factor on the whole picture, a pure function of time, and changes what its name says."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from calibration.synthetic.scenery import lights
from calibration.synthetic.scenery.courses import Passages, Turns
from calibration.synthetic.scenery.disturbances import LIGHTS
from calibration.synthetic.scenery.lights import Light, lit
from calibration.synthetic.scenery.scene import HEIGHT, WIDTH

STILL = (0.0, 0.0)


def drawn(kind: str, seed: int, duration_s: float = 3.0) -> Light:
    return LIGHTS[kind](np.random.default_rng([seed, 8]), duration_s)


@pytest.mark.parametrize("kind", LIGHTS)
def test_its_gain_fits_a_picture_and_is_the_same_in_any_order_of_times(kind: str) -> None:
    times = np.arange(0, 3, 0.1).tolist()
    once, again = drawn(kind, 2), drawn(kind, 2)
    for a, b in zip(
        [once.gain(t, STILL) for t in times], [again.gain(t, STILL) for t in times[::-1]][::-1], strict=True
    ):
        np.testing.assert_array_equal(a, b)
        assert a.dtype == np.float32 and a.shape in ((1, 1, 1), (HEIGHT, WIDTH, 1), (HEIGHT, WIDTH, 3))
        assert np.isfinite(a).all() and a.min() > 0 and a.max() < 40


@pytest.mark.parametrize("kind", LIGHTS)
def test_in_every_scene_it_changes_what_is_seen(kind: str) -> None:
    picture = np.ones((HEIGHT, WIDTH, 3), np.float32)
    for seed in range(12):
        light = drawn(kind, seed)
        seen = [lit(picture, [light], t, STILL) for t in np.arange(0, 3, 0.1)]
        assert max(float(np.abs(b - a).max()) for a, b in pairwise(seen)) > 0.02
    assert (picture == 1).all(), "a new array"


@pytest.mark.parametrize("kind", ["television", "torch", "switch", "shadow", "headlights"])
def test_what_is_in_the_room_goes_with_the_camera_s_shift(kind: str) -> None:
    for seed in range(5):
        light = drawn(kind, seed)
        for t in np.arange(0.2, 3, 0.4):
            here, moved = light.gain(t, STILL), light.gain(t, (8.0, -4.0))
            if here.shape == (1, 1, 1):
                assert moved.shape == here.shape
                continue
            inner = (slice(20, -20), slice(20, -20))
            back = np.roll(moved, (4, -8), axis=(0, 1))
            np.testing.assert_allclose(back[inner], here[inner], rtol=0.12, atol=0.05)


def test_headlights_run_along_the_wall_the_way_they_go() -> None:
    def middle(light: lights.Headlights, t: float) -> float:
        spot = light.gain(t, STILL).sum(axis=(0, 2))
        return float(np.average(np.arange(WIDTH), weights=np.maximum(spot - spot.min(), 0) + 1e-9))

    for way in (1.0, -1.0):
        passages = Passages(np.array([1.0]), np.array([2.0]), np.array([way]))
        light = lights.Headlights(
            passages,
            np.array([[0.0, 100.0]]),
            np.array([[320.0, 0.0]]),
            np.array([[20.0, 40.0]]),
            np.array([3.0]),
            np.ones(3),
            0.0,
        )
        columns = [middle(light, t) for t in (1.5, 2.0, 2.5)]
        assert (np.diff(columns) * way > 40).all()
        assert light.gain(0.9, STILL).shape == (1, 1, 1) and light.gain(3.1, STILL) == 1


def test_a_torch_lights_its_spot_and_nothing_else() -> None:
    torch = drawn("torch", 1)
    assert isinstance(torch, lights.Torch)
    at = torch.centre + np.array([torch.across.at(1.0), torch.down.at(1.0)])
    gain = torch.gain(1.0, (160 - at[0], 120 - at[1]))[..., 0]
    assert gain[118:122, 158:162].mean() == pytest.approx(1 + torch.strength, rel=0.05)
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    assert gain[np.hypot(rows - 120, columns - 160) > 2.2 * torch.radius].max(initial=1) < 1.02


def test_a_switch_is_dark_light_dark_and_a_tube_tries_first() -> None:
    level = Turns(np.array([1.0, 3.0]), np.array([0.0, 4.0, 0.0]), 0.0)
    centre, radius = np.array([160.0, 120.0]), np.array([160.0, 160.0])
    lamp, tube = (lights.Switch(level, centre, radius, 0.5, tube) for tube in (False, True))
    assert [lamp.gain(t, STILL).max() > 4 for t in (0.9, 1.0, 2.9, 3.0)] == [False, True, True, False]
    started = [bool(tube.gain(t, STILL).max() > 4) for t in np.arange(1.0, 2.5, 0.02)]
    assert np.abs(np.diff(started)).sum() >= 5 and started[-1]


def test_a_shadow_only_takes_light_away_and_crosses_the_picture() -> None:
    for seed in range(5):
        shadow = drawn("shadow", seed)
        assert isinstance(shadow, lights.PassingShadow)
        start, lasts = shadow.passages.starts_s[0], shadow.passages.lasts_s[0]
        columns = []
        for part in (0.4, 0.5, 0.6):
            taken = 1 - shadow.gain(start + part * lasts, STILL)[..., 0]
            assert taken.min() >= -1e-6 and 0.15 < taken.max() <= shadow.depth + 1e-6
            columns.append(np.average(np.arange(WIDTH), weights=taken.sum(axis=0) + 1e-9))
        assert (np.diff(columns) * shadow.passages.ways[0] > 10).all()


def test_exposure_sets_the_whole_picture_by_a_third_of_a_stop_to_two() -> None:
    for seed in range(20):
        exposure = drawn("exposure", seed, 20.0)
        assert isinstance(exposure, lights.Exposure)
        stops = np.log2([float(exposure.gain(t, STILL)[0, 0, 0]) for t in np.arange(0, 20, 0.05)])
        assert 0.2 < np.ptp(stops) < 3
