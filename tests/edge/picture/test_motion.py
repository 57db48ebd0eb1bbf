"""The motion stage against its definition in NumPy: the same bits at every size and expert; and its refusals."""

from __future__ import annotations

import tracemalloc

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.picture import kernels, motion

EXPERTS = [(1, 1, 1), (2, 1, 2), (4, 2, 4), (3, 5, 8), (16, 1, 4)]  # accumulation, stride, binning


def dark(height: int, width: int, count: int, seed: int, speed: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
    """Noisy frames of a textured wall that the camera passes at this speed, with a square that goes its own way."""
    rng = np.random.default_rng(seed)
    wall = cv2.GaussianBlur(rng.uniform(0, 900, (height + 80, width + 80)).astype(np.float32), (0, 0), 3) * 3 - 1000
    square = cv2.GaussianBlur(rng.uniform(0, 2000, (24, 16)).astype(np.float32), (0, 0), 1)
    frames = []
    for t in range(count):
        move = np.array([[1, 0, -40 + speed[0] * t], [0, 1, -40 + speed[1] * t]], np.float64)
        light = np.asarray(cv2.warpAffine(wall, move, (width, height)), np.float32)
        x = min(4 + 3 * t, width - 16)
        light[4:28, x : x + 16] = square
        noisy = light + rng.normal(0, 20, (height, width))
        frames.append(np.clip(noisy, 0, 4080).astype(np.uint16))
    return np.stack(frames)


def rings(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    height, width = frames.shape[1:]
    slot, _ = kernels.motion_sizes(height, width)
    ours, defined = (np.zeros((len(frames), slot), np.int16) for _ in range(2))
    for frame, a, b in zip(frames, ours, defined, strict=True):
        kernels.motion_take(frame, a)
        motion.motion_take(frame, b)
    return ours, defined


def look(
    stage: object, ring: np.ndarray, newest: int, expert: tuple[int, int, int], size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    x, report = np.zeros((size[0] // 4, size[1] // 4, 3), np.uint8), np.zeros(8)
    work = np.full(kernels.motion_sizes(*size)[1], 0xA5, np.uint8)  # what lies there must not matter
    stage.motion_look(ring, newest, *expert, 8.0, work, x, report)  # type: ignore[attr-defined]
    return x, report


@pytest.mark.parametrize("expert", EXPERTS)
@pytest.mark.parametrize(("height", "width"), [(120, 160), (32, 32), (36, 100), (240, 320)])
@pytest.mark.parametrize("speed", [(0.0, 0.0), (1.3, -0.4), (7.0, 2.0)])
def test_every_look_is_the_definition_s(
    expert: tuple[int, int, int], height: int, width: int, speed: tuple[float, float]
) -> None:
    ours, defined = rings(dark(height, width, max(expert[0] + expert[1], 3), 3, speed))
    assert np.array_equal(ours, defined)
    newest = len(ours) - 1
    for a, b in zip(*(look(s, ours, newest, expert, (height, width)) for s in (kernels, motion)), strict=True):
        assert np.array_equal(a, b)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(EXPERTS[:3]), st.integers(0, 5))
def test_wild_pictures_give_the_definition_s_bits_too(seed: int, expert: tuple[int, int, int], newest: int) -> None:
    rng = np.random.default_rng(seed)
    most = int(rng.choice([1, 60, 4081, 65536]))
    frames = rng.integers(0, most, (6, 48, 64)).astype(np.uint16)
    ours, defined = rings(frames)
    assert np.array_equal(ours, defined)
    for a, b in zip(*(look(s, ours, newest, expert, (48, 64)) for s in (kernels, motion)), strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize("expert", EXPERTS[:3])
def test_a_passing_camera_is_taken_out(expert: tuple[int, int, int]) -> None:
    ring, _ = rings(dark(120, 160, 6, 1, (2.0, 1.0)))
    x, report = look(kernels, ring, 5, expert, (120, 160))
    assert report[4:6] == pytest.approx([-1.0, -0.5], abs=0.1)  # half-size pixels, towards the frame before
    assert np.abs(report[6:]).max() < 0.01
    background = np.abs(x[12:, 20:, 1:].astype(int) - 128)
    assert background.mean() < 2


def test_velocities_are_those_of_the_square() -> None:
    ring, _ = rings(dark(120, 160, 6, 1))
    x, _ = look(kernels, ring, 5, EXPERTS[0], (120, 160))
    square = x[2:6, 5:8].reshape(-1, 3).astype(int) - 128  # at column 19 to 35 of the luma
    assert np.median(square[:, 1]) == pytest.approx(3 * 8, abs=6)
    assert abs(np.median(square[:, 2])) <= 4


def test_another_scene_is_told() -> None:
    frames = dark(120, 160, 6, 1)
    frames[5] = dark(120, 160, 1, 2)[0]
    ring, _ = rings(frames)
    assert look(kernels, ring, 5, EXPERTS[0], (120, 160))[1][2] > 0.5
    assert look(kernels, ring, 4, EXPERTS[0], (120, 160))[1][2] < 0.3


def test_a_look_allocates_nothing() -> None:
    ring, _ = rings(dark(120, 160, 6, 1))
    x, report = np.zeros((30, 40, 3), np.uint8), np.zeros(8)
    work = np.zeros(kernels.motion_sizes(120, 160)[1], np.uint8)
    tracemalloc.start()
    kernels.motion_look(ring, 5, 4, 2, 4, 8.0, work, x, report)
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(5):
        kernels.motion_look(ring, 5, 4, 2, 4, 8.0, work, x, report)
    assert tracemalloc.get_traced_memory()[0] - before <= 64
    tracemalloc.stop()


def test_wrong_arguments_are_named() -> None:
    slot, size = kernels.motion_sizes(120, 160)
    ring, work = np.zeros((3, slot), np.int16), np.zeros(size, np.uint8)
    x, report = np.zeros((30, 40, 3), np.uint8), np.zeros(8)
    with pytest.raises(ValueError, match="height, width: expected multiples of 4 from 32 to 640, found 118 x 160"):
        kernels.motion_sizes(118, 160)
    if kernels.motion_look is motion.motion_look:
        pytest.skip("the fallback trusts its caller")
    with pytest.raises(ValueError, match=r"ring: expected at least accumulation . stride = 6 slots, found 3"):
        kernels.motion_look(ring, 0, 4, 2, 4, 8.0, work, x, report)
    with pytest.raises(ValueError, match="newest: expected 0 to 2, found 3"):
        kernels.motion_look(ring, 3, 1, 1, 1, 8.0, work, x, report)
    with pytest.raises(ValueError, match=r"work: expected shape"):
        kernels.motion_look(ring, 0, 1, 1, 1, 8.0, work[:-1], x, report)
    with pytest.raises(TypeError, match="ring: expected dtype int16"):
        kernels.motion_look(ring.astype(np.uint16), 0, 1, 1, 1, 8.0, work, x, report)
    with pytest.raises(ValueError, match="slot: expected shape"):
        kernels.motion_take(np.zeros((120, 160), np.uint16), ring[0, :-1])
