"""An enhancer's training, `distill train` of Zero-DCE: dark frames alone. Leaves DIR/enhancer.safetensors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from distill.enhance.zero_dce import WELL_EXPOSED, ZeroDce, zero_dce_losses
from distill.teachers.clips import VideoClips
from distill.teachers.recipe import ClipConfig, ClipSource
from distill.training.checkpoint import Trainee, write_tensors
from distill.training.job import Job
from distill.training.loop import Losses, TrainingRun, fit
from distill.training.parallel import TrainingTeam
from edge.errors import ConfigError
from edge.fields import build

WEIGHTS = "enhancer.safetensors"
WEIGHT_DECAY, CLIP_NORM = 1e-4, 0.1  # as published


@dataclass(frozen=True)
class EnhancerRecipe:
    """batch: clips; each gives clip.frames pictures of clip.size. exposure: wanted mean of 16x16 patches, of 1."""

    name: str
    enhancer: str
    sources: tuple[ClipSource, ...]
    steps: int
    batch: int = 8
    rate: float = 1e-4
    exposure: float = WELL_EXPOSED
    seed: int = 0
    every: int = 50
    clip: ClipConfig = field(default_factory=lambda: ClipConfig(frames=1, size=256, sampling="uniform"))


def enhancer_recipe_of(document: dict[str, Any], where: str) -> EnhancerRecipe:
    """A recipe from what its file holds. Raises ConfigError that names `where`."""
    recipe = build(EnhancerRecipe, document, where)
    if recipe.enhancer != "zero_dce":
        raise ConfigError(f"{where}: enhancer: only zero_dce learns, found {recipe.enhancer!r}")
    return recipe


def run_enhancer(job: Job, folder: Path, team: TrainingTeam, resume: bool = False) -> None:
    """Train as the job says. Raises EdgeError."""
    recipe = enhancer_recipe_of(job.fields, job.recipe_name)
    found = [clip for source in recipe.sources for clip in source.open(job.data_root).clips]
    if team.first and not resume:
        job.write(folder)
    clips = VideoClips(found, [0] * len(found), recipe.clip, job.cache, (recipe.seed,))
    torch.manual_seed(recipe.seed)
    network = ZeroDce().to(team.device)
    optimizer = torch.optim.Adam(network.parameters(), recipe.rate, weight_decay=WEIGHT_DECAY)
    constant = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _: 1.0)
    share = team.share(recipe.batch)
    batches: Iterator[tuple[torch.Tensor, torch.Tensor]] | None = None

    def losses_of(step: int) -> Iterator[Losses]:
        nonlocal batches
        batches = batches or clips.batches(step, recipe.steps, recipe.batch, share, job.workers)
        pictures = next(batches)[0].to(team.device).transpose(1, 2).flatten(0, 1).float() / 255
        lifted, maps = network(pictures)
        yield zero_dce_losses(pictures, lifted, maps, recipe.exposure)

    run = TrainingRun(folder, ("enhancer",), team, resume)
    fit(
        run,
        "enhancer",
        Trainee(network, optimizer, constant),
        recipe.steps,
        losses_of,
        recipe.every,
        clip_norm=CLIP_NORM,
    )
    if team.first:
        write_tensors(folder / WEIGHTS, network.state_dict(), {})
        print(f"wrote {folder / WEIGHTS}")
    team.wait()
