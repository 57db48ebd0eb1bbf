"""`gate.npz` behind a right digest: whatever is wrong with it is a BundleError, at once and in little memory."""

from __future__ import annotations

import io
import random
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from edge.bundles.gate_file import gate_bytes, read_gate
from edge.errors import BundleError
from tests.students import GAMMAS, tiny_gate

GATE = gate_bytes(tiny_gate())


def packed(method: int = zipfile.ZIP_STORED, **changed: bytes) -> bytes:
    """The gate's archive with some entries replaced."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(GATE)) as whole, zipfile.ZipFile(target, "w", method) as archive:
        for entry in whole.infolist():
            archive.writestr(entry.filename, changed.get(entry.filename[:-4], whole.read(entry)))
    return target.getvalue()


def encrypted() -> bytes:
    data = bytearray(packed())
    data[6] |= 1
    data[data.index(b"PK\1\2") + 8] |= 1
    return bytes(data)


def npy(header: str, data: bytes = b"") -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + data


def b3(header: str, data: bytes = b"") -> Callable[[], bytes]:
    return lambda: packed(b3=npy(header, data))


def many_entries() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for i in range(5000):
            archive.writestr(f"{i}.npy", b"")
    return target.getvalue()


WRONG: dict[str, Callable[[], bytes]] = {
    "encrypted": encrypted,
    "bzip2": lambda: packed(zipfile.ZIP_BZIP2),
    "lzma": lambda: packed(zipfile.ZIP_LZMA),
    "a list of entries without end": many_entries,
    "a comment": lambda: GATE[:-2] + b"\5\0hello",
    "a pickle": b3("{'descr': '|O', 'fortran_order': False, 'shape': (3,), }", b"\x80\4."),
    "a pickle with a size": b3("{'descr': '|O8', 'fortran_order': False, 'shape': (3,), }", bytes(24)),
    "more than is there": b3("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 1000), }"),
    "less than is there": b3("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", bytes(400)),
    "a negative side": b3("{'descr': '<f4', 'fortran_order': False, 'shape': (-3,), }", bytes(12)),
    "a header that is a program": b3("{'descr': __import__('os').getpid(), 'fortran_order': False, 'shape': (3,), }"),
    "a header without end": b3("(" * 60_000),
    "no header": lambda: packed(b3=b""),
    "texts": b3("{'descr': '<U1', 'fortran_order': False, 'shape': (3,), }", bytes(12)),
    "nothing": lambda: b"",
    "another version": lambda: packed(b3=b"\x93NUMPY\3\0" + bytes(8)),
}


def check(data: bytes) -> None:
    tracemalloc.start()
    try:
        read_gate(data, "here: gate.npz", 4, len(GAMMAS))
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 40 << 20


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_archive_is_a_bundle_error(case: str) -> None:
    with pytest.raises(BundleError, match=r"^here: gate.npz: "):
        check(WRONG[case]())


def test_every_way_in_which_numpy_writes_one_is_read() -> None:
    for save in (np.savez, np.savez_compressed):
        target = io.BytesIO()
        columns: dict[str, Any] = {name: np.asfortranarray(array) for name, array in tiny_gate().items()}
        save(target, **columns)
        found = read_gate(target.getvalue(), "here", 4, len(GAMMAS))
        for name, array in tiny_gate().items():
            np.testing.assert_array_equal(found[name], array)


def test_any_mutation_is_read_or_refused() -> None:
    rng = random.Random(11)
    whole = packed(zipfile.ZIP_DEFLATED)
    refused = 0
    for _ in range(400):
        data = bytearray(rng.choice((GATE, whole)))
        for _ in range(rng.choice((1, 2, 8))):
            at = rng.randrange(len(data)) if rng.random() < 0.3 else len(data) - 1 - rng.randrange(400)
            data[at] = rng.choice((0, 255, rng.randrange(256)))
        try:
            read_gate(bytes(data), "here", 4, len(GAMMAS))
        except BundleError:
            refused += 1
    assert refused > 50
