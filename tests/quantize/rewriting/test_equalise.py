"""Channels come nearer to each other in range, the function stays what it was, states included."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
import onnx
import pytest

from edge.bundles.bundle import Bundle
from edge.engines.onnxruntime import OnnxRuntimeSession
from quantize.graph import Graph, with_uint8_picture
from quantize.observing.ranges import reach
from quantize.rewriting.channels import FIXED, convolutions
from quantize.rewriting.equalise import equalised
from quantize.rewriting.qdq import prepared
from tests.quantize.networks import clip_3d, float_bundle, hard_swish, mobilenet_tsm, smooth_clip, smooth_share
from tests.students import tiny_student

TINY = tiny_student()
BUNDLES = {
    "tiny": float_bundle(TINY.streaming_onnx(), TINY.states()),
    "mobilenet": mobilenet_tsm(),
    "3-D": clip_3d(),
    "hard-swish": hard_swish(),
}


def parts(bundle: Bundle) -> tuple[onnx.ModelProto, onnx.ModelProto]:
    """The student prepared, and equalised."""
    states = bundle.manifest.states
    model = prepared(bundle.student_bytes())
    return model, equalised(model, states, reach(model, states, smooth_share(2)))


def streamed(bundle: Bundle, model: onnx.ModelProto) -> npt.NDArray[np.float32]:
    graph = Graph(onnx.ModelProto.FromString(model.SerializeToString()))
    with_uint8_picture(graph)
    student = OnnxRuntimeSession(
        dataclasses.replace(bundle, files={**bundle.files, "student.onnx": graph.model.SerializeToString()})
    )
    return np.stack([student.step(x[np.newaxis]) for x in smooth_clip(5, 8)])


@pytest.mark.parametrize("name", BUNDLES)
def test_the_function_stays(name: str) -> None:
    before, after = (streamed(BUNDLES[name], model) for model in parts(BUNDLES[name]))
    np.testing.assert_allclose(before, after, rtol=1e-4, atol=1e-4 * float(np.ptp(before)))


def test_channels_come_nearer() -> None:
    bundle = BUNDLES["tiny"]
    states = bundle.manifest.states
    before, after = (reach(model, states, smooth_share(2)) for model in parts(bundle))

    def spread(seen: npt.NDArray[np.float64]) -> float:
        return float(seen.max() / seen[seen > 0].min())

    inner = [name for name in before if spread(before[name]) > 2 and "permute" not in name]
    assert inner
    for name in inner:
        assert spread(after[name]) < spread(before[name])
        np.testing.assert_allclose(after[name].max(), before[name].max(), rtol=1e-4)


def test_a_state_has_the_channels_that_left_before() -> None:
    found = convolutions(prepared(TINY.streaming_onnx()), TINY.states())
    first, second = found[:2]
    assert (first.entering == FIXED).all()
    np.testing.assert_array_equal(second.entering, first.leaving)  # some from now, some from the tick before
    assert len(set(second.entering.tolist())) == len(second.entering)
    assert (found[-1].leaving == FIXED).all()


def test_a_state_that_does_not_start_at_zero_is_not_scaled() -> None:
    states = tuple(dataclasses.replace(state, start=0.5) for state in TINY.states())
    found = convolutions(prepared(TINY.streaming_onnx()), states)[1]
    assert 0 < (found.entering == FIXED).sum() < len(found.entering)


def test_behind_what_is_not_homogeneous_nothing_is_scaled() -> None:
    bundle = BUNDLES["hard-swish"]
    assert all((one.entering == FIXED).all() for one in convolutions(prepared(bundle.student_bytes()), ()))
