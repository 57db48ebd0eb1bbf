"""A teacher on a set of clips: every view of its recipe's protocol, probabilities averaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from calibration.clip_sets.clips import Clip, ClipSet
from calibration.clip_sets.labels import known_clips
from calibration.evaluation.scores import ClipResult, Evaluation
from calibration.jobs.progress import show_progress
from distill.teachers.clips import frames_of, views_of
from distill.teachers.training import TrainedTeacher, in_half, load_teacher
from distill.training.job import Job
from distill.training.parallel import TrainingTeam

VIEWS_AT_ONCE = 4


def evaluate_teacher(job: Job, folder: Path, clips: ClipSet, team: TrainingTeam) -> Evaluation:
    """Every process takes its share of the clips; all get the whole evaluation. Raises EdgeError."""
    trained = load_teacher(folder, team)
    known, unknown = known_clips(clips, trained.labels)
    progress = show_progress("evaluating") if team.first else None
    mine = range(team.rank, len(known), team.size)
    table = torch.zeros(len(known), len(trained.labels), dtype=torch.float64)
    for done, number in enumerate(mine, 1):
        logits, _ = ask(trained, known[number][0], number, job.cache, team)
        table[number] = torch.softmax(logits.double(), 1).mean(0)
        if progress is not None:
            progress(done, len(mine))
    probabilities = team.sum(table.to(team.device)).cpu().numpy().astype(np.float32)
    results = (ClipResult(clip, label, row, 1) for (clip, label), row in zip(known, probabilities, strict=True))
    return Evaluation(clips.name, trained.labels, tuple(results), unknown, trained.recipe.name)


def ask(trained: TrainedTeacher, clip: Clip, number: int, cache: Path, team: TrainingTeam) -> tuple[Tensor, Tensor]:
    """Logits and features of every view: float32 [views,classes], [views,D], on the CPU.

    number: decides the draws of Delta Sampling.
    """
    recipe = trained.recipe
    rng = np.random.default_rng([recipe.seed, number])
    views = views_of(frames_of(clip, recipe.clip, cache), recipe.clip, recipe.protocol, rng)
    with torch.inference_mode(), in_half(team):
        outputs = [trained.teacher(part.to(team.device).float()) for part in views.split(VIEWS_AT_ONCE)]
    logits, features = torch.cat([one.scores for one in outputs]), torch.cat([one.features for one in outputs])
    return logits.float().cpu(), features.float().cpu()
