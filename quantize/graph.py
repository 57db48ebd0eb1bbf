"""ONNX graphs around quantisation: folding, the float picture before it, uint8 picture and states after it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization.shape_inference import quant_pre_process

from edge.errors import BundleError
from edge.files import scratch_folder
from quantize.normal_form import normal_form

CENTRED = "x_centred"
CONVOLUTIONS = ("Conv", "ConvTranspose")
WEIGHTED = (*CONVOLUTIONS, "Gemm", "MatMul")  # a Gemm or MatMul is left only where no convolution can stand for it


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

    def constant(self, tensor: str) -> npt.NDArray[Any] | None:
        return numpy_helper.to_array(self._constants[tensor]) if tensor in self._constants else None

    def add_constant(self, name: str, value: npt.ArrayLike) -> None:
        """A new initializer."""
        tensor = numpy_helper.from_array(np.asarray(value), name)
        self.model.graph.initializer.append(tensor)
        self._constants[name] = self.model.graph.initializer[-1]

    def set_constant(self, name: str, value: npt.NDArray[Any]) -> None:
        """Other values in an initializer that is there."""
        self._constants[name].CopyFrom(numpy_helper.from_array(value, name))

    def shape(self, tensor: str) -> tuple[int, ...]:
        """Static shape of an activation of a shape-inferred graph."""
        for value in (*self.model.graph.value_info, *self.model.graph.input, *self.model.graph.output):
            if value.name == tensor:
                return tuple(dimension.dim_value for dimension in value.type.tensor_type.shape.dim)
        raise KeyError(tensor)

    @staticmethod
    def attribute(node: onnx.NodeProto, name: str, default: int | None = None) -> int | None:
        """An integer attribute of a node."""
        return next((attribute.i for attribute in node.attribute if attribute.name == name), default)

    def affine(self, node: onnx.NodeProto) -> Affine:
        """Scale and zero point of a QuantizeLinear or DequantizeLinear node, per tensor."""
        scale, *zero_point = (numpy_helper.to_array(self._constants[name]) for name in node.input[1:3])
        return Affine(float(scale), int(zero_point[0]) if zero_point else 0)

    def levels(self, node: onnx.NodeProto) -> type[np.uint8] | type[np.int8]:
        """The integers of a QuantizeLinear or DequantizeLinear node."""
        kind = numpy_helper.to_array(self._constants[node.input[2]]).dtype if len(node.input) > 2 else np.uint8
        return np.uint8 if kind == np.uint8 else np.int8

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


def weighted_layers(model: onnx.ModelProto) -> tuple[onnx.NodeProto, ...]:
    """The nodes of a folded model that multiply by weights, in their order: the one list that every pass goes by."""
    graph = Graph(model)
    return tuple(
        node
        for node in model.graph.node
        if node.op_type in WEIGHTED and any(graph.constant(name) is not None for name in node.input[:2])
    )


def convolutions(model: onnx.ModelProto) -> tuple[onnx.NodeProto, ...]:
    """Those whose channels are axis 1 of what they read: [1,C,...]."""
    return tuple(node for node in weighted_layers(model) if node.op_type in CONVOLUTIONS)


def folded(model: onnx.ModelProto) -> onnx.ModelProto:
    """Constants folded, batch norms merged, shapes inferred (onnxruntime's own preparation), and every node named."""
    with scratch_folder("quantize") as scratch:
        source, target = Path(scratch) / "float.onnx", Path(scratch) / "folded.onnx"
        onnx.save(model, source)
        quant_pre_process(source, target, skip_symbolic_shape=True)
        result = onnx.load(target)
    names: set[str] = set()
    for number, node in enumerate(result.graph.node):
        if not node.name or node.name in names:
            node.name = f"{node.op_type}_{number}"
        names.add(node.name)
    del result.graph.value_info[:]  # it may name tensors that folding removed
    return onnx.shape_inference.infer_shapes(result)


def with_float_picture(model: onnx.ModelProto) -> onnx.ModelProto:
    """The float student in normal form, without its first two nodes, Cast and x * (1 / 255): `x` becomes float32 in
    [0, 1]. Raises BundleError where the graph does not begin so.
    """
    graph = Graph(normal_form(model))
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


def with_uint8_picture(graph: Graph) -> None:
    """The opposite of `with_float_picture`: `x` becomes uint8, cast and multiplied by 1/255."""
    graph.replace_input("x", "x_real")
    factor = numpy_helper.from_array(np.asarray(1 / 255, np.float32), "x_factor")
    graph.model.graph.initializer.append(factor)
    graph.model.graph.node.insert(0, helper.make_node("Mul", ["x_levels", "x_factor"], ["x_real"], "x_scaling"))
    graph.model.graph.node.insert(0, helper.make_node("Cast", ["x"], ["x_levels"], "x_cast", to=TensorProto.FLOAT))
    graph.value("x").type.tensor_type.elem_type = TensorProto.UINT8


def centred(model: onnx.ModelProto) -> onnx.ModelProto:
    """128 levels are taken from the picture and given back by the bias of the convolution that reads it, so that all of
    the picture's levels are symmetric int8 ones. The same model where something else reads it, or pads it with zeros.
    """
    graph = Graph(copy.deepcopy(model))
    picture = graph.after_transpose("x")
    readers = graph.consumers(picture)
    pads = [
        value
        for node in readers
        for attribute in node.attribute
        if attribute.name == "pads"
        for value in attribute.ints
    ]
    automatic = any(a.name == "auto_pad" and a.s not in (b"NOTSET", b"VALID") for n in readers for a in n.attribute)
    if any(pads) or automatic or [node.op_type for node in readers] != ["Conv"] or len(readers[0].input) < 3:
        return model
    weight, bias = (graph.constant(name) for name in readers[0].input[1:3])
    if weight is None or bias is None:
        return model
    middle = np.float32(128) / np.float32(255)
    graph.add_constant(f"{CENTRED}_middle", middle)
    graph.add_constant(f"{CENTRED}_bias", bias + middle * weight.sum(tuple(range(1, weight.ndim)), dtype=np.float32))
    readers[0].input[0], readers[0].input[2] = CENTRED, f"{CENTRED}_bias"
    place = list(graph.model.graph.node).index(readers[0])
    graph.model.graph.node.insert(place, helper.make_node("Sub", [picture, f"{CENTRED}_middle"], [CENTRED], CENTRED))
    return onnx.shape_inference.infer_shapes(graph.model)


def quantised_input(graph: Graph, name: str) -> onnx.NodeProto | None:
    """The QuantizeLinear that alone takes a graph input, with or without a Transpose between, or None."""
    return _alone(graph.consumers(graph.after_transpose(name)), "QuantizeLinear")


def quantised_output(graph: Graph, name: str) -> onnx.NodeProto | None:
    """The DequantizeLinear that makes a graph output; None where something else does."""
    node = graph.producer(name)
    return _alone([] if node is None else [node], "DequantizeLinear")


def take_levels(graph: Graph, name: str) -> None:
    """A graph input that `quantised_input` knows takes levels: its QuantizeLinear goes."""
    quantiser = quantised_input(graph, name)
    assert quantiser is not None
    kind = graph.levels(quantiser)
    source = quantiser.input[0]
    graph.replace_input(quantiser.output[0], source)
    graph.remove(quantiser)
    graph.value(name).type.tensor_type.elem_type = helper.np_dtype_to_tensor_dtype(np.dtype(kind))


def give_levels(graph: Graph, name: str) -> None:
    """A graph output that `quantised_output` knows gives levels: its DequantizeLinear goes, or stays for others."""
    dequantiser = quantised_output(graph, name)
    assert dequantiser is not None
    kind = graph.levels(dequantiser)
    levels, inside = dequantiser.input[0], f"{name}_real"
    graph.replace_input(name, inside)
    graph.replace_input(levels, name)
    dequantiser.output[0] = inside
    maker = graph.producer(levels)
    assert maker is not None
    maker.output[:] = [name if output == levels else output for output in maker.output]
    if not graph.consumers(inside):
        graph.remove(dequantiser)
    graph.value(name).type.tensor_type.elem_type = helper.np_dtype_to_tensor_dtype(np.dtype(kind))


def float_tensors(model: onnx.ModelProto) -> Iterator[onnx.ValueInfoProto]:
    """Every activation of a shape-inferred graph, inputs and outputs included, that is float32."""
    values = (*model.graph.input, *model.graph.value_info, *model.graph.output)
    return (value for value in values if value.type.tensor_type.elem_type == TensorProto.FLOAT)


def _only(nodes: list[onnx.NodeProto], operator: str, where: str) -> onnx.NodeProto:
    node = _alone(nodes, operator)
    if node is None:
        found = ", ".join(node.op_type for node in nodes) or "nothing"
        raise BundleError(
            f"student.onnx: {where}: expected one {operator} next to it, found {found}; "
            "what quantize takes is in docs/quantize.md"
        )
    return node


def _alone(nodes: list[onnx.NodeProto], operator: str) -> onnx.NodeProto | None:
    return nodes[0] if len(nodes) == 1 and nodes[0].op_type == operator else None
