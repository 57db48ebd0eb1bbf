"""What is nearer covers what is farther, and what lies outside the picture costs nothing."""

from __future__ import annotations

import numpy as np

from calibration.synthetic.scenery.layers import Layer, composed


def square(value: float, corner: tuple[int, int], depth_m: float, size: int = 4) -> Layer:
    return Layer(np.full((size, size, 3), value, np.float32), np.ones((size, size), np.float32), corner, depth_m)


def test_the_nearer_one_covers_the_farther_one_in_any_order() -> None:
    wall = np.ones((10, 12, 3), np.float32)
    near, far = square(5, (2, 2), 1.0), square(3, (4, 4), 2.0)
    one, other = composed(wall, [near, far]), composed(wall, [far, near])
    np.testing.assert_array_equal(one, other)
    assert one[5, 5, 0] == 5 and one[7, 7, 0] == 3 and one[0, 0, 0] == 1
    assert (wall == 1).all()


def test_a_half_covered_pixel_shows_half_of_the_wall() -> None:
    layer = Layer(np.full((2, 2, 3), 0.5, np.float32), np.full((2, 2), 0.25, np.float32), (0, 0), 1.0)
    assert composed(np.full((2, 2, 3), 4, np.float32), [layer])[0, 0, 0] == 3.5


def test_what_hangs_over_the_edge_is_cut_and_what_is_outside_is_left() -> None:
    wall = np.zeros((10, 12, 3), np.float32)
    assert composed(wall, [square(1, (-2, -3), 1.0)])[..., 0].sum() == 2
    assert composed(wall, [square(1, (11, 8), 1.0)])[..., 0].sum() == 2
    assert not composed(wall, [square(1, (12, 0), 1.0), square(1, (0, -4), 1.0)]).any()


def test_its_box_is_what_it_covers() -> None:
    mask = np.zeros((6, 6), np.float32)
    assert Layer(np.zeros((6, 6, 3), np.float32), mask, (0, 0), 1.0).box is None
    mask[2:5, 1:3] = 1
    assert Layer(np.zeros((6, 6, 3), np.float32), mask, (10, -1), 1.0).box == (11, 1, 2, 3)
