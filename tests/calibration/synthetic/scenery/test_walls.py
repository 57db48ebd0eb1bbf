"""Walls: rendered ones that follow the camera, and films of real rooms that go on for ever."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from calibration.synthetic.scenery.scene import HEIGHT, WIDTH, View
from calibration.synthetic.scenery.walls import FilmedWall, RenderedWall
from edge.errors import DataError

STILL = (0.0, 0.0)


def film(path: Path, frames: int = 6, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Path:
    """Each frame is lighter than the last one; a bright bar stands left of the middle."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, size)
    for t in range(frames):
        picture = np.full((size[1], size[0], 3), 40 + 20 * t, np.uint8)
        picture[:, size[0] // 4 : size[0] // 4 + 20] = 250
        writer.write(picture)
    writer.release()
    return path


def test_a_rendered_wall_moves_with_the_camera() -> None:
    shifts = np.array([[-40, -20], [40, 20]])
    wall = RenderedWall.draw(np.random.default_rng(4), View(1.4, 0.1, WIDTH, shifts))
    still, moved = wall.light(0.0, STILL).copy(), wall.light(5.0, (10.0, -5.0))
    assert still.shape == (HEIGHT, WIDTH, 3) and still.dtype == np.float32 and still.std() > 0
    assert np.array_equal(moved[:-5, 10:], still[5:, :-10])
    assert np.array_equal(wall.light(9.0, STILL), still)
    assert np.array_equal(wall.light(0.0, (500.0, 0.0)), wall.light(0.0, (20.0, 0.0)))  # no further than it was drawn


def level(wall: FilmedWall, time_s: float) -> float:
    return float(255 * wall.light(time_s, STILL)[10, -10].mean() ** (1 / 2.2))


@pytest.mark.parametrize(
    ("at_end", "order"), [("again", [0, 1, 2, 3, 4, 5, 0, 1]), ("back", [0, 1, 2, 3, 4, 5, 5, 4, 3, 2, 1, 0, 0, 1])]
)
def test_a_film_is_played_over_and_over(tmp_path: Path, at_end: str, order: list[int]) -> None:
    wall = FilmedWall(film(tmp_path / "room.avi"), at_end=at_end)  # type: ignore[arg-type]
    assert wall.length_s == pytest.approx(0.6)
    assert [level(wall, 0.05 + t / 10) for t in range(len(order))] == pytest.approx(
        [40 + 20 * one for one in order], abs=4
    )


def test_a_piece_of_a_film_is_played_alone(tmp_path: Path) -> None:
    wall = FilmedWall(film(tmp_path / "room.avi"), at_end="again", first_s=0.2, last_s=0.4)
    assert wall.length_s == pytest.approx(0.2)
    assert [level(wall, t) for t in (0.05, 0.15, 0.25)] == pytest.approx([80, 100, 80], abs=4)


def test_a_film_moves_with_the_camera_and_has_no_edge(tmp_path: Path) -> None:
    wall = FilmedWall(film(tmp_path / "room.avi"))
    bars = [int(np.argmax(wall.light(0.0, (by, 0.0))[100, :, 1])) for by in (0.0, 30.0)]
    assert bars[1] - bars[0] == pytest.approx(30, abs=2)
    assert wall.light(0.0, (-400.0, 300.0)).min() > 0


def test_a_film_of_another_size_fills_the_picture(tmp_path: Path) -> None:
    wall = FilmedWall(film(tmp_path / "wide.avi", size=(640, 360)))
    assert wall.light(0.0, STILL).shape == (HEIGHT, WIDTH, 3)


def test_a_film_that_ends_before_its_piece_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"room\.avi: expected frames from 5 s on"):
        FilmedWall(film(tmp_path / "room.avi"), first_s=5.0)
