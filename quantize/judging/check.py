"""Is this a student that can be quantised? One error for the first thing that is wrong with its ONNX file."""

from __future__ import annotations

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, numpy_helper

from edge.bundles.student_file import check_self_contained
from edge.errors import BundleError

CONTRACT = "the network's contract is in docs/architecture.md"
DOMAINS = ("", "ai.onnx")
BRANCHING = ("If", "Loop", "Scan")


def checked(student: bytes, where: str) -> onnx.ModelProto:
    """The parsed file. where: names it in messages.

    Raises BundleError: no ONNX file, weights in other files, operators that are no standard ones or that branch, shapes
    that are not fixed, no `x` or `logits`, weights that are not finite.
    """
    try:
        model = onnx.load_from_string(student)
    except DecodeError as error:
        raise BundleError(f"{where}: expected an ONNX file, found something else ({error}); export it again") from error
    if not model.graph.node:
        raise BundleError(f"{where}: expected an ONNX file, found no operators in it; export it again")
    _check_weights(model, where)
    check_self_contained({"student.onnx": student}, where)  # constants, too
    _check_operators(model, where)
    _check_edges(model, where)
    return model


def is_quantised(model: onnx.ModelProto) -> bool:
    """It came with quantisers: from quantisation-aware training, or from another tool."""
    return any(node.op_type in ("QuantizeLinear", "DequantizeLinear") for node in model.graph.node)


def _check_weights(model: onnx.ModelProto, where: str) -> None:
    for tensor in model.graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL:
            file = next((entry.value for entry in tensor.external_data if entry.key == "location"), "another file")
            raise BundleError(
                f"{where}: {tensor.name}: expected the weights in the file itself, found them in {file}; "
                "export it with external_data=False"
            )
        if tensor.data_type == TensorProto.FLOAT and not np.isfinite(numpy_helper.to_array(tensor)).all():
            raise BundleError(f"{where}: {tensor.name}: expected finite weights, found NaN or infinity; train it again")


def _check_operators(model: onnx.ModelProto, where: str) -> None:
    versions = {opset.domain: opset.version for opset in model.opset_import}
    for node in model.graph.node:
        named = f"{where}: operator {node.op_type} ({node.name or node.output[0]})"
        if node.op_type in BRANCHING:
            raise BundleError(f"{named}: expected a graph without branches and loops; export the student for one tick")
        if node.domain not in DOMAINS or not _in_standard(node.op_type, versions.get(node.domain, 0)):
            raise BundleError(
                f"{named}: expected a standard ONNX operator of opset {versions.get('', 0)}, found one of the domain "
                f"{node.domain or 'ai.onnx'!r} that it does not have; export it with standard operators"
            )


def _in_standard(operator: str, version: int) -> bool:
    try:
        onnx.defs.get_schema(operator, max_inclusive_version=version)
    except onnx.defs.SchemaError:
        return False
    return True


def _check_edges(model: onnx.ModelProto, where: str) -> None:
    weights = {tensor.name for tensor in model.graph.initializer}
    for kind, values in (("input", model.graph.input), ("output", model.graph.output)):
        names = [value.name for value in values if value.name not in weights]
        needed = "x" if kind == "input" else "logits"
        if needed not in names:
            raise BundleError(f"{where}: expected an {kind} {needed}, found {', '.join(names) or 'none'}; {CONTRACT}")
        for value in values:
            tensor = value.type.tensor_type
            sizes = [d.dim_param or d.dim_value for d in tensor.shape.dim]
            if not tensor.HasField("shape") or not all(isinstance(size, int) and size > 0 for size in sizes):
                raise BundleError(
                    f"{where}: {kind} {value.name}: expected a fixed shape, found [{', '.join(map(str, sizes))}]; "
                    "export it for one tick, without dynamic axes"
                )
