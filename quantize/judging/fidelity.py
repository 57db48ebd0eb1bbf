"""How faithfully an integer student answers held-out clips: the judge of every choice that is made on the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from calibration.clip_sets.labels import NO_LABEL
from calibration.tensors import ClipTensors
from edge.bundles.bundle import Bundle
from edge.engines.base import StudentSession
from edge.engines.catalogue import open_with
from edge.engines.onnxruntime import OnnxRuntimeSession
from edge.recognition.smoothing import softmax
from quantize.observing.parts import ClipShare
from quantize.result import Fidelity

F64 = npt.NDArray[np.float64]


class HeldOutClips:
    """Clips under every expert, and what the float student answers."""

    def __init__(self, source: Bundle, share: ClipShare) -> None:
        self.share = share
        self._experts = range(len(source.manifest.gate.gammas))
        self._answers = [_answers(OnnxRuntimeSession(source), clip, self._experts) for clip in share.tensors]

    def judge(self, bundle: Bundle, engine: str = "onnxruntime", one_expert: bool = False) -> Fidelity:
        """Run a student beside the float one. one_expert: every clip under one of the experts only, in turn."""
        student = open_with(engine, bundle, 1, _quiet)
        rows = []
        for place, (_, truth), clip, wanted in zip(
            self.share.places, self.share.labelled, self.share.tensors, self._answers, strict=True
        ):
            experts = [self._experts[place % len(self._experts)]] if one_expert else self._experts
            found = _answers(student, clip, experts)
            pairs = zip(experts, found, strict=True)
            rows.append([_row(wanted[expert], answer, truth, expert) for expert, answer in pairs])
        return _fidelity([row for rows in self.share.gather(rows) for row in rows])


def _answers(student: StudentSession, clip: ClipTensors, experts: Sequence[int]) -> list[F64]:
    """Logits [T, rows, classes] of every tick as each of these experts sees the clip."""
    answers = []
    for expert in experts:
        student.reset()
        answers.append(np.stack([student.step(x[np.newaxis]) for x in clip.x[expert]]).astype(np.float64))
    return answers


def _row(wanted: F64, found: F64, truth: int, expert: int) -> dict[str, Any]:
    """What one stream tells, as JSON carries it."""
    p, q = (np.stack([softmax(tick) for tick in logits[:, expert].astype(np.float32)]) for logits in (wanted, found))
    before, after = int(np.argmax(p.mean(0))), int(np.argmax(q.mean(0)))
    divergence = (p * (np.log(np.maximum(p, 1e-30)) - np.log(np.maximum(q, 1e-30)))).sum()
    return {
        "signal": float((wanted**2).sum()),
        "noise": float(((wanted - found) ** 2).sum()),
        "divergence": float(divergence),
        "ticks": len(p),
        "truth": before if truth == NO_LABEL else truth,  # without a label what float decides is right
        "before": before,
        "after": after,
    }


def _fidelity(rows: Sequence[dict[str, Any]]) -> Fidelity:
    signal, noise, divergence, ticks = (
        sum(row[name] for row in rows) for name in ("signal", "noise", "divergence", "ticks")
    )
    truths = np.array([row["truth"] for row in rows])
    before, after = (np.array([row[name] for row in rows]) == truths for name in ("before", "after"))
    macro = np.mean([before[truths == t].mean() - after[truths == t].mean() for t in np.unique(truths)])
    return Fidelity(
        logits_db=decibels(signal, noise),
        divergence=divergence / ticks,
        agreement=sum(row["before"] == row["after"] for row in rows) / len(rows),
        drop=100 * float(max(before.mean() - after.mean(), macro)),
    )


def decibels(signal: float, noise: float) -> float:
    """Ratio of energies; 200 dB stands for no noise at all."""
    return 10 * float(np.log10(max(signal, 1e-30) / max(noise, signal * 1e-20, 1e-30)))


def _quiet(_: str) -> None:
    """Engines say what they do to people at a board, not here."""
