"""Integer kernels for a mean or maximum over the picture.

Engines look for quantisers around an operator, each for those that it knows. What they do not know becomes a float
island: onnxruntime gave all levels back for a maximum over the picture, and for a mean that is not called a pool.
"""

from __future__ import annotations

from collections.abc import Mapping

import onnx
from onnx import helper

from quantize.graph import Affine, Graph
from quantize.observing.tensor_statistics import Range

Scale = tuple[Affine, str]  # and the name of its integers
MAXIMA = ("GlobalMaxPool", "ReduceMax")


def dequantiser(graph: Graph, tensor: str) -> onnx.NodeProto | None:
    """What makes a tensor from levels of one scale, or None."""
    node = graph.producer(tensor)
    scale = graph.constant(node.input[1]) if node is not None and node.op_type == "DequantizeLinear" else None
    return node if scale is not None and scale.size == 1 else None


def scale_of(graph: Graph, node: onnx.NodeProto) -> Scale:
    """Of a QuantizeLinear or DequantizeLinear node."""
    return graph.affine(node), graph.levels(node).__name__


def tied(model: onnx.ModelProto, ranges: Mapping[str, Range]) -> dict[str, Range]:
    """Ranges in which a maximum over the picture has that of the picture: its levels are some of the picture's.

    Nothing else that moves or joins values is tied: with one range for a Concat, its parts and the state behind them
    the default student answered less like the float one.
    """
    found = dict(ranges)
    for node in model.graph.node:
        if node.op_type in MAXIMA and node.output[0] in found and node.input[0] in found:
            found[node.output[0]] = found[node.input[0]]
    return found


def on_levels(student: bytes) -> bytes:
    """The same integer student, its maximum over the picture that of the levels, its mean one with an integer kernel.

    Whatever else moves levels keeps its quantisers: without them OpenVINO on ARM refuses the file (2026.4).
    """
    graph = Graph(onnx.shape_inference.infer_shapes(onnx.load_from_string(student)))
    for node in list(graph.model.graph.node):
        _name_as_pool(graph, node)
        if node.op_type == "ReduceMax":
            _take_largest_level(graph, node)
    graph.drop_unused_constants()
    del graph.model.graph.value_info[:]  # some became integers
    changed: bytes = graph.model.SerializeToString(deterministic=True)
    return changed


def _name_as_pool(graph: Graph, node: onnx.NodeProto) -> None:
    """A mean or maximum over the whole picture, between levels, by the name that engines have an integer kernel for."""
    takers = {taker.op_type for taker in graph.consumers(node.output[0])}
    if dequantiser(graph, next(iter(node.input), "")) is None or takers != {"QuantizeLinear"}:
        return
    shape = graph.shape(node.input[0])
    if node.op_type == "GlobalMaxPool":
        node.op_type = "MaxPool"
        node.attribute.append(helper.make_attribute("kernel_shape", shape[2:]))
    elif (
        node.op_type == "ReduceMean"
        and _reduced(graph, node) == {*range(2, len(shape))}
        and graph.attribute(node, "keepdims", 1)
    ):
        node.op_type = "GlobalAveragePool"
        del node.input[1:], node.attribute[:]


def _reduced(graph: Graph, node: onnx.NodeProto) -> set[int]:
    """The axes of a reduction, from the front: an input since opset 18, an attribute before. None given are all."""
    rank = len(graph.shape(node.input[0]))
    given = graph.constant(node.input[1]) if len(node.input) > 1 else None
    axes = next((list(a.ints) for a in node.attribute if a.name == "axes"), []) if given is None else given.tolist()
    return {axis % rank for axis in axes or range(rank)}


def _take_largest_level(graph: Graph, node: onnx.NodeProto) -> None:
    """DequantizeLinear, ReduceMax, QuantizeLinear of one scale: the ReduceMax alone."""
    before, behind = dequantiser(graph, node.input[0]), graph.consumers(node.output[0])
    if before is None or len(behind) != 1 or behind[0].op_type != "QuantizeLinear":
        return
    if scale_of(graph, before) == scale_of(graph, behind[0]):
        node.input[0], node.output[0] = before.input[0], behind[0].output[0]
        graph.remove(behind[0])
        if not graph.consumers(before.output[0]):
            graph.remove(before)
