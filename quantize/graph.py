"""ONNX graphs around quantisation: folding, the float picture before it, uint8 picture and states after it."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, numpy_helper
from onnxruntime.quantization.shape_inference import quant_pre_process

from edge.errors import BundleError


@dataclass(frozen=True)
class Affine:
    """real = (level - zero_point) * scale."""

    scale: float
    zero_point: int


class Graph:
    """A model with its tensors findable: who makes one, who takes it, what a constant holds."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self._constants = {tensor.name: tensor for tensor in model.graph.initializer}

    def consumers(self, tensor: str) -> list[onnx.NodeProto]:
        return [node for node in self.model.graph.node if tensor in node.input]

    def producer(self, tensor: str) -> onnx.NodeProto | None:
        return next((node for node in self.model.graph.node if tensor in node.output), None)

    def constant(self, tensor: str) -> npt.NDArray[np.generic] | None:
        return numpy_helper.to_array(self._constants[tensor]) if tensor in self._constants else None

    def affine(self, node: onnx.NodeProto) -> Affine:
        """Scale and zero point of a QuantizeLinear or DequantizeLinear node, per tensor."""
        scale, zero_point = (numpy_helper.to_array(self._constants[name]) for name in node.input[1:3])
        return Affine(float(scale), int(zero_point))

    def value(self, name: str) -> onnx.ValueInfoProto:
        """The graph's input or output of this name."""
        values: dict[str, onnx.ValueInfoProto] = {
            v.name: v for v in (*self.model.graph.input, *self.model.graph.output)
        }
        return values[name]

    def replace_input(self, old: str, new: str) -> None:
        """Every node that takes `old` takes `new`."""
        for node in self.model.graph.node:
            node.input[:] = [new if name == old else name for name in node.input]

    def remove(self, node: onnx.NodeProto) -> None:
        self.model.graph.node.remove(node)

    def drop_unused_constants(self) -> None:
        used = {name for node in self.model.graph.node for name in node.input}
        kept = [tensor for tensor in self.model.graph.initializer if tensor.name in used]
        del self.model.graph.initializer[:]
        self.model.graph.initializer.extend(kept)

    def after_transpose(self, tensor: str) -> str:
        """Where a graph input gets its quantiser: behind its Transpose if that is all that takes it."""
        takers = self.consumers(tensor)
        return str(takers[0].output[0]) if len(takers) == 1 and takers[0].op_type == "Transpose" else tensor


def folded(model: onnx.ModelProto) -> onnx.ModelProto:
    """Constants folded, batch norms merged, shapes inferred (onnxruntime's own preparation)."""
    with tempfile.TemporaryDirectory(prefix="quantize-") as scratch:
        source, target = Path(scratch) / "float.onnx", Path(scratch) / "folded.onnx"
        onnx.save(model, source)
        quant_pre_process(source, target, skip_symbolic_shape=True)
        result = onnx.load(target)
    del result.graph.value_info[:]  # it may name tensors that folding removed
    return onnx.shape_inference.infer_shapes(result)


def with_float_picture(model: onnx.ModelProto) -> onnx.ModelProto:
    """The float student without its first two nodes, Cast and x * (1 / 255): `x` becomes float32 in [0, 1].

    Raises BundleError where the graph does not begin so.
    """
    graph = Graph(copy.deepcopy(model))
    cast = _only(graph.consumers("x"), "Cast", "x")
    scale = _only(graph.consumers(cast.output[0]), "Mul", "x after its Cast")
    factor = next((c for c in map(graph.constant, scale.input) if c is not None), None)
    if factor is None or factor.size != 1 or not np.isclose(factor.astype(np.float64), 1 / 255, rtol=1e-6).all():
        raise BundleError(f"student.onnx: x: expected x * (1/255) after its Cast, found another factor ({factor})")
    graph.replace_input(scale.output[0], "x")
    graph.remove(cast)
    graph.remove(scale)
    graph.drop_unused_constants()
    graph.value("x").type.tensor_type.elem_type = TensorProto.FLOAT
    return graph.model


def input_quantiser(graph: Graph, name: str) -> onnx.NodeProto:
    """The QuantizeLinear at a graph input, with or without a Transpose between. Raises BundleError."""
    return _only(graph.consumers(graph.after_transpose(name)), "QuantizeLinear", name)


def output_dequantiser(graph: Graph, name: str) -> onnx.NodeProto:
    """The DequantizeLinear that makes a graph output. Raises BundleError."""
    node = graph.producer(name)
    return _only([] if node is None else [node], "DequantizeLinear", name)


def take_levels(graph: Graph, name: str) -> None:
    """A graph input takes uint8 levels: its QuantizeLinear goes."""
    quantiser = input_quantiser(graph, name)
    source = quantiser.input[0]
    graph.replace_input(quantiser.output[0], source)
    graph.remove(quantiser)
    graph.value(name).type.tensor_type.elem_type = TensorProto.UINT8


def give_levels(graph: Graph, name: str) -> None:
    """A graph output gives uint8 levels: its DequantizeLinear goes, or stays inside for those that need real values."""
    dequantiser = output_dequantiser(graph, name)
    levels, inside = dequantiser.input[0], f"{name}_real"
    graph.replace_input(name, inside)
    graph.replace_input(levels, name)
    dequantiser.output[0] = inside
    maker = graph.producer(levels)
    assert maker is not None
    maker.output[:] = [name if output == levels else output for output in maker.output]
    if not graph.consumers(inside):
        graph.remove(dequantiser)
    graph.value(name).type.tensor_type.elem_type = TensorProto.UINT8


def float_tensors(model: onnx.ModelProto) -> Iterator[onnx.ValueInfoProto]:
    """Every activation of a shape-inferred graph, inputs and outputs included, that is float32."""
    values = (*model.graph.input, *model.graph.value_info, *model.graph.output)
    return (value for value in values if value.type.tensor_type.elem_type == TensorProto.FLOAT)


def _only(nodes: list[onnx.NodeProto], operator: str, where: str) -> onnx.NodeProto:
    if len(nodes) != 1 or nodes[0].op_type != operator:
        found = ", ".join(node.op_type for node in nodes) or "nothing"
        raise BundleError(
            f"student.onnx: {where}: expected one {operator} next to it, found {found}; "
            "the form that quantize takes is in docs/quantize.md"
        )
    return nodes[0]
