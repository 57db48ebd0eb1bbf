"""Quantisation-aware fine-tuning: the trained student goes on learning while it is rounded as on the device."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from distill.students.augment import PLAIN
from distill.students.network.quantisers import QuantisedStudent
from distill.students.network.student import StudentNetwork
from distill.students.recipe import Recipe
from distill.students.sources import Batch, Batches, Source
from distill.students.stages.training import new_student
from distill.training.checkpoint import Trainee, load_model, read_tensors, write_tensors
from distill.training.loop import Losses, TrainingRun, fit
from distill.training.losses import distillation_loss

STAGE = "quantisation"


def quantisation_aware(
    student: StudentNetwork, recipe: Recipe, sources: Sequence[Source], run: TrainingRun
) -> QuantisedStudent:
    """A copy of a trained student that has learnt to be rounded. The recipe has `quantisation`."""
    config = recipe.quantisation
    assert config is not None
    torch.manual_seed(recipe.seed)
    # As recorded: changes that make motion larger would make ranges wider than the device needs.
    plain = dataclasses.replace(recipe, augment=PLAIN)
    batches = Batches(sources, plain, np.random.default_rng([recipe.seed, 4]))
    quantised = QuantisedStudent(student.eval())
    quantised.observe([batch.x for batch in islice(batches, config.batches)])
    share, device = run.team.share(recipe.schedule.batch), run.team.device
    follower = Follower(quantised, student, recipe.schedule.warm_up).to(device)
    scales = quantised.scales()
    rest = [one for one in quantised.parameters() if one.requires_grad and one not in set(scales)]
    rates = [config.rate, config.scale_rate]
    optimizer = torch.optim.AdamW([{"params": rest}, {"params": scales}], weight_decay=0.0)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, config.steps, pct_start=0.15)

    def losses_of(_: int) -> Iterator[Losses]:
        yield follower.losses(next(batches).part(share, device))

    trainee = Trainee(follower, optimizer, cycle, batches.rng)
    fit(run, STAGE, trainee, config.steps, losses_of)
    quantised.cpu()
    return quantised.eval()


def save_quantised(student: QuantisedStudent, path: Path) -> None:
    """Weights, biases and ranges as safetensors, never half."""
    write_tensors(path, student.state_dict(), {})


def load_quantised(recipe: Recipe, path: Path) -> QuantisedStudent:
    """What `save_quantised` wrote. Raises DataError where the file does not fit the recipe's student."""
    student = QuantisedStudent(new_student(recipe))
    load_model(student, read_tensors(path)[0], str(path))
    return student.eval()


class Follower(nn.Module):
    """A quantised student that learns to answer as the float one does, which stands beside it, unchanged.

    It needs no labels: those have been learnt, and what is to be kept are the decisions. All of it computes in float32,
    because bfloat16 rounds as coarsely as the levels that it is to get used to.
    """

    def __init__(self, student: QuantisedStudent, leader: StudentNetwork, warm_up: int) -> None:
        super().__init__()
        self.student, self.leader = student, copy.deepcopy(leader).requires_grad_(False)
        self._warm_up = warm_up

    def losses(self, batch: Batch) -> Losses:
        """The divergence of the answers from the float student's, nats a tick."""
        self.leader.eval()  # whatever mode the loop put all of this into
        with torch.no_grad():
            wanted = self._answers(self.leader, batch)
        return {"divergence": distillation_loss(self._answers(self.student, batch), wanted, temperature=1.0)}

    def _answers(self, student: StudentNetwork, batch: Batch) -> Tensor:
        """Logits [B * T, classes], of each tick's expert."""
        return batch.own(student(batch.x))[:, self._warm_up :].flatten(0, 1)
