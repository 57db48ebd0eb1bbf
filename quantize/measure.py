"""What an integer student is worth on this machine: integer kernels counted, latency against the float one."""

from __future__ import annotations

import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort

from edge.bundle import Bundle
from edge.engines.onnxruntime import Student, session_options

INTEGER = "QLinearConv"


@dataclass(frozen=True)
class Kernels:
    """Convolutions of the graph that onnxruntime really runs. floats: names of those that stayed float."""

    integer: int
    floats: tuple[str, ...]


def kernels(student: bytes) -> Kernels:
    """Let onnxruntime optimise the model for this machine and count what came out."""
    with tempfile.TemporaryDirectory(prefix="quantize-") as scratch:
        path = Path(scratch) / "optimised.onnx"
        options = session_options()
        options.optimized_model_filepath = str(path)
        ort.InferenceSession(student, options, ["CPUExecutionProvider"])
        nodes = onnx.load(path).graph.node
    convolutions = [node for node in nodes if node.op_type.endswith("Conv")]  # Conv, FusedConv, QLinearConv, ...
    floats = tuple(node.name for node in convolutions if node.op_type != INTEGER)
    return Kernels(len(convolutions) - len(floats), floats)


def latencies_ms(first: Bundle, second: Bundle, repetitions: int = 300, warm_up: int = 30) -> tuple[float, float]:
    """Median milliseconds of one step of each, one thread, in turn, so that a busy machine is unkind to both."""
    students = [Student(first), Student(second)]
    size = first.manifest.input
    x = np.random.default_rng(0).integers(0, 256, (1, size.height, size.width, 3), np.uint8)
    times_ms: list[list[float]] = [[], []]
    for _ in range(warm_up + repetitions):
        for student, mine in zip(students, times_ms, strict=True):
            start_s = time.perf_counter()
            student.step(x)
            mine.append((time.perf_counter() - start_s) * 1e3)
    return statistics.median(times_ms[0][warm_up:]), statistics.median(times_ms[1][warm_up:])
