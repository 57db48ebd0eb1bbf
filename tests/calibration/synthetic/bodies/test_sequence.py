"""Several actions in turn, without a cut."""

import numpy as np
import pytest

from calibration.synthetic.bodies.body import Proportions
from calibration.synthetic.bodies.sequence import Act, perform

ACTS = (Act("walk", 2.0, 1), Act("turn", 1.5, 2, pause_s=0.4), Act("sit", 2.0, 3, pause_s=0.7))


def test_segments_are_where_the_acts_are() -> None:
    pose, segments = perform(ACTS, Proportions(), rate_hz=60, heading=1.0)
    assert [(s.label, s.start_s, s.end_s) for s in segments] == [("walk", 0, 2), ("turn", 2.4, 3.9), ("sit", 4.6, 6.6)]
    assert len(pose.yaw) == round(6.6 * 60)


def test_nothing_jumps_where_acts_join() -> None:
    pose, _ = perform(ACTS, Proportions(), rate_hz=60, heading=1.0)
    assert pose.yaw[0] == pytest.approx(1.0)
    assert np.linalg.norm(np.diff(pose.pelvis, axis=0), axis=1).max() < 0.1
    assert np.abs(np.diff(pose.yaw)).max() < 0.2
    assert np.linalg.norm(np.diff(pose.ankles, axis=0), axis=-1).max() < 0.2
