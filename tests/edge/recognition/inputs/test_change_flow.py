"""The noise-aware input: noise is nothing, motion in noise is seen, and every look depends on the last frames alone."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from edge.bundles.manifest import ExpertSpec, FrontEndSpec, GateSpec, InputSpec
from edge.picture.frame import Frame
from edge.picture.front_end import FrontEnd
from edge.recognition.inputs import NetworkInput, network_input
from edge.recognition.inputs.base import ZERO

PLAIN, LIGHT, HEAVY = 0, 1, 2
GATE = GateSpec((1.5, 2.0, 3.0), 1, 1, (ExpertSpec(), ExpertSpec(2, 2, 1), ExpertSpec(4, 4, 2)))
SIZE = (240, 320)


def eyes(fraction_bits: int = 4) -> NetworkInput:
    form = InputSpec("change_flow", 30, 40, 8.0)
    return network_input(FrontEndSpec(120, 160, fraction_bits=fraction_bits), form, GATE)


def seen(one: NetworkInput) -> npt.NDArray[np.uint8]:
    """What it sees as the heavy expert, which there must be."""
    found = one.see(HEAVY)
    assert found is not None
    return found


def stream(count: int = 12, contrast: float = 0.0, noise: float = 1.0, speed: float = 6.0) -> list[Frame]:
    """A dark textured wall, read noise, and a square of that contrast (levels) that moves right, pixels per frame."""
    rng = np.random.default_rng(1)
    wall = 3 + cv2.GaussianBlur(rng.normal(0, 4, SIZE).astype(np.float32), (0, 0), 6)
    texture = cv2.GaussianBlur(rng.normal(0, 8, (100, 60)).astype(np.float32), (0, 0), 2) + 1
    frames = []
    for t in range(count):
        light = wall.astype(np.float64)
        x = round(40 + speed * t)
        light[70:170, x : x + 60] += contrast * texture
        noisy = light + rng.normal(0, noise, SIZE)
        frames.append(Frame(np.repeat(np.clip(noisy, 0, 255).astype(np.uint8)[..., None], 3, 2), t, t / 15))
    return frames


def looks(frames: list[Frame], head: int, fraction_bits: int = 4) -> list[np.ndarray]:
    mine = eyes(fraction_bits)
    return [look.copy() for frame in frames if mine.take(frame) and (look := mine.see(head)) is not None]


@pytest.mark.parametrize("head", [PLAIN, LIGHT, HEAVY])
def test_noise_alone_is_nothing(head: int) -> None:
    seen = np.stack(looks(stream(), head)[6:]).astype(int) - ZERO
    assert np.abs(seen[..., 1:]).mean() < 0.2
    assert (seen[..., 0] > 15).mean() < 0.02  # one standard deviation above the first 2.5


@pytest.mark.parametrize("head", [PLAIN, LIGHT, HEAVY])
def test_a_moving_square_moves_right_and_nothing_else_does(head: int) -> None:
    seen = looks(stream(contrast=10.0), head)[-1][0].astype(int) - ZERO
    square, elsewhere = seen[10:20, 13:20], np.concatenate([seen[:6].reshape(-1, 3), seen[24:].reshape(-1, 3)])
    assert np.median(square[..., 1]) == pytest.approx(3 * 8, abs=8)  # 6 pixels of 320 are 3 of 160, 8 levels each
    assert abs(np.median(square[..., 2])) <= 2
    assert np.abs(elsewhere[:, 1:]).mean() < 1


def test_averaging_sees_what_drowns_in_noise() -> None:
    frames = stream(contrast=1.5, noise=6.0)
    strength = [np.stack(looks(frames, head)[6:]).astype(int)[..., 0] - ZERO for head in (PLAIN, HEAVY)]
    found = [float(s[:, :, 9:22, 12:30].mean() / (s.mean() + 1e-9)) for s in strength]
    assert strength[1].mean() > 2 * strength[0].mean() or found[1] > 1.5 * found[0]


def test_a_look_depends_on_the_last_frames_alone_not_on_earlier_looks() -> None:
    frames = stream(contrast=10.0)
    one, switching = eyes(), eyes()
    for t, frame in enumerate(frames):
        one.take(frame)
        switching.take(frame)
        switching.see(t % 3)
    assert np.array_equal(seen(one), seen(switching))
    late = eyes()
    for frame in frames[-6:]:  # the heavy expert's stride and accumulation
        late.take(frame)
    assert np.array_equal(seen(late), seen(one))


def test_the_camera_s_gain_does_not_matter() -> None:
    frames = stream(contrast=6.0, noise=0.7)
    brighter = [
        Frame(np.clip(f.image.astype(int) * 3, 0, 255).astype(np.uint8), f.sequence, f.capture_time_s) for f in frames
    ]
    for head in (PLAIN, LIGHT, HEAVY):
        once, thrice = looks(frames, head)[-1], looks(brighter, head)[-1]
        assert np.abs(once.astype(int) - thrice).mean() < 1.0


def test_the_change_is_the_definition_s() -> None:
    """Against plain NumPy on float64: sums of frames, area means in sixteenths, robust standard deviations."""
    frames = stream(contrast=6.0)
    seen = looks(frames, LIGHT, fraction_bits=0)[-1][0, ..., 0].astype(float)
    front_end, lumas = FrontEnd(120, 160), []
    for frame in frames[-3:]:
        front_end.measure(frame.image)
        lumas.append(front_end.luma.astype(float))
    now, before = lumas[2] + lumas[1], lumas[1] + lumas[0]
    means = [total.reshape(60, 2, 80, 2).mean((1, 3)) for total in (before, now)]
    smooth = [cv2.GaussianBlur(np.rint(mean), (0, 0), 1.0) for mean in means]
    difference = np.abs(smooth[1] - smooth[0])
    change = np.clip(difference / (1.4826 * np.median(difference)) - 2.5, 0, 8)
    expected = ZERO + 15 * change.reshape(30, 2, 40, 2).mean((1, 3))
    assert np.abs(seen - np.clip(np.rint(expected), 0, 255)).max() <= 2


def test_there_is_nothing_to_see_in_the_first_frame_nor_after_a_reset() -> None:
    mine = eyes()
    frames = stream(3)
    mine.take(frames[0])
    assert mine.see(HEAVY) is None
    mine.take(frames[1])
    assert mine.see(HEAVY) is not None
    mine.reset()
    mine.take(frames[2])
    assert mine.see(PLAIN) is None


def test_a_covered_lens_is_not_blown_up() -> None:
    black = [Frame(np.zeros((*SIZE, 3), np.uint8), t, t / 15) for t in range(8)]
    for head in (PLAIN, LIGHT, HEAVY):
        assert all(np.array_equal(look, np.full_like(look, ZERO)) for look in looks(black, head))
