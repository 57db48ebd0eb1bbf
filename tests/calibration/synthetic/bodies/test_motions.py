"""Every action does what its name says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.synthetic.bodies.body import Pose, Proportions
from calibration.synthetic.bodies.motions import MOTIONS, SIX, TWELVE, Gait, ease, idle, keyed, stepped, straight

T = np.arange(78) / 30
PERSON = Proportions()
SEEDS = st.integers(0, 100_000)


def act(action: str, seed: int) -> Pose:
    return MOTIONS[action](np.random.default_rng(seed), PERSON, T)


def test_labels() -> None:
    assert SIX == ("jump", "run", "sit", "stand", "turn", "walk")
    assert TWELVE[:6] == SIX and len(set(TWELVE)) == 12


@pytest.mark.parametrize("action", TWELVE)
def test_a_motion_is_a_function_of_its_seed(action: str) -> None:
    one, same, other = act(action, 5), act(action, 5), act(action, 6)
    assert np.array_equal(one.pelvis, same.pelvis) and np.array_equal(one.arm_flex, same.arm_flex)
    assert not np.array_equal(one.arm_flex, other.arm_flex)


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_who_jumps_leaves_the_floor_with_both_feet(seed: int) -> None:
    assert act("jump", seed).ankles[..., 1].min(axis=1).max() > PERSON.ankle_m + 0.05


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_who_sits_comes_down_and_who_stands_comes_up(seed: int) -> None:
    sitting, standing = act("sit", seed).pelvis[:, 1], act("stand", seed).pelvis[:, 1]
    assert sitting[0] > PERSON.pelvis_m - 0.1 and sitting[-1] < PERSON.pelvis_m - 0.2
    assert standing[0] < PERSON.pelvis_m - 0.2 and standing[-1] > PERSON.pelvis_m - 0.1


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_who_turns_stays_in_place_and_changes_heading(seed: int) -> None:
    pose = act("turn", seed)
    assert np.ptp(pose.yaw) > 0.8
    assert np.ptp(pose.pelvis[:, [0, 2]], axis=0).max() < 0.4


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_who_walks_gets_somewhere(seed: int) -> None:
    pelvis = act("walk", seed).pelvis[:, [0, 2]]
    assert np.linalg.norm(pelvis[-1] - pelvis[0]) > 0.4


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_who_runs_lifts_the_feet(seed: int) -> None:
    assert act("run", seed).ankles[..., 1].max() > PERSON.ankle_m + 0.05


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.floats(0.5, 3), st.floats(-3, 3), st.floats(0.3, 0.65))
def test_a_foot_on_the_floor_does_not_slide(seed: int, speed: float, heading: float, duty: float) -> None:
    rng = np.random.default_rng(seed)
    pose = idle(rng, PERSON, T)
    path = straight(rng, T, speed, heading, 0.4, 2.0, 0.3)
    gait = Gait(1.0, duty, 0.08, 0.1)
    phases = stepped(pose, PERSON, path, gait, T)
    for i in range(2):
        planted = (phases[:-1, i] < duty) & (phases[1:, i] < duty) & (phases[1:, i] > phases[:-1, i])
        moved = np.linalg.norm(np.diff(pose.ankles[:, i, [0, 2]], axis=0), axis=1)
        assert moved[planted].max(initial=0) < 1e-9


def test_ease_is_minimum_jerk() -> None:
    u = np.linspace(0, 1, 11)
    assert np.allclose(ease(u), 10 * u**3 - 15 * u**4 + 6 * u**5)
    assert ease(-1) == 0 and ease(2) == 1


def test_keyed_passes_through_its_keys_and_holds_its_ends() -> None:
    assert np.allclose(keyed(np.array([-1.0, 0.0, 1.0, 3.0, 9.0]), [0, 1, 3], [5, 7, 2]), [5, 5, 7, 2, 2])
