"""From the picture of a tick to logits: measure, gate, input, student, with everything that they remember."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.bundles.bundle import Bundle
from edge.bundles.manifest import GateSpec
from edge.engines.base import StudentSession
from edge.engines.catalogue import Say
from edge.engines.choice import open_student
from edge.engines.onnxruntime import OnnxRuntimeSession
from edge.errors import UsageError
from edge.picture.frame import Frame, Image
from edge.picture.front_end import FrameStatistics
from edge.recognition.gate import Gate
from edge.recognition.inputs import network_input
from edge.recognition.smoothing import softmax
from edge.recognition.streams import TrackStreams
from edge.recognition.tracks.locate import Located
from edge.timing import StageTimer

F32 = npt.NDArray[np.float32]

# A camera that moves faster than this, in pixels of the small frame per tick, averaged over so many ticks, is moving.
MOVING_PX, MOVING_TICKS = 0.15, 4
EXTREMELY_DARK = 4.0  # levels on average


@dataclass(frozen=True)
class TrackLogits:
    """What one tick gives of one track. logits: float32 [classes], the row that answers."""

    track: Located
    logits: F32


@dataclass(frozen=True)
class TickResult:
    """What one tick gives.

    expert: the index of the one that saw. gamma: its own. all_logits: float32 [heads, classes], a row for every expert.
    logits: float32 [classes], the row that answers. tracks: of forms that know who is where, everybody's own logits,
    the most prominent first; that one's are then `logits`, zeros where nobody is. None: the form sees the whole
    picture.
    """

    statistics: FrameStatistics
    gamma: float
    expert: int
    logits: F32
    all_logits: F32
    tracks: tuple[TrackLogits, ...] | None = None


class Recogniser:
    """Measure, gate, input, student, in this order, with everything that they remember.

    threads: of the engine. gamma: None lets the gate choose, a value fixes it; it must be one of the bundle's gammas
    (UsageError). timer: gets the duration of every stage. engine: one of `edge.engines.catalogue`, or `auto`, in the
    fastest of the bundle's forms; None is onnxruntime with `student.onnx`, the same on every machine. say: gets lines
    on the engine. average: every expert sees and answers, at so many times the cost; the answer is the mean of their
    probabilities. head: the row of the logits that answers whoever saw (the papers' ablation); None: the expert's own.
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
        average: bool = False,
        head: int | None = None,
    ) -> None:
        manifest = bundle.manifest
        self._gate = Gate(bundle.gate_weights(), manifest.gate.gammas, manifest.gate.hold)
        self._fixed_expert = None if gamma is None else _expert_with(gamma, manifest.gate)
        self._head = head
        self._input = network_input(manifest.front_end, manifest.input, manifest.gate)
        if average and self._input.follows:
            raise UsageError(
                f"--average: bundle {manifest.name} follows people (input form {manifest.input.form}), and asks one "
                "expert a tick; leave it out"
            )
        self._camera_px = 0.0
        experts = manifest.gate.experts
        self._sharpest = min(range(len(experts)), key=lambda i: experts[i].accumulation, default=0)
        # Where every expert answers, each has a student: its stream has a state of its own.
        self._students = [
            OnnxRuntimeSession(bundle, threads) if engine is None else open_student(bundle, engine, threads, say)
            for _ in range(len(self._gate.gammas) if average else 1)
        ]
        self._streams = TrackStreams(self._students[0])
        self._timer = timer or StageTimer()

    def reset(self) -> None:
        """Forget the stream: gate, earlier frames, state of the student."""
        self._gate.reset()
        self._input.reset()
        self._camera_px = 0.0
        self._streams.reset()
        for student in self._students:
            student.reset()

    @property
    def engine(self) -> str:
        """Name and version of what runs the student."""
        return self._students[0].engine

    @property
    def small(self) -> Image:
        """The last frame, shrunk and uncorrected: uint8 [height,width,3] BGR, valid until the next tick but one."""
        return self._input.small

    @property
    def fault(self) -> str | None:
        """Why the last answer must not lead to a label, as the input stage saw it; None for nothing."""
        return self._input.fault

    def tick(self, frame: Frame) -> TickResult | None:
        """Take the next frame of the cadence: `measure`, then `answer`."""
        return self.answer(self.measure(frame))

    def measure(self, frame: Frame) -> FrameStatistics:
        """Take the next frame of the cadence: shrunk and measured. Raises PictureError for a damaged one."""
        with self._timer.stage("measure"):
            return self._input.take(frame)

    def answer(self, statistics: FrameStatistics) -> TickResult | None:
        """What the student says of the frame just measured; None for the first one where the input needs another."""
        with self._timer.stage("gate"):
            expert = self._chosen(statistics) if self._fixed_expert is None else self._fixed_expert
        if self._input.follows:
            return self._answer_tracks(statistics, expert)
        together = len(self._students) > 1
        all_logits = self._every_answer() if together else self._answer_of(expert, self._students[0])
        if all_logits is None:
            return None
        logits = _mean(all_logits) if together else all_logits[expert if self._head is None else self._head]
        return TickResult(statistics, self._gate.gammas[expert], expert, logits, all_logits)

    def _chosen(self, statistics: FrameStatistics) -> int:
        """The gate's expert, or the sharpest one while the camera moves: averaging frames would smear the picture.

        In extreme darkness the gate keeps its choice: there averaging wins even so (docs/results.md).
        """
        expert = self._gate.step(statistics)
        self._camera_px += (self._input.camera_px - self._camera_px) / MOVING_TICKS
        moves = self._camera_px > MOVING_PX and statistics.mean > EXTREMELY_DARK
        return self._sharpest if moves else expert

    def _answer_of(self, expert: int, student: StudentSession) -> F32 | None:
        """What this student says of what this expert sees: float32 [heads, classes]."""
        with self._timer.stage("input"):
            x = self._input.see(expert)
        if x is None:
            return None
        with self._timer.stage("student"):
            return student.step(x)

    def _answer_tracks(self, statistics: FrameStatistics, expert: int) -> TickResult | None:
        """What the student says of everybody, a step each; with nobody there is none, and nothing to pay for."""
        with self._timer.stage("input"):
            windows = self._input.windows(expert)
        if windows is None:
            return None
        self._streams.keep(window.track.identity for window in windows)
        row = expert if self._head is None else self._head
        with self._timer.stage("student"):
            answers = [(window.track, self._streams.step(window.track.identity, window.x)) for window in windows]
        tracks = tuple(TrackLogits(track, answer[row]) for track, answer in answers)
        student = self._students[0]
        first = answers[0][1] if answers else np.zeros((student.heads, student.classes), np.float32)
        return TickResult(statistics, self._gate.gammas[expert], expert, first[row], first, tracks)

    def _every_answer(self) -> F32 | None:
        """Every expert's own row of what its student says: float32 [experts, classes]."""
        answers = [self._answer_of(expert, student) for expert, student in enumerate(self._students)]
        rows = [answer[expert] for expert, answer in enumerate(answers) if answer is not None]
        return np.stack(rows) if rows else None


def _mean(all_logits: F32) -> F32:
    """Logits of the mean of the experts' probabilities: float32 [experts, classes] -> [classes]."""
    probabilities = np.mean([softmax(logits) for logits in all_logits], axis=0)
    return np.asarray(np.log(np.maximum(probabilities, 1e-9)), np.float32)


def _expert_with(gamma: float, gate: GateSpec) -> int:
    for expert, candidate in enumerate(gate.gammas):
        if math.isclose(gamma, candidate):
            return expert
    known = (f"{g:g} ({name})" if name else f"{g:g}" for g, name in zip(gate.gammas, gate.expert_names, strict=True))
    raise UsageError(
        f"gamma {gamma:g}: no expert of this bundle has it; choose one of {', '.join(known)}, "
        "or leave it out and the gate chooses"
    )
