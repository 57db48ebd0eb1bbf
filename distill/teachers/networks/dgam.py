"""DGAM: an adaptive gate chooses one of five GIC experts per clip; one Video Swin backbone, a head per expert.

The ELLAR paper, ACCV 2024: AGC (the gate), SoftArgmax, GIC (eq. 6), AHS (the heads). Statistics and GIC are those of
the released code (on normalised values; the tests have them in NumPy), so that its checkpoint means the same here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from distill.gate_network import GateNetwork
from distill.teachers.networks.base import IMAGENET, Stage, Teacher, TeacherOutput
from distill.teachers.networks.video_swin import SwinConfig, VideoSwin, swin_config
from edge.errors import ConfigError

GAMMAS = (1.0, 1.5, 2.0, 2.5, 3.0)
LEVELS = 256
# The released code's names in ours. It numbers the heads by ten times their gamma, except the first.
RENAMED = (
    (r"^backbone\.my_MoE\.gating\.batchnorm(\d)\.", r"gate.norm\1."),
    (r"^backbone\.my_MoE\.gating\.linear(\d)\.", r"gate.linear\1."),
    (r"^cls_head\.fc_cls\.", "heads.0."),
    (r"^head\.", "heads.0."),  # of our own VideoSwinClassifier
    *((rf"^cls_head\.fc_cls_{round(10 * gamma)}\.", f"heads.{i}.") for i, gamma in enumerate(GAMMAS) if i),
)


def switching_schedule(gate_factor: float = 10.0) -> dict[int, Stage]:
    """The paper's two steps, after a Video Swin was fine-tuned and its head copied (`Dgam.adapt` does that).

    gate_factor: of the gate's learning rate in step 2; the paper names 10, 100 and 1000.
    """
    return {
        1: Stage("backbone and heads, gamma at random", {"backbone": 0.1, "heads": 1.0}, "random"),
        2: Stage("gate", {"gate": gate_factor}, "gate", least_clips=2),
    }


class DgamStatistics(NamedTuple):
    """Of every frame, all channels pooled, on normalised values; float64 [B,T] each."""

    mean: Tensor
    std: Tensor
    entropy: Tensor
    minimum: Tensor
    maximum: Tensor

    def gate_input(self) -> Tensor:
        """mean, std, entropy of every frame, interleaved: float32 [B,3T]."""
        return torch.stack([self.mean, self.std, self.entropy], 2).flatten(1).float()


def normalised_levels(device: torch.device | None = None) -> Tensor:
    """What every level of every channel becomes: float32 [3,256], RGB."""
    mean, std = (torch.tensor(values, dtype=torch.float64, device=device).unsqueeze(1) for values in IMAGENET)
    return ((torch.arange(LEVELS, dtype=torch.float64, device=device) - mean) / std).float()


def frame_statistics(clip: Tensor) -> DgamStatistics:
    """Statistics of a clip of levels [B,3,T,H,W] (rounded to whole ones), exact, from its histograms.

    Standard deviation unbiased; entropy in nats of 256 bins between 0 and 255, after a stretch in float32 by the
    frame's joint minimum and maximum, as in the released code: what rounding lifts above 255 is not counted.
    """
    counts = _histograms(clip)
    values = normalised_levels(clip.device).flatten()
    weights = counts.flatten(2).double()
    present = weights > 0
    total = weights.sum(2)
    mean = (weights * values).sum(2) / total
    square = (weights * (values - mean.unsqueeze(2)) ** 2).sum(2)
    low = torch.where(present, values, torch.inf).amin(2, keepdim=True)
    high = torch.where(present, values, -torch.inf).amax(2, keepdim=True)
    stretched = (values - low) / ((high - low) + 1e-10) * 255
    edges = torch.linspace(0, 255, LEVELS + 1, dtype=torch.float64, device=clip.device)
    bins = torch.bucketize(stretched.double(), edges, right=True).sub(1).clamp(0, LEVELS - 1)
    inside = torch.where((stretched >= 0) & (stretched <= 255), weights, 0.0)
    p = torch.zeros(*weights.shape[:2], LEVELS, dtype=torch.float64, device=clip.device).scatter_add(2, bins, inside)
    entropy = torch.special.entr(p / p.sum(2, keepdim=True)).sum(2)
    std = (square / (total - 1).clamp(min=1)).sqrt()
    return DgamStatistics(mean, std, entropy, low.squeeze(2).double(), high.squeeze(2).double())


def gic_levels(minimum: Tensor, maximum: Tensor, gammas: Tensor) -> Tensor:
    """GIC of every level, on normalised values (eq. 6; eps 1e-5 as released): float64 [gammas,B,T,3,256], RGB.

    minimum, maximum: float64 [B,T]. Levels under the minimum, which no pixel has, become the minimum.
    """
    low, high = minimum.view(1, *minimum.shape, 1, 1), maximum.view(1, *maximum.shape, 1, 1)
    unit = (normalised_levels(minimum.device).double() - low).clamp(min=0) / (high - low + 1e-5)
    power = 1 / gammas.double().view(-1, 1, 1, 1, 1)
    return (high - low) * unit**power + low


def soft_argmax(probabilities: Tensor, beta: float = 1e10) -> Tensor:
    """Index of the largest of [B,N], cut to an integer: int64 [B]; beta as released."""
    places = torch.arange(probabilities.shape[1], device=probabilities.device)
    return (torch.softmax(beta * probabilities.double(), 1) * places).sum(1).long()


def hard_choice(probabilities: Tensor) -> Tensor:
    """One-hot in value, the probabilities in gradient (straight-through; Bengio et al. 2013); [B,N] -> [B,N].

    The released code weighs the experts by softmax(p / 1e-6): in float32 that is one-hot as well, but its gradient is
    zero wherever two probabilities differ by more than about 1e-4, so nothing would reach the gate.
    """
    one_hot = functional.one_hot(soft_argmax(probabilities), probabilities.shape[1]).to(probabilities.dtype)
    return one_hot + (probabilities - probabilities.detach())


class GicExperts(nn.Module):
    """Every gamma's curve for every frame, mixed by the gate's weights: one table look-up per value."""

    gammas: Tensor

    def __init__(self, gammas: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("gammas", torch.tensor(tuple(gammas), dtype=torch.float64), persistent=False)

    def forward(self, clip: Tensor, statistics: DgamStatistics, weights: Tensor) -> Tensor:
        """Levels [B,3,T,H,W], weights [B,gammas] -> the corrected clip, normalised, float32, same shape."""
        curves = gic_levels(statistics.minimum, statistics.maximum, self.gammas).float()
        table = torch.einsum("bg,gbtcl->bctl", weights.float(), curves)
        return table.gather(3, _levels(clip).flatten(3)).view(clip.shape)


class Dgam(Teacher):
    """The whole network. Stage 1 draws a gamma per clip, stage 2 trains the gate; evaluation follows the gate.

    frames: T, the clips' length, which the gate's first layer is made for. backbone: "tiny" or "base". heads: "gamma"
    (AHS, one per gamma) or "shared" (the paper's ablation). gate_factor: see `switching_schedule`.
    """

    def __init__(
        self,
        classes: int,
        backbone: str | SwinConfig = "base",
        frames: int = 32,
        gammas: Sequence[float] = GAMMAS,
        heads: str = "gamma",
        dropout: float = 0.5,
        gate_factor: float = 10.0,
    ) -> None:
        super().__init__(switching_schedule(gate_factor))
        if heads not in ("gamma", "shared"):
            raise ConfigError(f"heads: expected gamma or shared, found {heads!r}")
        self.frames, self.dropout = frames, dropout
        self.gate = GateNetwork(frames, len(gammas))
        self.experts = GicExperts(gammas)
        self.backbone = VideoSwin(swin_config(backbone))
        count = len(gammas) if heads == "gamma" else 1
        self.heads = nn.ModuleList(nn.Linear(self.backbone.channels, classes) for _ in range(count))

    def forward(self, clip: Tensor) -> TeacherOutput:
        """float32 [B,3,T,H,W] RGB 0..255 -> logits [B,gammas,classes] ([B,classes] if shared), features [B,channels].

        gate: the weights that the clips were corrected with, [B,gammas], one-hot in value.
        """
        if clip.shape[2] != self.frames:
            raise ConfigError(f"clip: expected {self.frames} frames, as the gate was built for, found {clip.shape[2]}")
        with torch.autocast(clip.device.type, enabled=False):  # the device's gate and tables know no half precision
            statistics = frame_statistics(clip)
            weights = self._weights(statistics)
            corrected = self.experts(clip, statistics, weights)
        features = self.backbone(corrected)
        dropped = functional.dropout(features, self.dropout, self.heads.training)
        logits = torch.stack([head(dropped) for head in self.heads], 1)
        return TeacherOutput(logits if len(self.heads) > 1 else logits.squeeze(1), features, weights)

    def adapt(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """`DGAM_ELLAR.pth`, a Video Swin checkpoint or our own; where there is one head, every expert gets a copy."""
        renamed = {_renamed(key): value for key, value in weights.items()}
        if "heads.0.weight" in renamed and "heads.1.weight" not in renamed:
            for i in range(1, len(self.heads)):
                renamed |= {f"heads.{i}.{part}": renamed[f"heads.0.{part}"] for part in ("weight", "bias")}
        return renamed

    def _weights(self, statistics: DgamStatistics) -> Tensor:
        if self.training and self.stages[self.stage].gamma == "random":
            drawn = torch.randint(len(self.experts.gammas), (len(statistics.mean),), device=statistics.mean.device)
            return functional.one_hot(drawn, len(self.experts.gammas)).float()
        return hard_choice(torch.softmax(self.gate(statistics.gate_input()), 1))


def _renamed(key: str) -> str:
    for pattern, name in RENAMED:
        key = re.sub(pattern, name, key)
    return key


def _levels(clip: Tensor) -> Tensor:
    """[B,3,T,H,W], any dtype -> int64, 0..255."""
    return clip.round().clamp(0, LEVELS - 1).long()


def _histograms(clip: Tensor) -> Tensor:
    """[B,3,T,H,W] -> counts int64 [B,T,3,256]."""
    levels = _levels(clip).transpose(1, 2).flatten(3)
    rows = torch.arange(levels.shape[:3].numel(), device=clip.device).view(*levels.shape[:3], 1)
    flat = (rows * LEVELS + levels).flatten()
    return torch.bincount(flat, minlength=LEVELS * rows.numel()).view(*levels.shape[:3], LEVELS)
