"""Pictures of any size and shape are taken, in bounded memory; whatever is wrong with one is a PictureError."""

from __future__ import annotations

import os
import resource

import cv2
import numpy as np
import pytest

from edge.errors import PictureError
from edge.picture import bounds, jpeg
from edge.picture.frame import Frame
from edge.picture.front_end import FrontEnd

CASES = int(os.environ.get("EDGE_FUZZ_CASES", "600"))  # of 6,000 that an afternoon takes
SMALL = (120, 160)


def photo(height: int = 480, width: int = 640) -> np.ndarray:
    coarse = np.random.default_rng(5).integers(0, 200, (height // 40, width // 40, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def encoded(image: np.ndarray, *options: int) -> np.ndarray:
    return np.asarray(cv2.imencode(".jpg", image, options)[1], np.uint8).ravel()


@pytest.mark.parametrize(
    ("shape", "format"),
    [
        ((2592, 4608, 3), "bgr"),
        ((2592, 4608, 3), "bgr16"),
        ((3496, 4656, 2), "yuyv"),
        ((3496 * 3 // 2, 4656), "nv12"),
        ((2800 * 3 // 2, 640), "i420"),
        ((20000, 1, 3), "bgr"),
        ((1, 20000, 3), "bgr16"),
        ((1, 20000), "grey"),
        ((1, 1, 3), "bgr"),
    ],
    ids=str,
)
def test_any_size_shows_the_same(shape: tuple[int, ...], format: str) -> None:
    picture = np.full(shape, 128, np.uint16 if format == "bgr16" else np.uint8)
    expected = {"bgr16": 8.0, "bgr": 128.0, "grey": 128.0}.get(format, 130.4)  # YUV is of limited range
    assert FrontEnd(*SMALL).measure(picture, format).mean == pytest.approx(expected, abs=1.0)


def test_a_large_picture_keeps_its_whole_field_of_view() -> None:
    picture = np.zeros((5000, 6000, 3), np.uint8)
    picture[:2500, 3000:] = 200
    front_end = FrontEnd(*SMALL)
    front_end.measure(picture)
    assert (front_end.small[:60, 80:] == 200).all() and front_end.small[:60, :79].max() == 0


def test_thin_pictures_take_no_memory() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for shape in ((1, 20000, 3), (20000, 1, 3), (1, 1_000_000, 3)):
        FrontEnd(240, 320).measure(np.full(shape, 9, np.uint8))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kilobytes


def test_what_is_wrong_with_a_picture_is_a_picture_error() -> None:
    front_end = FrontEnd(*SMALL)
    for picture, format in (
        (np.zeros((0, 5, 3), np.uint8), "bgr"),
        (np.zeros((5, 6), np.uint8), "bgr"),
        (np.zeros((480, 641, 2), np.uint8), "yuyv"),
        (np.zeros((721, 640), np.uint8), "nv12"),
        (np.zeros(100, np.uint8), "grey"),
        (np.zeros((9, 9, 3), np.uint8), "what"),
        (np.zeros(0, np.uint8), "jpeg"),
        (np.broadcast_to(np.uint8(0), (1 << 14, 1 << 13, 3)), "bgr"),
    ):
        with pytest.raises(PictureError):
            front_end.measure(picture, format)


def test_the_size_in_a_header_is_bounded_before_it_is_decoded() -> None:
    data = encoded(photo())
    at = data.tobytes().index(b"\xff\xc0") + 5
    data[at : at + 4] = 0xFF
    assert jpeg.size_of(data) == (65535, 65535)
    with pytest.raises(PictureError, match=f"65535x65535 pixels; expected at most {bounds.MOST_PIXELS}"):
        Frame(data, 0, 0.0, "jpeg").bgr()


def test_fill_bytes_and_what_else_libjpeg_reads() -> None:
    data = encoded(photo()).tobytes()
    plain = jpeg.decode(np.frombuffer(data, np.uint8))
    app, frame = data.index(b"\xff\xe0"), data.index(b"\xff\xc0")
    large = b"\xff\xe1\xff\xff" + bytes(65533)
    for changed in (
        data[:app] + b"\xff\xff\xff" + data[app:],
        data[:frame] + b"\xff" * 9 + data[frame:],
        data[:frame] + b"\xff\x01" + data[frame:],
        data[:frame] + 3 * large + data[frame:],
    ):
        found = np.frombuffer(changed, np.uint8)
        assert jpeg.size_of(found) == (480, 640)
        assert np.array_equal(jpeg.decode(found), plain)


@pytest.mark.parametrize("kind", ["baseline", "progressive"])
def test_mutated_jpegs_are_pictures_or_picture_errors(kind: str) -> None:
    """Seeded: flipped bits, changed bytes, cuts, and above all the header, where the sizes are."""
    rng = np.random.default_rng(17)
    front_end = FrontEnd(*SMALL)
    whole = encoded(photo(240, 320), *([cv2.IMWRITE_JPEG_PROGRESSIVE, 1] if kind == "progressive" else []))
    seen = 0
    for _ in range(CASES // 2):
        data = whole.copy()
        for _ in range(int(rng.integers(1, 6))):
            place = int(rng.integers(0, 700 if rng.random() < 0.6 else data.size))
            data[place] = data[place] ^ (1 << rng.integers(8)) if rng.random() < 0.7 else rng.integers(256)
        if rng.random() < 0.1:
            data = data[: int(rng.integers(1, data.size))]
        try:
            front_end.measure(data, "jpeg")
            seen += 1
        except PictureError:
            pass
    assert CASES // 20 < seen < CASES // 2
