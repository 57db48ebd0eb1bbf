"""What every teacher is: a clip in levels goes in; logits, features and the gate's choice come out."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from edge.errors import ConfigError

IMAGENET = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)  # RGB, levels
ARID = (20.298, 18.8445, 18.4875), (25.6275, 24.735, 22.9245)  # published for ARID's dark frames, x 255


class TeacherOutput(NamedTuple):
    """What a teacher says of a batch.

    logits: [B,classes], or [B,heads,classes] where every expert has its own head. features: [B,D], before the heads.
    gate: [B,gammas], the weights of the gammas that the clips were seen under (one-hot in value), or None.
    projection: [B,views,P], what a contrastive loss compares, or None.
    """

    logits: Tensor
    features: Tensor
    gate: Tensor | None = None
    projection: Tensor | None = None

    @property
    def scores(self) -> Tensor:
        """The logits that count, [B,classes]: those of the head that belongs to the clip's expert."""
        if self.logits.ndim == 2:
            return self.logits
        if self.gate is None:
            raise ValueError("gate: expected the weights of the heads, found None")
        return (self.logits * self.gate.unsqueeze(2)).sum(1)


@dataclass(frozen=True)
class Stage:
    """One stage of a training schedule.

    rates: factor on the learning rate of every part (a direct submodule of the teacher) that is trained; a part that is
    not named is frozen, and in evaluation mode. gamma: what decides the gamma while training: "none", "random", "gate".
    least_clips: that it must see at once, 2 where batch norms of single values or losses compare clips.
    """

    what: str
    rates: Mapping[str, float]
    gamma: str = "none"
    least_clips: int = 1


class Teacher(nn.Module):
    """Base of the teachers. stages: by number; a new teacher is in the first of them."""

    def __init__(self, stages: Mapping[int, Stage]) -> None:
        super().__init__()
        self.stages = dict(stages)
        self.stage = min(stages)

    @abstractmethod
    def forward(self, clip: Tensor) -> TeacherOutput:
        """clip: float32 [B,3,T,H,W], RGB, 0..255; blank frames are 0."""

    def losses(self, output: TeacherOutput, labels: Tensor) -> dict[str, Tensor]:
        """Every term of this stage's loss by name, weight included: the loss is their sum. labels: int64 [B]."""
        return {"classification": functional.cross_entropy(output.scores, labels)}

    def set_stage(self, stage: int) -> None:
        """Freeze what this stage does not train. Idempotent. Raises ConfigError for a stage that does not exist."""
        if stage not in self.stages:
            raise ConfigError(f"stage: expected one of {sorted(self.stages)}, found {stage}")
        self.stage = stage
        for name, part in self.named_children():
            part.requires_grad_(name in self.stages[stage].rates)
        self.train(self.training)

    def parameter_groups(self, rate: float, stage: int) -> list[dict[str, Any]]:
        """Enter the stage; its parameters for an optimizer, each group with its own `lr`.

        Vectors (biases, norms) and tables of positions are not decayed, as in the configurations of Swin and BERT.
        """
        self.set_stage(stage)
        groups: list[dict[str, Any]] = []
        for name, factor in self.stages[stage].rates.items():
            parameters = list(self.get_submodule(name).named_parameters())
            decayed = [p for key, p in parameters if _is_decayed(key, p)]
            others = [p for key, p in parameters if not _is_decayed(key, p)]
            if decayed:
                groups.append({"name": name, "params": decayed, "lr": rate * factor})
            if others:
                groups.append({"name": f"{name}, no decay", "params": others, "lr": rate * factor, "weight_decay": 0.0})
        return groups

    def train(self, mode: bool = True) -> Teacher:
        """As nn.Module's, but frozen parts stay in evaluation mode: no dropout, no change of batch norms."""
        super().train(mode)
        for name, part in self.named_children():
            if name not in self.stages[self.stage].rates:
                part.eval()
        return self

    def adapt(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Weights of a published checkpoint under this teacher's own key names; see weights.py."""
        return dict(weights)


class Normalise(nn.Module):
    """Levels to what a trunk was trained on: (clip - mean) / std; per channel, RGB, in levels."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(tuple(mean)).view(3, 1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(tuple(std)).view(3, 1, 1, 1), persistent=False)

    def forward(self, clip: Tensor) -> Tensor:
        """float32 [B,3,T,H,W] -> the same shape."""
        return (clip - self.mean) / self.std


def _is_decayed(key: str, parameter: Tensor) -> bool:
    return parameter.ndim > 1 and "position" not in key
