"""The student's training: random expert per clip (the ELLAR paper's first step), sources first alone, then together."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
import torch

from distill.students.network.batch_norms import settle
from distill.students.network.student import StudentConfig, StudentNetwork
from distill.students.recipe import Recipe
from distill.students.sources import Batches, Source
from distill.students.stages.learner import Learner
from distill.training.checkpoint import Trainee
from distill.training.loop import Losses, TrainingRun, fit

SETTLING_BATCHES = 8
HELD_OUT_CLIPS = 64  # at most, spread over the list: a report must not take longer than the steps before it


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
    pretrained: StudentNetwork,
    recipe: Recipe,
    sources: Sequence[Source],
    run: TrainingRun,
    held_out: Source | None = None,
) -> StudentNetwork:
    """A copy of a pre-trained student, trained on all sources together; reports say how it does on what is held out."""
    student = copy.deepcopy(pretrained)
    torch.manual_seed(recipe.seed)
    _train(student, Batches(sources, recipe, np.random.default_rng([recipe.seed, 2])), recipe, run, "train", held_out)
    return student.eval()


def settled(student: StudentNetwork, recipe: Recipe, sources: Sequence[Source]) -> StudentNetwork:
    """The student of a bundle, its batch norms filled with what the first batches of these sources show them."""
    batches = Batches(sources, recipe, np.random.default_rng([recipe.seed, 5]))
    settle(student, (batch.x for batch in islice(batches, SETTLING_BATCHES)))
    return student


def accuracy(student: StudentNetwork, source: Source, warm_up: int, device: torch.device) -> float:
    """Top-1 of what goes on in a source's clips, the experts' answers averaged, each in its own row.

    Changes nothing of the student.
    """
    training, right = student.training, []
    student.eval()
    chosen = np.unique(np.linspace(0, len(source.labels) - 1, HELD_OUT_CLIPS).round().astype(int)).tolist()
    with torch.inference_mode():
        for clip in chosen:
            logits = student(torch.from_numpy(source.clips[clip].x).movedim(-1, 2).float().to(device))
            own_row = logits.diagonal(dim1=0, dim2=2)  # [ticks, classes, experts]
            for first, end, label in source.stretches[clip]:
                if (scored := max(first, warm_up)) < end:
                    right.append(int(own_row[scored:end].mean((0, 2)).argmax()) == label)
    student.train(training)
    return float(np.mean(right)) if right else 0.0


def _train(
    student: StudentNetwork,
    batches: Batches,
    recipe: Recipe,
    run: TrainingRun,
    stage: str,
    held_out: Source | None = None,
) -> None:
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

    def judge() -> dict[str, float]:
        assert held_out is not None
        return {"held_out": accuracy(student, held_out, schedule.warm_up, device)}

    judged = judge if held_out is not None and held_out.labels else None
    fit(run, stage, trainee, steps, losses_of, after_step=learner.follow, judge=judged)
    student.cpu()
