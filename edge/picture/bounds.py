"""How large a picture may be, and how one that the C core would not take becomes one that it takes."""

from __future__ import annotations

import cv2
import numpy as np

from edge.errors import PictureError
from edge.picture import reference

MOST_PIXELS = 1 << 26  # 8192x8192: 200 MB as BGR
LONGEST_SIDE = 4096  # of the C core


def check_size(height: int, width: int) -> None:
    """Before anything of this size is allocated. Raises PictureError."""
    if height * width > MOST_PIXELS:
        raise PictureError(f"a picture of {width}x{height} pixels; expected at most {MOST_PIXELS} in all")


def within(image: reference.U8, format: str) -> tuple[reference.U8, str]:
    """The picture and its format; one with a longer side than the core takes is shrunk to bgr, its whole field of view.

    image: uint8 in a format of edge/picture/frame.py, or uint16 in bgr16. Raises PictureError: empty, too large.
    """
    if 0 in image.shape:
        raise PictureError(f"a picture of {image.shape} in {format} is empty")
    rows = image.shape[0] * 2 // 3 if format in ("nv12", "i420") else image.shape[0]
    if image.ndim < 2 or max(rows, image.shape[1]) <= LONGEST_SIDE:
        return image, format
    check_size(rows, image.shape[1])
    if format not in ("bgr", "bgr16"):
        image, format = reference.bgr(np.ascontiguousarray(image), format), "bgr"
    height, width = (min(side, LONGEST_SIDE) for side in image.shape[:2])
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), image.dtype), format
