"""A model whose numbers lie elsewhere is refused before an engine sees it, wherever in the model they are named."""

from __future__ import annotations

import dataclasses
import hashlib
import random
from pathlib import Path

import numpy as np
import onnx
import pytest
from google.protobuf.message import DecodeError
from onnx import TensorProto, helper, numpy_helper

from edge.bundles.bundle import Bundle, FileDigest, write_bundle
from edge.bundles.student_file import check_self_contained
from edge.bundles.writing import MANIFEST_FILE
from edge.errors import BundleError
from tests.students import tiny_files, tiny_manifest, tiny_student

STUDENT = tiny_files(tiny_student())["student.onnx"]


def outside() -> TensorProto:
    tensor = TensorProto(name="secret", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="/etc/hostname")
    return tensor


def without_place() -> TensorProto:
    return TensorProto(name="secret", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)


def without_mark() -> TensorProto:
    tensor = outside()
    tensor.ClearField("data_location")
    return tensor


def graph_with(*nodes: onnx.NodeProto, initializers: tuple[TensorProto, ...] = ()) -> onnx.GraphProto:
    return helper.make_graph(list(nodes), "inner", [], [], list(initializers))


def place(tensor: TensorProto, where: str) -> bytes:
    """The tiny student with this tensor at one of the places that ONNX has for tensors."""
    model = onnx.load_from_string(STUDENT)
    constant = helper.make_node("Constant", [], ["c"], value=tensor)
    sparse = onnx.SparseTensorProto(values=tensor, indices=numpy_helper.from_array(np.zeros(4, np.int64)), dims=[4])
    body = graph_with(helper.make_node("If", ["c"], ["d"], then_branch=graph_with(constant), else_branch=graph_with()))
    match where:
        case "initialiser":
            model.graph.initializer.append(tensor)
        case "sparse initialiser":
            model.graph.sparse_initializer.append(sparse)
        case "constant":
            model.graph.node.append(constant)
        case "sparse constant":
            model.graph.node.append(helper.make_node("Constant", [], ["c"], sparse_value=sparse))
        case "list of tensors":
            model.graph.node.append(helper.make_node("Any", [], ["c"], tensors=[tensor]))
        case "graph in a graph":
            model.graph.node.append(helper.make_node("Loop", [], ["e"], body=body))
        case "initialiser of a graph in a graph":
            inner = graph_with(initializers=(tensor,))
            model.graph.node.append(helper.make_node("Any", [], ["e"], graphs=[inner]))
        case "function":
            model.functions.append(helper.make_function("d", "f", [], ["c"], [constant], [helper.make_opsetid("", 20)]))
        case "default of a function":
            function = helper.make_function("d", "f", [], [], [], [helper.make_opsetid("", 20)])
            function.attribute_proto.append(helper.make_attribute("a", tensor))
            model.functions.append(function)
        case "training":
            model.training_info.add().algorithm.initializer.append(tensor)
    return bytes(model.SerializeToString())


PLACES = (
    "initialiser",
    "sparse initialiser",
    "constant",
    "sparse constant",
    "list of tensors",
    "graph in a graph",
    "initialiser of a graph in a graph",
    "function",
    "default of a function",
    "training",
)


@pytest.mark.parametrize("make", [outside, without_place, without_mark])
@pytest.mark.parametrize("where", PLACES)
def test_a_tensor_that_lies_elsewhere_is_refused(where: str, make: type) -> None:
    with pytest.raises(BundleError, match="found the tensor 'secret' in another file"):
        check_self_contained({"student.onnx": place(make(), where)}, "here")
    check_self_contained({"student.onnx": place(numpy_helper.from_array(np.zeros(4), "plain"), where)}, "here")


def test_a_bundle_with_one_is_neither_written_nor_read(tmp_path: Path) -> None:
    manifest, files = tiny_manifest(tiny_student()), tiny_files(tiny_student())
    files = {**files, "student.onnx": place(outside(), "constant")}
    with pytest.raises(BundleError, match="in another file"):
        write_bundle(tmp_path / "b", manifest, files)
    digests = {name: FileDigest(hashlib.sha256(data).hexdigest(), len(data)) for name, data in files.items()}
    text = dataclasses.replace(manifest, files=digests).sealed()
    for name, data in {MANIFEST_FILE: text, **files}.items():
        (tmp_path / name).write_bytes(data)
    with pytest.raises(BundleError, match="in another file"):
        Bundle.load(tmp_path)


def has_outside(message: onnx.ModelProto) -> bool:
    """The same by protobuf's own parser: every tensor below a message."""
    waiting = [message]
    while waiting:
        found = waiting.pop()
        if isinstance(found, TensorProto) and (found.external_data or found.data_location):
            return True
        for field, value in found.ListFields():
            if field.type == field.TYPE_MESSAGE:
                repeated = field.is_repeated if hasattr(field, "is_repeated") else field.label == field.LABEL_REPEATED
                waiting.extend(value if repeated else [value])
    return False


def test_nothing_that_protobuf_reads_as_elsewhere_passes() -> None:
    """Mutations of models that have such tensors: what passes here has none for protobuf, too."""
    rng = random.Random(5)
    models = [place(outside(), where) for where in PLACES]
    passed = 0
    for _ in range(3000):
        data = bytearray(rng.choice(models))
        for _ in range(rng.choice((1, 1, 2, 6))):
            at = rng.randrange(len(data)) if rng.random() < 0.3 else len(data) - 1 - rng.randrange(120)
            data[at] = rng.randrange(256) if rng.random() < 0.5 else data[at] ^ 1 << rng.randrange(8)
        try:
            check_self_contained({"m.onnx": bytes(data)}, "here")
        except BundleError:
            continue
        passed += 1
        try:
            model = onnx.ModelProto.FromString(bytes(data))
        except DecodeError:
            continue
        assert not has_outside(model)
    assert passed > 20


@pytest.mark.parametrize(
    "data",
    [
        b"certainly no model",
        b"\x3b\x3c",  # a group, which would hide what is inside
        b"\x3a\xff\xff\xff\xff\x0f",  # a graph of 4 GB
        b"\x08" + b"\xff" * 11,
        b"\x3a",
        b"\x00\x00",
        b"\x3a\x02\x0a" * 100,
    ],
    ids=repr,
)
def test_what_is_no_model_is_refused(data: bytes) -> None:
    with pytest.raises(BundleError, match="expected an ONNX file"):
        check_self_contained({"student.onnx": data}, "here")


def test_a_model_deeper_than_protobuf_goes_is_refused() -> None:
    inner = b""
    for _ in range(200):
        for tag in (b"\x32", b"\x2a", b"\x0a"):  # a graph in an attribute of a node of a graph
            size = len(inner)
            inner = tag + bytes((size & 0x7F | 0x80, size >> 7 & 0x7F | 0x80, size >> 14)) + inner
    size = len(inner)
    model = b"\x3a" + bytes((size & 0x7F | 0x80, size >> 7 & 0x7F | 0x80, size >> 14)) + inner
    with pytest.raises(BundleError, match="expected an ONNX file"):
        check_self_contained({"student.onnx": model}, "here")
