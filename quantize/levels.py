"""Operators that move levels, or take the largest of them, work on the levels: one scale, and nothing float between.

Engines look for quantisers around an operator, each for those that it knows. What they do not know becomes a float
island: onnxruntime gave all levels back for a maximum over the picture, and for a mean that is not called a pool.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import onnx
from onnx import helper

from edge.bundle import StateSpec
from quantize.estimators import Range
from quantize.graph import Affine, Graph

Scale = tuple[Affine, str]  # and the name of its integers
# What comes out are values that went in.
MOVING = frozenset(
    (
        *("Concat", "Expand", "Flatten", "Gather", "MaxPool", "ReduceMax", "Reshape"),
        *("Slice", "Split", "Squeeze", "Tile", "Transpose", "Unsqueeze"),
    )
)


def moves(node: onnx.NodeProto) -> list[str]:
    """The tensors whose values an operator moves; none where it computes."""
    if node.op_type not in MOVING:
        return []
    return list(node.input if node.op_type == "Concat" else node.input[:1])


def dequantiser(graph: Graph, tensor: str) -> onnx.NodeProto | None:
    """What makes a tensor from levels of one scale, or None."""
    node = graph.producer(tensor)
    scale = graph.constant(node.input[1]) if node is not None and node.op_type == "DequantizeLinear" else None
    return node if scale is not None and scale.size == 1 else None


def scale_of(graph: Graph, node: onnx.NodeProto) -> Scale:
    """Of a QuantizeLinear or DequantizeLinear node."""
    return graph.affine(node), graph.levels(node).__name__


def tied(model: onnx.ModelProto, states: Sequence[StateSpec], ranges: Mapping[str, Range]) -> dict[str, Range]:
    """Ranges in which what is moved has that of all it comes from, so that one scale holds for both and no level is
    rounded again. A state comes from what leaves as it.
    """
    graph = Graph(model)
    found = {}
    for name, own in ranges.items():
        origins = [ranges[origin] for origin in _origins(graph, states, name) if origin in ranges] or [own]
        found[name] = min(low for low, _ in origins), max(high for _, high in origins)
    return found


def on_levels(student: bytes) -> bytes:
    """The same integer student, with its moving operators between levels instead of between quantisers."""
    graph = Graph(onnx.shape_inference.infer_shapes(onnx.load_from_string(student)))
    for node in list(graph.model.graph.node):
        _name_as_pool(graph, node)
        _move_levels(graph, node)
    graph.drop_unused_constants()
    del graph.model.graph.value_info[:]  # some became integers
    moved_student: bytes = graph.model.SerializeToString(deterministic=True)
    return moved_student


def _origins(graph: Graph, states: Sequence[StateSpec], tensor: str) -> set[str]:
    """The tensors whose values a moved one holds."""
    leaving = {state.input: state.output for state in states}
    waiting, seen, origins = [tensor], set[str](), set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        node = graph.producer(name)
        before = [leaving[name]] if name in leaving else moves(node) if node is not None else []
        waiting += before
        origins |= set() if before else {name}
    return origins


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


def _move_levels(graph: Graph, node: onnx.NodeProto) -> None:
    """DequantizeLinear, operator, QuantizeLinear of one scale: the operator alone."""
    before = [dequantiser(graph, name) for name in moves(node)]
    made = [one for one in before if one is not None and graph.constant(one.input[0]) is None]
    takers = [graph.consumers(name) for name in node.output]
    behind = [taker for some in takers for taker in some]
    if not made or not behind or len(made) < len(before) or any(taker.op_type != "QuantizeLinear" for taker in behind):
        return
    outputs = {value.name for value in graph.model.graph.output}
    leaving = [[taker.output[0] for taker in some if taker.output[0] in outputs] for some in takers]
    scales = {scale_of(graph, one) for one in (*made, *behind)}
    if len(scales) != 1 or set(node.output) & outputs or any(len(names) > 1 for names in leaving):
        return
    node.input[: len(made)] = [one.input[0] for one in made]
    for place, some in enumerate(takers):
        name = next(iter([*leaving[place], *(taker.output[0] for taker in some), node.output[place]]))
        node.output[place] = name
        for taker in some:
            graph.replace_input(taker.output[0], name)
            graph.remove(taker)
    for one in made:
        if not graph.consumers(one.output[0]) and one in graph.model.graph.node:
            graph.remove(one)
