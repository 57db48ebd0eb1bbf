"""ONNX files of a bundle hold all of their numbers: a tensor that names another file is refused before any engine.

An engine would read that file relative to the working directory, or anywhere, or take an address in memory for one.
What is read is protobuf's wire format (protobuf.dev/programming-guides/encoding) and of ONNX's schema (onnx.proto) the
way from a model to its tensors; `onnx` itself is not on the device.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from edge.bundles.manifest import REMAKE
from edge.errors import BundleError

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # wire types; groups (3, 4) are in no ONNX file
MAX_DEPTH = 100  # protobuf's own limit

# Which fields of a message hold a message that may hold a tensor.
INSIDE: Mapping[str, Mapping[int, str]] = {
    "Model": {7: "Graph", 20: "Training", 25: "Function"},
    "Training": {1: "Graph", 2: "Graph"},
    "Function": {7: "Node", 11: "Attribute"},
    "Graph": {1: "Node", 5: "Tensor", 15: "Sparse"},
    "Node": {5: "Attribute"},
    "Attribute": {5: "Tensor", 6: "Graph", 10: "Tensor", 11: "Graph", 22: "Sparse", 23: "Sparse"},
    "Sparse": {1: "Tensor", 2: "Tensor"},
    "Tensor": {},
}
TENSOR_NAME, EXTERNAL_DATA, DATA_LOCATION = 8, 13, 14
Span = tuple[int, int]


def check_self_contained(files: Mapping[str, bytes], where: str) -> None:
    """Raises BundleError where an ONNX file is not protobuf, or keeps a tensor outside itself."""
    for name, data in files.items():
        if name.endswith(".onnx"):
            try:
                outside = _outside(data)
            except (ValueError, IndexError) as error:
                raise BundleError(f"{where}: {name}: expected an ONNX file, found something else; {REMAKE}") from error
            if outside is not None:
                raise BundleError(
                    f"{where}: {name}: expected a model that holds its numbers itself, found the tensor {outside!a} in "
                    "another file; save it with onnx.save(model, path, save_as_external_data=False) and make the "
                    "bundle again"
                )


def _outside(data: bytes) -> str | None:
    """The name of a tensor that lies elsewhere; None: there is none."""
    waiting: list[tuple[str, Span, int]] = [("Model", (0, len(data)), 0)]
    while waiting:
        kind, span, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise ValueError("too deep")
        name = ""
        external = False
        for number, value in _fields(data, *span):
            if isinstance(value, tuple) and (inside := INSIDE[kind].get(number)):
                waiting.append((inside, value, depth + 1))
            elif kind == "Tensor":
                external |= number == EXTERNAL_DATA or (number == DATA_LOCATION and value != 0)
                if number == TENSOR_NAME and isinstance(value, tuple):
                    name = data[value[0] : min(value[1], value[0] + 100)].decode("utf-8", "replace")
        if external:
            return name
    return None


def _fields(data: bytes, at: int, end: int) -> Iterator[tuple[int, int | Span]]:
    """Number and value of each field of a message: a number, or where its bytes begin and end."""
    while at < end:
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        value: int | Span = 0
        if not 0 < number < 1 << 29:
            raise ValueError("no field has this number")
        if wire == VARINT:
            value, at = _varint(data, at)
        elif wire == BYTES:
            size, at = _varint(data, at)
            value, at = (at, at + size), at + size
        elif wire in (FIXED32, FIXED64):
            at += 4 if wire == FIXED32 else 8
        else:
            raise ValueError("a group, or no wire type")
        if at > end:
            raise ValueError("a field ends beyond its message")
        yield number, value


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number and where the next field begins."""
    value = 0
    for shift in range(0, 70, 7):
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
    raise ValueError("a number of more than ten bytes")
