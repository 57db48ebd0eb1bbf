"""Movements: read at any time, placed, cut, joined."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.synthetic.bodies.body import Proportions, skeleton
from calibration.synthetic.bodies.motions import MOTIONS
from calibration.synthetic.bodies.movement import RATE_HZ, acted, joined, standing

ADULT = Proportions()


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(sorted(MOTIONS)), st.integers(0, 10_000))
def test_a_rendered_action_has_the_joints_of_its_pose(action: str, seed: int) -> None:
    person = Proportions.draw(np.random.default_rng(seed))
    times = np.arange(46) / RATE_HZ
    movement = acted(action, np.random.default_rng(seed), person, 1.5)
    ours = movement.skeleton(times).joints
    expected = skeleton(MOTIONS[action](np.random.default_rng(seed), person, times), person).joints
    for name, joint in expected.items():
        assert np.abs(ours[name] - joint).max() < 0.005, name


def test_between_two_samples_bones_are_as_long() -> None:
    movement = acted("wave", np.random.default_rng(4), ADULT, 2.0)
    joints = movement.skeleton(np.linspace(0, 2, 333)).joints
    length = np.linalg.norm(joints["left_wrist"] - joints["left_elbow"], axis=1)
    assert np.allclose(length, 0.15 * ADULT.stature_m, atol=1e-6)


def test_placed_it_begins_there_and_is_turned() -> None:
    movement = acted("walk", np.random.default_rng(1), ADULT, 2.0)
    placed = movement.placed(0.8, np.array([0.5, 0, 4.0]))
    assert placed.points[0, 0, [0, 2]] == pytest.approx([0.5, 4.0])
    assert np.sin(placed.heading - movement.heading - 0.8) == pytest.approx(0, abs=1e-9)
    way, was = (m.points[-1, 0] - m.points[0, 0] for m in (placed, movement))
    assert np.linalg.norm(way) == pytest.approx(np.linalg.norm(was))


def test_joined_nobody_jumps_and_every_action_keeps_its_time() -> None:
    rng = np.random.default_rng(2)
    parts = [acted("walk", rng, ADULT, 2.0), standing(rng, ADULT, 1.0), acted("sit", rng, ADULT, 2.5)]
    whole = joined(parts, pause_s=0.5)
    assert np.linalg.norm(np.diff(whole.points[:, 0], axis=0), axis=1).max() < 2.5 / RATE_HZ
    (walk, sit) = whole.segments
    assert (walk.label, walk.start_s, walk.end_s) == ("walk", 0.0, 2.0)
    assert sit.label == "sit" and sit.end_s == pytest.approx(whole.duration_s)
    assert sit.end_s - sit.start_s == pytest.approx(2.5)
    before, during = whole.skeleton(np.array([sit.start_s, sit.end_s])).joints["pelvis"][:, 1]
    assert during < before - 0.2


def test_a_part_keeps_the_part_of_its_action() -> None:
    movement = acted("run", np.random.default_rng(3), ADULT, 3.0)
    part = movement.between(1.0, 2.0)
    assert part.duration_s == pytest.approx(1.0)
    assert [(s.start_s, s.end_s, s.label) for s in part.segments] == [(0.0, 1.0, "run")]
    assert np.allclose(
        part.skeleton(np.array([0.5])).joints["crown"], movement.skeleton(np.array([1.5])).joints["crown"]
    )


def test_two_people_cannot_be_joined() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="one body"):
        joined([standing(rng, ADULT, 1.0), standing(rng, Proportions(stature_m=1.6), 1.0)])
