"""The student's training: random expert per clip (the ELLAR paper's first step), sources first alone, then together."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from distill.students.learner import Learner
from distill.students.network.student import StudentConfig, StudentNetwork
from distill.students.recipe import Recipe
from distill.students.sources import Batches, Source
from distill.training.checkpoint import Trainee
from distill.training.loop import Losses, TrainingRun, fit
from edge.errors import DataError
from edge.files import file_in_one_step

STUDENT = "student.safetensors"  # in the folder of a training, written by `save_weights`


def new_student(recipe: Recipe) -> StudentNetwork:
    """A student with random weights, of the recipe's shape; the recipe's seed decides them."""
    torch.manual_seed(recipe.seed)
    shape = recipe.student
    return StudentNetwork(
        StudentConfig(
            classes=len(recipe.labels),
            experts=len(recipe.geometry.gammas),
            shared_head=shape.shared_head,
            stages=shape.channels,
            embedding=shape.embedding,
            history=shape.history,
            dropout=shape.dropout,
        )
    )


def pretrain(recipe: Recipe, sources: Sequence[Source], run: TrainingRun) -> StudentNetwork:
    """A student that has seen the sources marked `pretrain`, and nothing else."""
    student = new_student(recipe)
    chosen = [source for source in sources if source.pretrain]
    if chosen and recipe.schedule.pretrain_steps:
        rng = np.random.default_rng([recipe.seed, 1])
        _train(student, Batches(chosen, recipe, rng), recipe, run, "pretrain")
    return student


def fine_tune(
    pretrained: StudentNetwork, recipe: Recipe, sources: Sequence[Source], run: TrainingRun
) -> StudentNetwork:
    """A copy of a pre-trained student, trained on all sources together."""
    student = copy.deepcopy(pretrained)
    torch.manual_seed(recipe.seed)
    _train(student, Batches(sources, recipe, np.random.default_rng([recipe.seed, 2])), recipe, run, "train")
    return student.eval()


def save_weights(student: StudentNetwork, path: Path) -> None:
    """Weights as safetensors; in one step, so that a kill leaves the old file or the new."""
    with file_in_one_step(path) as aside:
        save_file(student.state_dict(), aside)


def load_weights(recipe: Recipe, path: Path) -> StudentNetwork:
    """A student of the recipe's shape with stored weights; heads for other classes or experts start anew.

    Raises DataError where the file does not fit.
    """
    student = new_student(recipe)
    try:
        stored = load_file(path)
        fresh = student.state_dict()
        heads = {name: fresh[name] for name in ("heads.weight", "heads.bias")}
        if any(name in stored and stored[name].shape != value.shape for name, value in heads.items()):
            stored |= heads
        student.load_state_dict(stored)
    except (OSError, SafetensorError, RuntimeError) as error:
        raise DataError(
            f"{path}: expected weights of the recipe's student, written by `distill pretrain` with this recipe; {error}"
        ) from error
    return student


def _train(student: StudentNetwork, batches: Batches, recipe: Recipe, run: TrainingRun, stage: str) -> None:
    schedule, device = recipe.schedule, run.team.device
    steps = schedule.pretrain_steps if stage == "pretrain" else schedule.steps
    # What is pre-trained already moves in smaller steps.
    rate = schedule.rate * (0.5 if stage == "train" and schedule.pretrain_steps else 1.0)
    if run.is_over(stage) or not steps:
        return
    share = run.team.share(schedule.batch)
    learner = Learner(student, recipe, batches.lesson_width).to(device)
    trained = [parameter for parameter in learner.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, rate, weight_decay=schedule.weight_decay)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, steps, pct_start=0.15)

    def losses_of(_: int) -> Iterator[Losses]:
        yield learner.losses(next(batches).part(share, device))

    trainee = Trainee(learner, optimizer, cycle, batches.rng)
    fit(run, stage, trainee, steps, losses_of, after_step=learner.follow)
    student.cpu()
