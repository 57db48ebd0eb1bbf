"""Quantisation of a student: uint8 edges, states that go round unrounded, every convolution an integer kernel."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import numpy_helper

from calibration.tensors import ClipTensors
from edge.bundles.bundle import Bundle, StateSpec
from edge.engines.onnxruntime import OnnxRuntimeSession, session_options
from edge.errors import BundleError
from quantize.judging.execution import executed
from quantize.judging.unroll import unrolled_clip
from quantize.observing.estimators import estimated
from quantize.observing.parts import ClipShare
from quantize.observing.ranges import observe
from quantize.observing.tensor_statistics import TensorStatistics
from quantize.rewriting.qdq import U8S8, prepared, quantized
from tests.quantize.networks import smooth_clip, smooth_share
from tests.students import TinyStudent, tiny_files, tiny_manifest, tiny_student

U8 = npt.NDArray[np.uint8]
F32 = npt.NDArray[np.float32]


def observed(student: bytes, states: tuple[StateSpec, ...], share: ClipShare | None = None) -> TensorStatistics:
    return observe(prepared(student), states, share or smooth_share(3, 16))


def integer_bundle(tiny: TinyStudent) -> Bundle:
    ranges = estimated(observed(tiny.streaming_onnx(), tiny.states()), "minmax")
    student, states = quantized(prepared(tiny.streaming_onnx()), ranges, tiny.states(), U8S8)
    manifest = dataclasses.replace(tiny_manifest(tiny), precision="int8", target="x86", states=states)
    return Bundle("int8", "", manifest, {**tiny_files(tiny), "student.onnx": student})


def float_bundle(tiny: TinyStudent) -> Bundle:
    return Bundle("float", "", tiny_manifest(tiny), tiny_files(tiny))


def stream(bundle: Bundle, clip: U8) -> F32:
    student = OnnxRuntimeSession(bundle)
    return np.stack([student.step(x[np.newaxis]) for x in clip])


@pytest.fixture(scope="module")
def tiny() -> TinyStudent:
    return tiny_student()


@pytest.fixture(scope="module")
def integer(tiny: TinyStudent) -> Bundle:
    return integer_bundle(tiny)


def test_the_edges_take_and_give_levels(tiny: TinyStudent, integer: Bundle) -> None:
    model = onnx.load_from_string(integer.student_bytes())
    types = {v.name: v.type.tensor_type.elem_type for v in (*model.graph.input, *model.graph.output)}
    levels = {"x", *(s.input for s in tiny.states()), *(s.output for s in tiny.states())}
    assert types == {**dict.fromkeys(levels, onnx.TensorProto.UINT8), "logits": onnx.TensorProto.FLOAT}
    assert [s.shape for s in integer.manifest.states] == [s.shape for s in tiny.states()]
    assert all(s.dtype == "uint8" for s in integer.manifest.states)


def test_the_picture_is_a_255th_a_level_from_zero(integer: Bundle) -> None:
    model = onnx.load_from_string(integer.student_bytes())
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    (transpose,) = [node for node in model.graph.node if "x" in node.input]
    (dequantise,) = [node for node in model.graph.node if transpose.output[0] in node.input]
    assert dequantise.op_type == "DequantizeLinear"
    assert constants[dequantise.input[1]] == np.float32(1) / np.float32(255)
    assert constants[dequantise.input[2]] == 0


@pytest.mark.parametrize("name", ["float", "int8"])
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000))
def test_streaming_equals_the_clip(tiny: TinyStudent, integer: Bundle, name: str, seed: int) -> None:
    bundle = {"float": float_bundle(tiny), "int8": integer}[name]
    clip = smooth_clip(seed, 9)
    unrolled = ort.InferenceSession(unrolled_clip(bundle, 9), session_options(), ["CPUExecutionProvider"])
    whole = np.concatenate(unrolled.run(None, {f"x{t}": clip[t : t + 1] for t in range(9)}))
    np.testing.assert_allclose(stream(bundle, clip), whole, rtol=0, atol=1e-5)


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_integer_logits_follow_the_float_ones(seed: int) -> None:
    tiny = tiny_student(seed)
    integer, clip = integer_bundle(tiny), smooth_clip(seed % 8, 16)
    wanted, found = tiny.clip_logits(clip), stream(integer, clip)
    error = np.sqrt(np.mean((wanted - found) ** 2)) / np.ptp(wanted)
    assert error < 0.05, f"{error:.3f} of the logits' range"


def test_every_convolution_becomes_an_integer_kernel(tiny: TinyStudent, integer: Bundle) -> None:
    before, after = (executed(bundle, "onnxruntime") for bundle in (float_bundle(tiny), integer))
    assert (before.integer, len(before.floats)) == (0, 4)
    assert (after.integer, len(after.floats)) == (4, 0)


def test_the_same_input_gives_the_same_bytes(tiny: TinyStudent, integer: Bundle) -> None:
    assert integer_bundle(tiny).student_bytes() == integer.student_bytes()


def test_nodes_without_names_get_some(tiny: TinyStudent) -> None:
    model = onnx.load_from_string(tiny.streaming_onnx())
    for node in model.graph.node:
        node.name = ""
    names = [node.name for node in prepared(model.SerializeToString()).graph.node]
    assert all(names) and len(set(names)) == len(names)


def test_a_start_that_is_not_zero_is_kept(tiny: TinyStudent) -> None:
    states = tuple(dataclasses.replace(state, start=0.5) for state in tiny.states())
    ranges = observed(tiny.streaming_onnx(), states).usual
    assert all(ranges[s.input][1] >= 0.5 for s in states)
    _, specs = quantized(prepared(tiny.streaming_onnx()), {**ranges, "x": (0.0, 1.0)}, states, U8S8)
    assert all(0 < spec.start < 255 for spec in specs)


def test_ranges_are_those_of_real_states(tiny: TinyStudent) -> None:
    clip = smooth_clip(2, 8)
    tensors: Any = [ClipTensors(clip[np.newaxis], np.zeros((8, 3), np.float32))]  # in memory, for StoredTensors
    share = dataclasses.replace(smooth_share(1), tensors=tensors)
    found = observed(tiny.streaming_onnx(), tiny.states(), share)
    ranges = found.extremes
    for state in tiny.states():
        # What leaves at one tick enters at the next; the start, zero, is below all of it.
        assert ranges[state.input][0] == 0
        assert 0 < ranges[state.input][1] <= ranges[state.output][1]
    logits = tiny.clip_logits(clip)
    np.testing.assert_allclose(ranges["logits"], (logits.min(), logits.max()), rtol=1e-5)
    assert estimated(found, "minmax")["x"] == (0, 1)
    first = next(node for node in prepared(tiny.streaming_onnx()).graph.node if node.op_type == "Conv")
    np.testing.assert_allclose(found.means[first.input[0]], clip.mean((0, 1, 2)) / 255, rtol=1e-4)


def without_scaling(model: onnx.ModelProto) -> None:
    """x goes straight from its Cast into the network."""
    (scale,) = [node for node in model.graph.node if node.op_type == "Mul"]
    scale.op_type = "Add"


def with_another_scale(model: onnx.ModelProto) -> None:
    scale = model.graph.initializer[0]
    scale.CopyFrom(numpy_helper.from_array(np.array(1 / 128, np.float32), scale.name))


def with_two_takers(model: onnx.ModelProto) -> None:
    cast = next(node for node in model.graph.node if node.op_type == "Cast")
    again = onnx.helper.make_node("Cast", ["x"], ["x_again"], to=onnx.TensorProto.FLOAT)
    model.graph.node.insert(list(model.graph.node).index(cast), again)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without_scaling, "expected one Mul next to it, found Add"),
        (with_another_scale, "expected x . .1/255. after its Cast, found another factor"),
        (with_two_takers, "x: expected one Cast next to it, found Cast, Cast"),
    ],
)
def test_a_graph_that_is_not_of_the_contract_is_refused(tiny: TinyStudent, change: object, message: str) -> None:
    model = onnx.load_from_string(tiny.streaming_onnx())
    change(model)  # type: ignore[operator]
    with pytest.raises(BundleError, match=message):
        prepared(model.SerializeToString())


def test_activations_that_are_not_numbers_are_refused(tiny: TinyStudent) -> None:
    (weight, bias), *rest = tiny.convolutions
    broken = TinyStudent(((np.full_like(weight, 3e38), bias), *rest), tiny.heads)
    with pytest.raises(BundleError, match="expected finite values, found "):
        observed(broken.streaming_onnx(), broken.states())


def test_a_state_that_leaves_in_float_stays_float(tiny: TinyStudent) -> None:
    model = onnx.load_from_string(tiny.streaming_onnx())
    maker = next(node for node in model.graph.node if "t0" in node.output)
    maker.output[0] = "t0_inside"
    model.graph.node.append(onnx.helper.make_node("Sin", ["t0_inside"], ["t0"], "sin"))
    student = model.SerializeToString()
    ranges = estimated(observed(student, tiny.states()), "minmax")
    integer, states = quantized(prepared(student), ranges, tiny.states(), U8S8)
    assert [state.dtype for state in states] == ["float32", "uint8"]
    manifest = dataclasses.replace(tiny_manifest(tiny), precision="int8", states=states)
    OnnxRuntimeSession(Bundle("int8", "", manifest, {**tiny_files(tiny), "student.onnx": integer}))
