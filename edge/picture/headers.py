"""What picture files say of themselves before they are decoded: how large they are, and what their samples mean."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

import numpy as np

from edge.errors import PictureError
from edge.picture import jpeg

PNG = b"\x89PNG\r\n\x1a\n"
TIFF = {b"II*\0": "<", b"MM\0*": ">", b"II+\0": "<", b"MM\0+": ">"}
WIDTH, HEIGHT, BITS, SAMPLE_FORMAT = 256, 257, 258, 339  # tags of TIFF
SAMPLES = {1: "uint", 2: "int", 3: "float"}
TAG_FORMATS = {1: "B", 3: "H", 4: "I", 16: "Q"}  # by TIFF's type of a value
PNM = re.compile(rb"P([1-6])(?:\s|#[^\n]*\n)+(\d+)(?:\s|#[^\n]*\n)+(\d+)(?:(?:\s|#[^\n]*\n)+(\d+))?")
PAM = re.compile(rb"(WIDTH|HEIGHT|MAXVAL)\s+(\d+)")


@dataclass(frozen=True)
class Header:
    """white: the level that means white, None where it is all ones. samples: of TIFF, such as float32; else empty."""

    height: int
    width: int
    white: int | None = None
    samples: str = ""


def read_header(data: bytes) -> Header | None:
    """Of a BMP, JPEG, PNG, PNM, TIFF or WebP; None for anything else, and for one that is cut off."""
    try:
        if data[:2] == jpeg.START:
            return Header(*jpeg.size_of(np.frombuffer(data, np.uint8)))
        if data[:8] == PNG:
            width, height = struct.unpack_from(">II", data, 16)
            return Header(height, width)
        if data[:2] == b"BM":
            old = struct.unpack_from("<I", data, 14)[0] == 12
            width, height = struct.unpack_from("<HH" if old else "<ii", data, 18)
            return Header(abs(height), abs(width))
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp(data)
        if data[:4] in TIFF:
            return _tiff(data, TIFF[data[:4]], big=data[2:3] + data[3:4] in (b"+\0", b"\0+"))
        return _pnm(data)
    except (struct.error, PictureError):
        return None


def _webp(data: bytes) -> Header | None:
    kind = data[12:16]
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return Header(height & 0x3FFF, width & 0x3FFF)
    if kind == b"VP8L":
        (packed,) = struct.unpack_from("<I", data, 21)
        return Header((packed >> 14 & 0x3FFF) + 1, (packed & 0x3FFF) + 1)
    if kind == b"VP8X":
        low_width, high_width, low_height, high_height = struct.unpack_from("<HBHB", data, 24)
        return Header((high_height << 16 | low_height) + 1, (high_width << 16 | low_width) + 1)
    return None


def _tiff(data: bytes, order: str, big: bool) -> Header | None:
    """The first directory. big: BigTIFF, whose offsets have 8 bytes."""
    offset, entry = ("Q", "HHQ") if big else ("I", "HHI")
    (at,) = struct.unpack_from(order + offset, data, 8 if big else 4)
    (count,) = struct.unpack_from(order + ("Q" if big else "H"), data, at)
    at += 8 if big else 2
    step, room = (20, 8) if big else (12, 4)
    tags: dict[int, int] = {}
    for number in range(min(count, 4096)):
        tag, kind, values = struct.unpack_from(order + entry, data, at + number * step)
        if tag in (WIDTH, HEIGHT, BITS, SAMPLE_FORMAT) and kind in TAG_FORMATS:
            place = at + number * step + struct.calcsize(order + entry)
            if values * struct.calcsize("=" + TAG_FORMATS[kind]) > room:
                (place,) = struct.unpack_from(order + offset, data, place)
            (tags[tag],) = struct.unpack_from(order + TAG_FORMATS[kind], data, place)
    if WIDTH not in tags or HEIGHT not in tags:
        return None
    samples = f"{SAMPLES.get(tags.get(SAMPLE_FORMAT, 1), 'unknown ')}{tags.get(BITS, 1)}"
    return Header(tags[HEIGHT], tags[WIDTH], samples=samples)


def _pnm(data: bytes) -> Header | None:
    if data[:3] == b"P7\n":
        told = {key: int(value) for key, value in PAM.findall(data[: data.find(b"ENDHDR")])}
        return Header(told.get(b"HEIGHT", 0), told.get(b"WIDTH", 0), told.get(b"MAXVAL"))
    found = PNM.match(data[:4096])
    if not found:
        return None
    kind, width, height, white = found.groups()
    if max(len(width), len(height), len(white or b"")) > 9 or (white is None and kind not in b"14"):
        return None
    return Header(int(height), int(width), None if kind in b"14" else int(white))
