"""Decodes a camera's JPEG no larger than it is needed: libjpeg-turbo's inverse DCT at 1/2, 1/4 or 1/8 of the size."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from edge.errors import PictureError
from edge.picture import bounds

U8 = npt.NDArray[np.uint8]
START, END = b"\xff\xd8", b"\xff\xd9"
REDUCED = {8: cv2.IMREAD_REDUCED_COLOR_8, 4: cv2.IMREAD_REDUCED_COLOR_4, 2: cv2.IMREAD_REDUCED_COLOR_2}
# The markers that hold the size, without those between them that do not (Huffman tables, arithmetic conditioning).
FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


ALONE = frozenset({0x01, *range(0xD0, 0xD8)})  # markers without a length behind them
IMAGE, SCAN = 0xD8, 0xDA


def decode(data: U8, height: int = 0, width: int = 0) -> U8:
    """A JPEG (uint8 [bytes]) as uint8 [H,W,3] BGR, reduced as far as it stays at least `height` x `width`.

    0 x 0 decodes it in full. Raises PictureError where it is none, too large (edge/picture/bounds.py), or damaged so
    far that nothing can be seen.
    """
    full_height, full_width = size_of(data)
    bounds.check_size(full_height, full_width)  # libjpeg may hold all of it, however little is asked for
    fitting = (by for by in REDUCED if height and -(-full_height // by) >= height and -(-full_width // by) >= width)
    flag = REDUCED.get(next(fitting, 1), cv2.IMREAD_COLOR)
    try:
        image = cv2.imdecode(data, flag | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        image = None
    if image is None:
        raise PictureError(f"a JPEG of {data.size} bytes cannot be decoded; the camera or its cable damages pictures")
    return np.asarray(image, np.uint8)


def size_of(data: U8) -> tuple[int, int]:
    """Height and width that a JPEG's header tells. Raises PictureError.

    Reads what libjpeg reads: before a marker there may be any number of fill bytes, and bytes that are none.
    """
    head = np.ascontiguousarray(data).data
    at = 2 if bytes(head[:2]) == START else len(head)
    while at + 9 <= len(head):
        if head[at] != 0xFF or head[at + 1] in (0x00, 0xFF):
            at += 1
        elif head[at + 1] in ALONE:
            at += 2
        elif head[at + 1] in FRAME_MARKERS:
            return head[at + 5] << 8 | head[at + 6], head[at + 7] << 8 | head[at + 8]
        elif head[at + 1] in (IMAGE, SCAN):
            break
        else:
            at += 2 + (head[at + 2] << 8 | head[at + 3])
    raise PictureError(f"{data.size} bytes that should be a JPEG have no header of one; the camera damages pictures")
