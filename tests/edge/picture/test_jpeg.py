"""A camera's JPEG: no larger than needed, never smaller, and a damaged one is named."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge.errors import PictureError
from edge.picture import jpeg
from edge.picture.frame import Frame
from edge.picture.front_end import FrontEnd


def photo(height: int = 720, width: int = 1280) -> np.ndarray:
    coarse = np.random.default_rng(5).integers(0, 200, (height // 40, width // 40, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def encoded(image: np.ndarray, *options: int) -> np.ndarray:
    return np.asarray(cv2.imencode(".jpg", image, options)[1], np.uint8).ravel()


@pytest.mark.parametrize(
    ("needed", "given"),
    [
        ((0, 0), (720, 1280)),
        ((90, 160), (90, 160)),
        ((91, 160), (180, 320)),
        ((360, 641), (720, 1280)),
        ((1, 1), (90, 160)),
    ],
)
def test_it_is_reduced_as_far_as_it_stays_large_enough(needed: tuple[int, int], given: tuple[int, int]) -> None:
    assert jpeg.decode(encoded(photo()), *needed).shape == (*given, 3)


@pytest.mark.parametrize("size", [(723, 1285), (241, 321), (8, 8)])
def test_sizes_that_do_not_divide(size: tuple[int, int]) -> None:
    data = encoded(np.full((*size, 3), 77, np.uint8))
    assert jpeg.size_of(data) == size
    height, width = jpeg.decode(data, 30, 40).shape[:2]
    assert (height >= 30 and width >= 40) or (height, width) == size


def test_the_reduced_picture_shows_the_same() -> None:
    picture = photo()
    reduced = jpeg.decode(encoded(picture), 180, 320)
    expected = cv2.resize(picture, (320, 180), interpolation=cv2.INTER_AREA)
    assert np.abs(reduced.astype(int) - expected).mean() < 2


def test_the_front_end_takes_it_as_it_comes() -> None:
    picture, front_end = photo(), FrontEnd(120, 160)
    plain = front_end.measure(picture)
    statistics = front_end.measure(encoded(picture), "jpeg")
    assert statistics.mean == pytest.approx(plain.mean, abs=1) and statistics.std == pytest.approx(plain.std, abs=1)
    frame = Frame(encoded(picture), 0, 0.0, "jpeg")
    assert np.abs(frame.bgr().astype(int) - picture).mean() < 3


def test_motion_jpeg_without_huffman_tables() -> None:
    """Many cameras leave out the tables, which are always the same."""
    data = encoded(photo(240, 320))
    segments, at = [data[:2]], 2
    while data[at + 1] != 0xDA:
        end = at + 2 + (int(data[at + 2]) << 8 | int(data[at + 3]))
        segments += [data[at:end]] if data[at + 1] != 0xC4 else []
        at = end
    bare = np.concatenate([*segments, data[at:]])
    assert len(bare) < len(data)
    np.testing.assert_array_equal(jpeg.decode(bare, 60, 80), jpeg.decode(data, 60, 80))


@pytest.mark.parametrize("grey", [False, True])
def test_progressive_and_grey(grey: bool) -> None:
    picture = photo(240, 320)
    data = encoded(picture[..., 0] if grey else picture, cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    assert jpeg.decode(data, 100, 100).shape == (120, 160, 3)


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff\xd8", b"\xff\xd8\xff\xd9", b"\xee" * 1000, b"\xff\xd8" + b"\xff" * 100, b"\xff\xd8\xff\xe0\0\0" * 50],
)
def test_what_is_no_jpeg_is_named(data: bytes) -> None:
    with pytest.raises(PictureError, match=f"{len(data)} bytes that should be a JPEG"):
        jpeg.decode(np.frombuffer(data, np.uint8), 60, 80)


def test_a_header_without_a_picture_is_damaged() -> None:
    data = encoded(photo(240, 320)).copy()
    header = bytes(data).index(b"\xff\xda")
    with pytest.raises(PictureError, match="cannot be decoded"):
        jpeg.decode(data[: header - 8], 60, 80)
