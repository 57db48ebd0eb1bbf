"""A teacher's training, `distill train`: stage after stage, each with its parts, rates and schedule.

What it leaves in its folder: DIR/teacher.safetensors, weights under the network's own key names, and the labels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from calibration.clip_sets.labels import known_clips
from distill.teachers import Teacher, TeacherOutput, build_teacher
from distill.teachers.clips import VideoClips
from distill.teachers.networks.actlumos import ActLumosStudent
from distill.teachers.networks.video_swin import SwinConfig
from distill.teachers.networks.views import ViewConfig
from distill.teachers.networks.weights import load_start
from distill.teachers.recipe import StageConfig, TeacherRecipe, teacher_recipe_of
from distill.training.checkpoint import Scheduler, Trainee, load_model, read_tensors, write_tensors
from distill.training.job import Job, read_job
from distill.training.loop import Losses, TrainingRun, fit
from distill.training.optim import Ranger
from distill.training.parallel import TrainingTeam
from edge.errors import ConfigError, DataError, UsageError
from edge.fields import build

WEIGHTS = "teacher.safetensors"
NESTED = {"backbone": SwinConfig, "views": ViewConfig}
SHOWN_KEYS = 3


@dataclass(frozen=True)
class TrainedTeacher:
    """A finished teacher in evaluation mode, its recipe, and the names of its logits."""

    teacher: Teacher
    recipe: TeacherRecipe
    labels: tuple[str, ...]


def run_teacher(job: Job, folder: Path, team: TrainingTeam, resume: bool = False) -> None:
    """Train as the job says. Raises EdgeError."""
    recipe = teacher_recipe_of(job.fields, job.recipe_name)
    sets = [source.open(job.data_root) for source in recipe.sources]
    labels = recipe.labels or sets[0].labels
    torch.manual_seed(recipe.seed)
    teacher = new_teacher(recipe, len(labels))
    check_batches(recipe, teacher, team.size)
    if job.start is not None:
        _start(teacher, job.start, team)
    distiller = _distiller(job, teacher, labels, team)
    if team.first and not resume:
        job.write(folder)
    pairs = [pair for clips in sets for pair in known_clips(clips, labels)[0]]
    run = TrainingRun(folder, [f"stage{stage.stage}" for stage in recipe.stages], team, resume)
    teacher.to(team.device)
    if team.size > 1 and team.device.type == "cuda":
        nn.SyncBatchNorm.convert_sync_batchnorm(teacher)
    for number, stage in enumerate(recipe.stages):
        seed = (recipe.seed, number)
        clips = VideoClips([clip for clip, _ in pairs], [label for _, label in pairs], recipe.clip, job.cache, seed)
        _train_stage(teacher, clips, recipe, stage, run, job.workers, distiller)
    if team.first:
        write_tensors(folder / WEIGHTS, teacher.state_dict(), {"labels": labels})
        print(f"wrote {folder / WEIGHTS}")
    team.wait()


def new_teacher(recipe: TeacherRecipe, classes: int) -> Teacher:
    """The recipe's network with random weights. Raises ConfigError."""
    options: dict[str, Any] = dict(recipe.options)
    for name, kind in NESTED.items():
        if isinstance(options.get(name), dict):
            options[name] = build(kind, options[name], f"{recipe.name}: options: {name}")
    return build_teacher(recipe.teacher, classes, **options)


def check_batches(recipe: TeacherRecipe, teacher: Teacher, processes: int) -> None:
    """Does every stage see as many clips at once as it needs? Raises ConfigError, before a clip is decoded."""
    for number, config in enumerate(recipe.stages):
        where = f"{recipe.name}: stages[{number}]"
        stage = teacher.stages.get(config.stage)
        if stage is None:
            raise ConfigError(f"{where}: stage: expected one of {sorted(teacher.stages)}, found {config.stage}")
        for name, value in (("batch", config.batch), ("micro_batch", config.micro_batch)):
            if value is not None and value < 1:
                raise ConfigError(f"{where}: {name}: expected 1 or more, found {value}")
        mine = config.batch // processes
        at_once = min(config.micro_batch or mine, mine)
        smallest = mine % at_once or at_once if at_once else 0
        if smallest < stage.least_clips:
            raise ConfigError(
                f"{where}: micro_batch: {stage.what!r} compares clips with each other and needs {stage.least_clips} or "
                f"more at once, found {smallest} (batch {config.batch} over {processes} processes, micro_batch "
                f"{config.micro_batch}); raise micro_batch, and let it divide the batch of a process"
            )


def load_teacher(folder: Path, team: TrainingTeam) -> TrainedTeacher:
    """What `distill train` left in a folder, on the team's device. Raises DataError, UsageError."""
    job = read_job(folder)
    if job.kind != "teacher":
        raise UsageError(f"{folder}: expected the training of a teacher, found one of a {job.kind}")
    if not (folder / WEIGHTS).exists():
        raise UsageError(f"{folder}: this training is not finished; `distill resume {folder}` finishes it")
    recipe = teacher_recipe_of(job.fields, job.recipe_name)
    tensors, state = read_tensors(folder / WEIGHTS)
    teacher = new_teacher(recipe, len(state["labels"]))
    load_model(teacher, tensors, str(folder / WEIGHTS))
    return TrainedTeacher(teacher.to(team.device).eval(), recipe, tuple(state["labels"]))


def in_half(team: TrainingTeam) -> torch.autocast:
    """bfloat16 where a GPU computes, float32 on a CPU."""
    return torch.autocast(team.device.type, torch.bfloat16, enabled=team.device.type == "cuda")


def _train_stage(
    teacher: Teacher,
    clips: VideoClips,
    recipe: TeacherRecipe,
    stage: StageConfig,
    run: TrainingRun,
    workers: int,
    distiller: TrainedTeacher | None,
) -> None:
    name, team = f"stage{stage.stage}", run.team
    if run.is_over(name):
        return
    torch.manual_seed(int(np.random.SeedSequence([*clips.seed, team.rank]).generate_state(1)[0]))
    steps = stage.total_steps(len(clips))
    optimizer = _optimizer(teacher.parameter_groups(stage.rate, stage.stage), stage)
    scheduler = _scheduler(optimizer, stage, steps, len(clips))
    share = team.share(stage.batch)
    batches: Iterator[tuple[Tensor, Tensor]] | None = None

    def losses_of(step: int) -> Iterator[Losses]:
        nonlocal batches
        batches = batches or clips.batches(step, steps, stage.batch, share, workers)
        x, labels = (tensor.to(team.device, non_blocking=True) for tensor in next(batches))
        size = stage.micro_batch or len(x)
        for part, truth in zip(x.split(size), labels.split(size), strict=True):
            with in_half(team):
                losses = _losses(teacher, part.float(), truth, distiller)
            yield {key: loss * (len(part) / len(x)) for key, loss in losses.items()}

    fit(run, name, Trainee(teacher, optimizer, scheduler), steps, losses_of, recipe.every, clip_norm=stage.clip_norm)


def _losses(teacher: Teacher, clip: Tensor, labels: Tensor, distiller: TrainedTeacher | None) -> Losses:
    output: TeacherOutput = teacher(clip)
    losses = teacher.losses(output, labels)
    if distiller is not None and isinstance(teacher, ActLumosStudent) and output.projection is None:
        with torch.no_grad():
            seen = distiller.teacher(clip)
        losses |= teacher.distillation_losses(output, seen)
    return losses


def _optimizer(groups: list[dict[str, Any]], stage: StageConfig) -> torch.optim.Optimizer:
    kind = Ranger if stage.optimizer == "ranger" else torch.optim.AdamW
    return kind(groups, stage.rate, weight_decay=stage.weight_decay)


def _scheduler(optimizer: torch.optim.Optimizer, stage: StageConfig, steps: int, clips: int) -> Scheduler:
    if stage.schedule == "one_cycle":
        rates = [float(group["lr"]) for group in optimizer.param_groups]
        return torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, steps)
    warm_up = min(round(stage.warm_up_epochs * clips / stage.batch), steps - 1)

    def factor(step: int) -> float:
        if step < warm_up:
            return (step + 1) / (warm_up + 1)
        if stage.schedule == "constant":
            return 1.0
        return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(steps - warm_up, 1)))

    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


def _start(teacher: Teacher, path: Path, team: TrainingTeam) -> None:
    report = load_start(teacher, path)
    if not team.first:
        return
    kinds: Mapping[str, tuple[str, ...]] = {
        "missing in the file": report.missing,
        "not of this network": report.unexpected,
        "of another shape": report.other_shape,
    }
    for what, keys in kinds.items():
        if keys:
            print(
                f"{path.name}: {what}: {len(keys)} ({', '.join(keys[:SHOWN_KEYS])}{' ...' * (len(keys) > SHOWN_KEYS)})"
            )


def _distiller(job: Job, teacher: Teacher, labels: tuple[str, ...], team: TrainingTeam) -> TrainedTeacher | None:
    if job.teacher is None:
        return None
    if not isinstance(teacher, ActLumosStudent):
        raise UsageError(f"--teacher: {job.recipe_name} does not distil; use it with actlumos_student or a student")
    trained = load_teacher(job.teacher, team)
    if trained.labels != labels:
        raise DataError(f"{job.teacher}: its labels {list(trained.labels)} are not the student's, {list(labels)}")
    return trained
