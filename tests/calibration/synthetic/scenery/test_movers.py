"""Each thing moves, the same in every run and in any order of times, within the picture, and as its name says."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from calibration.synthetic.dark_camera import SENSORS, DarkCamera, exposure_for
from calibration.synthetic.scenery import movers
from calibration.synthetic.scenery.courses import Sway, Turns
from calibration.synthetic.scenery.disturbances import MOVERS
from calibration.synthetic.scenery.layers import Layer, Mover, composed
from calibration.synthetic.scenery.scene import F32, HEIGHT, WIDTH
from edge.bundles.manifest import ExpertSpec, FrontEndSpec, GateSpec, InputSpec
from edge.picture.frame import Frame
from edge.recognition.inputs.motion import Motion

STILL = (0.0, 0.0)
TIMES = np.arange(0, 2.0, 1 / 15).tolist()


def drawn(kind: str, seed: int) -> Mover:
    return MOVERS[kind](np.random.default_rng([seed, 7]), 2.0)


def covered(layer: Layer | None) -> F32:
    """Its mask in the picture."""
    wall = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    if layer is None:
        return wall[..., 0]
    mask = np.repeat(layer.mask[..., np.newaxis], 3, axis=2)
    return composed(wall, [Layer(mask, layer.mask, layer.corner, layer.depth_m)])[..., 0]


@pytest.mark.parametrize("kind", MOVERS)
def test_it_is_the_same_in_every_run_and_in_any_order_of_times(kind: str) -> None:
    once, again = drawn(kind, 1), drawn(kind, 1)
    forwards = [once.layer(t, STILL) for t in TIMES]
    backwards = [again.layer(t, STILL) for t in reversed(TIMES)][::-1]
    for a, b in zip(forwards, backwards, strict=True):
        assert (a is None) == (b is None)
        if a is not None and b is not None:
            assert a.corner == b.corner and a.depth_m == b.depth_m
            np.testing.assert_array_equal(a.light, b.light)
            np.testing.assert_array_equal(a.mask, b.mask)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("kind", MOVERS)
def test_its_layers_are_light_and_mask_within_the_picture(kind: str, seed: int) -> None:
    """What lies outside is never drawn: a layer costs no more than the picture."""
    mover = drawn(kind, seed)
    for time_s, shift in ((0.0, STILL), (0.7, (55.5, -30.25)), (1.9, (-400.0, 10.0))):
        layer = mover.layer(time_s, shift)
        if layer is None:
            continue
        (x, y), (h, w) = layer.corner, layer.mask.shape
        assert x >= 0 and y >= 0 and x + w <= WIDTH and y + h <= HEIGHT
        assert layer.light.shape == (h, w, 3) and layer.light.dtype == layer.mask.dtype == np.float32
        assert layer.mask.min() >= 0 and layer.mask.max() <= 1 + 1e-5 and layer.light.min() >= 0
        assert not layer.light[layer.mask < 1e-6].max(initial=0) > 1e-4, "light is multiplied by the mask"


@pytest.mark.parametrize("kind", MOVERS)
def test_most_of_a_kind_move_where_they_can_be_seen(kind: str) -> None:
    wall = np.full((HEIGHT, WIDTH, 3), 0.3, np.float32)
    moving = 0
    for seed in range(10):
        mover = drawn(kind, seed)
        seen = [composed(wall, [layer] if (layer := mover.layer(t, STILL)) else []) for t in np.arange(0, 2, 0.2)]
        moving += max(int((np.abs(b - a).max(axis=2) > 0.02).sum()) for a, b in pairwise(seen)) > 5
    assert moving >= 8


@pytest.mark.parametrize("kind", ["curtain", "fan", "door", "pet", "tree"])
def test_what_stands_in_the_room_goes_with_the_camera_s_shift(kind: str) -> None:
    for seed in range(10):
        mover = drawn(kind, seed)
        mask = covered(mover.layer(0.4, STILL))
        moved = covered(mover.layer(0.4, (6.0, -4.0)))
        np.testing.assert_allclose(moved[: HEIGHT - 4, 6:], mask[4:, : WIDTH - 6], atol=2e-3)


def test_half_a_pixel_of_shift_is_half_a_pixel() -> None:
    mover = drawn("fan", 3)
    here, half, one = (covered(mover.layer(0.4, (x, 0.0))) for x in (0.0, 0.5, 1.0))
    assert np.abs(half - (here + one) / 2).max() < 0.35
    assert np.abs(half - here).max() > 0.05


def test_a_curtain_hangs_and_a_tree_stands() -> None:
    """Nothing moves where they are held."""
    for seed in range(5):
        hanging, standing = drawn("curtain", seed), drawn("tree", seed)
        for cloth, held in ((hanging, slice(0, 3)), (standing, slice(-3, None))):
            assert isinstance(cloth, movers.Cloth)
            sheets = [cloth._blown(t) for t in TIMES]
            least = max(float(np.abs(b[held] - a[held]).max()) for a, b in pairwise(sheets))
            most = max(float(np.abs(b - a).max()) for a, b in pairwise(sheets))
            assert least < 0.35 * most


def test_a_fan_returns_after_a_blade_s_turn_and_not_before() -> None:
    rng = np.random.default_rng(4)
    fan = movers.fan(rng, 2.0)
    still = movers.Fan(fan.blades, np.array([160.0, 120.0]), 1.0, 0.8, Sway.draw(rng, 0.0, 1.0))
    masks = {t: covered(still.layer(t, STILL)) for t in (0.0, 0.1, 1.0)}
    np.testing.assert_allclose(masks[1.0], masks[0.0], atol=1e-3)
    assert np.abs(masks[0.1] - masks[0.0]).max() > 0.5


def test_a_door_that_opens_shows_the_room_behind_it() -> None:
    door = movers.door(np.random.default_rng(5), 2.0)
    angle = Turns(np.array([1.0]), np.array([0.0, 1.4]), 0.5)
    leaf = np.dstack([np.full((120, 50, 3), 0.2), np.ones((120, 50))]).astype(np.float32)
    behind = np.dstack([np.full((120, 50, 3), 0.9), np.ones((120, 50))]).astype(np.float32)
    for left in (True, False):
        swung = movers.Door(leaf, behind, np.array([100.0, 60.0]), angle, left, door.outwards)
        shut, opened = swung.layer(0.5, STILL), swung.layer(2.0, STILL)
        assert shut is not None and opened is not None
        assert shut.light.max() < 0.25
        bright = (opened.light[..., 0] > 0.8).any(axis=0)
        assert bright.sum() > 30
        bright = np.asarray((opened.light[..., 0] > 0.8).any(axis=0))


def test_a_pet_walks_no_faster_than_its_legs() -> None:
    """Its paws' phase is its way: standing, they stand."""
    pet = movers.pet(np.random.default_rng(6), 2.0)
    np.testing.assert_array_equal(pet._drawn(5.0, 0.3), pet._drawn(5.0, 0.3))
    stride = 0.6 * pet.length_px
    np.testing.assert_allclose(pet._drawn(5.0, 0.3), pet._drawn(5.0 + stride, 0.3), atol=0.02)
    assert np.abs(pet._drawn(5.0, 0.3) - pet._drawn(5.0 + stride / 2, 0.3)).max() > 0.5


@pytest.mark.parametrize("kind", ["rain", "snow"])
def test_drops_fall_at_their_speed_and_begin_anew_at_the_top(kind: str) -> None:
    falling = drawn(kind, 2)
    assert isinstance(falling, movers.Falling)
    one = movers.Falling(
        np.array([[100.0, 80.0]]),
        np.array([60.0]),
        np.array([3.0]),
        np.array([255.0]),
        0.0,
        falling.swing,
        np.zeros(1),
        0.0,
        falling.light,
    )
    rows = [np.average(np.arange(HEIGHT), weights=covered(one.layer(t, STILL)).sum(axis=1)) for t in (0.0, 1.0)]
    assert rows[1] - rows[0] == pytest.approx(60, abs=0.5)
    again = covered(one.layer((HEIGHT + 48) / 60, STILL))
    assert np.average(np.arange(HEIGHT), weights=again.sum(axis=1)) == pytest.approx(rows[0], abs=0.5)


@pytest.mark.parametrize("kind", ["curtain", "fan", "pet"])
def test_the_motion_stage_sees_change_where_it_moves_and_hardly_any_elsewhere(kind: str) -> None:
    rng = np.random.default_rng(1)
    wall = np.full((HEIGHT, WIDTH, 3), 0.25, np.float32)
    mover = next(m for seed in range(40) if _is_plain_to_see(m := drawn(kind, seed), wall))
    layers = [mover.layer(t, STILL) for t in TIMES]
    touched = np.zeros((HEIGHT, WIDTH), bool)
    for layer in layers:
        touched |= covered(layer) > 0.02
    cells = touched.reshape(30, 8, 40, 8).any(axis=(1, 3))
    near = np.pad(cells, 2)
    near = np.any([near[j : j + 30, i : i + 40] for j in range(5) for i in range(5)], axis=0)
    camera = DarkCamera(SENSORS["brio"], exposure_for(wall, SENSORS["brio"], 25.0), rng)
    gate = GateSpec((1.5,), 1, 1, (ExpertSpec(),))
    stage = Motion(FrontEndSpec(120, 160, fraction_bits=4), InputSpec("motion", 30, 40, 8.0), gate)
    significant = np.zeros((30, 40), int)
    for number, layer in enumerate(layers):
        picture = composed(wall, [layer] if layer else [])
        stage.take(Frame(camera.shoot(picture), number, number / 15))
        x = stage.see(0)
        if x is not None and number > 3:
            significant += x[0, ..., 0] > 128 + 15
    assert significant[cells].sum() > 20
    assert significant[~near].mean() < 0.02 * significant.max()


def _is_plain_to_see(mover: Mover, wall: F32) -> bool:
    """Much of the picture changes by much, and not all of it."""
    a, b = (composed(wall, [layer] if (layer := mover.layer(t, STILL)) else []) for t in (0.5, 0.7))
    changed = np.abs(b - a).max(axis=2) > 0.1
    return bool(150 < changed.sum() < 8000)
