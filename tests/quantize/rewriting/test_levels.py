"""Mean and maximum over the picture as integers, with the same answers."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from edge.engines.onnxruntime import session_options
from quantize.judging.execution import executed
from quantize.judging.fidelity import HeldOutClips
from quantize.observing.estimators import estimated
from quantize.observing.ranges import observe
from quantize.rewriting.levels import on_levels, tied
from quantize.rewriting.qdq import U8S8, prepared, quantized
from quantize.search import Maker, Search, integer_bundle
from tests.quantize.networks import mean_and_maximum, smooth_share

Pairs = list[tuple[str, list[str], dict[str, Any], float]]  # operator, more inputs, attributes, scale behind it


def between_quantisers(*operators: tuple[str, list[str], dict[str, Any], float]) -> bytes:
    """x uint8 [1,4,6,6] of scale 0.5 -> each operator between a DequantizeLinear and a QuantizeLinear -> y."""
    nodes, last, scales = [], "x", [0.5, *(scale for *_, scale in operators)]
    for i, (operator, more, attributes, _) in enumerate(operators):
        nodes.append(helper.make_node("DequantizeLinear", [last, f"scale{i}", "zero"], [f"real{i}"], f"dq{i}"))
        nodes.append(helper.make_node(operator, [f"real{i}", *more], [f"moved{i}"], f"op{i}", **attributes))
        last = "y" if i == len(operators) - 1 else f"levels{i + 1}"
        nodes.append(helper.make_node("QuantizeLinear", [f"moved{i}", f"scale{i + 1}", "zero"], [last], f"q{i}"))
    constants: dict[str, Any] = {f"scale{i}": np.float32(scale) for i, scale in enumerate(scales)}
    constants |= {"zero": np.uint8(7), "axes": np.array([2, 3], np.int64), "rows": np.array([2], np.int64)}
    graph = helper.make_graph(
        nodes,
        "levels",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, [1, 4, 6, 6])],
        [helper.make_tensor_value_info("y", TensorProto.UINT8, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10).SerializeToString()


def operators(student: bytes) -> Counter[str]:
    return Counter(node.op_type for node in onnx.load_from_string(student).graph.node)


def answer(student: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    x = np.random.default_rng(0).integers(0, 256, (1, 4, 6, 6), np.uint8)
    (found,) = ort.InferenceSession(student, session_options(), ["CPUExecutionProvider"]).run(None, {"x": x})
    return np.asarray(found)


MAXIMUM = ("ReduceMax", ["axes"], {"keepdims": 1})
MEAN = ("ReduceMean", ["axes"], {"keepdims": 1})


@pytest.mark.parametrize(
    ("chain", "left"),
    [
        ([(*MAXIMUM, 0.5)], {"ReduceMax": 1}),
        # onnxruntime drops these quantisers itself.
        ([("GlobalMaxPool", [], {}, 0.5)], {"DequantizeLinear": 1, "MaxPool": 1, "QuantizeLinear": 1}),
        # Without its quantisers OpenVINO on ARM would refuse the file.
        (
            [("Transpose", [], {"perm": [0, 2, 3, 1]}, 0.5)],
            {"DequantizeLinear": 1, "Transpose": 1, "QuantizeLinear": 1},
        ),
        # Another scale behind it: the levels are others.
        ([(*MAXIMUM, 0.25)], {"DequantizeLinear": 1, "ReduceMax": 1, "QuantizeLinear": 1}),
        # Computes: a kernel that the engine has, between its quantisers.
        ([(*MEAN, 0.25)], {"DequantizeLinear": 1, "GlobalAveragePool": 1, "QuantizeLinear": 1}),
        (
            [("ReduceMean", ["axes"], {"keepdims": 0}, 0.5)],
            {"DequantizeLinear": 1, "ReduceMean": 1, "QuantizeLinear": 1},
        ),
        ([("ReduceMean", ["rows"], {}, 0.5)], {"DequantizeLinear": 1, "ReduceMean": 1, "QuantizeLinear": 1}),
        ([("Relu", [], {}, 0.5)], {"DequantizeLinear": 1, "Relu": 1, "QuantizeLinear": 1}),
    ],
)
def test_levels_stay_what_they_are(chain: Pairs, left: dict[str, int]) -> None:
    before = between_quantisers(*chain)
    after = on_levels(before)
    assert operators(after) == left
    np.testing.assert_array_equal(answer(after), answer(before))


def test_a_maximum_has_the_range_of_the_picture_and_nothing_else_is_tied() -> None:
    model = prepared(mean_and_maximum().student_bytes())
    ranges = estimated(observe(model, (), smooth_share(3)), "mse")
    maximum = next(node for node in model.graph.node if node.op_type == "ReduceMax")
    ranges[maximum.output[0]] = (0.0, 99.0)
    found = tied(model, ranges)
    assert found == ranges | {maximum.output[0]: ranges[maximum.input[0]]}


def test_mean_and_maximum_are_no_float_islands() -> None:
    source = mean_and_maximum()
    maker = Maker(source, smooth_share(), HeldOutClips(source, smooth_share(3, seed=100)), None)
    made = maker.best(U8S8, Search("minmax", mixed=False, max_drop=100.0))
    execution = executed(made.bundle, "onnxruntime")
    assert execution.islands == () and not execution.floats
    assert all(layer.sqnr_db > 15 for layer in made.layers)  # still found, though no quantiser follows some


def test_the_answers_are_those_between_quantisers() -> None:
    source = mean_and_maximum()
    model = prepared(source.student_bytes())
    ranges = tied(model, estimated(observe(model, (), smooth_share(3)), "minmax"))
    student, states = quantized(model, ranges, (), U8S8)
    before, after = (integer_bundle(source, one, states) for one in (student, on_levels(student)))
    assert executed(before, "onnxruntime").islands
    found = HeldOutClips(before, smooth_share(3, seed=50)).judge(after)
    assert found.logits_db > 40  # a mean may fall on the other side of a half
