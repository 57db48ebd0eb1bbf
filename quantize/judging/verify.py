"""Verified, never assumed: what each integer build is worth on this machine, and what stands against writing it."""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import numpy_helper

from calibration.learnt import LEARNT_FILE
from edge.bundles.bundle import GATE_FILE, STUDENT_FILE, Bundle, write_bundle
from edge.engines.catalogue import open_with
from edge.engines.onnxruntime import session_options
from edge.engines.stopwatch import median_steps_ms
from edge.files import scratch_folder
from quantize.judging.execution import Execution, executed
from quantize.judging.unroll import unrolled_clip
from quantize.result import IntegerCandidate, QuantizeResult, TargetResult

CLIP_TICKS = 8
NEARLY = 0.9  # times as fast as float: an idle machine may show a gain
NAMED = 4  # layers in a reason; the report has all
STREAM_TOLERANCE = 0.01  # of the logits' spread: the last bit of a level may fall differently in a fused graph
MACHINES = {"x86": ("x86_64", "AMD64"), "arm": ("aarch64", "arm64"), "jetson": ("aarch64",)}  # openvino: all
MEMORY_PROBE = """
import re, sys, numpy as np
from pathlib import Path
from edge.bundles.bundle import Bundle
from edge.engines.catalogue import open_with
bundle = Bundle.load(Path(sys.argv[1])).builds()[int(sys.argv[2])]
size = bundle.manifest.input
student = open_with(sys.argv[3], bundle, 1, print)
for _ in range(50):
    student.step(np.zeros((1, size.height, size.width, 3), np.uint8))
print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text()).group(1))
"""


@dataclass(frozen=True)
class Proof:
    """One candidate on this machine, one thread. float_ms, integer_ms: median steps of the float student and of this
    one in the same engine, in turn. size_bytes: of its model. peak_mb: of a process that runs it, None where it was not
    kept. streaming: largest difference of its logits between stream and unrolled clip, as a share of their spread;
    None for a build that is no ONNX file.
    """

    execution: Execution
    float_ms: float
    integer_ms: float
    size_bytes: int
    peak_mb: float | None
    streaming: float | None

    @property
    def speed_up(self) -> float:
        """How many times as fast as float."""
        return self.float_ms / self.integer_ms


@dataclass(frozen=True)
class Refusal:
    """Why a target must not be written, and what to try, most useful first."""

    target: str
    reason: str
    next_steps: tuple[str, str, str]


@dataclass(frozen=True)
class Verification:
    """One target. proofs: of its candidates, in their order. here: this machine is such a target, so times count."""

    target: str
    proofs: tuple[Proof, ...]
    here: bool
    refusals: tuple[Refusal, ...]


def verify(result: QuantizeResult) -> tuple[Verification, ...]:
    """Prove every candidate of every target and judge what is kept. Takes seconds per candidate.

    A target is refused for a loss over `max_drop`, an integer build that is not faster than float where this machine
    can tell, most layers in float, a stream that differs from its clip, or for TensorRT a zero point that is not 0.
    """
    return tuple(_target(result, target) for target in result.targets)


def float_peak_mb(result: QuantizeResult) -> float:
    """Peak memory of a process that runs the float student in onnxruntime."""
    return peak_mb(result.source, 0, "onnxruntime")


def _target(result: QuantizeResult, target: TargetResult) -> Verification:
    here = platform.machine() in MACHINES.get(target.target, (platform.machine(),))
    proofs = tuple(_proof(result, target, index) for index in range(len(target.candidates)))
    found = [
        refusal
        for index in target.kept
        for refusal in refusals(result, target, target.candidates[index], proofs[index], here)
    ]
    return Verification(target.target, proofs, here, tuple(found))


def _proof(result: QuantizeResult, target: TargetResult, index: int) -> Proof:
    candidate = target.candidates[index]
    float_ms, integer_ms = latencies_ms(result.source, candidate.bundle, candidate.engine)
    return Proof(
        execution=executed(candidate.bundle, candidate.engine),
        float_ms=float_ms,
        integer_ms=integer_ms,
        size_bytes=sum(
            len(data) for name, data in candidate.bundle.files.items() if name not in (GATE_FILE, LEARNT_FILE)
        ),
        peak_mb=peak_mb(target.bundle, target.kept.index(index), candidate.engine) if index in target.kept else None,
        streaming=streaming_difference(candidate.bundle) if STUDENT_FILE in candidate.bundle.files else None,
    )


def latencies_ms(first: Bundle, second: Bundle, engine: str = "onnxruntime") -> tuple[float, float]:
    """Median milliseconds of one step of each in this engine, one thread, in turn."""
    students = [open_with(engine, bundle, 1, print) for bundle in (first, second)]
    first_ms, second_ms = median_steps_ms(students, _pictures(first, 1))
    return first_ms, second_ms


def streaming_difference(bundle: Bundle) -> float:
    """Largest difference of the logits between stream and unrolled clip, as a share of their spread, in onnxruntime."""
    x = _pictures(bundle, CLIP_TICKS)
    student = open_with("onnxruntime", bundle, 1, print)
    streamed = np.stack([student.step(tick) for tick in x])
    unrolled = ort.InferenceSession(unrolled_clip(bundle, CLIP_TICKS), session_options(), ["CPUExecutionProvider"])
    whole = np.concatenate(unrolled.run(None, {f"x{t}": x[t] for t in range(CLIP_TICKS)}))
    return float(np.abs(streamed - whole).max() / max(float(np.std(whole)), 1e-12))


def offsets(student: bytes) -> tuple[str, ...]:
    """Tensors of an ONNX file whose zero point is not 0: TensorRT takes none."""
    model = onnx.load_from_string(student)
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    points = {
        node.input[0]: numpy_helper.to_array(constants[node.input[2]])
        for node in model.graph.node
        if node.op_type in ("QuantizeLinear", "DequantizeLinear") and len(node.input) > 2
    }
    return tuple(name for name, point in points.items() if np.any(point))


def refusals(
    result: QuantizeResult, target: TargetResult, candidate: IntegerCandidate, proof: Proof, here: bool
) -> list[Refusal]:
    """What stands against keeping this candidate, given its proof. here: this machine is such a target."""
    name = f"{target.target}: {candidate.name}"
    found: list[tuple[str, tuple[str, str, str]]] = []
    drop = result.drop(candidate)
    if drop > result.allowed_drop:
        reason = f"INT8 lost {drop:.1f} points, --max-drop allows {result.allowed_drop:g}"
        if result.float_evaluation.stand_in:
            reason = (
                f"INT8 decides {drop:.1f} % of the clips otherwise than float, --max-drop {result.max_drop:g} allows "
                f"{result.allowed_drop:g} % where the bundle knows no label"
            )
        found.append((reason, _against_loss(result, candidate)))
    if here and proof.integer_ms >= proof.float_ms:
        reason = f"not faster than float: {proof.integer_ms:.3f} ms a step against {proof.float_ms:.3f} ms"
        found.append((reason, _against_slowness(proof)))
    kernels = proof.execution.kernels
    # Only TensorRT runs a Jetson's build in integers; edge-run --prepare shows it there.
    told = target.target != "jetson" or proof.execution.engine.startswith("tensorrt")
    if told and 2 * proof.execution.integer < len(kernels):
        floats = [kernel.name for kernel in proof.execution.floats]
        reason = f"runs in float: {len(floats)} of {len(kernels)} layers with weights ({_some(floats)})"
        found.append((reason, _against_float(proof)))
    if proof.streaming is not None and proof.streaming > STREAM_TOLERANCE:
        reason = f"the stream differs from the unrolled clip by {proof.streaming:.1%} of the logits' spread"
        found.append((reason, AGAINST_DRIFT))
    uneven = offsets(candidate.bundle.student_bytes()) if target.target == "jetson" else ()
    if uneven:
        reason = f"TensorRT takes no zero point but 0; {len(uneven)} have another ({_some(uneven)})"
        found.append((reason, AGAINST_OFFSETS))
    return [Refusal(target.target, f"{name}: {reason}", steps) for reason, steps in found]


def _some(names: Sequence[str]) -> str:
    """The first of them, and whether there are more."""
    return ", ".join((*names[:NAMED], *(["..."] if len(names) > NAMED else [])))


AGAINST_DRIFT = (
    "make scale and zero point of every state the same where it enters and where it leaves",
    "keep the operators between a state and its quantiser free of rounding: Transpose, Concat, Split and Slice are",
    "compare tick by tick: quantize.judging.unroll.unrolled_clip makes one graph of a clip",
)
AGAINST_OFFSETS = (
    "quantise with --target jetson from the float bundle, not from one that was quantised for another target",
    "train with symmetric fake quantisation where the student comes quantised from training",
    "run it on the Jetson's CPU: edge-run --engine onnxruntime",
)


def _against_loss(result: QuantizeResult, candidate: IntegerCandidate) -> tuple[str, str, str]:
    worst = sorted((layer for layer in candidate.layers if layer.quantised), key=lambda layer: layer.sqnr_db)[:2]
    names = ", ".join(f"{layer.name} ({layer.sqnr_db:.0f} dB)" for layer in worst)
    float_layers = (
        f"--mixed auto keeps the layers that cost most in float{f'; the noisiest are {names}' if names else ''}"
    )
    clips = (
        f"calibrate on more clips, or on clips like those of the device (--calib, --limit): {result.calibration_clips} "
        f"calibrated, {result.coverage.ticks} ticks"
    )
    estimator = "--estimator auto tries every range estimator on a held-out part"
    training = "train with fake quantisation (docs/training.md): quantize takes such a student as it is"
    tried = {trial.estimator for trial in candidate.trials}
    first = [clips] if result.coverage.warnings else []
    rest = [*([] if candidate.float_layers else [float_layers]), *([] if len(tried) > 1 else [estimator])]
    ordered = [
        *first,
        *rest,
        *([] if first else [clips]),
        training,
        "take it as it is: --force, and the manifest says so",
    ]
    return ordered[0], ordered[1], ordered[2]


def _against_slowness(proof: Proof) -> tuple[str, str, str]:
    islands = "; ".join(proof.execution.islands[:2])
    remove = [f"remove what runs in float between integer layers: {islands}"] if islands else []
    idle = "measure on an idle machine: the load of others hides a small gain"
    channels = "give layers channels in multiples of 16, and plain convolutions where depthwise or 3-D ones are small"
    give_up = "run the float bundle on this target: it is the faster one"
    engines = "compare the engines of this machine: --target x86,openvino"
    near = proof.speed_up > NEARLY
    first, second, third, *_ = [*remove, *((idle, channels, give_up) if near else (give_up, channels, engines))]
    return first, second, third


def _against_float(proof: Proof) -> tuple[str, str, str]:
    return (
        f"update the engine ({proof.execution.engine}), or take another target for this machine",
        "replace operators that the engine has no integer kernel for by convolutions, ReLU, pooling, Concat",
        "keep fewer layers in float (--mixed)",
    )


def _pictures(bundle: Bundle, ticks: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    size = bundle.manifest.input
    return np.random.default_rng(0).integers(96, 160, (ticks, 1, size.height, size.width, 3), np.uint8)


def peak_mb(bundle: Bundle, build: int, engine: str) -> float:
    """Peak memory of a process of its own that loads the bundle as a device does and runs one of its builds."""
    with scratch_folder("quantize") as scratch:
        path = Path(scratch) / "bundle"
        write_bundle(path, bundle.manifest, bundle.files)
        command: Sequence[str] = [sys.executable, "-c", MEMORY_PROBE, str(path), str(build), engine]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1]) / 1024
