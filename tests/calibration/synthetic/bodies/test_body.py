"""The articulated body: bones keep their lengths, joints bend the right way, feet reach where they are sent."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.synthetic.bodies.body import TUBES, Pose, Proportions, forward, leftward, mesh, skeleton, turned
from calibration.synthetic.bodies.motions import MOTIONS

T = np.arange(60) / 30


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(sorted(MOTIONS)), st.integers(0, 10_000))
def test_bones_keep_their_lengths_in_every_motion(action: str, seed: int) -> None:
    person = Proportions.draw(np.random.default_rng(seed))
    joints = skeleton(MOTIONS[action](np.random.default_rng(seed), person, T), person).joints
    for side in ("left", "right"):
        for start, end, length in (
            ("hip", "knee", person.thigh_m),
            ("knee", "ankle", person.thigh_m),
            ("shoulder", "elbow", 0.172 * person.stature_m * person.arm),
            ("elbow", "wrist", 0.15 * person.stature_m * person.arm),
        ):
            measured = np.linalg.norm(joints[f"{side}_{end}"] - joints[f"{side}_{start}"], axis=1)
            assert np.allclose(measured, length, atol=1e-6), (side, start)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(sorted(MOTIONS)), st.integers(0, 10_000))
def test_nobody_sinks_into_the_floor_and_everything_is_finite(action: str, seed: int) -> None:
    person = Proportions.draw(np.random.default_rng(seed))
    figure = skeleton(MOTIONS[action](np.random.default_rng(seed), person, T), person)
    assert all(np.isfinite(joint).all() for joint in figure.joints.values())
    assert min(joint[:, 1].min() for joint in figure.joints.values()) > -0.08


def test_axes_a_body_that_faces_the_camera_has_its_left_at_our_right() -> None:
    zero = np.zeros(1)
    assert np.allclose(forward(zero), [[0, 0, -1]])
    assert np.allclose(leftward(zero), [[1, 0, 0]])


@given(st.floats(-7, 7), st.floats(-7, 7))
def test_turned_points_follow_the_heading(first: float, second: float) -> None:
    point = forward(np.array([first]))
    assert np.allclose(turned(point, second), forward(np.array([first + second])), atol=1e-9)


def test_standing_is_as_tall_as_the_person() -> None:
    person = Proportions(stature_m=1.8)
    figure = skeleton(Pose.standing(person, 1), person)
    assert figure.joints["crown"][0, 1] == pytest.approx(1.8, abs=0.08)


def test_knees_bend_forward_when_hips_sink() -> None:
    person = Proportions()
    pose = Pose.standing(person, 1)
    pose.pelvis[:, 1] -= 0.3
    joints = skeleton(pose, person).joints
    assert joints["left_knee"][0, 2] < joints["left_hip"][0, 2] - 0.1  # forward is -z


def test_the_mesh_faces_outwards() -> None:
    person = Proportions()
    skin = mesh(skeleton(Pose.standing(person, 1), person), person)
    corners = skin.vertices[0][skin.quads]
    normals = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    torso = skin.part == [tube.start for tube in TUBES].index("waist")
    middle = (skin.along > 0.2) & (skin.along < 0.8) & torso
    outward = corners[middle].mean(axis=1) - corners[torso].mean(axis=(0, 1))
    outward[:, 1] = 0
    assert ((normals[middle] * outward).sum(axis=1) > 0).all()
    front = middle & (np.abs(skin.around - 0.25) < 0.1)
    assert (normals[front, 2] < 0).all()
