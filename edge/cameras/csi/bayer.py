"""Raw pictures of a CSI sensor: unpacked, averaged to a small picture, and given the levels that a camera would give.

The ISP rounds to 8 bits before anything is averaged; in the dark a small picture made of the raw one keeps what that
loses. Definition, for the samples v of one colour c under one pixel of the small picture (16-bit scale, white 65535):

    linear(c) = gain(c) * (mean(v) - black) / (65535 - black)           black: the sensor's, gain: white balance
    level(c)  = round(4080 * E(clip(linear(c), 0, 1)))                  sixteenths of a level of 0..255

E is the transfer function of Rec. ITU-R BT.709 (4.5 L below 0.018, else 1.099 L^0.45 - 0.099), so that a level
means the same light as in a camera's 8-bit picture. Black is subtracted after averaging: noise below it is not cut.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from edge.picture.frame import Image

U16 = npt.NDArray[np.uint16]
WHITE = 65535
RAW_FORMAT = re.compile(r"S?(?P<order>RGGB|GRBG|GBRG|BGGR|R)(?:(?P<bits>8|10|12|16)|(?P<packed>10|12)_CSI2P)")


@dataclass(frozen=True)
class RawFormat:
    """order: the colours of a 2x2 cell row by row, or R of a sensor without colours. packed: as MIPI CSI-2 does."""

    order: str
    bits: int
    packed: bool

    @classmethod
    def of(cls, name: str) -> RawFormat:
        """By libcamera's name (SRGGB12, SBGGR10_CSI2P, R10). Raises ValueError for others."""
        match = RAW_FORMAT.fullmatch(name)
        if not match:
            raise ValueError(f"raw format {name!r}: expected 8 to 16 bits a sample like SRGGB12, or SRGGB12_CSI2P")
        return cls(match["order"], int(match["bits"] or match["packed"]), bool(match["packed"]))


def unpack(data: Image, format: RawFormat, height: int, width: int, stride: int) -> U16:
    """The samples of a raw buffer, shifted so that white is near 65535: uint16 [height, width].

    data: uint8, flat; stride: bytes from row to row. Unpacked samples lie in the lower bits of little-endian words.
    Raises ValueError if the buffer is too short.
    """
    sample_bytes = 2 if format.bits > 8 else 1
    row_bytes = -(-width // _per_group(format)) * (_per_group(format) + 1) if format.packed else width * sample_bytes
    if stride < row_bytes or data.size < stride * (height - 1) + row_bytes:
        raise ValueError(f"{data.size} bytes with {stride} per row cannot hold {width}x{height} of {format}")
    rows = np.ndarray((height, row_bytes), np.uint8, data, 0, (stride, 1))
    if format.packed:
        return _unpack_groups(rows, format)[:, :width]
    samples = rows.view("<u2") if sample_bytes == 2 else rows
    return np.asarray(np.left_shift(samples, 16 - format.bits, dtype=np.uint16), np.uint16)


def develop(
    raw: U16, order: str, height: int, width: int, black: float = 0.0, gains: tuple[float, float] = (1.0, 1.0)
) -> U16:
    """A small picture in sixteenths of a level, uint16 [height, width, 3] BGR, 0..4080; the definition is above.

    raw: uint16 [H, W], white near 65535, at least twice as large. order: of its colours. black: of 65535.
    gains: of red and blue. Raises ValueError when the raw picture is too small.
    """
    if height > raw.shape[0] // 2 or width > raw.shape[1] // 2:
        raise ValueError(f"{width}x{height} needs a raw picture of twice the size, found {raw.shape[1]}x{raw.shape[0]}")
    means = _means(raw, order, height, width)
    gain = np.array([gains[1], 1.0, gains[0]], np.float32) * np.float32(WHITE / (WHITE - black))
    linear = (means - np.float32(black)) * gain
    return np.asarray(_transfer()[np.rint(np.clip(linear, 0, WHITE)).astype(np.uint16)], np.uint16)


def _per_group(format: RawFormat) -> int:
    """MIPI CSI-2 packs so many samples: the upper eight bits of each, then one byte of all their lower bits."""
    return 8 // (format.bits - 8)


def _unpack_groups(rows: Image, format: RawFormat) -> U16:
    count, low_bits = _per_group(format), format.bits - 8
    groups = rows.reshape(rows.shape[0], -1, count + 1)
    low = groups[..., count:] >> (np.arange(count, dtype=np.uint8) * low_bits) & (2**low_bits - 1)
    samples = groups[..., :count].astype(np.uint16) << 8 | low.astype(np.uint16) << (8 - low_bits)
    return np.asarray(samples.reshape(rows.shape[0], -1), np.uint16)


def _means(raw: U16, order: str, height: int, width: int) -> npt.NDArray[np.float32]:
    """Area averages of blue, green and red: float32 [height, width, 3]. A cell's half pixel of shift is let be."""
    means = np.zeros((height, width, 3), np.float32)
    if order == "R":
        means[:] = _area(raw, height, width)[..., None]
        return means
    rows, columns = (count // 2 * 2 for count in raw.shape)
    for place, colour in enumerate(order):
        samples = raw[place // 2 : rows : 2, place % 2 : columns : 2]
        means[..., "BGR".index(colour)] += _area(samples, height, width) / order.count(colour)
    return means


def _area(samples: U16, height: int, width: int) -> npt.NDArray[np.float32]:
    average = cv2.resize(np.ascontiguousarray(samples), (width, height), interpolation=cv2.INTER_AREA)
    return average.astype(np.float32)


@cache
def _transfer() -> U16:
    """Sixteenths of a level for every linear value of 0..65535."""
    linear = np.arange(WHITE + 1) / WHITE
    encoded = np.where(linear < 0.018, 4.5 * linear, 1.099 * linear**0.45 - 0.099)
    return np.asarray(np.rint(4080 * encoded), np.uint16)
