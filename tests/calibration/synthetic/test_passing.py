"""Scenes whose boxes are known: people are where the truth says, and the same scene is the same again."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.synthetic.passing import PLANS, KnownBoxes, acting, known_boxes, scene
from calibration.synthetic.scenery.passers import Curtain, Place, Walker

RATE_HZ = 45.0


def walker(*way: tuple[float, float, float]) -> Walker:
    return Walker(np.random.default_rng(3), [Place(*place) for place in way], RATE_HZ)


def scene_of(*people: Walker, seconds: float = 2.0) -> KnownBoxes:
    return known_boxes((1, 2), people, [], "brio", "LL", seconds)


def middle(known: KnownBoxes, person: int, tick: int) -> float:
    x, _, width, _ = known.boxes[tick][person]
    return x + width / 2


def test_who_walks_to_the_right_goes_right_and_is_as_tall_as_the_distance_says() -> None:
    known = scene_of(walker((0, -1.0, 4.0), (2, 1.0, 4.0)))
    assert len(known.frames) == len(known.boxes) == 30
    assert middle(known, 0, 25) - middle(known, 0, 5) == pytest.approx(300 / 4 * 20 / 15, rel=0.15)
    far = scene_of(walker((0, -1.0, 8.0), (2, 1.0, 8.0)))
    assert known.boxes[10][0][3] == pytest.approx(2 * far.boxes[10][0][3], rel=0.1)
    assert known.boxes[10][0][3] == pytest.approx(300 * 1.7 / 4, rel=0.15)


def test_the_picture_changes_where_the_box_is_and_nowhere_else() -> None:
    one, none = scene_of(walker((0, -0.5, 3.0), (2, 0.5, 3.0))), scene_of()
    apart = np.abs(
        np.mean([frame.image.astype(float) for frame in one.frames[14:17]], axis=0)
        - np.mean([frame.image.astype(float) for frame in none.frames[14:17]], axis=0)
    ).mean(axis=2)
    x, y, width, height = (round(value) for value in one.boxes[15][0])
    inside = np.zeros(apart.shape, bool)
    inside[y : y + height, x : x + width] = True
    assert apart[inside].mean() > 2 * apart[~inside].mean()


def test_who_stands_does_not_move_a_finger() -> None:
    known = scene_of(walker((0, -0.5, 3.0), (1, 0.0, 3.0), (3, 0.0, 3.0)), seconds=3.0)
    assert known.boxes[25] == known.boxes[40]
    assert known.boxes[5] != known.boxes[10]


def test_who_is_behind_another_is_not_in_view() -> None:
    known = scene_of(walker((0, 0.0, 2.0), (2, 0.01, 2.0)), walker((0, 0.0, 6.0), (2, 0.01, 6.0)))
    assert set(known.boxes[15]) == {0}


def test_a_curtain_stays_where_it_is() -> None:
    curtain = Curtain(np.random.default_rng(1), 160, 40, 5.0, 1.0)
    layers = [curtain.layer(time_s, (0.0, 0.0)) for time_s in np.linspace(0, 0.9, 9)]
    middles = [layer.box[0] + layer.box[2] / 2 for layer in layers if layer is not None and layer.box]
    assert len(middles) == 9 and max(abs(x - 160) for x in middles) < 7
    assert len({layer.light.tobytes() for layer in layers if layer is not None}) > 4


def test_a_scene_is_the_same_again_and_another_number_is_another_one() -> None:
    one, again, other = scene("nobody", 0, "LL"), scene("nobody", 0, "LL"), scene("nobody", 1, "LL")
    assert all(np.array_equal(a.image, b.image) for a, b in zip(one.frames, again.frames, strict=True))
    assert not np.array_equal(one.frames[0].image, other.frames[0].image)
    assert not any(one.boxes) and "two cross" in PLANS


def test_who_acts_has_a_box_in_the_picture() -> None:
    known = acting(5, "LL")
    boxes = [box for people in known.boxes for box in people.values()]
    assert len(known.frames) == 60 and len(boxes) > 30
    assert all(x >= 0 and y >= 0 and x + w <= 320 and y + h <= 240 for x, y, w, h in boxes)
