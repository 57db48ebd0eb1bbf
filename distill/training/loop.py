"""The training loop that every recipe goes through, and the run: its folder, how far it is, how it continues."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from calibration.jobs.progress import Progress, ProgressLine, show_progress
from distill.training import checkpoint
from distill.training.checkpoint import Checkpoint, Trainee
from distill.training.metrics import Metrics, Values, draw_curves
from distill.training.parallel import TrainingTeam
from edge.errors import EdgeError

CHECKPOINT, METRICS, CURVES = "checkpoint.safetensors", "metrics.jsonl", "curves.svg"
REPORT_EVERY = 50
Losses = dict[str, Tensor]


class TrainingError(EdgeError, ArithmeticError):
    """The training has left the realm of numbers."""


@dataclass
class TrainingRun:
    """A training in its folder: DIR/checkpoint.safetensors, DIR/metrics.jsonl, DIR/curves.svg.

    stages: their names, in order. resume: continue from the checkpoint, if there is one. where: before the names of
    the stages in what people are told, such as `fold 2 of 5, `.
    """

    folder: Path
    stages: Sequence[str]
    team: TrainingTeam = field(default_factory=TrainingTeam)
    resume: bool = False
    show: Callable[[str], None] = print
    where: str = ""
    saved: Checkpoint | None = field(init=False, default=None)
    _line: ProgressLine | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / CHECKPOINT
        self._metrics = Metrics(self.folder / METRICS if self.team.first else None, self._tell)
        if self.resume and path.exists():
            self.saved = checkpoint.read(path)
            self._tell(f"continuing {self.folder} after step {self.saved.step} of {self.saved.stage}")
        elif self.team.first:
            path.unlink(missing_ok=True)
        self._metrics.keep(self._is_done)
        self.team.wait()

    def report(self, values: Values) -> None:
        """Into the metrics' file and to people; the first process alone."""
        self._metrics.write(values)

    def progress(self, stage: str) -> Progress:
        """How far a stage is, for people; of the first process alone."""
        several = len(self.stages) > 1 and stage in self.stages
        number = f" ({self.stages.index(stage) + 1} of {len(self.stages)})" if several else ""
        self._line = show_progress(f"{self.where}{stage}{number}", "steps")
        return self._line if self.team.first else lambda done, total: None

    def is_over(self, stage: str) -> bool:
        """True where the checkpoint belongs to a later stage: nothing of this one is needed any more."""
        return self.saved is not None and self.stages.index(stage) < self.stages.index(self.saved.stage)

    def enter(self, stage: str, trainee: Trainee) -> tuple[int, float]:
        """(steps that are done, seconds they took); the trainee gets what the checkpoint holds of this stage."""
        self.team.agree(trainee.model)
        if self.saved is None or self.saved.stage != stage:
            return 0, 0.0
        checkpoint.restore(self.saved, trainee, self.team)
        return self.saved.step, self.saved.elapsed_s

    def keep(self, stage: str, step: int, elapsed_s: float, trainee: Trainee) -> None:
        """Write the checkpoint and the curves."""
        checkpoint.save(self.folder / CHECKPOINT, stage, step, elapsed_s, trainee, self.team)
        if self.team.first:
            draw_curves(self.folder / METRICS, self.folder / CURVES)

    def _is_done(self, values: Values) -> bool:
        phase = values.get("phase")
        if phase not in self.stages:
            return True
        if self.saved is None:
            return False
        now = self.stages.index(self.saved.stage)
        here = self.stages.index(str(phase))
        return here < now or (here == now and float(values["step"]) <= self.saved.step)

    def _tell(self, line: str) -> None:
        if self.team.first:
            if self._line is not None:
                self._line.clear()
            self.show(line)


def fit(
    run: TrainingRun,
    stage: str,
    trainee: Trainee,
    steps: int,
    losses_of: Callable[[int], Iterable[Losses]],
    every: int = REPORT_EVERY,
    after_step: Callable[[], None] | None = None,
    clip_norm: float | None = None,
    judge: Callable[[], Mapping[str, float]] | None = None,
) -> None:
    """Train one stage, from its start or from where the run's checkpoint stands.

    losses_of: for a step (0 is the first) this process's part of a batch, in pieces; a piece is its losses by name,
    already weighted, and the pieces' sums add up to the loss. every: steps between reports, each with a checkpoint.
    after_step: called after each update. clip_norm: of the gradient. judge: what else a report says, such as accuracy
    on clips that are held out; it must change nothing of the model. Raises TrainingError where the loss is no number.
    """
    model, team = trainee.model, run.team
    done, before_s = run.enter(stage, trainee)
    model.train()
    progress = run.progress(stage)
    started = time.monotonic()
    seen: list[dict[str, float]] = []
    for step in range(done, steps):
        trainee.optimizer.zero_grad()
        values: dict[str, float] = {}
        for losses in losses_of(step):
            loss = total(losses)
            loss.backward()
            for name, value in [("loss", loss), *(losses.items() if len(losses) > 1 else ())]:
                values[name] = values.get(name, 0.0) + value.item()
        if not math.isfinite(values["loss"]):
            raise TrainingError(f"{stage}: step {step + 1}: the loss is {values['loss']}; lower the rate in the recipe")
        team.average_gradients(model.parameters())
        if clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
        trainee.optimizer.step()
        trainee.scheduler.step()
        if after_step is not None:
            after_step()
        seen.append(values)
        progress(step + 1, steps)
        if (step + 1) % every == 0 or step + 1 == steps:
            elapsed_s = before_s + time.monotonic() - started
            means = {name: float(np.mean([one[name] for one in seen if name in one])) for name in seen[-1]}
            said = {} if judge is None else judge()
            run.report({"phase": stage, "step": step + 1, **means, **said, "elapsed_s": round(elapsed_s, 1)})
            run.keep(stage, step + 1, elapsed_s, trainee)
            seen.clear()


def total(losses: Losses) -> Tensor:
    """The sum of the named losses."""
    first, *rest = losses.values()
    for loss in rest:
        first = first + loss
    return first
