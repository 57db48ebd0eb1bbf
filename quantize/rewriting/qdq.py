"""A float student to an integer one: QDQ by onnxruntime in a target's scheme, states tied, levels at the edges."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnxruntime.quantization import QuantType
from onnxruntime.quantization.calibrate import CalibrationMethod, TensorsData
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

from edge.bundles.bundle import StateSpec
from edge.errors import BundleError
from quantize.graph import (
    CENTRED,
    Affine,
    Graph,
    centred,
    folded,
    give_levels,
    quantised_input,
    quantised_output,
    take_levels,
    with_float_picture,
    with_uint8_picture,
)
from quantize.judging.layers import between
from quantize.observing.tensor_statistics import Range
from quantize.rewriting.balance import unbalanced

PICTURE = Affine(float(np.float32(1) / np.float32(255)), 0)
OPERATORS = tuple(sorted({*QDQRegistry, *QLinearOpsRegistry}))
# What TensorRT computes in INT8; it moves quantisers past everything else by itself.
TENSORRT_OPERATORS = ("Add", "AveragePool", "Conv", "ConvTranspose", "Gemm", "GlobalAveragePool", "MatMul", "MaxPool")


@dataclass(frozen=True)
class Scheme:
    """How a target wants its integers; weights are int8, symmetric and per output channel in all of them.

    tensorrt: activations have zero point 0 and are rounded only where an integer layer reads them, behind the ReLU that
    it merges; states and biases stay float. operators: what is quantised.
    """

    name: str
    activations: QuantType
    tensorrt: bool = False
    operators: tuple[str, ...] = OPERATORS

    @property
    def on_levels(self) -> bool:
        """Whether a maximum may take the largest level. Not for TensorRT, and not of int8 ones: onnxruntime on x86
        makes those uint8 where all that they meet are quantisers.
        """
        return bool(self.activations == QuantType.QUInt8)


U8S8 = Scheme("U8S8", QuantType.QUInt8)
S8S8 = Scheme("S8S8", QuantType.QInt8)
# TensorRT takes neither uint8 levels nor int32 biases.
SYMMETRIC = Scheme("S8S8 symmetric", QuantType.QInt8, tensorrt=True, operators=TENSORRT_OPERATORS)
# The first one becomes `student.onnx`, the others stay beside it and the board decides.
SCHEMES = {"x86": (U8S8,), "arm": (U8S8, S8S8), "jetson": (SYMMETRIC,), "openvino": (U8S8,)}


def prepared(student: bytes) -> onnx.ModelProto:
    """The float student as ranges are observed on it and as it is quantised: folded, float `x` in [0, 1].

    Raises BundleError where the graph is not of the network's contract (docs/architecture.md).
    """
    return folded(with_float_picture(onnx.load_from_string(student)))


def quantized(
    model: onnx.ModelProto,
    ranges: Mapping[str, Range],
    states: Sequence[StateSpec],
    scheme: Scheme,
    float_layers: Collection[str] = (),
) -> tuple[bytes, tuple[StateSpec, ...]]:
    """The integer student as an ONNX file, and its states' specs.

    model: `prepared`. float_layers: names of nodes that stay float. Two passes: the first shows with which scale each
    state leaves, the second makes it enter with the same, so that a state goes round without being rounded again.
    A state that leaves in float, as some operators have no integer kernel, stays float.
    """
    if scheme.tensorrt:
        model = centred(model)
    first = Graph(_with_qdq(model, ranges, scheme, float_layers, {}))
    leaving = {s.input: first.affine(node) for s in states if (node := quantised_output(first, s.output)) is not None}
    graph = Graph(_with_qdq(model, ranges, scheme, float_layers, leaving))
    unbalanced(graph)
    specs = tuple(states) if scheme.tensorrt else with_level_states(graph, states)
    return finished(graph), specs


def with_level_states(graph: Graph, states: Sequence[StateSpec]) -> tuple[StateSpec, ...]:
    """Let states come and go as levels where both edges are quantised alike; the specs that fit."""
    return tuple(_levelled(graph, state) for state in states)


def finished(graph: Graph) -> bytes:
    """A quantised graph as a file that takes uint8 pictures: as they are where its first layer reads such levels.

    Raises BundleError where the graph has become invalid.
    """
    quantiser = quantised_input(graph, "x")
    if quantiser is not None and graph.affine(quantiser) == PICTURE and graph.levels(quantiser) == np.uint8:
        take_levels(graph, "x")
    else:
        with_uint8_picture(graph)
    graph.drop_unused_constants()
    del graph.model.graph.value_info[:]  # the types at the edges have changed
    try:
        onnx.checker.check_model(graph.model)
    except onnx.checker.ValidationError as error:
        raise BundleError(f"student.onnx: cannot be quantised, the graph would be invalid: {error}") from error
    student: bytes = graph.model.SerializeToString(deterministic=True)
    return student


def alone(model: onnx.ModelProto, ranges: Mapping[str, Range], scheme: Scheme, layer: str) -> bytes:
    """The student with one layer quantised, what it reads and gives and its weights; all else, and states, float."""
    if scheme.tensorrt:
        model = centred(model)
    others = [node.name for node in model.graph.node if node.name != layer]
    graph = Graph(_with_qdq(model, ranges, scheme, others, {}))
    return finished(graph)


def _with_qdq(
    model: onnx.ModelProto,
    ranges: Mapping[str, Range],
    scheme: Scheme,
    float_layers: Collection[str],
    entering: Mapping[str, Affine],
) -> onnx.ModelProto:
    graph = Graph(model)
    seen = {name: (np.float32(low), np.float32(high)) for name, (low, high) in ranges.items()}
    seen[graph.after_transpose("x")] = seen["x"]
    given = {graph.after_transpose(name): affine for name, affine in entering.items()}
    if graph.producer(CENTRED) is not None:
        seen[CENTRED] = (np.float32(-128 / 255), np.float32(127 / 255))
        given[CENTRED] = PICTURE
    zero_point_type = np.uint8 if scheme.activations == QuantType.QUInt8 else np.int8
    overrides = {
        name: [
            {
                "scale": np.array(affine.scale, np.float32),
                "zero_point": np.array(affine.zero_point, zero_point_type),
                "quant_type": scheme.activations,
            }
        ]
        for name, affine in given.items()
    }
    quantizer = QDQQuantizer(
        copy.deepcopy(model),
        True,  # per output channel
        False,  # all 8 bits
        QuantType.QInt8,
        scheme.activations,
        TensorsData(CalibrationMethod.MinMax, seen),
        [],
        [*float_layers, *between(model, float_layers)],
        list(scheme.operators),
        {
            "WeightSymmetric": True,
            "ActivationSymmetric": scheme.tensorrt,
            "QuantizeBias": not scheme.tensorrt,
            "OpTypesToExcludeOutputQuantization": list(scheme.operators) if scheme.tensorrt else [],
            "TensorQuantOverrides": overrides,
        },
    )
    try:
        quantizer.quantize_model()
    except ValueError as error:
        raise BundleError(f"student.onnx: onnxruntime cannot quantise it: {error}; export it again, simpler") from error
    quantizer.model.topological_sort()
    model_with_qdq: onnx.ModelProto = quantizer.model.model
    return model_with_qdq


def _levelled(graph: Graph, state: StateSpec) -> StateSpec:
    entering, leaving = quantised_input(graph, state.input), quantised_output(graph, state.output)
    if entering is None or leaving is None or graph.affine(entering) != graph.affine(leaving):
        return state
    affine, kind = graph.affine(leaving), graph.levels(leaving)
    if graph.levels(entering) != kind:
        return state
    take_levels(graph, state.input)
    give_levels(graph, state.output)
    limits = np.iinfo(kind)
    start = int(np.clip(np.rint(state.start / affine.scale) + affine.zero_point, limits.min, limits.max))
    return dataclasses.replace(state, dtype=np.dtype(kind).name, start=start)
