"""The core's motion stage as an input: noise is nothing, what moves is seen, looks depend on the last frames alone."""

from __future__ import annotations

import numpy as np
import pytest

from edge.bundles.manifest import FrontEndSpec, InputSpec
from edge.picture.frame import Frame
from edge.recognition.health import VIEW_CHANGED
from edge.recognition.inputs import NetworkInput, network_input
from edge.recognition.inputs.base import ZERO
from edge.recognition.inputs.motion import Motion
from tests.edge.recognition.inputs.test_change_flow import GATE, HEAVY, LIGHT, PLAIN, SIZE, stream

EXPERTS = [PLAIN, LIGHT, HEAVY]


def eyes() -> NetworkInput:
    return network_input(FrontEndSpec(120, 160, fraction_bits=4), InputSpec("motion", 30, 40, 8.0), GATE)


def looks(frames: list[Frame], expert: int) -> list[np.ndarray]:
    mine = eyes()
    return [look.copy() for frame in frames if mine.take(frame) and (look := mine.see(expert)) is not None]


@pytest.mark.parametrize("expert", EXPERTS)
def test_noise_alone_is_nothing(expert: int) -> None:
    seen = np.stack(looks(stream(), expert)[6:]).astype(int) - ZERO
    assert np.abs(seen[..., 1:]).mean() < 0.2
    assert (seen[..., 0] > 15).mean() < 0.02  # one standard deviation above the first 2.5


@pytest.mark.parametrize("expert", EXPERTS)
def test_a_moving_square_moves_right_and_what_is_far_from_it_does_not(expert: int) -> None:
    seen = looks(stream(contrast=10.0), expert)[-1][0].astype(int) - ZERO
    assert np.median(seen[10:20, 13:20, 1]) == pytest.approx(3 * 8, abs=8)  # 3 pixels of 160, 8 levels each
    assert abs(np.median(seen[10:20, 13:20, 2])) <= 2
    elsewhere = np.concatenate([seen[:4].reshape(-1, 3), seen[26:].reshape(-1, 3)])
    assert np.abs(elsewhere[:, 1:]).mean() < 1


def test_a_look_depends_on_the_last_frames_alone_not_on_earlier_looks() -> None:
    frames = stream(contrast=10.0)
    one, switching, late = eyes(), eyes(), eyes()
    for t, frame in enumerate(frames):
        one.take(frame)
        switching.take(frame)
        switching.see(t % 3)
    for frame in frames[-6:]:  # the heavy expert's stride and accumulation
        late.take(frame)
    wanted, switched, lately = (np.asarray(mine.see(HEAVY)) for mine in (one, switching, late))
    assert np.array_equal(wanted, switched)
    assert np.array_equal(wanted, lately)
    assert (wanted != ZERO).any()


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
    for expert in EXPERTS:
        assert all(np.array_equal(look, np.full_like(look, ZERO)) for look in looks(black, expert))


def test_a_hand_before_the_lens_marks_the_tick_and_a_person_does_not() -> None:
    mine = eyes()
    frames = stream(6, contrast=10.0)
    for frame in frames:
        mine.take(frame)
        mine.see(PLAIN)
        assert mine.fault is None
    mine.take(Frame(frames[-1].image // 8, 6, 6 / 15))
    mine.see(PLAIN)
    assert mine.fault == VIEW_CHANGED
    mine.reset()
    assert mine.fault is None


def test_how_fast_the_camera_moves_is_told() -> None:
    mine = eyes()
    wall = stream(1, contrast=10.0, noise=0.5)[0].image
    for t in range(4):
        mine.take(Frame(np.ascontiguousarray(np.roll(wall, 4 * t, axis=1)), t, t / 15))
        mine.see(PLAIN)
    assert mine.camera_px == pytest.approx(2, abs=0.3)  # 4 pixels of 320 are 2 of 160


def test_what_a_turning_camera_changes_is_told_with_its_motion_and_without() -> None:
    mine = eyes()
    assert isinstance(mine, Motion)
    wall = stream(1, contrast=10.0, noise=0.5)[0].image
    for t in range(4):
        mine.take(Frame(np.ascontiguousarray(np.roll(wall, 4 * t, axis=1)), t, t / 15))
        mine.see(PLAIN)
    before, after = mine.significant
    assert 0 <= after < before / 2
