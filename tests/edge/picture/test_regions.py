"""Regions of change against their definition in NumPy: the same bits on anything; what they mean; and refusals."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.picture import kernels, regions

U8 = npt.NDArray[np.uint8]
I32 = npt.NDArray[np.int32]
ZERO = 128
Found = tuple[int, U8, I32, I32]


def claims_of(*boxes: tuple[float, float, float, float], velocity: tuple[float, float] = (0, 0)) -> I32:
    """left, right, top, bottom in cells."""
    claims = np.zeros((regions.MOST_CLAIMS, regions.CLAIM), np.int32)
    for claim, box in zip(claims, boxes, strict=False):
        claim[:] = [round(16 * edge) for edge in box] + [round(16 * v) for v in velocity]
    return claims


def found(stage: object, x: U8, claims: I32, count: int, reach: tuple[int, int] = (3, 5), least: int = 60) -> Found:
    owner = np.full(x.shape[:2], 7, np.uint8)
    sums = np.full((regions.MOST_CLAIMS, regions.SUMS), 7, np.int32)
    out = np.full((regions.MOST_REGIONS, regions.REGION), 7, np.int32)
    work = np.full(stage.regions_work(*x.shape[:2]), 0xA5, np.uint8)  # type: ignore[attr-defined]
    number = stage.regions_find(x, claims, count, *reach, least, owner, sums, out, work)  # type: ignore[attr-defined]
    return number, owner, sums[:count], out[:number]


def still(height: int = 60, width: int = 80) -> U8:
    return np.full((height, width, 3), ZERO, np.uint8)


def changed(x: U8, left: int, right: int, top: int, bottom: int, vx: int = 0) -> U8:
    x[top:bottom, left:right] = (ZERO + 100, ZERO + vx, ZERO)
    return x


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    size=st.sampled_from([(4, 4), (4, 160), (7, 5), (30, 40), (60, 80), (160, 160)]),
    share=st.sampled_from([0.0, 0.02, 0.3, 1.0]),
    count=st.integers(0, 8),
)
def test_the_core_finds_what_the_definition_finds(seed: int, size: tuple[int, int], share: float, count: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 256, (*size, 3)).astype(np.uint8)
    x[rng.random(size) >= share] = ZERO
    claims = rng.integers(-300, 16 * 160, (8, 6)).astype(np.int32)
    reach = (int(rng.integers(1, 9)), int(rng.integers(1, 9)))
    core, defined = (found(stage, x, claims, count, reach) for stage in (kernels, regions))
    assert core[0] == defined[0]
    assert np.array_equal(core[1], defined[1]) and np.array_equal(core[2], defined[2])
    assert np.array_equal(core[3], defined[3])


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    size=st.sampled_from([(4, 4), (4, 160), (30, 40), (60, 80), (160, 160)]),
    out=st.sampled_from([(1, 1), (30, 40), (32, 32), (128, 128), (40, 8)]),
)
def test_the_core_cuts_the_window_that_the_definition_cuts(
    seed: int, size: tuple[int, int], out: tuple[int, int]
) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 256, (*size, 3)).astype(np.uint8)
    owner = rng.choice(np.array([0, 1, 2, 255], np.uint8), size)
    place = [int(rng.integers(-9000, 49000)), int(rng.integers(-9000, 49000)), int(rng.integers(1, 4096 * out[0]))]
    windows = []
    for stage in (kernels, regions):
        window = np.full((*out, 3), 7, np.uint8)
        stage.regions_window(x, owner, int(seed % 3), *place, 700, window)
        windows.append(window)
    assert np.array_equal(windows[0], windows[1])


def test_pieces_within_reach_are_one_region_and_others_are_not() -> None:
    x = changed(changed(still(), 10, 14, 10, 14), 10, 14, 18, 22)
    assert found(kernels, x, claims_of(), 0, reach=(3, 5))[0] == 1
    number, owner, _, out = found(kernels, x, claims_of(), 0, reach=(3, 4))
    assert number == 2
    assert out[0, 2:6].tolist() == [10, 13, 10, 13] and out[1, 2:6].tolist() == [10, 13, 18, 21]
    assert set(owner[10:14, 10:14].ravel()) == {regions.FREE} and owner[15:17].max() == 0


def test_of_two_claims_that_overlap_a_cell_is_that_ones_that_moves_alike() -> None:
    x = changed(changed(still(), 20, 26, 10, 40, vx=40), 26, 32, 10, 40, vx=-40)
    claims = claims_of((18, 34, 8, 42), (18, 34, 8, 42))
    claims[0, 4], claims[1, 4] = 16 * 40, -16 * 40
    number, owner, sums, _ = found(kernels, x, claims, 2)
    assert number == 0
    assert set(owner[10:40, 20:26].ravel()) == {1} and set(owner[10:40, 26:32].ravel()) == {2}
    assert sums[0, 8:12].tolist() == [20, 25, 10, 39]
    assert sums[0, 0] == 100 * 180 and sums[0, 3] == 40 * 100 * 180


def test_sparse_noise_is_not_significant_and_a_noisy_picture_has_to_show_more() -> None:
    rng = np.random.default_rng(3)
    x = still()
    x[..., 0] += (15 * (rng.random((60, 80)) < 0.01)).astype(np.uint8)
    assert not found(kernels, x, claims_of(), 0)[1].any()
    x[..., 0] = ZERO + (rng.random((60, 80)) < 0.6) * rng.integers(0, 25, (60, 80))
    assert (found(kernels, x, claims_of(), 0)[1] > 0).mean() < 0.3


def test_a_window_keeps_what_it_shows_and_leaves_out_what_is_anothers() -> None:
    x = changed(still(), 30, 50, 20, 40, vx=20)
    owner = np.zeros((60, 80), np.uint8)
    owner[20:40, 30:40], owner[20:40, 40:50] = 1, 2
    whole, own = np.zeros((30, 40, 3), np.uint8), np.zeros((30, 40, 3), np.uint8)
    kernels.regions_window(x, owner, 0, 256 * 40, 256 * 30, 256 * 60, 256, whole)
    kernels.regions_window(x, owner, 1, 256 * 40, 256 * 30, 256 * 60, 512, own)
    assert whole[15, 20].tolist() == [ZERO + 100, ZERO + 20, ZERO] and whole[2, 2].tolist() == [ZERO] * 3
    assert own[15, 17].tolist() == [ZERO + 100, ZERO + 40, ZERO]  # velocities twice as large, as told
    assert own[15, 23].tolist() == [ZERO] * 3


def test_a_window_beyond_the_picture_shows_nothing_there() -> None:
    x, owner = changed(still(), 0, 80, 0, 60), np.zeros((60, 80), np.uint8)
    out = np.zeros((30, 40, 3), np.uint8)
    kernels.regions_window(x, owner, 0, 0, 0, 256 * 60, 256, out)
    assert (out[:14, :19] == ZERO).all() and (out[16:, 21:, 0] == ZERO + 100).all()


def test_it_says_which_argument_is_wrong() -> None:
    x, claims = still(), claims_of()
    owner, work = np.zeros((60, 80), np.uint8), np.zeros(kernels.regions_work(60, 80), np.uint8)
    sums, out = np.zeros((8, 12), np.int32), np.zeros((16, 8), np.int32)
    with pytest.raises(ValueError, match="height, width: expected 4 to 160, found 3 x 80"):
        kernels.regions_work(3, 80)
    if kernels.regions_find is regions.regions_find:
        pytest.skip("NumPy refuses by itself")
    with pytest.raises(ValueError, match="count: expected 0 to 8, found 9"):
        kernels.regions_find(x, claims, 9, 3, 5, 60, owner, sums, out, work)
    with pytest.raises(TypeError, match="sums: expected dtype int32"):
        kernels.regions_find(x, claims, 0, 3, 5, 60, owner, sums.astype(np.int64), out, work)
    with pytest.raises(ValueError, match="work: expected shape"):
        kernels.regions_find(x, claims, 0, 3, 5, 60, owner, sums, out, work[:-1])
    with pytest.raises(ValueError, match="tall: expected 1 to"):
        kernels.regions_window(x, owner, 0, 0, 0, 0, 256, np.zeros((30, 40, 3), np.uint8))
    with pytest.raises(ValueError, match="out: expected at most 128 x 128"):
        kernels.regions_window(x, owner, 0, 0, 0, 256, 256, np.zeros((130, 40, 3), np.uint8))
