"""The gate's training, the ELLAR paper's second step: of a frozen student it learns which expert each clip needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from distill.gate_network import GateNetwork
from distill.students.network.student import StudentNetwork
from distill.students.recipe import Recipe
from distill.students.sources import NOBODY, Source
from distill.training.loop import REPORT_EVERY, TrainingRun

F32 = npt.NDArray[np.float32]


def train_gate(student: StudentNetwork, recipe: Recipe, sources: Sequence[Source], run: TrainingRun) -> GateNetwork:
    """A gate that lowers the expected loss: the experts' losses of the frozen student, weighted by the gate's softmax.

    The expectation replaces the paper's hard choice in training, because its gradient reaches every expert.
    """
    torch.manual_seed(recipe.seed)
    sources = [source for source in sources if NOBODY not in source.labels]
    questions = [_questions(student, source, recipe) for source in sources]
    rng = np.random.default_rng([recipe.seed, 3])
    shares = np.array([source.share for source in sources]) / sum(source.share for source in sources)
    gate = GateNetwork(recipe.gate.window, len(recipe.geometry.gammas))
    optimizer = torch.optim.AdamW(gate.parameters(), recipe.gate.rate)
    progress = run.progress("gate")
    for step in range(1, recipe.gate.steps + 1):
        drawn = [_draw(questions, shares, recipe.gate.window, rng) for _ in range(recipe.gate.batch)]
        features = torch.from_numpy(np.stack([features for features, _ in drawn]))
        costs = torch.stack([cost for _, cost in drawn])
        loss = (functional.softmax(gate(features), 1) * costs).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        progress(step, recipe.gate.steps)
        if step % (4 * REPORT_EVERY) == 0:
            run.report({"phase": "gate", "step": step, "loss": loss.item()})
    return gate.eval()


class Question(NamedTuple):
    """What the gate sees of a stretch, float32 [T, 3], and what each of its answers costs, float32 [experts]."""

    statistics: F32
    costs: Tensor


def _questions(student: StudentNetwork, source: Source, recipe: Recipe) -> list[Question]:
    """Every stretch with the cross entropy of the frozen student under every expert, each by its own row of logits."""
    questions = []
    student.eval()
    with torch.no_grad():
        for clip, stretches in zip(source.clips, source.stretches, strict=True):
            logits = student(torch.from_numpy(clip.x).movedim(-1, 2).float())
            own_rows = logits.diagonal(dim1=0, dim2=2)  # [ticks, classes, experts]
            for first, end, label in stretches:
                if (scored := max(first, recipe.schedule.warm_up)) < end:
                    own_row = own_rows[scored:end].mean(0).T
                    costs = functional.cross_entropy(own_row, torch.full((len(own_row),), label), reduction="none")
                    questions.append(Question(clip.statistics[first:end], costs))
    return questions


def _draw(
    questions: Sequence[Sequence[Question]], shares: npt.NDArray[np.float64], ticks: int, rng: np.random.Generator
) -> Question:
    """A question about a window that ends anywhere in a clip, as the device sees it (its start repeats the first)."""
    source = questions[rng.choice(len(questions), p=shares)]
    statistics, costs = source[int(rng.integers(len(source)))]
    end = rng.integers(len(statistics))
    index = np.clip(np.arange(end - ticks + 1, end + 1), 0, None)
    return Question(statistics[index].reshape(-1), costs)
