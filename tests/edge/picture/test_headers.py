"""What files say of themselves, of every kind that a folder of pictures may hold."""

from __future__ import annotations

import struct

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.picture.headers import Header, read_header


@pytest.mark.parametrize("suffix", [".bmp", ".jpg", ".png", ".ppm", ".pgm", ".tiff", ".webp"])
@pytest.mark.parametrize("size", [(7, 300), (300, 7)])
def test_sizes(suffix: str, size: tuple[int, int]) -> None:
    shape = size if suffix == ".pgm" else (*size, 3)
    picture = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
    options = [[], [cv2.IMWRITE_WEBP_QUALITY, 101]] if suffix == ".webp" else [[]]  # lossy and lossless
    for option in options:
        header = read_header(cv2.imencode(suffix, picture, option)[1].tobytes())
        assert header is not None and (header.height, header.width) == size


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "int32", "float32", "float64"])
def test_samples_of_tiff(dtype: str) -> None:
    header = read_header(cv2.imencode(".tiff", np.ones((4, 5, 3), dtype))[1].tobytes())
    assert header == Header(4, 5, None, dtype)


def test_bigtiff_and_the_other_byte_order() -> None:
    entries = struct.pack(">QHHQHxxxxxxHHQHxxxxxx", 2, 256, 3, 1, 640, 257, 3, 1, 480)
    assert read_header(b"MM\0+" + struct.pack(">HHQ", 8, 0, 16) + entries) == Header(480, 640, None, "uint1")


@pytest.mark.parametrize(
    ("text", "white"),
    [
        (b"P5\n# a comment\n5 4\n1023\n", 1023),
        (b"P6 5 4 255 ", 255),
        (b"P2\n5\n4\n100\n", 100),
        (b"P4\n5 4\n", None),
        (b"P7\nWIDTH 5\nHEIGHT 4\nDEPTH 1\nMAXVAL 4095\nENDHDR\n", 4095),
    ],
)
def test_netpbm(text: bytes, white: int | None) -> None:
    assert read_header(text + bytes(99)) == Header(4, 5, white)


KINDS = (
    b"\xff\xd8",
    b"\x89PNG\r\n\x1a\n",
    b"BM",
    b"RIFF1234WEBPVP8X",
    b"RIFF1234WEBPVP8 ",
    b"II*\0\x08\0\0\0",
    b"P5 1 ",
)


@given(st.sampled_from(KINDS), st.binary(max_size=200))
def test_any_bytes_are_a_header_or_none(start: bytes, rest: bytes) -> None:
    header = read_header(start + rest)
    assert header is None or header.height >= 0 <= header.width
