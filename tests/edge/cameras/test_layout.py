"""Drivers' buffers as pictures: whatever follows a row is left out, every format keeps its pixels."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge.cameras.layout import picture
from edge.picture.frame import Frame


def planes(image: np.ndarray, format: str) -> list[np.ndarray]:
    """What a driver writes, one array of rows per plane."""
    height, width = image.shape[:2]
    if format == "bgr":
        return [image.reshape(height, -1)]
    if format == "grey":
        return [cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)]
    if format == "rgb":
        return [image[..., ::-1].reshape(height, -1)]
    flat = cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420).reshape(-1)
    y, u, v = np.split(flat, [width * height, width * height * 5 // 4])
    y, u, v = y.reshape(height, width), u.reshape(height // 2, -1), v.reshape(height // 2, -1)
    if format == "i420":
        return [y, u, v]
    if format == "nv12":
        return [y, np.stack((u, v), axis=2).reshape(height // 2, width)]
    chroma = np.stack((u, v), axis=2).reshape(height // 2, width).repeat(2, axis=0)
    order = (y, chroma) if format == "yuyv" else (chroma, y)
    return [np.stack(order, axis=2).reshape(height, width * 2)]


@pytest.mark.parametrize("padding", [0, 2, 28])
@pytest.mark.parametrize("format", ["bgr", "rgb", "grey", "yuyv", "uyvy", "nv12", "i420"])
def test_a_padded_buffer_is_the_same_picture(format: str, padding: int) -> None:
    image = (
        np.random.default_rng(0).integers(0, 256, (12, 20, 1), np.uint8).repeat(3, axis=2)
    )  # grey: colours are halved
    rows = planes(image, format)
    padded = [
        np.pad(plane, ((0, 0), (0, padding if i == 0 or format == "nv12" else padding // 2)), constant_values=99)
        for i, plane in enumerate(rows)
    ]
    data = np.concatenate([plane.ravel() for plane in padded])
    result = picture(data, format, 20, 12, padded[0].shape[1])
    expected = picture(np.concatenate([plane.ravel() for plane in rows]), format, 20, 12, rows[0].shape[1])
    assert np.array_equal(result, expected)
    assert np.abs(Frame(result, 0, 0.0, format).bgr().astype(int) - image).max() <= 2


def test_rows_of_two_lengths() -> None:
    y, u, v = np.arange(24).reshape(2, 12), np.arange(100, 104), np.arange(200, 204)
    data = np.concatenate((y.ravel(), u, v)).astype(np.uint8)
    packed = picture(data, "i420", 6, 2, 12, 4).ravel()
    assert packed.tolist() == [*range(6), *range(12, 18), 100, 101, 102, 200, 201, 202]


@pytest.mark.parametrize("format", ["bgr", "grey", "yuyv", "nv12", "i420"])
def test_a_short_buffer_is_refused(format: str) -> None:
    whole = np.zeros(64 * 48 * 3, np.uint8)
    stride = 64 * {"bgr": 3, "yuyv": 2}.get(format, 1)
    size = picture(whole, format, 64, 48, stride).size
    assert picture(whole[:size], format, 64, 48, stride).size == size
    with pytest.raises(ValueError, match="cannot hold"):
        picture(whole[: size - 1], format, 64, 48, stride)
    with pytest.raises(ValueError, match="cannot hold"):
        picture(whole, format, 64, 48, stride - 2)


@pytest.mark.parametrize(("format", "size"), [("nv12", (7, 4)), ("i420", (8, 5))])
def test_halved_colours_need_even_sizes(format: str, size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="both must be even"):
        picture(np.zeros(1000, np.uint8), format, *size, 16)
