"""Filmed rooms without people, in the dark; the films are made here."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from calibration.clip_sets import video
from calibration.sets import open_set
from calibration.synthetic.dark_camera import SENSORS, tone_curve
from calibration.synthetic.real.rooms import FilmedRoom, linear_light, linear_table
from calibration.synthetic.scenery.layers import Wall
from edge.errors import DataError

DATA = Path(__file__).parents[5] / "shared" / "data" / "real_rooms"
FPS = 30


def write_film(path: Path, frames: int, fps: float = FPS) -> None:
    """A bright square that moves by two pixels a frame over a textured wall, and the room grows lighter."""
    rng = np.random.default_rng(0)
    wall = cv2.resize(rng.integers(40, 120, (24, 32, 3), dtype=np.uint8), (320, 240))
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, (320, 240))
    for t in range(frames):
        picture = cv2.add(wall, np.full_like(wall, t // 4))
        cv2.rectangle(picture, (2 * t, 100), (2 * t + 40, 140), (220, 220, 220), -1)
        writer.write(picture)
    writer.release()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_film(tmp_path / "corridor.avi", 150)
    write_film(tmp_path / "hall.avi", 40)
    (tmp_path / "labels.csv").write_text(
        "file,class,source,licence,product_ok,frames,fps\n"
        "corridor.avi,nobody,Intel IoT DevKit sample-videos,CC BY 4.0,yes,150,30.0\n"
        "hall.avi,people,Intel IoT DevKit sample-videos,CC BY 4.0,yes,40,30.0\n"
    )
    return tmp_path


def test_rooms_are_nobody_and_films_with_people_are_kept_apart(root: Path) -> None:
    clips = open_set(f"rooms:{root}")
    assert clips.labels == ("nobody",)
    assert {clip.location for clip in clips.clips} == {"corridor"}
    assert len(clips.clips) == 2 * 6, "five seconds are two clips, each under two lights with three cameras"
    assert {(c.light, c.camera) for c in clips.clips} == {(li, ca) for li in ("LL", "ELL") for ca in SENSORS}
    assert {(c.terms.product_ok, c.terms.licence) for c in clips.clips} == {("yes", "CC BY 4.0")}
    assert len({clip.identity for clip in clips.clips}) == len(clips.clips)


def test_a_room_is_as_dark_as_its_light_says_and_moves_as_it_was_filmed(root: Path) -> None:
    for clip in open_set(f"rooms:{root}").clips:
        frames, again = list(clip.frames()), list(clip.frames())
        assert all(np.array_equal(a.image, b.image) for a, b in zip(frames, again, strict=True))
        low, high = SENSORS[clip.camera or ""].mean_luma[clip.light or ""]
        assert 0.4 * low < frames[0].image.mean() < 1.8 * high
        lasts_s = frames[-1].capture_time_s + frames[1].capture_time_s
        assert lasts_s == pytest.approx(3.0 if "_000_" in clip.name else 2.0, abs=0.05)
    light = next(c for c in open_set(f"rooms:{root}").clips if "_000_LL_brio" in c.name)
    pictures = [frame.image.astype(np.float32).mean(axis=2) for frame in light.frames()]
    columns = [float(np.argmax(cv2.GaussianBlur(picture, (0, 0), 9)[120])) for picture in pictures]
    assert columns[-1] - columns[0] == pytest.approx(2 * 90, abs=25)


def test_the_film_s_curve_is_undone() -> None:
    assert np.allclose(255 * tone_curve(linear_table(), 4.5), np.arange(256), atol=0.5)
    half = np.full((120, 160, 3), 128, np.uint8)
    assert linear_light(half).shape == (240, 320, 3) and linear_light(half).dtype == np.float32


def test_a_filmed_room_is_a_wall_that_plays_at_its_own_pace_and_again_from_its_start(root: Path) -> None:
    room: Wall = FilmedRoom(root / "hall.avi", scale=2.0)
    filmed = [2 * linear_light(frame.image) for frame in video.read(root / "hall.avi")]
    for time_s, number in ((0.0, 0), (0.51, 15), (0.52, 15), (1.31, 39), (40 / FPS + 0.01, 0), (40 / FPS + 0.51, 15)):
        assert np.array_equal(room.light(time_s, (0.0, 0.0)), filmed[number]), time_s
    with pytest.raises(ValueError, match="expected a time from"):
        room.light(0.0, (0.0, 0.0))


def test_what_the_table_does_not_say_is_asked_of_the_film(root: Path) -> None:
    whole = open_set(f"rooms:{root}")
    (root / "labels.csv").write_text("file,class\ncorridor.avi,nobody\n")
    assert [clip.name for clip in open_set(f"rooms:{root}").clips] == [clip.name for clip in whole.clips]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("file,class\ncorridor.avi,walk\n", "corridor.avi: class: expected nobody or people, found walk"),
        ("file,class\nhall.avi,people\n", "expected a video of class nobody, found none"),
        ("file,class,frames,fps\ncorridor.avi,nobody,150,0\n", "corridor.avi: fps: expected"),
    ],
)
def test_a_wrong_table_is_named(root: Path, table: str, message: str) -> None:
    (root / "labels.csv").write_text(table)
    with pytest.raises(DataError, match=message):
        open_set(f"rooms:{root}")


def test_a_film_shorter_than_its_table_says_is_named(root: Path) -> None:
    table = (root / "labels.csv").read_text().replace("150", "600")
    (root / "labels.csv").write_text(table)
    with pytest.raises(DataError, match=r"corridor\.avi: expected frames 450 to 540"):
        list(open_set(f"rooms:{root}").clips[5 * 6].frames())


@pytest.mark.skipif(not DATA.is_dir(), reason="the real rooms are not here")
def test_real_rooms_go_dark() -> None:
    clips = open_set(f"rooms:{DATA}")
    assert {clip.location for clip in clips.clips} >= {"kitchen_handheld", "car_park", "bottles_0"}
    assert not any("people" in (clip.location or "") for clip in clips.clips)
    frames = list(open_set(f"rooms:{DATA}@test").subset(2).clips[0].frames())
    assert len(frames) > 20 and frames[0].image.mean() < 60
