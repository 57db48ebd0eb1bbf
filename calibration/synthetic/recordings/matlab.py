"""Numeric arrays of MATLAB's level 5 MAT-files (what `save` writes up to -v7), without SciPy.

The format: MathWorks, "MAT-File Format". Cells, structs, text and sparse arrays are passed over.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge.errors import DataError

Array = npt.NDArray[np.generic]
HEADER_BYTES = 128
MATRIX, COMPRESSED = 14, 15
LARGEST_BYTES = 1 << 30  # of what a compressed element may hold: more is no recording of ours
STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
COMPLEX = 0x0800


def read_arrays(path: Path) -> dict[str, Array]:
    """Every numeric array by its name, in MATLAB's shape. Raises DataError that names the file."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    if data[:10] == b"MATLAB 7.3" or data[:8] == b"\x89HDF\r\n\x1a\n":
        raise DataError(f"{path}: is of MATLAB 7.3 (HDF5); save it with -v7 in MATLAB or Octave")
    order = {b"IM": "<", b"MI": ">"}.get(data[126:128])
    if order is None:
        raise DataError(f"{path}: expected a MAT-file of level 5, found something else")
    try:
        found = (_array(order, body) for kind, body in _elements(order, data[HEADER_BYTES:]) if kind == MATRIX)
        return dict(one for one in found if one is not None)
    except (struct.error, ValueError, KeyError, zlib.error) as error:
        raise DataError(f"{path}: this MAT-file is damaged: {error}") from error


def _elements(order: str, data: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and content of each element, compressed ones opened."""
    place = 0
    while place + 8 <= len(data):
        kind, size = struct.unpack_from(f"{order}II", data, place)
        start, padded = place + 8, -(-size // 8) * 8
        if kind >> 16:  # a small element: its size and up to four bytes lie in the tag
            kind, size, start, padded = kind & 0xFFFF, kind >> 16, place + 4, 4
        if start + size > len(data):
            raise ValueError(f"an element of {size} bytes is cut")
        body = data[start : start + size]
        place = start + (size if kind == COMPRESSED else padded)
        if kind == COMPRESSED:
            yield from _elements(order, _opened(body))
        else:
            yield kind, body


def _opened(body: bytes) -> bytes:
    opener = zlib.decompressobj()
    content = opener.decompress(body, LARGEST_BYTES)
    if opener.unconsumed_tail:
        raise ValueError(f"an element holds more than {LARGEST_BYTES} bytes")
    if not opener.eof:
        raise ValueError("a compressed element is cut")
    return content


def _array(order: str, body: bytes) -> tuple[str, Array] | None:
    parts = _elements(order, body)
    (flags,) = struct.unpack_from(f"{order}I", next(parts, (0, b""))[1])
    kind = CLASSES.get(flags & 0xFF)
    if kind is None or flags & COMPLEX:
        return None
    shape = np.frombuffer(next(parts, (0, b""))[1], f"{order}i4").tolist()
    name = next(parts, (0, b""))[1].decode("ascii")
    stored, values = next(parts, (0, b""))
    if stored not in STORED:
        raise ValueError(f"{name}: holds no numbers")
    # MATLAB keeps doubles that are small whole numbers as small integers.
    flat = np.frombuffer(values, order + STORED[stored])
    return name, flat.reshape(shape, order="F").astype(kind)
