"""Branches of a concatenation that differ in range get a level grid each, and the layer behind it still reads one.

A convolution reads all its input with one scale, so a narrow branch (a mean beside a maximum) would get few levels.
Here the narrow branch is multiplied until its range is that of the widest and the weights that read it are divided by
the same; on levels the multiplication is nothing at all, and goes after quantisation.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from quantize.graph import Graph
from quantize.observing.tensor_statistics import Range

F64 = npt.NDArray[np.float64]
SUFFIX = "_balanced"
WORTH = 1.25  # ratios of ranges from which a fifth of the levels or more would lie idle


@dataclass(frozen=True)
class BalancedStudent:
    """A model of the same function, and what is known of its tensors."""

    model: onnx.ModelProto
    ranges: Mapping[str, Range]
    means: Mapping[str, F64]


def balanced(model: onnx.ModelProto, ranges: Mapping[str, Range], means: Mapping[str, F64]) -> BalancedStudent:
    """Put a Mul on every branch that is narrower than the widest of its Concat."""
    graph, ranges, means = Graph(copy.deepcopy(model)), dict(ranges), dict(means)
    for concat in [node for node in graph.model.graph.node if node.op_type == "Concat"]:
        readers = graph.consumers(concat.output[0])
        if readers and all(_can_divide(graph, concat, reader) for reader in readers):
            factors = _factors([ranges[name] for name in concat.input])
            scales = np.concatenate([np.full(graph.shape(n)[1], f) for n, f in zip(concat.input, factors, strict=True)])
            for i, factor in enumerate(factors):
                if factor != 1:
                    _multiply(graph, concat, i, factor, ranges)
            for reader in readers:
                _divide(graph, reader, scales)
            whole = [ranges[name] for name in concat.input]
            ranges[concat.output[0]] = min(low for low, _ in whole), max(high for _, high in whole)
            means[concat.output[0]] = means[concat.output[0]] * scales
    return BalancedStudent(onnx.shape_inference.infer_shapes(graph.model), ranges, means)


def unbalanced(graph: Graph) -> None:
    """Take the Muls out of a quantised graph: levels stay what they are, only their scale is another."""
    for mul in [node for node in graph.model.graph.node if node.output[0].endswith(SUFFIX)]:
        before, after = graph.producer(mul.input[0]), graph.consumers(mul.output[0])
        if before is None or before.op_type != "DequantizeLinear" or [n.op_type for n in after] != ["QuantizeLinear"]:
            continue  # one side stayed float: the multiplication stays, too
        graph.replace_input(after[0].output[0], before.input[0])
        graph.remove(after[0])
        graph.remove(mul)
        for maker in (before, graph.producer(mul.input[1])):
            if maker is not None and not graph.consumers(maker.output[0]):
                graph.remove(maker)


def _factors(ranges: Sequence[Range]) -> list[float]:
    """What brings every range to the width of the widest; 1 where it is hardly worth it."""
    widths = [max(abs(low), abs(high)) for low, high in ranges]
    factors = [max(widths) / width if width > 0 else 1.0 for width in widths]
    return [float(np.float32(factor)) if factor >= WORTH else 1.0 for factor in factors]


def _multiply(graph: Graph, concat: onnx.NodeProto, branch: int, factor: float, ranges: dict[str, Range]) -> None:
    """Put the Mul between a branch and its Concat."""
    name = concat.input[branch]
    wide, constant = f"{name}{SUFFIX}", f"{name}{SUFFIX}_factor"
    graph.add_constant(constant, np.float32(factor))
    place = list(graph.model.graph.node).index(concat)
    graph.model.graph.node.insert(place, helper.make_node("Mul", [name, constant], [wide], wide))
    concat.input[branch] = wide
    ranges[wide] = ranges[name][0] * factor, ranges[name][1] * factor


def _can_divide(graph: Graph, concat: onnx.NodeProto, reader: onnx.NodeProto) -> bool:
    """The reader is a convolution of one group whose input channels are what is concatenated; no branch is a state."""
    axis = graph.attribute(concat, "axis")
    weight = graph.constant(reader.input[1]) if reader.op_type == "Conv" else None
    own = weight is not None and len(graph.consumers(reader.input[1])) == 1
    inputs = {value.name for value in graph.model.graph.input}
    fed = {name if (node := graph.producer(name)) is None else str(node.input[0]) for name in concat.input}
    return own and axis == 1 and graph.attribute(reader, "group", 1) == 1 and not fed & inputs


def _divide(graph: Graph, reader: onnx.NodeProto, scales: F64) -> None:
    """Divide the weights [O,C,...] that read each channel by its scale."""
    weight = graph.constant(reader.input[1])
    assert weight is not None
    shaped = scales.reshape(1, -1, *[1] * (weight.ndim - 2))
    graph.set_constant(reader.input[1], (weight / shaped).astype(np.float32))
