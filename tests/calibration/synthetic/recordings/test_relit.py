"""A recorded body before a wall: played at its own rate, moved between its frames, as large and where it was wanted."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from calibration.synthetic.recordings.depth import Recording
from calibration.synthetic.recordings.relit import RelitBody
from calibration.synthetic.scenery.layers import Layer
from calibration.synthetic.scenery.scene import HEIGHT, WIDTH

FPS, FRAMES, STEP_PX = 10.0, 12, 4


def recording(frames: int = FRAMES) -> Recording:
    """A slab 20 wide and 100 high that moves by STEP_PX to the right with every frame."""
    depth = np.zeros((frames, 120, 100), np.float32)
    joints = np.zeros((frames, 20, 2), np.float32)
    for t in range(frames):
        left = 10 + STEP_PX * t
        depth[t, 10:110, left : left + 20] = 2.5
        joints[t] = left + 10, 60
        joints[t, 0, 1], joints[t, [15, 19], 1] = 17, 110
    return Recording(depth, joints, 0.008, FPS)


def body(share: float = 0.5, place: tuple[float, float] = (160.0, 200.0), **more: object) -> RelitBody:
    return RelitBody(np.random.default_rng(3), recording(), share, place, **more)  # type: ignore[arg-type]


def mask(layer: Layer | None) -> npt.NDArray[np.float32]:
    """Of the whole picture."""
    assert layer is not None
    found = np.zeros((HEIGHT + 400, WIDTH + 400), np.float32)
    x, y = layer.corner
    h, w = layer.mask.shape
    found[y + 200 : y + 200 + h, x + 200 : x + 200 + w] = layer.mask
    return found[200:-200, 200:-200]


def column(layer: Layer | None) -> float:
    covered = mask(layer)
    return float((covered.sum(axis=0) * np.arange(WIDTH)).sum() / covered.sum())


def test_it_moves_evenly_between_its_frames_and_is_never_shown_twice() -> None:
    mover = body()
    at = [column(mover.layer(t / 30, (0.0, 0.0))) for t in range(3, 3 * (FRAMES - 1))]
    steps = np.diff(at)
    scale = 0.5 * HEIGHT / recording().stature_px
    expected = STEP_PX * scale * FPS / 30
    assert np.mean(steps) == pytest.approx(expected, rel=0.03)
    assert np.all(np.abs(steps - expected) < 0.35 * expected)


def test_between_two_frames_it_is_whole_and_not_half_there_twice() -> None:
    mover = body(1.0)
    whole, between, after = (mask(mover.layer(t, (0.0, 0.0))) for t in (0.5, 0.55, 0.6))
    faded, half = (np.count_nonzero((one > 0.2) & (one < 0.8)) for one in ((whole + after) / 2, between))
    assert half < 0.7 * faded
    assert between.sum() == pytest.approx(whole.sum(), rel=0.05)


@pytest.mark.parametrize("share", [1 / 6, 0.4, 0.8])
def test_it_has_the_size_and_the_place_that_were_asked_for(share: float) -> None:
    mover = body(share)
    layer = mover.layer(0.55, (0.0, 0.0))
    assert layer is not None and layer.box is not None
    x, y, w, h = layer.box
    assert h == pytest.approx(share * HEIGHT * 100 / recording().stature_px, abs=2)
    assert y + h == pytest.approx(200, abs=2) and x + w / 2 == pytest.approx(160, abs=0.1 * w + 2)
    assert layer.depth_m == pytest.approx(1.7 * WIDTH / (share * HEIGHT))


def test_the_camera_s_motion_moves_it_by_as_many_pixels() -> None:
    still, moved = (column(body().layer(0.3, shift)) for shift in ((0.0, 0.0), (7.5, 0.0)))
    assert moved - still == pytest.approx(7.5, abs=0.05)
    assert body().layer(0.3, (2.0 * WIDTH, 0.0)) is None


def test_before_it_begins_nothing_is_there_and_then_it_stays_or_is_gone() -> None:
    holding, vanishing = body(start_s=2.0), body(start_s=2.0, at_end="vanish")
    assert holding.layer(1.99, (0.0, 0.0)) is None and holding.layer(2.0, (0.0, 0.0)) is not None
    assert holding.end_s == pytest.approx(2.0 + FRAMES / FPS)
    last, later = (column(holding.layer(t, (0.0, 0.0))) for t in (holding.end_s - 0.01, holding.end_s + 60))
    assert last == later
    assert vanishing.layer(vanishing.end_s - 0.01, (0.0, 0.0)) is not None
    assert vanishing.layer(vanishing.end_s, (0.0, 0.0)) is None


def test_mirrored_it_moves_the_other_way_about_the_same_place() -> None:
    middle = (FRAMES - 1) / 2 / FPS
    for mirrored, sign in ((False, 1), (True, -1)):
        mover = body(mirrored=mirrored)
        first, half, last = (column(mover.layer(t, (0.0, 0.0))) for t in (0.0, middle, 1.0))
        assert np.sign(last - first) == sign and half == pytest.approx(160, abs=2.5)


def test_the_same_seed_gives_the_same_clothes() -> None:
    one, same = (body().layer(0.33, (0.0, 0.0)) for _ in range(2))
    assert one is not None and same is not None
    assert np.array_equal(one.light, same.light)
