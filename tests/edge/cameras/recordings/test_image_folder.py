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


def test_names_of_seconds_are_in_the_order_of_their_times(tmp_path: Path) -> None:
    """As str(time.time()) writes them: with as many digits as there are."""
    names = ["1700000000.9.png", "1700000000.0333333.png", "1700000000.25.png", "1700000001.0.png"]
    write_pictures(tmp_path, names)
    for fps in (None, 10.0):
        frames = read_all(tmp_path, fps)
        assert [round(frame.image.mean()) for frame in frames] == [8, 16, 0, 24]
    times_s = [frame.capture_time_s for frame in read_all(tmp_path)]
    assert times_s == pytest.approx([0.0, 0.2166667, 0.8666667, 0.9666667], abs=1e-6)


def test_hidden_files_are_left_alone(tmp_path: Path) -> None:
    write_pictures(tmp_path, ["1.png"])
    (tmp_path / "._1.png").write_bytes(b"\0\5\26\7")
    assert len(read_all(tmp_path)) == 1


def test_a_picture_is_upright_as_it_says_itself(tmp_path: Path) -> None:
    picture = np.zeros((32, 64, 3), np.uint8)
    picture[:, :32] = 200  # the left half
    data = cv2.imencode(".jpg", picture)[1].tobytes()
    orientation = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    exif = b"\xff\xe1" + (len(orientation) + 2).to_bytes(2, "big") + orientation
    (tmp_path / "phone.jpg").write_bytes(data[:2] + exif + data[2:])
    (frame,) = read_all(tmp_path)
    assert frame.image.shape == (64, 32, 3)
    assert frame.image[:30].mean() > 190 and frame.image[34:].mean() < 10


@pytest.mark.parametrize("dtype", ["float32", "float64", "int16", "int8", "int32"])
@pytest.mark.parametrize("channels", [1, 3])
def test_levels_that_are_none_are_refused(tmp_path: Path, dtype: str, channels: int) -> None:
    picture = np.full((24, 32, channels), 1, dtype)
    if not cv2.imwrite(str(tmp_path / "1.tiff"), picture):
        pytest.skip("this OpenCV does not write such a picture")
    with pytest.raises(CameraError, match=rf"1\.tiff: expected levels of 8 or 16 bits.*found {dtype}"):
        read_all(tmp_path)


@pytest.mark.parametrize("white", [100, 255, 1023, 4095, 65535])
def test_white_is_what_the_file_says(tmp_path: Path, white: int) -> None:
    """Sensors of 10 and 12 bits; their pictures were black."""
    levels = np.array([[0, white // 2, white]], ">u2" if white > 255 else np.uint8)
    (tmp_path / "1.pgm").write_bytes(b"P5\n3 1\n%d\n" % white + levels.tobytes())
    (frame,) = read_all(tmp_path)
    highest = 4080 if white > 255 else 255
    assert (frame.format, frame.image[0, 2, 0]) == ("bgr16" if white > 255 else "bgr", highest)
    assert frame.image[0, 1, 0] == pytest.approx(highest / 2, rel=0.02)


@pytest.mark.parametrize("kind", ["palette", "alpha", "grey", "grey and alpha"])
def test_pictures_of_every_kind_have_three_channels(tmp_path: Path, kind: str) -> None:
    import struct
    import zlib

    rows = {"palette": b"\0\0\1", "alpha": b"\0" + bytes([9, 9, 9, 0] * 2), "grey": b"\0\x09\x09"}
    colour = {"palette": 3, "alpha": 6, "grey": 0, "grey and alpha": 4}[kind]
    data = zlib.compress(rows.get(kind, b"\0\x09\x00\x09\x00"))
    parts = [(b"IHDR", struct.pack(">IIBBBBB", 2, 1, 8, colour, 0, 0, 0)), (b"IDAT", data), (b"IEND", b"")]
    if kind == "palette":
        parts.insert(1, (b"PLTE", bytes([9] * 6)))
    chunks = (struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in parts)
    (tmp_path / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    (frame,) = read_all(tmp_path)
    assert frame.image.shape == (1, 2, 3) and (frame.image == 9).all()


def test_a_picture_that_is_too_large_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    header = cv2.imencode(".png", np.zeros((1, 1, 3), np.uint8))[1].tobytes()
    (tmp_path / "1.png").write_bytes(header[:16] + (60000).to_bytes(4, "big") * 2 + header[24:])
    with pytest.raises(CameraError, match=r"1\.png: a picture of 60000x60000 pixels; expected at most 67108864"):
        read_all(tmp_path)


def test_photos_just_work(tmp_path: Path) -> None:
    for number in range(2):
        cv2.imwrite(str(tmp_path / f"{number}.jpg"), np.full((2592, 4608, 3), 90 + number, np.uint8))
    assert [frame.image.shape for frame in read_all(tmp_path)] == [(2592, 4608, 3)] * 2
