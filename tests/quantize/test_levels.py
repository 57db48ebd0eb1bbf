"""Mean and maximum over the picture as integers, with the same answers; one scale for what is only moved."""

from __future__ import annotations

import dataclasses
from collections import Counter

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from edge.engines.onnxruntime import session_options
from quantize.estimators import estimated
from quantize.execution import executed
from quantize.fidelity import HeldOut
from quantize.levels import on_levels, tied
from quantize.qdq import U8S8, prepared, quantized
from quantize.ranges import observe
from quantize.search import Maker, Search, integer_bundle
from tests.quantize.networks import mean_and_maximum, smooth_seen
from tests.students import tiny_student

Pairs = list[tuple[str, list[str], dict[str, object], float]]  # operator, more inputs, attributes, scale behind it


def between_quantisers(*operators: tuple[str, list[str], dict[str, object], float]) -> bytes:
    """x uint8 [1,4,6,6] of scale 0.5 -> each operator between a DequantizeLinear and a QuantizeLinear -> y."""
    nodes, last, scales = [], "x", [0.5, *(scale for *_, scale in operators)]
    for i, (operator, more, attributes, _) in enumerate(operators):
        nodes.append(helper.make_node("DequantizeLinear", [last, f"scale{i}", "zero"], [f"real{i}"], f"dq{i}"))
        nodes.append(helper.make_node(operator, [f"real{i}", *more], [f"moved{i}"], f"op{i}", **attributes))
        last = "y" if i == len(operators) - 1 else f"levels{i + 1}"
        nodes.append(helper.make_node("QuantizeLinear", [f"moved{i}", f"scale{i + 1}", "zero"], [last], f"q{i}"))
    constants = {f"scale{i}": np.float32(scale) for i, scale in enumerate(scales)}
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


def test_what_is_moved_has_the_range_of_what_it_comes_from() -> None:
    tiny = tiny_student()
    model = prepared(tiny.streaming_onnx())
    ranges = estimated(observe(model, tiny.states(), smooth_seen(3)), "mse")
    found = tied(model, tiny.states(), ranges)
    concat = next(node for node in model.graph.node if node.op_type == "Concat")
    origin = next(node for node in model.graph.node if node.op_type == "Relu")
    assert ranges[concat.output[0]] != ranges[origin.output[0]]
    # From this tick and, as a state, from the one before: the same layer's levels.
    assert found[concat.output[0]] == found["s0"] == found["t0"] == found[origin.output[0]] == ranges[origin.output[0]]
    assert {name: found[name] for name in ("x", "logits")} == {name: ranges[name] for name in ("x", "logits")}


def test_a_state_that_only_goes_round_keeps_its_own_range() -> None:
    model = onnx.load_from_string(between_quantisers((*MAXIMUM, 0.5)))
    model.graph.node.append(helper.make_node("Transpose", ["s9"], ["t9"], "round"))
    state = dataclasses.replace(tiny_student().states()[0], input="s9", output="t9")
    assert tied(model, [state], {"s9": (0.0, 3.0), "t9": (0.0, 2.0)}) == {"s9": (0.0, 3.0), "t9": (0.0, 2.0)}


def test_mean_and_maximum_are_no_float_islands() -> None:
    source = mean_and_maximum()
    maker = Maker(source, smooth_seen(), HeldOut(source, smooth_seen(3, seed=100)), None)
    made = maker.best(U8S8, Search("minmax", mixed=False, max_drop=100.0))
    execution = executed(made.bundle, "onnxruntime")
    assert execution.islands == () and not execution.floats
    assert all(layer.sqnr_db > 15 for layer in made.layers)  # still found, though no quantiser follows some


def test_the_answers_are_those_between_quantisers() -> None:
    source = mean_and_maximum()
    model = prepared(source.student_bytes())
    ranges = tied(model, (), estimated(observe(model, (), smooth_seen(3)), "minmax"))
    student, states = quantized(model, ranges, (), U8S8)
    before, after = (integer_bundle(source, one, states) for one in (student, on_levels(student)))
    assert executed(before, "onnxruntime").islands
    found = HeldOut(before, smooth_seen(3, seed=50)).judge(after)
    assert found.logits_db > 40  # a mean may fall on the other side of a half
