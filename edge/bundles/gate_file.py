"""`gate.npz`: float32 arrays in NumPy's form, always written the same way, read without a pickle or an evaluation."""

from __future__ import annotations

import io
import re
import struct
import zipfile
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from edge.bundles.manifest import GATE_WEIGHTS, REMAKE
from edge.errors import BundleError

F32 = npt.NDArray[np.float32]

MAX_GATE_BYTES = 1 << 24  # unpacked; the gate of the paper has 0.2 MB
MAX_DIRECTORY_BYTES = 4096  # of the archive: zipfile makes an object of every entry before anyone can count them
END, END_BYTES, END64 = b"PK\5\6", 22, b"PK\6\7"
HEADER = re.compile(
    rb"\{'descr': '([<>|=]?[a-zA-Z][0-9]{1,4})', 'fortran_order': (True|False), 'shape': \(([0-9, ]{0,80})\), ?\}\s*"
)


def gate_bytes(weights: Mapping[str, F32]) -> bytes:
    """`gate.npz` of these weights; the same weights give the same bytes (NumPy's own writer dates its entries)."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name in GATE_WEIGHTS:
            array = io.BytesIO()
            np.save(array, np.ascontiguousarray(weights[name], np.float32), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), array.getvalue())
    return target.getvalue()


def read_gate(data: bytes, where: str, window: int, heads: int) -> dict[str, F32]:
    """float32 w1 [3*window,128] b1 w2 [128,256] b2 w3 [256,heads] b3, whose widths inside are the file's own.

    Raises BundleError: another form than NumPy's, other names, shapes or types, numbers that are not finite.
    """
    arrays = _read_npz(data, where)
    if sorted(arrays) != sorted(GATE_WEIGHTS):
        raise BundleError(f"{where}: expected {', '.join(GATE_WEIGHTS)}, found {', '.join(sorted(arrays))}; {REMAKE}")
    widths = [3 * window, arrays["b1"].size, arrays["b2"].size, heads]
    for name, array in arrays.items():
        layer = int(name[1])
        shape = tuple(widths[layer - 1 : layer + 1] if name[0] == "w" else widths[layer : layer + 1])
        if array.shape != shape or array.dtype != np.float32 or not np.isfinite(array).all():
            found = f"{array.dtype} {list(array.shape)}"
            raise BundleError(f"{where}: {name}: expected finite float32 {list(shape)}, found {found}; {REMAKE}")
    return arrays


def _read_npz(data: bytes, where: str) -> dict[str, npt.NDArray[np.float32]]:
    try:
        with zipfile.ZipFile(io.BytesIO(_small_directory(data))) as packed:
            entries = packed.infolist()
            unpacked = sum(entry.file_size for entry in entries)
            if unpacked > MAX_GATE_BYTES:
                raise BundleError(
                    f"{where}: expected at most {MAX_GATE_BYTES} bytes unpacked, found {unpacked}; {REMAKE}"
                )
            if (names := [entry.filename for entry in entries]) != list(dict.fromkeys(names)):
                raise ValueError("a name twice")
            return {entry.filename.removesuffix(".npy"): _array(_unpacked(packed, entry)) for entry in entries}
    except BundleError:
        raise
    except Exception as error:  # zipfile and its decompressors raise whatever they meet
        raise BundleError(
            f"{where}: expected arrays in NumPy's npz form, found something else ({error}); {REMAKE}"
        ) from error


def _small_directory(data: bytes) -> bytes:
    """The archive, its list of entries known to be short; what NumPy writes has no comment behind it."""
    end = data[-END_BYTES:]
    if len(end) < END_BYTES or not end.startswith(END) or data[-END_BYTES - 20 :].startswith(END64):
        raise ValueError("no end of a zip archive")
    if struct.unpack_from("<I", end, 12)[0] > MAX_DIRECTORY_BYTES:
        raise ValueError("too many entries")
    return data


def _unpacked(packed: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    if entry.flag_bits & 1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{entry.filename!r} is encrypted or compressed in another way than deflated")
    with packed.open(entry) as file:
        data = file.read(entry.file_size)
        if len(data) != entry.file_size or file.read(1):
            raise ValueError(f"{entry.filename!r} has another size than it says")
    return data


def _array(data: bytes) -> npt.NDArray[np.float32]:
    """An array in NumPy's npy form, version 1.0; read_gate looks at type and shape."""
    size = struct.unpack_from("<H", data, 8)[0] if data.startswith(b"\x93NUMPY\x01\x00") else 0
    header = HEADER.fullmatch(data[10 : 10 + size])
    if header is None:
        raise ValueError("no plain array of numbers")
    shape = tuple(int(side) for side in header[3].split(b",") if side.strip())
    array = np.frombuffer(data, np.dtype(header[1].decode()), offset=10 + size)
    array = array.reshape(shape, order="F") if header[2] == b"True" else array.reshape(shape)
    return np.array(array)  # of its own: writable, aligned, and in the machine's order
