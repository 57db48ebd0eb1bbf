"""The second step of the ELLAR paper: the student is frozen, and the gate learns which gamma each clip needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from distill.loop import REPORT_EVERY, Run
from distill.recipe import Recipe
from distill.sources import NOBODY, Source
from distill.student import Student
from edge.gate import LEAK

F32 = npt.NDArray[np.float32]
WIDTHS = (128, 256)
DROPOUT = 0.1


class GateNetwork(nn.Module):
    """FC 3T->128, BN, LeakyReLU, dropout, FC 128->256, BN, LeakyReLU, dropout, FC 256->gammas (ELLAR paper)."""

    def __init__(self, window: int, gammas: int) -> None:
        super().__init__()
        self.linear1, self.norm1 = nn.Linear(3 * window, WIDTHS[0]), nn.BatchNorm1d(WIDTHS[0])
        self.linear2, self.norm2 = nn.Linear(WIDTHS[0], WIDTHS[1]), nn.BatchNorm1d(WIDTHS[1])
        self.linear3 = nn.Linear(WIDTHS[1], gammas)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, features: Tensor) -> Tensor:
        """float32 [B, 3T] -> scores [B, gammas], before the softmax."""
        x = self.dropout(functional.leaky_relu(self.norm1(self.linear1(features)), LEAK))
        x = self.dropout(functional.leaky_relu(self.norm2(self.linear2(x)), LEAK))
        return torch.as_tensor(self.linear3(x))

    def weights(self) -> dict[str, F32]:
        """What `edge.gate.Gate` reads: float32 w [in,out], b [out] of each layer, batch norm folded in."""
        folded = {}
        for number, norm in ((1, self.norm1), (2, self.norm2), (3, None)):
            linear = getattr(self, f"linear{number}")
            weight, bias = linear.weight.detach().T, linear.bias.detach()
            if norm is not None:
                mean, variance = torch.as_tensor(norm.running_mean), torch.as_tensor(norm.running_var)
                scale = norm.weight.detach() / torch.sqrt(variance + norm.eps)
                weight, bias = weight * scale, (bias - mean) * scale + norm.bias.detach()
            folded[f"w{number}"] = np.ascontiguousarray(weight.numpy(), np.float32)
            folded[f"b{number}"] = bias.numpy().astype(np.float32)
        return folded


def train_gate(student: Student, recipe: Recipe, sources: Sequence[Source], run: Run) -> GateNetwork:
    """A gate that lowers the expected loss: the gammas' losses of the frozen student, weighted by the gate's softmax.

    The expectation replaces the paper's hard choice in training, because its gradient reaches every gamma.
    """
    torch.manual_seed(recipe.seed)
    sources = [source for source in sources if NOBODY not in source.labels]
    questions = [_questions(student, source, recipe) for source in sources]
    rng = np.random.default_rng([recipe.seed, 3])
    shares = np.array([source.share for source in sources]) / sum(source.share for source in sources)
    gate = GateNetwork(recipe.gate.window, len(recipe.geometry.gammas))
    optimizer = torch.optim.AdamW(gate.parameters(), recipe.gate.rate)
    for step in range(1, recipe.gate.steps + 1):
        drawn = [_draw(questions, shares, recipe.gate.window, rng) for _ in range(recipe.gate.batch)]
        features = torch.from_numpy(np.stack([features for features, _ in drawn]))
        costs = torch.stack([cost for _, cost in drawn])
        loss = (functional.softmax(gate(features), 1) * costs).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % (4 * REPORT_EVERY) == 0:
            run.report({"phase": "gate", "step": step, "loss": loss.item()})
    return gate.eval()


class Question(NamedTuple):
    """What the gate sees of a clip, float32 [T, 3], and what each of its answers costs, float32 [gammas]."""

    statistics: F32
    costs: Tensor


def _questions(student: Student, source: Source, recipe: Recipe) -> list[Question]:
    """Every clip with the cross entropy of the frozen student under every gamma, each with its own head."""
    questions = []
    student.eval()
    with torch.no_grad():
        for clip, label in zip(source.clips, source.labels, strict=True):
            logits = student(torch.from_numpy(clip.x).movedim(-1, 2).float())[:, recipe.schedule.warm_up :]
            own_head = logits.diagonal(dim1=0, dim2=2).mean(0).T  # [gammas, classes]
            wanted = torch.full((len(own_head),), label)
            questions.append(Question(clip.statistics, functional.cross_entropy(own_head, wanted, reduction="none")))
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
