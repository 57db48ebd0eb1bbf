"""A float student to an integer one: QDQ by onnxruntime, states tied, uint8 at the edges."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnxruntime.quantization import QuantType
from onnxruntime.quantization.calibrate import CalibrationMethod, TensorsData
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

from edge.bundle import StateSpec
from edge.errors import BundleError
from quantize.graph import (
    Affine,
    Graph,
    folded,
    give_levels,
    input_quantiser,
    output_dequantiser,
    take_levels,
    with_float_picture,
)
from quantize.ranges import Range

PICTURE = Affine(float(np.float32(1) / np.float32(255)), 0)
OPERATORS = sorted({*QDQRegistry, *QLinearOpsRegistry})


@dataclass(frozen=True)
class Form:
    """How a target wants its integers; weights are symmetric and per output channel in all of them."""

    activations: QuantType
    weights: QuantType


FORMS = {"x86": Form(QuantType.QUInt8, QuantType.QInt8)}


def prepared(student: bytes) -> onnx.ModelProto:
    """The float student as ranges are observed on it and as it is quantised: folded, float `x` in [0, 1].

    Raises BundleError where the graph is not of the network's contract (docs/architecture.md).
    """
    return folded(with_float_picture(onnx.load_from_string(student)))


def quantized(
    model: onnx.ModelProto, ranges: Mapping[str, Range], states: Sequence[StateSpec], form: Form
) -> tuple[bytes, tuple[StateSpec, ...]]:
    """The integer student as an ONNX file, and its states' specs.

    model: `prepared`. Two passes: the first shows with which scale each state leaves, the second makes it enter with
    the same, so that a state goes round without being rounded again. Raises BundleError where an edge stays float.
    """
    first = Graph(_with_qdq(model, ranges, form, {}))
    leaving = {s.input: first.affine(output_dequantiser(first, s.output)) for s in states}
    second = Graph(_with_qdq(model, ranges, form, leaving))
    specs = tuple(_integer_spec(second, state) for state in states)
    _expect(second.affine(input_quantiser(second, "x")), PICTURE, "x")
    for name in ("x", *(s.input for s in states)):
        take_levels(second, name)
    for state in states:
        give_levels(second, state.output)
    second.drop_unused_constants()
    del second.model.graph.value_info[:]  # the types at the edges have changed
    onnx.checker.check_model(second.model)
    return second.model.SerializeToString(deterministic=True), specs


def _with_qdq(
    model: onnx.ModelProto, ranges: Mapping[str, Range], form: Form, entering: Mapping[str, Affine]
) -> onnx.ModelProto:
    graph = Graph(model)
    seen = {**ranges, graph.after_transpose("x"): ranges["x"]}
    overrides = {
        graph.after_transpose(name): [
            {
                "scale": np.array(affine.scale, np.float32),
                "zero_point": np.array(affine.zero_point, np.uint8),
                "quant_type": form.activations,
            }
        ]
        for name, affine in entering.items()
    }
    quantizer = QDQQuantizer(
        copy.deepcopy(model),
        True,  # per output channel
        False,  # all 8 bits
        form.weights,
        form.activations,
        TensorsData(CalibrationMethod.MinMax, seen),
        [],
        [],
        OPERATORS,
        {"WeightSymmetric": True, "ActivationSymmetric": False, "TensorQuantOverrides": overrides},
    )
    quantizer.quantize_model()
    quantizer.model.topological_sort()
    model_with_qdq: onnx.ModelProto = quantizer.model.model
    return model_with_qdq


def _integer_spec(graph: Graph, state: StateSpec) -> StateSpec:
    entering = graph.affine(input_quantiser(graph, state.input))
    leaving = graph.affine(output_dequantiser(graph, state.output))
    _expect(entering, leaving, state.input)
    start = int(np.clip(np.rint(state.start / leaving.scale) + leaving.zero_point, 0, 255))
    return dataclasses.replace(state, dtype="uint8", start=start)


def _expect(found: Affine, expected: Affine, name: str) -> None:
    if found != expected:
        raise BundleError(
            f"student.onnx: {name}: expected scale {expected.scale:g}, zero point {expected.zero_point} at its edge, "
            f"found {found.scale:g}, {found.zero_point}; this student's graph cannot be quantised so"
        )
