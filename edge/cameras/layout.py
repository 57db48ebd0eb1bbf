"""How drivers lay pictures into their buffers: rows longer than the picture, planes one after the other."""

from __future__ import annotations

import numpy as np

from edge.picture.frame import Image

BYTES_PER_PIXEL = {"bgr": 3, "rgb": 3, "yuyv": 2, "uyvy": 2}  # of the first plane; the others have 1
PLANAR = ("nv12", "i420")


def picture(data: Image, format: str, width: int, height: int, stride: int, chroma_stride: int = 0) -> Image:
    """A driver's buffer (uint8, flat) in the shape that `Frame.image` has for this format.

    stride: bytes from one row to the next; chroma_stride: of i420's U and V, half of it if not given. A view, but for
    i420 with longer rows, which is copied: there the planes must follow one another without gaps.
    Raises ValueError when width and height do not suit the format, or the buffer is too short.
    """
    if format in PLANAR and (width % 2 or height % 2):
        raise ValueError(f"{format} of {width}x{height}: both must be even")
    if format == "i420" and (stride, chroma_stride or stride // 2) != (width, width // 2):
        return _packed_i420(data, width, height, stride, chroma_stride or stride // 2)
    pixel = BYTES_PER_PIXEL.get(format, 1)
    rows = height * 3 // 2 if format in PLANAR else height
    shape, strides = ((rows, width, pixel), (stride, pixel, 1)) if pixel > 1 else ((rows, width), (stride, 1))
    return _view(data, 0, shape, strides)


def _packed_i420(data: Image, width: int, height: int, stride: int, chroma_stride: int) -> Image:
    half = (height // 2, width // 2)
    start = stride * height
    y = _view(data, 0, (height, width), (stride, 1))
    u = _view(data, start, half, (chroma_stride, 1))
    v = _view(data, start + chroma_stride * half[0], half, (chroma_stride, 1))
    return np.concatenate((y.ravel(), u.ravel(), v.ravel())).reshape(height * 3 // 2, width)


def _view(data: Image, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> Image:
    needed = offset + sum((count - 1) * step for count, step in zip(shape, strides, strict=True)) + 1
    if data.size < needed or strides[0] < shape[1] * strides[1]:
        raise ValueError(f"rows of {strides[0]} bytes, {data.size} in all, cannot hold {shape}")
    return np.ndarray(shape, np.uint8, data, offset, strides)
