"""One spelling of a student before anything else looks at it: exporters write the same network in many ways.

Weights are initialisers and no inputs, nothing is only handed on, the opset is one that has quantisers per channel, the
picture is multiplied, and what is linear is a convolution of 1x1: every pass then knows one kind of layer with weights.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper, version_converter

from edge.errors import BundleError

OLDEST_OPSET, OPSET = 13, 17  # the first that quantises per channel; what an older one is lifted to
F32 = npt.NDArray[np.float32]


def normal_form(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy in normal form, shape-inferred; the same numbers up to rounding. Raises BundleError: an opset too old."""
    lifted = _lifted(_with_initialisers(model))
    spelling = _Spelling(onnx.shape_inference.infer_shapes(lifted))
    for node in list(spelling.graph.node):
        if node.op_type == "Identity":
            spelling.hand_on(node)
        elif node.op_type == "Div":
            spelling.multiply(node)
    for node in list(spelling.graph.node):
        if node.op_type in ("Gemm", "MatMul"):
            spelling.convolve(node)
    del spelling.graph.value_info[:]
    return onnx.shape_inference.infer_shapes(spelling.model)


def _with_initialisers(model: onnx.ModelProto) -> onnx.ModelProto:
    """Constant nodes become initialisers, and initialisers are no inputs."""
    copied = onnx.ModelProto()
    copied.CopyFrom(model)
    copied.ir_version = max(copied.ir_version, 4)  # before, every initialiser had to be an input
    graph = copied.graph
    for node in [node for node in graph.node if node.op_type == "Constant"]:
        value = _value(node)
        if value is not None:
            graph.initializer.append(numpy_helper.from_array(value, node.output[0]))
            graph.node.remove(node)
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]
    del graph.input[:]
    graph.input.extend(inputs)
    return copied


def _value(node: onnx.NodeProto) -> npt.NDArray[Any] | None:
    attribute = node.attribute[0]
    if attribute.name == "value":
        return numpy_helper.to_array(attribute.t)
    if attribute.name in ("value_float", "value_floats"):
        return np.asarray(helper.get_attribute_value(attribute), np.float32)
    if attribute.name in ("value_int", "value_ints"):
        return np.asarray(helper.get_attribute_value(attribute), np.int64)
    return None


def _lifted(model: onnx.ModelProto) -> onnx.ModelProto:
    version = next((opset.version for opset in model.opset_import if opset.domain in ("", "ai.onnx")), OPSET)
    if version >= OLDEST_OPSET:
        return model
    try:
        return version_converter.convert_version(model, OPSET)
    except (RuntimeError, version_converter.ConvertError) as error:
        raise BundleError(
            f"student.onnx: expected opset {OLDEST_OPSET} or newer, found {version}, which cannot be lifted "
            f"({' '.join(str(error).split())}); export it with opset_version={OPSET}"
        ) from error


class _Spelling:
    """A graph whose nodes are replaced one by one; tensors keep their names, and layers theirs."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model, self.graph = model, model.graph
        self._weights = {tensor.name: tensor for tensor in self.graph.initializer}
        self._outputs = {value.name for value in self.graph.output}
        values = (*self.graph.value_info, *self.graph.input, *self.graph.output)
        self._shapes = {
            value.name: tuple(dimension.dim_value for dimension in value.type.tensor_type.shape.dim) for value in values
        }

    def hand_on(self, node: onnx.NodeProto) -> None:
        """An Identity goes where nothing outside knows its name."""
        if node.output[0] in self._outputs:
            return
        for taker in self.graph.node:
            taker.input[:] = [node.input[0] if name == node.output[0] else name for name in taker.input]
        self.graph.node.remove(node)

    def multiply(self, node: onnx.NodeProto) -> None:
        """x / c as x * (1 / c)."""
        divisor = self._constant(node.input[1])
        if divisor is not None and divisor.dtype == np.float32 and (divisor != 0).all():
            node.op_type, node.input[1] = "Mul", self._add(f"{node.output[0]}_factor", np.float32(1) / divisor)

    def convolve(self, node: onnx.NodeProto) -> None:
        """A Gemm, or a MatMul with the Add behind it, as Reshape, Conv, Reshape; left alone where its shape is odd."""
        linear = self._linear(node)
        shape = self._shapes.get(node.input[0], ())
        if linear is None or not shape or 0 in shape:
            return
        weight, bias, replaced = linear
        outputs, inputs = weight.shape
        rows = prod(shape[:-1])
        name, result = node.name or node.output[0], replaced[-1].output[0]
        made = [f"{result}_{part}" for part in ("spread", "turned", "layer", "back")]
        ends = [self._add(f"{made[i]}_shape", np.array(s, np.int64)) for i, s in self._reshapes(shape, inputs, outputs)]
        layer = [self._add(f"{name}_weight_1x1", weight[:, :, None, None]), self._add(f"{name}_bias_1x1", bias)]
        nodes = [helper.make_node("Reshape", [node.input[0], ends[0]], [made[0]], made[0])]
        source = made[0]
        if rows > 1:  # rows side by side, as pixels are: [1, 1, rows, inputs] to [1, inputs, 1, rows]
            nodes.append(helper.make_node("Transpose", [source], [made[1]], made[1], perm=[0, 3, 1, 2]))
            source = made[1]
        nodes.append(helper.make_node("Conv", [source, *layer], [made[2]], name, kernel_shape=[1, 1]))
        source = made[2]
        if rows > 1:
            nodes.append(helper.make_node("Transpose", [source], [made[3]], made[3], perm=[0, 2, 3, 1]))
            source = made[3]
        nodes.append(helper.make_node("Reshape", [source, ends[1]], [result], f"{result}_joined"))
        place = list(self.graph.node).index(replaced[-1])
        for number, new in enumerate(nodes):
            self.graph.node.insert(place + number, new)
        for old in replaced:
            self.graph.node.remove(old)

    @staticmethod
    def _reshapes(shape: tuple[int, ...], inputs: int, outputs: int) -> tuple[tuple[int, list[int]], ...]:
        rows = prod(shape[:-1])
        return (0, [1, 1, rows, inputs] if rows > 1 else [1, inputs, 1, 1]), (3, [*shape[:-1], outputs])

    def _linear(self, node: onnx.NodeProto) -> tuple[F32, F32, list[onnx.NodeProto]] | None:
        """Weight [outputs, inputs], bias [outputs] and the nodes that they stand in, or None."""
        weight = self._constant(node.input[1])
        if weight is None or weight.ndim != 2 or weight.dtype != np.float32:
            return None
        if node.op_type == "MatMul":
            return self._matmul(node, weight.T)
        told = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
        if told.get("transA"):
            return None
        weight = (weight if told.get("transB") else weight.T) * np.float32(told.get("alpha", 1.0))
        addend = self._constant(node.input[2]) if len(node.input) > 2 and node.input[2] else np.zeros(1, np.float32)
        bias = None if addend is None else _bias(addend * np.float32(told.get("beta", 1.0)), len(weight))
        return None if bias is None else (weight, bias, [node])

    def _matmul(self, node: onnx.NodeProto, weight: F32) -> tuple[F32, F32, list[onnx.NodeProto]]:
        takers = [taker for taker in self.graph.node if node.output[0] in taker.input]
        if len(takers) == 1 and takers[0].op_type == "Add" and node.output[0] not in self._outputs:
            addend = next((c for c in map(self._constant, takers[0].input) if c is not None), None)
            bias = None if addend is None else _bias(addend, len(weight))
            same = self._shapes.get(node.output[0]) == self._shapes.get(takers[0].output[0])
            if bias is not None and same:
                return weight, bias, [node, takers[0]]
        return weight, np.zeros(len(weight), np.float32), [node]

    def _constant(self, name: str) -> npt.NDArray[Any] | None:
        return numpy_helper.to_array(self._weights[name]) if name in self._weights else None

    def _add(self, name: str, value: npt.NDArray[Any]) -> str:
        self.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        self._weights[name] = self.graph.initializer[-1]
        return name


def _bias(addend: npt.NDArray[Any], outputs: int) -> F32 | None:
    """[outputs] of what is added to every row alike; None where rows differ."""
    if addend.size not in (1, outputs) or (addend.ndim and addend.size != 1 and addend.shape[-1] != outputs):
        return None
    return np.broadcast_to(addend.reshape(-1).astype(np.float32), (outputs,)).copy()
