"""Folders of pictures: every picture once, in order, with its time; one clear error for each thing that is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.cameras.recordings.image_folder import natural_order
from edge.cameras.source import open_camera
from edge.errors import CameraError
from edge.picture.frame import Frame


def write_pictures(folder: Path, names: Sequence[str], size: tuple[int, int] = (24, 32)) -> Path:
    """Grey pictures; the first has level 0, the next 8 and so on."""
    folder.mkdir(exist_ok=True)
    for number, name in enumerate(names):
        assert cv2.imwrite(str(folder / name), np.full((*size, 3), 8 * number, np.uint8))
    return folder


def read_all(folder: Path, fps: float | None = None, realtime: bool = False) -> list[Frame]:
    with open_camera(f"images:{folder}", realtime=realtime, fps=fps) as camera:
        return list(iter(lambda: camera.read(5.0), None))


def test_pictures_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    names = ["frame1.png", "frame2.JPG", "frame10.bmp", "frame11.webp", "frame100.png"]
    write_pictures(tmp_path, names)
    (tmp_path / "times.txt").touch()
    (tmp_path / "thumbnails.png").mkdir()
    frames = read_all(tmp_path)
    assert [round(frame.image.mean()) for frame in frames] == [0, 8, 16, 24, 32]
    assert [frame.sequence for frame in frames] == [0, 1, 2, 3, 4]
    assert [frame.capture_time_s for frame in frames] == pytest.approx([i / 30 for i in range(5)])


def test_names_of_all_kinds_have_an_order() -> None:
    paths = [Path(name) for name in ("b.png", "10.png", "a10b2.png", "a9.png", "9.png", "a10b11.png", "\u0662.png")]
    ordered = [path.name for path in natural_order(paths)]
    assert ordered == ["9.png", "10.png", "a9.png", "a10b2.png", "a10b11.png", "b.png", "\u0662.png"]


@pytest.mark.parametrize(
    ("names", "fps", "times_s"),
    [
        (["1.png", "2.png", "3.png"], 12.5, [0.0, 0.08, 0.16]),
        (["1403636579763555584.png", "1403636579813555456.png"], None, [0.0, 0.049999872]),
        (["1403636579763555584.png", "1403636579813555456.png"], 10.0, [0.0, 0.1]),
        (["99.5.png", "100.25.png"], None, [0.0, 0.75]),
        (["1403636579763555584.png", "last.png"], None, [0.0, 1 / 30]),
    ],
    ids=["a given rate", "nanoseconds", "a given rate wins", "seconds", "one name is none"],
)
def test_times(tmp_path: Path, names: list[str], fps: float | None, times_s: list[float]) -> None:
    frames = read_all(write_pictures(tmp_path, names), fps)
    assert [frame.capture_time_s for frame in frames] == pytest.approx(times_s, abs=1e-9)


def test_sixteen_bits_keep_their_fractions(tmp_path: Path) -> None:
    picture = np.array([[[0, 257, 300], [0x2A10, 65534, 65535]]], np.uint16)
    cv2.imwrite(str(tmp_path / "1.png"), picture)
    cv2.imwrite(str(tmp_path / "2.png"), picture[..., 0])
    colour, grey = read_all(tmp_path)
    assert (colour.format, colour.image.dtype, grey.format) == ("bgr16", np.uint16, "bgr16")
    assert np.abs(colour.image / 16 - picture / 257).max() <= 0.5 / 16
    assert np.array_equal(grey.image, colour.image[..., :1].repeat(3, axis=2))


def test_in_real_time_the_last_picture_arrives(tmp_path: Path) -> None:
    frames = read_all(write_pictures(tmp_path, ["1.png", "2.png", "3.png"]), fps=50.0, realtime=True)
    assert frames[-1].sequence == 2


def test_what_is_no_folder_of_pictures_says_so(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match=r"missing: no folder that can be read \(No such file"):
        open_camera(f"images:{tmp_path}/missing")
    with pytest.raises(CameraError, match="no picture in it; expected files like"):
        open_camera(f"images:{tmp_path}")
    (tmp_path / "1.txt").touch()
    with pytest.raises(CameraError, match=r"1\.txt: no folder that can be read \(Not a directory"):
        open_camera(f"images:{tmp_path}/1.txt")


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n"], ids=["empty", "text", "cut"])
def test_a_picture_that_does_not_decode_is_named(tmp_path: Path, content: bytes) -> None:
    write_pictures(tmp_path, ["1.png"])
    (tmp_path / "2.png").write_bytes(content)
    with pytest.raises(CameraError, match=rf"2\.png: not a picture that OpenCV can decode \({len(content)} bytes\)"):
        read_all(tmp_path)
    with pytest.raises(CameraError, match=r"2\.png: not a picture"):
        read_all(tmp_path, realtime=True)


def test_a_picture_of_another_size_is_named(tmp_path: Path) -> None:
    write_pictures(tmp_path, ["1.png"])
    cv2.imwrite(str(tmp_path / "2.png"), np.zeros((10, 20, 3), np.uint8))
    with pytest.raises(CameraError, match=r"2\.png: expected 32x24 as 1\.png has, found 20x10"):
        read_all(tmp_path)


def test_a_folder_without_the_prefix_says_how_to_write_it(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"for a recording write images:{tmp_path}"):
        open_camera(str(tmp_path))
