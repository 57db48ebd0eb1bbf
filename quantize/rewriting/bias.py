"""Bias correction: what rounding the weights does to a layer's mean output goes into its bias.

Nagel et al., Data-free quantization through weight equalization and bias correction, ICCV 2019, section 4.2, with the
means that calibration saw. Where the input is far from zero (a picture whose mid-grey means no motion) it matters.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping

import numpy as np
import numpy.typing as npt
import onnx

from quantize.graph import Graph, convolutions

WEIGHT_LEVELS = 127  # of int8, symmetric

F64 = npt.NDArray[np.float64]


def bias_corrected(model: onnx.ModelProto, means: Mapping[str, F64], float_layers: Collection[str]) -> onnx.ModelProto:
    """The model whose every convolution that will be quantised expects what rounding adds to its output.

    means: float64 [C] of what each convolution reads. float_layers: names of nodes that stay as they are.
    """
    graph = Graph(copy.deepcopy(model))
    for node in convolutions(graph.model):
        weight, groups = graph.constant(node.input[1]), graph.attribute(node, "group", 1) or 1
        if weight is None or node.name in float_layers or (node.op_type == "ConvTranspose" and groups > 1):
            continue
        weight = weight if node.op_type == "Conv" else weight.swapaxes(0, 1)
        bias = graph.constant(node.input[2]) if len(node.input) > 2 else np.zeros(len(weight), np.float32)
        if bias is None:  # it is computed
            continue
        shift = _shift(weight.astype(np.float64), means[node.input[0]], groups)
        if len(node.input) < 3:
            node.input.append(f"{node.name}_bias")
        name = f"{node.input[2]}_corrected"
        graph.add_constant(name, (bias + shift).astype(np.float32))
        node.input[2] = name
    graph.drop_unused_constants()
    return graph.model


def _shift(weight: F64, mean: F64, groups: int) -> F64:
    """[O]: what the rounding of weights [O, C/groups, ...] takes from the mean output, for means [C] of the input."""
    flat = weight.reshape(*weight.shape[:2], -1)
    scale = np.maximum(np.abs(flat).max((1, 2), keepdims=True), np.finfo(np.float32).tiny) / WEIGHT_LEVELS
    lost = (flat - np.rint(flat / scale) * scale).sum(2)
    inputs = np.repeat(mean.reshape(groups, -1), len(weight) // groups, axis=0)
    return np.asarray((lost * inputs).sum(1))
