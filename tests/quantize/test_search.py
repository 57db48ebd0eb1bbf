"""What is chosen on held-out clips: estimators, corrected biases, layers in float; and students that come quantised."""

from __future__ import annotations

import dataclasses

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from calibration.jobs.shards import ShardTeam
from calibration.tensors import ClipTensors
from edge.bundles.bundle import Bundle
from edge.engines.onnxruntime import OnnxRuntimeSession
from edge.recognition.smoothing import softmax
from quantize.graph import Graph, weighted_layers, with_uint8_picture
from quantize.judging.check import is_quantised
from quantize.judging.execution import executed
from quantize.judging.fidelity import HeldOutClips
from quantize.judging.layers import between
from quantize.observing.estimators import ESTIMATORS, estimated
from quantize.observing.parts import ClipShare
from quantize.observing.ranges import Activations, observe
from quantize.observing.tensor_statistics import BINS, Histogram, TensorStatistics
from quantize.rewriting.as_trained import as_trained
from quantize.rewriting.bias import bias_corrected
from quantize.rewriting.qdq import U8S8, prepared, quantized
from quantize.search import Maker, Search, integer_bundle
from tests.quantize.networks import float_bundle, smooth_clip, smooth_share
from tests.students import GAMMAS, TinyStudent, tiny_student


def bundle_of(tiny: TinyStudent) -> Bundle:
    return float_bundle(tiny.streaming_onnx(), tiny.states())


def one_channel_shouts() -> TinyStudent:
    """A student whose first layer has a channel of 2000 that nothing reads: in INT8 all others are lost beside it."""
    (weight, bias), (reader, reader_bias), last = tiny_student(3).convolutions
    bias, reader = bias.copy(), reader.copy()
    bias[-1], reader[:, -1] = 2000.0, 0.0
    return dataclasses.replace(tiny_student(3), convolutions=((weight, bias), (reader, reader_bias), last))


def judged_by_itself(source: Bundle, share: ClipShare) -> ClipShare:
    """The same clip under every gamma, and the float student's own decisions as the truth."""
    student, labelled, tensors = OnnxRuntimeSession(source), [], []
    for (clip, _), one in zip(share.labelled, share.tensors, strict=True):
        student.reset()
        logits = np.stack([student.step(x[np.newaxis]) for x in one.x[0]])
        truth = int(np.argmax(np.mean([softmax(tick[0]) for tick in logits], axis=0)))
        labelled.append((clip, truth))
        tensors.append(ClipTensors(np.stack([one.x[0]] * len(GAMMAS)), one.statistics))
    return ClipShare(labelled, tensors, share.places, ShardTeam())  # type: ignore[arg-type]


def same_heads_without_favourite(tiny: TinyStudent, share: ClipShare) -> TinyStudent:
    """All heads alike, and every label as likely as the others on these clips."""
    weight, bias = (np.concatenate([part[: len(part) // len(GAMMAS)]] * len(GAMMAS)) for part in tiny.heads)
    alike = dataclasses.replace(tiny, heads=(weight, bias))
    mean = np.mean([alike.clip_logits(one.x[0]).mean(0) for one in share.tensors], axis=0)
    return dataclasses.replace(tiny, heads=(weight, bias - mean.reshape(-1).astype(np.float32)))


def test_mixed_keeps_the_fewest_layers_in_float() -> None:
    clips = smooth_share(12, 8, seed=100)
    source = bundle_of(same_heads_without_favourite(one_channel_shouts(), clips))
    held_out = HeldOutClips(source, judged_by_itself(source, clips))
    found = Maker(source, smooth_share(), held_out, None).best(U8S8, Search("minmax", mixed=True, max_drop=1.0))
    assert found.trials[0].fidelity.drop > 1.0
    kept = found.trials[found.kept]
    assert kept.fidelity.drop <= 1.0
    first, second, *rest = (layer.name for layer in weighted_layers(prepared(source.student_bytes())))
    assert set(kept.float_layers) == {first, second}  # the one that shouts, and the one that hears it
    assert {layer.name for layer in found.layers if layer.quantised} == set(rest)
    execution = executed(found.bundle, "onnxruntime")
    assert (execution.integer, len(execution.floats)) == (2, 2)


def test_what_lies_between_float_layers_is_float() -> None:
    model = prepared(tiny_student().streaming_onnx())
    first, second, third, _ = (layer.name for layer in weighted_layers(model))
    operators = {node.name: node.op_type for node in model.graph.node}
    assert {operators[name] for name in between(model, [first, second])} >= {"Relu", "Split", "Concat"}
    assert between(model, []) == []
    assert not {"GlobalAveragePool"} & {operators[name] for name in between(model, [first, second])}
    assert "GlobalAveragePool" in {operators[name] for name in between(model, [third])}


def test_auto_keeps_the_estimator_that_diverges_least() -> None:
    source = bundle_of(tiny_student())
    maker = Maker(source, smooth_share(), HeldOutClips(source, smooth_share(3, seed=100)), None)
    found = maker.best(U8S8, Search("auto", mixed=False, max_drop=1.0))
    assert [trial.estimator for trial in found.trials] == list(ESTIMATORS)
    divergences = [trial.fidelity.divergence for trial in found.trials]
    assert divergences[found.kept] == min(divergences)
    assert len(set(divergences)) > 1


def histogram_of(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> TensorStatistics:
    counts, edges = np.histogram(values, BINS)
    extremes = {"t": (float(edges[0]), float(edges[-1]))}
    return TensorStatistics(1, extremes, extremes, {"t": Histogram(*extremes["t"], counts)}, {})


@pytest.mark.parametrize("estimator", ["percentile", "entropy", "mse"])
def test_a_single_outlier_is_clipped(estimator: str) -> None:
    values = np.append(np.abs(np.random.default_rng(0).normal(0, 1, 1_000_000)), 60.0)
    low, high = ESTIMATORS[estimator](histogram_of(values), "t")
    assert 0 <= low < 0.1
    assert 2 < high < 40
    assert ESTIMATORS["minmax"](histogram_of(values), "t")[1] == 60


def test_mse_is_the_least_of_all_ends_tried_by_hand() -> None:
    values = np.random.default_rng(1).laplace(0, 1, 20_000)

    def error(low: float, high: float) -> float:
        step = (high - low) / 255
        return float(np.mean((np.rint((np.clip(values, low, high) - low) / step) * step + low - values) ** 2))

    low, high = ESTIMATORS["mse"](histogram_of(values), "t")
    by_hand = min(error(share * values.min(), share * values.max()) for share in np.linspace(0.2, 1, 41))
    assert error(low, high) <= 1.05 * by_hand


def test_bias_correction_takes_the_mean_error_of_rounded_weights() -> None:
    tiny = tiny_student()
    model = prepared(tiny.streaming_onnx())
    found = observe(model, tiny.states(), smooth_share())
    first = next(node for node in model.graph.node if node.op_type == "Conv")

    def mean_error(candidate: onnx.ModelProto) -> float:
        graph = Graph(onnx.ModelProto.FromString(candidate.SerializeToString()))
        node = next(node for node in graph.model.graph.node if node.name == first.name)
        weight = graph.constant(node.input[1])
        assert weight is not None
        scale = np.abs(weight).max((1, 2, 3), keepdims=True) / 127
        graph.set_constant(node.input[1], (np.rint(weight / scale) * scale).astype(np.float32))
        outputs = []
        for one in (model, graph.model):
            stream = Activations(one, tiny.states(), [first.output[0]]).stream(smooth_clip(0, 12))
            outputs.append(np.mean([tick[first.output[0]].mean((0, 2, 3)) for tick in stream], axis=0))
        return float(np.abs(outputs[0] - outputs[1]).mean())

    assert mean_error(bias_corrected(model, found.means, ())) < 0.3 * mean_error(model)


def with_fake_quantisers() -> tuple[bytes, TinyStudent]:
    """As training exports it: float edges, float weights and biases, and a Q/DQ pair wherever something is rounded."""
    tiny = tiny_student()
    ranges = estimated(observe(prepared(tiny.streaming_onnx()), tiny.states(), smooth_share()), "minmax")
    student, states = quantized(prepared(tiny.streaming_onnx()), ranges, tiny.states(), U8S8)
    graph = Graph(onnx.load_from_string(student))
    for node in [node for node in graph.model.graph.node if node.op_type == "DequantizeLinear"]:
        levels = graph.constant(node.input[0])
        if levels is None:
            continue
        scale = graph.constant(node.input[1])
        assert scale is not None
        real = levels * scale.reshape(-1, *[1] * (levels.ndim - 1))
        name = f"{node.output[0]}_real"
        graph.add_constant(name, real.astype(np.float32))
        if levels.dtype == np.int32:  # a bias: training does not round it
            graph.replace_input(node.output[0], name)
            graph.remove(node)
        else:
            place = list(graph.model.graph.node).index(node)
            pair = [name, *node.input[1:]]
            rounding = helper.make_node("QuantizeLinear", pair, [f"{name}_levels"], f"{name}_q", axis=0)
            graph.model.graph.node.insert(place, rounding)
            node.input[0] = f"{name}_levels"
    for state in states:
        _float_edge(graph, state.input, state.output)
    _float_picture(graph)
    return graph.model.SerializeToString(), tiny


def _float_edge(graph: Graph, entering: str, leaving: str) -> None:
    """A state that is float at the edge, and is rounded inside."""
    after = graph.after_transpose(entering)
    (dequantiser,) = graph.consumers(after)
    place = list(graph.model.graph.node).index(dequantiser)
    inside = f"{entering}_levels"
    rounding = helper.make_node("QuantizeLinear", [after, *dequantiser.input[1:]], [inside], f"{entering}_q")
    graph.model.graph.node.insert(place, rounding)
    dequantiser.input[0] = inside
    maker = graph.producer(leaving)
    assert maker is not None
    maker.output[0] = f"{leaving}_levels"
    graph.replace_input(leaving, f"{leaving}_levels")
    pair = [f"{leaving}_levels", *maker.input[1:]]
    graph.model.graph.node.append(helper.make_node("DequantizeLinear", pair, [leaving], f"{leaving}_dq"))
    for name in (entering, leaving):
        graph.value(name).type.tensor_type.elem_type = onnx.TensorProto.FLOAT


def _float_picture(graph: Graph) -> None:
    after = graph.after_transpose("x")
    (dequantiser,) = graph.consumers(after)
    place = list(graph.model.graph.node).index(dequantiser)
    rounding = helper.make_node("QuantizeLinear", [after, *dequantiser.input[1:]], ["x_levels_inside"], "x_q")
    graph.model.graph.node.insert(place, rounding)
    dequantiser.input[0] = "x_levels_inside"
    graph.value("x").type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    with_uint8_picture(graph)


def test_a_student_that_comes_quantised_is_taken_as_it_is() -> None:
    student, tiny = with_fake_quantisers()
    assert is_quantised(onnx.load_from_string(student))
    trained = float_bundle(student, tiny.states())
    taken = integer_bundle(trained, *as_trained(student, tiny.states()))
    assert {state.dtype for state in taken.manifest.states} == {"uint8"}
    execution = executed(taken, "onnxruntime")
    assert (execution.integer, len(execution.floats)) == (4, 0)
    clip = smooth_clip(7, 12)
    before, after = OnnxRuntimeSession(trained), OnnxRuntimeSession(taken)
    for x in clip:
        np.testing.assert_allclose(before.step(x[np.newaxis]), after.step(x[np.newaxis]), rtol=0, atol=0.02)
    weights = [numpy_helper.to_array(t) for t in onnx.load_from_string(taken.student_bytes()).graph.initializer]
    assert all(weight.dtype == np.int8 for weight in weights if weight.ndim == 4)
