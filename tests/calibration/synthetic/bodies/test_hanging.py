"""A body on recorded joints: its own bones, feet that stand where they stand, a path that is kept."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.synthetic.bodies.body import Proportions
from calibration.synthetic.bodies.hanging import hung, stands
from calibration.synthetic.recordings.skeletons import Joints
from tests.calibration.synthetic import stick

ADULT = Proportions()


def noisy(recording: Joints, seed: int, sigma_m: float) -> Joints:
    rng = np.random.default_rng(seed)
    return replace(recording, metres=recording.metres + rng.normal(0, sigma_m, recording.metres.shape))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["swim", "sit", "walk", "leap"]))
def test_bones_keep_their_lengths_whatever_the_camera_saw(seed: int, kind: str) -> None:
    person = Proportions.draw(np.random.default_rng(seed))
    recording = {
        "swim": stick.swimming(seed),
        "sit": stick.sitting_down(seen=0.3),
        "walk": stick.walking()[0],
        "leap": stick.leaping(),
    }[kind]
    movement = hung(noisy(recording, seed, 0.02), "other", person)
    joints = movement.skeleton(np.linspace(0, movement.duration_s, 101)).joints
    for side in ("left", "right"):
        for start, end, length in (
            ("hip", "knee", person.thigh_m),
            ("knee", "ankle", person.thigh_m),
            ("shoulder", "elbow", 0.172 * person.stature_m * person.arm),
            ("elbow", "wrist", 0.15 * person.stature_m * person.arm),
        ):
            measured = np.linalg.norm(joints[f"{side}_{end}"] - joints[f"{side}_{start}"], axis=1)
            assert np.allclose(measured, length, atol=1e-6), (side, start)
    assert all(np.isfinite(joint).all() for joint in joints.values())


@pytest.mark.parametrize("seed", range(5))
def test_feet_that_swim_in_the_recording_stand_within_two_millimetres(seed: int) -> None:
    movement = hung(stick.swimming(seed), "other", ADULT)
    joints = movement.skeleton(np.linspace(0, movement.duration_s, 200)).joints
    for side in ("left", "right"):
        assert np.ptp(joints[f"{side}_ankle"], axis=0).max() < 0.002
        assert joints[f"{side}_ankle"][:, 1] == pytest.approx(ADULT.ankle_m, abs=0.002)


def test_who_walks_has_feet_that_do_not_slide_while_they_stand() -> None:
    recording, ankles = stick.walking()
    movement = hung(noisy(recording, 3, 0.004), "walk", ADULT)
    joints = movement.skeleton(np.arange(len(ankles)) / stick.RATE).joints
    for i, side in enumerate(("left", "right")):
        found = stands(recording)[i]
        assert len(found) >= 3
        for first, last in found:
            assert np.ptp(ankles[first:last, i, 0]) < 0.2  # it did stand there
            assert np.ptp(joints[f"{side}_ankle"][first + 1 : last - 1], axis=0).max() < 0.005
    apart = np.abs(joints["left_ankle"][:, 0] - joints["right_ankle"][:, 0])
    assert apart.max() > 0.3  # strides, not a float over the floor


def test_travel_is_kept_as_far_as_the_legs_are_long() -> None:
    recording = stick.walking(speed_m_s=1.2)[0]
    movement = hung(recording, "walk", ADULT)
    path = movement.points[:, 0]
    scale = ADULT.leg_m / (stick.THIGH + stick.SHIN)
    recorded = recording.metres[-1, 3, 0] - recording.metres[0, 3, 0]
    assert path[-1, 0] - path[0, 0] == pytest.approx(scale * recorded, rel=0.1)
    assert np.ptp(path[:, 2]) < 0.05


def test_who_walks_in_place_is_given_travel_and_feet_that_stand() -> None:
    recording = stick.walking(in_place=True, speed_m_s=0.0)[0]
    still, going = hung(recording, "walk", ADULT), hung(recording, "walk", ADULT, travel_m_s=0.9)
    assert np.linalg.norm(still.points[-1, 0] - still.points[0, 0]) < 0.1
    way = going.points[-1, 0] - going.points[0, 0]
    assert way[0] == pytest.approx(-0.9 * going.duration_s, rel=0.1)  # forwards: it faces -x
    ankle = going.skeleton(np.arange(len(recording.metres)) / stick.RATE).joints["left_ankle"]
    first, last = stands(recording)[0][1]
    assert np.ptp(ankle[first + 1 : last - 1], axis=0).max() < 0.005


@pytest.mark.parametrize("seen", [1.0, 0.5, 0.2])
def test_who_sits_and_faces_the_camera_sits_as_low_though_thighs_were_seen_short(seen: float) -> None:
    movement = hung(stick.sitting_down(seen=seen), "sit", ADULT)
    body = movement.skeleton(np.array([0.0, movement.duration_s])).joints
    assert body["pelvis"][0, 1] == pytest.approx(ADULT.pelvis_m, abs=0.04)
    assert body["pelvis"][1, 1] == pytest.approx(ADULT.ankle_m + ADULT.thigh_m, abs=0.12)
    assert np.all(body["pelvis"][1] - body["left_ankle"][1] > [-1, 0, 0.2])  # behind the feet


def test_a_leap_leaves_the_floor_and_comes_back() -> None:
    movement = hung(stick.leaping(height_m=0.3), "jump", ADULT)
    joints = movement.skeleton(np.arange(60) / stick.RATE).joints
    lower = np.minimum(joints["left_ankle"][:, 1], joints["right_ankle"][:, 1]) - ADULT.ankle_m
    assert 0.2 < lower.max() < 0.36
    assert lower[:15] == pytest.approx(0, abs=0.005) and lower[-15:] == pytest.approx(0, abs=0.005)


def test_nobody_hangs_in_the_air_for_longer_than_a_leap() -> None:
    places = stick.upright(60)
    lift = np.where(np.arange(60) > 25, 0.2, 0.0)  # to the end: a camera's error, not a leap
    stick.moved(places, (), np.stack([0 * lift, lift, 0 * lift], axis=1))
    joints = hung(stick.joints(places), "other", ADULT).skeleton(np.arange(60) / stick.RATE).joints
    assert joints["left_ankle"][40:, 1] == pytest.approx(ADULT.ankle_m, abs=0.01)


def test_a_mirrored_recording_moves_as_in_a_mirror() -> None:
    recording = noisy(stick.walking()[0], 1, 0.01)
    ours = hung(recording, "walk", ADULT).skeleton(np.array([0.7])).joints
    mirrored = hung(recording.mirrored, "walk", ADULT).skeleton(np.array([0.7])).joints
    for part in ("wrist", "knee", "ankle", "toes"):
        assert np.allclose(ours[f"left_{part}"] * [-1, 1, 1], mirrored[f"right_{part}"], atol=0.03)


def test_it_tells_its_action_from_start_to_end() -> None:
    (segment,) = hung(stick.swimming(0), "sit", ADULT).segments
    assert (segment.label, segment.start_s, segment.end_s) == ("sit", 0.0, 59 / 30)
