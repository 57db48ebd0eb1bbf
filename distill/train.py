"""The student's training: random gamma per clip (the ELLAR paper's first step), sources first alone, then together."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

from distill.recipe import Recipe, ScheduleConfig
from distill.sources import Batch, Batches, Source
from distill.student import Student, StudentConfig
from edge.errors import DataError

REPORT_EVERY = 50
Report = Callable[[dict[str, float | str]], None]


def new_student(recipe: Recipe) -> Student:
    """A student with random weights, of the recipe's shape; the recipe's seed decides them."""
    torch.manual_seed(recipe.seed)
    shape = recipe.student
    return Student(
        StudentConfig(
            classes=len(recipe.labels),
            heads=len(recipe.geometry.gammas),
            stages=shape.stages,
            embedding=shape.embedding,
            history=shape.history,
            dropout=shape.dropout,
        )
    )


def pretrain(recipe: Recipe, sources: Sequence[Source], report: Report) -> Student:
    """A student that has seen the sources marked `pretrain`, and nothing else."""
    student = new_student(recipe)
    chosen = [source for source in sources if source.pretrain]
    if chosen and recipe.schedule.pretrain_steps:
        batches = Batches(chosen, recipe, np.random.default_rng([recipe.seed, 1]))
        _run(
            student, batches, recipe.schedule, recipe.schedule.pretrain_steps, recipe.schedule.rate, "pretrain", report
        )
    return student


def fine_tune(pretrained: Student, recipe: Recipe, sources: Sequence[Source], report: Report) -> Student:
    """A copy of a pre-trained student, trained on all sources together."""
    student = copy.deepcopy(pretrained)
    torch.manual_seed(recipe.seed)
    batches = Batches(sources, recipe, np.random.default_rng([recipe.seed, 2]))
    rate = recipe.schedule.rate * (0.5 if recipe.schedule.pretrain_steps else 1.0)
    _run(student, batches, recipe.schedule, recipe.schedule.steps, rate, "train", report)
    return student.eval()


def save_weights(student: Student, path: Path) -> None:
    """Weights as safetensors; written aside and renamed, so that a kill leaves the old file or the new."""
    aside = path.with_suffix(".tmp")
    save_file(student.state_dict(), aside)
    aside.replace(path)


def load_weights(recipe: Recipe, path: Path) -> Student:
    """A student of the recipe's shape with stored weights. Raises DataError where the file does not fit."""
    student = new_student(recipe)
    try:
        student.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise DataError(
            f"{path}: expected weights of the recipe's student, written by `distill pretrain` with this recipe; {error}"
        ) from error
    return student


def loss_of(logits: Tensor, batch: Batch, schedule: ScheduleConfig) -> Tensor:
    """Cross entropy of the clip's mean logits, plus a share of that of every tick; logits [B,T,heads,classes]."""
    scored = logits[torch.arange(len(batch.labels)), schedule.warm_up :, batch.heads].float()
    smoothing = schedule.label_smoothing
    clip = functional.cross_entropy(scored.mean(1), batch.labels, label_smoothing=smoothing)
    each = batch.labels.repeat_interleave(scored.shape[1])
    tick = functional.cross_entropy(scored.flatten(0, 1), each, label_smoothing=2 * smoothing)
    return clip + schedule.tick_weight * tick


def _run(
    student: Student, batches: Batches, schedule: ScheduleConfig, steps: int, rate: float, phase: str, report: Report
) -> None:
    optimizer = torch.optim.AdamW(student.parameters(), rate, weight_decay=schedule.weight_decay)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, steps, pct_start=0.15)
    student.train()
    started, losses = time.monotonic(), list[float]()
    for step in range(1, steps + 1):
        batch = next(batches)
        with torch.autocast("cpu", torch.bfloat16):
            logits = student(batch.x)
        loss = loss_of(logits, batch, schedule)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        cycle.step()
        losses.append(loss.item())
        if step % REPORT_EVERY == 0 or step == steps:
            elapsed_s = time.monotonic() - started
            report({"phase": phase, "step": step, "loss": float(np.mean(losses)), "elapsed_s": round(elapsed_s, 1)})
            losses.clear()


def metrics_writer(path: Path, show: Callable[[str], None]) -> Report:
    """Reports as JSON lines in a file, and for people."""

    def report(values: dict[str, float | str]) -> None:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(values) + "\n")
        show(
            "  ".join(
                f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in values.items()
            )
        )

    return report
