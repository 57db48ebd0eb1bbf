"""What rounding adds to the mean of a layer's output is taken out of its bias, layer after layer."""

from __future__ import annotations

import dataclasses

import numpy as np
import onnx
import pytest

from quantize.judging.fidelity import HeldOutClips
from quantize.judging.layers import with_float_values
from quantize.observing.estimators import estimated
from quantize.observing.parts import ClipShare
from quantize.observing.ranges import Activations, observe
from quantize.rewriting.drift import mean_outputs, undrifted
from quantize.rewriting.qdq import SYMMETRIC, U8S8, Scheme, prepared, quantized
from quantize.search import integer_bundle
from tests.quantize.networks import float_bundle, smooth_share
from tests.students import TinyStudent, tiny_student


def still(share: ClipShare) -> ClipShare:
    """One picture all the time but for a corner: most of it never changes, as before a robot."""
    tensors = []
    for one in share.tensors:
        x = np.broadcast_to(share.tensors[0].x[0, :1], one.x.shape).copy()
        x[:, :, :6, :6] = one.x[:, :, :6, :6]
        tensors.append(dataclasses.replace(one, x=x))
    return dataclasses.replace(share, tensors=tensors)  # type: ignore[arg-type]


def loud(tiny: TinyStudent) -> TinyStudent:
    """One channel of the first layer is forty times as wide as the others, whose levels are coarse beside it."""
    (weight, bias), *rest = tiny.convolutions
    weight = weight.copy()
    weight[0] *= 40
    return dataclasses.replace(tiny, convolutions=((weight, bias), *rest))


@pytest.mark.parametrize("scheme", [U8S8, SYMMETRIC], ids=lambda scheme: scheme.name)
def test_the_layers_mean_outputs_are_those_of_the_float_student(scheme: Scheme) -> None:
    tiny, share = loud(tiny_student()), still(smooth_share(3))
    model = prepared(tiny.streaming_onnx())
    wanted = mean_outputs(model, tiny.states(), share)
    ranges = estimated(observe(model, tiny.states(), share), "minmax")
    plain, states = quantized(model, ranges, tiny.states(), scheme)
    settled = undrifted(plain, states, wanted, share)

    def drift(student: bytes) -> float:
        integer = onnx.load_from_string(student)
        tensors = {node.name: node.output[0] for node in integer.graph.node if node.op_type == "Conv"}
        shown = Activations(with_float_values(integer, list(tensors.values())), states, list(tensors.values()))
        ticks = [
            tick
            for place, one in zip(share.places, share.tensors, strict=True)
            for tick in shown.stream(one.x[place % len(one.x)])
        ]
        means = {
            name: np.mean([tick[tensor].mean((0, 2, 3)) for tick in ticks], axis=0) for name, tensor in tensors.items()
        }
        return max(float(np.abs(means[name] - wanted[name]).max()) for name in wanted)

    assert drift(settled) < 0.1 * drift(plain)
    bundle = float_bundle(tiny.streaming_onnx(), tiny.states())
    judge = HeldOutClips(bundle, share)
    before, after = (judge.judge(integer_bundle(bundle, student, states)) for student in (plain, settled))
    assert after.logits_db > before.logits_db


def test_the_same_input_gives_the_same_bytes() -> None:
    tiny, share = tiny_student(), smooth_share(3)
    model = prepared(tiny.streaming_onnx())
    ranges = estimated(observe(model, tiny.states(), share), "minmax")
    student, states = quantized(model, ranges, tiny.states(), U8S8)
    wanted = mean_outputs(model, tiny.states(), share)
    assert undrifted(student, states, wanted, share) == undrifted(student, states, wanted, share)
