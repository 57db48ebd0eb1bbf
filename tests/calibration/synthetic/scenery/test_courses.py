"""A course is known at any moment, in any order, and does within its scene what it was drawn for."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.synthetic.scenery.courses import Passages, Sway, Turns, moments


def test_a_sway_stays_within_its_size_nearly_always_and_never_jumps() -> None:
    sway = Sway.draw(np.random.default_rng(0), 10.0, 1.0)
    course = sway.over(np.arange(0, 200, 0.01))
    assert 0.9 < np.mean(np.abs(course) < 10) < 1
    assert course.std() == pytest.approx(5, rel=0.1)
    assert np.abs(np.diff(course)).max() < 2 * np.pi * 1.6 * 0.01 * 25
    assert sway.at(3.21) == pytest.approx(course[321])


def test_a_sway_of_no_size_stands_still() -> None:
    assert Sway.draw(np.random.default_rng(0), 0.0, 1.0).at(1.0) == 0


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("duration_s", [0.3, 2.0, 60.0])
def test_something_happens_in_the_first_part_of_every_scene(seed: int, duration_s: float) -> None:
    found = moments(np.random.default_rng(seed), duration_s, 5.0)
    assert 0 < found[0] <= 0.6 * duration_s
    assert (np.diff(found) >= 2.5).all() and found[-1] < duration_s
    assert duration_s < 30 or len(found) > 6


def test_a_level_changes_at_its_moments_and_takes_its_time() -> None:
    turns = Turns(np.array([1.0, 3.0]), np.array([0.0, 1.0, -1.0]), 0.5)
    assert [turns.at(t) for t in (0.0, 1.0, 1.25, 1.5, 2.9, 3.5)] == [0.0, 0.0, 0.5, 1.0, 1.0, -1.0]
    assert [turns.number(t) for t in (0.9, 1.0, 3.1)] == [0, 1, 2]
    assert Turns(np.array([1.0]), np.array([0.0, 1.0]), 0.0).at(1.0) == 1.0, "at once"


def test_levels_are_high_and_low_in_turn() -> None:
    turns = Turns.draw(np.random.default_rng(1), 60, 2, (0.0, 3.0), 0.1)
    high = turns.levels > 1.5
    assert (high[1:] != high[:-1]).all()
    assert ((turns.levels <= 1) | (turns.levels >= 2)).all() and turns.levels.min() >= 0 and turns.levels.max() <= 3


def test_passages_follow_each_other_and_end() -> None:
    passages = Passages.draw(np.random.default_rng(2), 60, 3, (1.0, 4.0))
    assert (passages.starts_s[:-1] + passages.lasts_s[:-1] <= passages.starts_s[1:]).all()
    assert passages.at(0.0) is None
    start, lasts = passages.starts_s[0], passages.lasts_s[0]
    assert passages.at(start + lasts / 4) == (0, pytest.approx(0.25))
    assert passages.at(passages.starts_s[-1] + passages.lasts_s[-1]) is None
