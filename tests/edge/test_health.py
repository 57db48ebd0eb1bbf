"""Pictures that must not be labelled, and dark ones that may."""

import numpy as np
import pytest

from edge.frontend import FrontEnd
from edge.health import BLACK, FROZEN, SATURATED, PictureHealth

RANDOM = np.random.default_rng(3)


def check(images: list[np.ndarray], interval_s: float = 1 / 15) -> list[str | None]:
    front_end, health = FrontEnd(30, 40), PictureHealth()
    return [
        health.check(front_end.measure(image), front_end.small, index * interval_s)
        for index, image in enumerate(images)
    ]


def test_a_covered_lens_is_black_and_a_lamp_in_the_lens_saturated() -> None:
    assert check([np.zeros((60, 80, 3), np.uint8)]) == [BLACK]
    assert check([np.full((60, 80, 3), 254, np.uint8)]) == [SATURATED]


def test_extreme_darkness_with_something_in_it_is_not_black() -> None:
    image = np.zeros((60, 80, 3), np.uint8)
    image[10:30, 10:30] = 3  # mean 0.25
    assert check([image]) == [None]


def test_the_same_picture_is_frozen_after_half_a_second_until_it_changes() -> None:
    noise = [RANDOM.integers(0, 40, (60, 80, 3), np.uint8) for _ in range(2)]
    reasons = check([noise[0]] * 10 + [noise[1]])
    assert reasons == [None] * 8 + [FROZEN] * 2 + [None]


@pytest.mark.parametrize("repeats", [2, 4])
def test_a_recording_that_repeats_pictures_is_not_frozen(repeats: int) -> None:
    noise = [RANDOM.integers(0, 40, (60, 80, 3), np.uint8) for _ in range(5)]
    assert set(check([image for image in noise for _ in range(repeats)])) == {None}
