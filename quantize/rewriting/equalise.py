"""Channels that differ in range come nearer to each other: what makes one is multiplied, the weights behind it divided.

Nagel et al., Data-free quantization through weight equalization and bias correction, ICCV 2019, section 4.1, but by the
ranges of activations that calibration saw, which one scale for a whole tensor has to cover.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import onnx

from edge.bundles.bundle import StateSpec
from quantize.graph import Graph
from quantize.rewriting.channels import FIXED, convolutions

F64 = npt.NDArray[np.float64]
# 1 would give all channels the widest one's range, and spread the weights that read them as much.
STRENGTH = 0.5
FARTHEST = 16.0  # a channel that is hardly ever active is multiplied by no more


def equalised(model: onnx.ModelProto, states: Sequence[StateSpec], reach: Mapping[str, F64]) -> onnx.ModelProto:
    """A model of the same function; the states' channels are multiplied, too, so that their meaning is its own.

    reach: float64 [C], the largest magnitude in every channel of each tensor [1,C,...] that a convolution reads.
    """
    found = convolutions(model, states)
    own: dict[int, float] = {}
    widest: dict[int, float] = {}
    for one in found:
        seen = reach[one.node.input[0]]
        for channel, largest in zip(one.entering.tolist(), seen.tolist(), strict=True):
            own[channel] = max(own.get(channel, 0.0), largest)
            widest[channel] = max(widest.get(channel, 0.0), float(seen.max()))
    factors = {
        channel: min(FARTHEST, (widest[channel] / largest) ** STRENGTH)
        for channel, largest in own.items()
        if channel != FIXED and largest > 0
    }
    graph = Graph(copy.deepcopy(model))
    nodes = {node.name: node for node in graph.model.graph.node}
    for one in found:
        divide, multiply = (
            np.array([factors.get(channel, 1.0) for channel in side.tolist()]) for side in (one.entering, one.leaving)
        )
        _scale(graph, nodes[one.node.name], divide, multiply)
    graph.drop_unused_constants()
    return graph.model


def _scale(graph: Graph, node: onnx.NodeProto, divide: F64, multiply: F64) -> None:
    """Divide the weights that read each channel, multiply weights and bias that make each one."""
    weight, *bias = (graph.constant(name) for name in node.input[1:])
    assert weight is not None
    groups = graph.attribute(node, "group", 1) or 1
    reads = np.repeat(divide.reshape(groups, -1), len(weight) // groups, axis=0)
    factors = (multiply[:, np.newaxis] / reads).reshape(*weight.shape[:2], *[1] * (weight.ndim - 2))
    for place, value in enumerate((weight * factors, *(b * multiply for b in bias if b is not None)), 1):
        name = f"{node.name}_{node.input[place]}_equalised"
        graph.add_constant(name, value.astype(np.float32))
        node.input[place] = name
