"""What stands against writing a target is found, and each refusal names three next steps."""

from __future__ import annotations

import dataclasses
import platform
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from edge.bundles.bundle import Bundle, default_bundle_path
from edge.engines.base import F32, U8
from edge.engines.onnxruntime import OnnxRuntimeSession
from quantize.judging.execution import Execution, Kernel, executed
from quantize.judging.verify import (
    MACHINES,
    STREAM_TOLERANCE,
    Refusal,
    Verification,
    offsets,
    refusals,
    streaming_difference,
    verify,
)
from quantize.result import QuantizeResult
from tests.quantize.results import FLOAT_PATH, quantize_result


@pytest.fixture(scope="module")
def verified() -> tuple[QuantizeResult, Verification]:
    result = quantize_result()
    (verification,) = verify(result)
    return result, verification


def test_a_good_target_is_proved_and_not_refused(verified: tuple[QuantizeResult, Verification]) -> None:
    result, verification = verified
    (proof,) = verification.proofs
    kept = result.targets[0].candidates[0].bundle
    assert proof.execution.floats == () and proof.size_bytes == len(kept.student_bytes())
    assert proof.streaming == pytest.approx(0.0, abs=1e-3)
    assert proof.peak_mb is not None and 20 < proof.peak_mb < 1000
    assert proof.float_ms > 0 and proof.integer_ms > 0
    assert verification.here == (platform.machine() in MACHINES["x86"])
    assert [r for r in verification.refusals if "not faster" not in r.reason] == []  # times are the benchmarks' affair


def refused(
    verified: tuple[QuantizeResult, Verification], result: QuantizeResult, here: bool = True, **proved: Any
) -> list[Refusal]:
    """Of the result's one candidate, its proof that of the module's with some values replaced."""
    values: dict[str, Any] = {"float_ms": 2.3, "integer_ms": 1.0, **proved}
    proof = dataclasses.replace(verified[1].proofs[0], **values)
    target = result.targets[0]
    found = refusals(result, target, target.candidates[0], proof, here)
    for refusal in found:
        assert len(set(refusal.next_steps)) == 3 and all(refusal.next_steps)
    return found


def test_a_loss_over_the_gate_is_refused_with_what_to_try(verified: tuple[QuantizeResult, Verification]) -> None:
    result = quantize_result(before=set(), after={0, 1, 2}, max_drop=1.0)
    (refusal,) = refused(verified, result)
    assert refusal.reason == "x86: U8S8: INT8 lost 6.2 points, --max-drop allows 1"
    assert refusal.next_steps[0].startswith("calibrate on more clips")  # coverage warned
    assert refused(verified, dataclasses.replace(result, max_drop=7.0)) == []


def test_the_steps_against_a_loss_leave_out_what_was_tried(verified: tuple[QuantizeResult, Verification]) -> None:
    result = quantize_result(before=set(), after={0, 1, 2}, max_drop=1.0)
    target = result.targets[0]
    candidate = dataclasses.replace(
        target.candidates[0],
        trials=target.candidates[0].trials[:1],
        kept=0,
        layers=tuple(dataclasses.replace(layer, quantised=True) for layer in target.candidates[0].layers),
    )
    changed = dataclasses.replace(
        result,
        targets=(dataclasses.replace(target, candidates=(candidate,)),),
        coverage=dataclasses.replace(result.coverage, warnings=()),
    )
    steps = refused(verified, changed)[0].next_steps
    assert steps[0] == "--mixed auto keeps the layers that cost most in float; the noisiest are heads (20 dB), " + (
        "shifted.0 <&> (25 dB)"
    )
    assert steps[1].startswith("--estimator auto") and steps[2].startswith("calibrate on more clips")


def test_a_target_that_runs_in_float_is_refused(verified: tuple[QuantizeResult, Verification]) -> None:
    in_float = executed(Bundle.load(FLOAT_PATH), "onnxruntime")
    (refusal,) = refused(verified, quantize_result(), execution=in_float)
    count = len(in_float.kernels)
    first = ", ".join(kernel.name for kernel in in_float.floats[:4])
    assert refusal.reason.endswith(f"runs in float: {count} of {count} layers with weights ({first}, ...)")


def test_a_form_that_is_not_faster_is_refused_where_this_machine_can_tell(
    verified: tuple[QuantizeResult, Verification],
) -> None:
    execution = dataclasses.replace(verified[1].proofs[0].execution, islands=("HardSwish act",))
    (refusal,) = refused(verified, quantize_result(), float_ms=0.20, integer_ms=0.25, execution=execution)
    assert refusal.reason == "x86: U8S8: not faster than float: 0.250 ms a step against 0.200 ms"
    assert refusal.next_steps[0].startswith("remove what runs in float between integer layers: HardSwish act")
    assert refused(verified, quantize_result(target="arm"), here=False, float_ms=0.20, integer_ms=0.25) == []
    whole = dataclasses.replace(execution, islands=())
    firsts = [
        refused(verified, quantize_result(), float_ms=0.20, integer_ms=slow_ms, execution=whole)[0].next_steps[0]
        for slow_ms in (0.21, 0.60)
    ]
    assert firsts[0].startswith("measure on an idle machine") and firsts[1].startswith("run the float bundle")


def test_a_stream_that_is_not_its_clip_is_refused(verified: tuple[QuantizeResult, Verification]) -> None:
    (refusal,) = refused(verified, quantize_result(), streaming=0.07)
    assert "differs from the unrolled clip by 7.0% of the logits' spread" in refusal.reason


def test_tensorrt_gets_no_zero_point(verified: tuple[QuantizeResult, Verification]) -> None:
    student = Bundle.load(default_bundle_path()).student_bytes()
    uneven = offsets(student)
    (refusal,) = refused(verified, quantize_result(target="jetson"), here=False)
    assert f"TensorRT takes no zero point but 0; {len(uneven)} have another ({uneven[0]}" in refusal.reason
    model = onnx.load_from_string(student)
    for tensor in model.graph.initializer:
        if "zero_point" in tensor.name:
            tensor.CopyFrom(numpy_helper.from_array(np.zeros_like(numpy_helper.to_array(tensor)), tensor.name))
    assert offsets(model.SerializeToString()) == ()


def test_a_stream_that_loses_its_states_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = Bundle.load(default_bundle_path())
    assert streaming_difference(bundle) < 1e-3

    class Forgetful(OnnxRuntimeSession):
        """Starts anew at every tick."""

        def step(self, x: U8) -> F32:
            self.reset()
            return super().step(x)

    monkeypatch.setattr("quantize.judging.verify.open_with", lambda engine, bundle, threads, say: Forgetful(bundle))
    assert streaming_difference(bundle) > STREAM_TOLERANCE


def test_execution_counts() -> None:
    found = Execution("e", (Kernel("a", True, ""), Kernel("b", False, "")), ())
    assert found.integer == 1 and [kernel.name for kernel in found.floats] == ["b"]
