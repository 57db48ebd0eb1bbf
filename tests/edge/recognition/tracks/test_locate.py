"""Who is where: on drawn bodies whose place is known to the cell, and on rendered people in the dark."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.tracks import Counts, judged
from calibration.synthetic.passing import scene
from edge.recognition.tracks.locate import MOST_TRACKS, Located, Locator

U8 = npt.NDArray[np.uint8]
HEIGHT, WIDTH, LEVELS = 60, 80, 28.0
TALL, BROAD = 30, 11


def body(x: U8, left: float, top: float, speed: float, swing: int = 0, tall: int = TALL, broad: int = BROAD) -> None:
    """Draw an outline that moves: head, trunk and legs that part and close."""
    start = round(left)
    for row in range(tall):
        spread = 2 + int(swing * row / tall) if row > tall // 2 else (2 if row < tall // 6 else 3)
        middle = start + broad // 2
        for column in (middle - spread, middle - spread + 1, middle + spread - 1, middle + spread):
            y = round(top) + row
            if 0 <= column < WIDTH and 0 <= y < HEIGHT:
                x[y, column] = (228, min(max(128 + round(LEVELS * speed), 0), 255), 128)


def still() -> U8:
    return np.full((HEIGHT, WIDTH, 3), 128, np.uint8)


def walk(locator: Locator, ticks: range, first: float, speed: float) -> list[list[Located]]:
    told = []
    for tick in ticks:
        x = still()
        body(x, first + speed * tick, 15, speed, swing=tick % 4)
        told.append(locator.step(x))
    return told


def test_somebody_who_walks_has_one_number_and_a_box_that_goes_along() -> None:
    told = walk(Locator(HEIGHT, WIDTH, LEVELS), range(50), 2.0, 1.2)
    assert not told[0]  # one look is nobody
    assert {track.identity for tracks in told for track in tracks} == {1}
    left, top, width, height = told[-1][0].box
    assert (left + width / 2) * WIDTH == pytest.approx(2 + 1.2 * 49 + BROAD / 2, abs=3)
    assert top * HEIGHT == pytest.approx(15, abs=3) and height * HEIGHT == pytest.approx(TALL, abs=5)


def test_who_stands_still_for_five_seconds_keeps_place_and_number() -> None:
    locator = Locator(HEIGHT, WIDTH, LEVELS)
    before = walk(locator, range(45), 2.0, 1.0)[-1][0]
    stood = [locator.step(still()) for _ in range(75)]
    assert [tracks[0].identity for tracks in stood] == [before.identity] * 75
    assert stood[-1][0].unseen == 75
    assert stood[-1][0].box[0] == pytest.approx(before.box[0], abs=0.06)
    after = walk(locator, range(45, 60), 2.0, 1.0)
    assert {track.identity for track in after[-1]} == {before.identity}


def test_who_is_gone_for_long_is_forgotten_and_the_number_with_them() -> None:
    locator = Locator(HEIGHT, WIDTH, LEVELS)
    walk(locator, range(30), 2.0, 1.0)
    assert not [locator.step(still()) for _ in range(160)][-1]
    assert {track.identity for track in walk(locator, range(30), 2.0, 1.0)[-1]} == {2}


def test_who_leaves_the_picture_has_left() -> None:
    locator = Locator(HEIGHT, WIDTH, LEVELS)
    walk(locator, range(60), 20.0, 1.2)
    assert not [locator.step(still()) for _ in range(12)][-1]


def test_two_who_cross_keep_their_numbers() -> None:
    locator = Locator(HEIGHT, WIDTH, LEVELS)
    for tick in range(56):
        x = still()
        body(x, 2 + 1.1 * tick, 12, 1.1, swing=tick % 4)
        body(x, 66 - 1.1 * tick, 18, -1.1, swing=(tick + 2) % 4)
        tracks = locator.step(x)
        if tick == 15:
            before = {track.identity: track.box[0] for track in tracks}
    after = {track.identity: track.box[0] for track in tracks}
    assert set(before) == set(after) == {1, 2}
    assert (before[1] < before[2]) != (after[1] < after[2])


def test_what_sways_in_place_is_nobody() -> None:
    locator = Locator(HEIGHT, WIDTH, LEVELS)
    told = []
    for tick in range(120):
        x, speed = still(), float(np.cos(2 * np.pi * tick / 15))
        left = round(30 + 2 * np.sin(2 * np.pi * tick / 15))
        if abs(speed) > 0.2:
            x[5:40, left : left + 12] = (200, round(128 + LEVELS * speed), 128)
        told.append(locator.step(x))
    assert sum(bool(tracks) for tracks in told) == 0


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_whatever_happens_numbers_rise_boxes_lie_in_the_picture_and_it_is_the_same_again(seed: int) -> None:
    rng = np.random.default_rng(seed)
    looks = []
    for _ in range(70):
        x = still()
        for k in range(int(rng.integers(0, 7))):
            if rng.random() < 0.8:
                body(
                    x,
                    12 * k + rng.uniform(-3, 3),
                    rng.uniform(0, 40),
                    rng.uniform(-2, 2),
                    tall=int(rng.integers(8, 40)),
                )
        if rng.random() < 0.1:
            x = rng.integers(0, 256, x.shape).astype(np.uint8)
        looks.append(x)
    locator = Locator(HEIGHT, WIDTH, LEVELS)
    told = [locator.step(x) for x in looks]
    seen: set[int] = set()
    for tracks in told:
        numbers = [track.identity for track in tracks]
        assert len(numbers) == len(set(numbers)) <= MOST_TRACKS
        for track in tracks:
            left, top, width, height = track.box
            assert left >= 0 and top >= 0 and left + width <= 1 + 1e-9 and top + height <= 1 + 1e-9
            assert 0 <= track.confidence <= 1 and width >= 0 and height >= 0
        new = set(numbers) - seen
        assert not new or min(new) > max(seen, default=0)
        seen |= new
    again = Locator(HEIGHT, WIDTH, LEVELS)
    assert [again.step(x) for x in looks] == told
    locator.reset()
    assert [locator.step(x) for x in looks] == told


# ---- Rendered people ----


def of(name: str, light: str = "LL") -> Counts:
    return Counts.together([judged(scene(name, number, light)) for number in (0, 1)])


def test_rendered_people_who_walk_are_found() -> None:
    counts = of("one walks by")
    assert counts.found >= 0.85 * counts.person_ticks
    assert counts.switches == 0 and counts.false <= 1


def test_rendered_people_who_cross_keep_their_numbers() -> None:
    counts = of("two cross")
    assert counts.found >= 0.8 * counts.person_ticks
    assert counts.switches == 0


def test_a_rendered_person_who_stands_for_5_s_is_not_lost() -> None:
    counts = of("one stands for 5 s")
    assert counts.found >= 0.85 * counts.person_ticks
    assert counts.switches == 0


def test_a_rendered_person_far_off_is_found() -> None:
    counts = of("far, 1/6 high")
    assert counts.found >= 0.7 * counts.person_ticks


def test_in_a_rendered_empty_room_is_nobody_though_the_camera_turns() -> None:
    assert of("nobody").false == 0
    assert of("nobody, camera turns").false <= 3


def test_a_rendered_curtain_is_mostly_nobody() -> None:
    counts = of("curtain alone")
    assert counts.false <= 2 and counts.idle <= 0.1 * counts.ticks
