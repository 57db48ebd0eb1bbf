"""Pictures that must not be labelled, dark ones that may, and what is done about those that stay bad."""

import numpy as np
import pytest

from edge.messages import Event
from edge.picture.front_end import FrontEnd
from edge.recognition.health import BLACK, DAMAGED, FROZEN, SATURATED, PictureHealth, PictureWatch

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


def watch(reasons: list[str | None], interval_s: float = 0.1, live: bool = True) -> tuple[list[str], list[float]]:
    """The events, and when the camera was opened anew."""
    events: list[Event] = []
    reopened_s: list[float] = []
    now_s = 0.0
    pictures = PictureWatch(events.append, (lambda: reopened_s.append(round(now_s, 3))) if live else None)
    for index, reason in enumerate(reasons):
        now_s = index * interval_s
        pictures.see(reason, now_s)
    return [str(event.details.get("reason", event.name)) for event in events], reopened_s


@pytest.mark.parametrize("reason", [BLACK, SATURATED, FROZEN, DAMAGED])
def test_a_bad_picture_is_a_state_with_a_beginning_and_an_end(reason: str) -> None:
    assert watch([None] * 5 + [reason] * 5 + [None] * 5)[0] == [reason, "picture_good"]


def test_a_moment_is_no_state() -> None:
    flicker: list[str | None] = [None, BLACK, None, DAMAGED, DAMAGED, None, None, None, None, SATURATED]
    assert watch(flicker) == ([], [])
    assert watch([FROZEN] * 8 + [None] + [FROZEN] * 8)[0] == [FROZEN]


def test_one_state_follows_another() -> None:
    assert watch([BLACK] * 5 + [FROZEN] * 5 + [None] * 5)[0] == [BLACK, FROZEN, "picture_good"]


def test_while_it_lasts_the_camera_is_opened_anew_ever_more_rarely() -> None:
    _, frozen = watch([None] + [FROZEN] * 2000)
    assert frozen == [1.1, 3.1, 7.1, 15.1, 31.1, 63.1, 123.1, 183.1]
    _, black = watch([BLACK] * 1200)
    assert black == [10.0, 30.0, 70.0]
    assert watch([FROZEN] * 100, live=False)[1] == []


def test_a_clock_that_goes_back_is_no_frozen_picture() -> None:
    front_end, health = FrontEnd(30, 40), PictureHealth()
    image = RANDOM.integers(0, 40, (60, 80, 3), np.uint8)
    times_s = [100.0, 100.4, 0.0, 0.04, 0.1]
    reasons = [health.check(front_end.measure(image), front_end.small, time_s) for time_s in times_s]
    assert reasons == [None] * 4 + [FROZEN]  # 0.4 s before, a glance, 0.1 s since


def glances(image: np.ndarray, bursts: int, looks: int, pause_s: float) -> list[str | None]:
    """The same picture, looked at 15 times a second in bursts, with pauses between them."""
    front_end, health, now_s, reasons = FrontEnd(30, 40), PictureHealth(), 0.0, []
    for _ in range(bursts):
        for _ in range(looks):
            reasons.append(health.check(front_end.measure(image), front_end.small, now_s))
            now_s += 1 / 15
        now_s += pause_s
        health.pause()
    return reasons


def test_time_without_a_picture_is_no_time_in_which_it_was_seen() -> None:
    still = RANDOM.integers(0, 40, (60, 80, 3), np.uint8)
    assert set(glances(still, bursts=2, looks=4, pause_s=10.0)) == {None}


@pytest.mark.parametrize(("looks", "sound"), [(4, 8), (1, 10)])
def test_a_camera_that_froze_and_delivers_with_gaps_is_found_out(looks: int, sound: int) -> None:
    still = RANDOM.integers(0, 40, (60, 80, 3), np.uint8)
    assert glances(still, bursts=12 // looks, looks=looks, pause_s=2.0) == [None] * sound + [FROZEN] * (12 - sound)


def test_a_frozen_picture_stays_frozen_over_a_gap_until_it_changes() -> None:
    still, other = (RANDOM.integers(0, 40, (60, 80, 3), np.uint8) for _ in range(2))
    front_end, health = FrontEnd(30, 40), PictureHealth()
    reasons = [health.check(front_end.measure(still), front_end.small, i / 15) for i in range(9)]
    health.pause()
    reasons += [health.check(front_end.measure(image), front_end.small, 3.0) for image in (still, other)]
    assert reasons == [None] * 8 + [FROZEN, FROZEN, None]
