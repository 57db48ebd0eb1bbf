"""From a camera's picture to logits: the one chain of steps that the pipeline and the evaluation both run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.bundle import Bundle
from edge.engines.catalogue import Say
from edge.engines.choice import open_student
from edge.engines.onnxruntime import Student
from edge.errors import UsageError
from edge.frame import Frame, Image
from edge.frontend import FrameStatistics
from edge.gate import Gate
from edge.inputs import network_input
from edge.timing import StageTimer

F32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class TickResult:
    """What one tick gives.

    gamma: of the expert that looked. head: its index.
    logits: float32 [classes] of that head. all_logits: float32 [heads, classes].
    """

    statistics: FrameStatistics
    gamma: float
    head: int
    logits: F32
    all_logits: F32


class Recogniser:
    """Measure, gate, input, student, in this order, with everything that they remember.

    threads: of the engine. gamma: None lets the gate choose, a value fixes it; it must be one of the bundle's gammas
    (UsageError). timer: gets the duration of every stage. engine: one of `edge.engines.catalogue`, or `auto`, in the
    fastest of the bundle's forms; None is onnxruntime with `student.onnx`, the same on every machine. say: gets lines
    on the engine.
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        threads: int = 1,
        gamma: float | None = None,
        timer: StageTimer | None = None,
        engine: str | None = None,
        say: Say = print,
    ) -> None:
        manifest = bundle.manifest
        self._gate = Gate(bundle.gate_weights(), manifest.gate.gammas, manifest.gate.hold)
        self._fixed_head = None if gamma is None else _head_of(gamma, self._gate.gammas)
        self._input = network_input(manifest.front_end, manifest.input, manifest.gate)
        self._student = Student(bundle, threads) if engine is None else open_student(bundle, engine, threads, say)
        self._timer = timer or StageTimer()

    def reset(self) -> None:
        """Forget the stream: gate, earlier frames, state of the student."""
        self._gate.reset()
        self._input.reset()
        self._student.reset()

    @property
    def engine(self) -> str:
        """Name and version of what runs the student."""
        return self._student.engine

    @property
    def small(self) -> Image:
        """The last frame, shrunk and uncorrected: uint8 [height,width,3] BGR, valid until the next tick but one."""
        return self._input.small

    def tick(self, frame: Frame) -> TickResult | None:
        """Take the next frame of the cadence; None for the first one where the input needs a previous frame."""
        stage = self._timer.stage
        with stage("measure"):
            statistics = self._input.take(frame)
        with stage("gate"):
            head = self._gate.step(statistics) if self._fixed_head is None else self._fixed_head
        with stage("input"):
            x = self._input.see(head)
        if x is None:
            return None
        with stage("student"):
            all_logits = self._student.step(x)
        return TickResult(statistics, self._gate.gammas[head], head, all_logits[head], all_logits)


def _head_of(gamma: float, gammas: Sequence[float]) -> int:
    for head, candidate in enumerate(gammas):
        if math.isclose(gamma, candidate):
            return head
    raise UsageError(
        f"gamma {gamma:g} has no head in this bundle; choose one of {', '.join(f'{g:g}' for g in gammas)}, "
        "or leave it out and the gate chooses"
    )
