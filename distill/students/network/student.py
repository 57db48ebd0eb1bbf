"""The student: plain 3x3 convolutions, causal temporal shift, a row of logits per expert; clip and stream are one code.

Temporal shift: Lin et al., TSM, ICCV 2019. Plain convolutions, because every one of them becomes an integer kernel
(docs/architecture.md); a head per expert: AHS of the ELLAR paper, ACCV 2024.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

# Channels of the convolutions, by size: `m` has about twice the work of `s`.
SIZES = {"s": ((32, 48), (64, 96), (128, 128)), "m": ((48, 64), (96, 128), (192, 192))}


@dataclass(frozen=True)
class StudentConfig:
    """Shape of a student.

    stages: channels of the two convolutions of each stage; the first of them halves the picture, the second shifts.
    embedding: width of the temporal stage; history: ticks that it sees at once.
    input_zero, input_scale: the network computes on (level - input_zero) * input_scale; folded into the first
    convolution when it is exported. shared_head: one head answers for every expert.
    """

    classes: int
    experts: int = 5
    shared_head: bool = False
    stages: tuple[tuple[int, int], ...] = SIZES["s"]
    input_zero: float = 128.0
    input_scale: float = 1.0 / 32.0
    shift_fraction: float = 0.25
    embedding: int = 96
    history: int = 12
    dropout: float = 0.3


class Memory(Protocol):
    """What a layer remembers of earlier ticks."""

    def previous(self, x: Tensor) -> Tensor:
        """The same features one tick earlier; x and result [N,C,H,W]."""

    def history(self, x: Tensor, ticks: int) -> Tensor:
        """The last `ticks` features, oldest first; x [N,C,1,1] -> [N,C,1,ticks]."""


class ClipMemory:
    """A whole clip at once: N = batch * T, and the past is the clip's own; before its start there is zero."""

    def __init__(self, ticks: int) -> None:
        self._ticks = ticks

    def previous(self, x: Tensor) -> Tensor:
        clip = x.view(-1, self._ticks, *x.shape[1:])
        return torch.cat([torch.zeros_like(clip[:, :1]), clip[:, :-1]], 1).flatten(0, 1)

    def history(self, x: Tensor, ticks: int) -> Tensor:
        clip = x.view(-1, self._ticks, x.shape[1])
        padded = nn.functional.pad(clip, (0, 0, ticks - 1, 0))
        return padded.unfold(1, ticks, 1).flatten(0, 1).unsqueeze(2)


class StreamMemory:
    """One tick: the past comes in as states, and leaves as states for the next tick; all [1,h,w,c]."""

    def __init__(self, states: Sequence[Tensor]) -> None:
        self._states: Iterator[Tensor] = iter([state.permute(0, 3, 1, 2) for state in states])
        self.next_states: list[Tensor] = []

    def previous(self, x: Tensor) -> Tensor:
        self._keep(x)
        return next(self._states)

    def history(self, x: Tensor, ticks: int) -> Tensor:
        window = torch.cat([next(self._states), x], 3)
        self._keep(window[..., 1:])
        return window

    def _keep(self, state: Tensor) -> None:
        self.next_states.append(state.permute(0, 2, 3, 1))


class ShapeMemory:
    """Records the shapes [1,h,w,c] of the states that a stream of one picture needs."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def previous(self, x: Tensor) -> Tensor:
        self.shapes.append((1, x.shape[2], x.shape[3], x.shape[1]))
        return x

    def history(self, x: Tensor, ticks: int) -> Tensor:
        self.shapes.append((1, 1, ticks - 1, x.shape[1]))
        return x.expand(-1, -1, -1, ticks)


class ConvBlock(nn.Sequential):
    """Convolution, batch norm, ReLU."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int | tuple[int, int] = 3, stride: int = 1, padding: int = 0
    ) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
        )

    @property
    def convolution(self) -> nn.Conv2d:
        layer = self[0]
        assert isinstance(layer, nn.Conv2d)
        return layer

    @property
    def norm(self) -> nn.BatchNorm2d:
        layer = self[1]
        assert isinstance(layer, nn.BatchNorm2d)
        return layer


class StudentNetwork(nn.Module):
    """Pictures in levels (0..255) in, logits for every expert out, tick by tick."""

    def __init__(self, config: StudentConfig) -> None:
        super().__init__()
        self.config = config
        self.halve, self.shifted = nn.ModuleList(), nn.ModuleList()
        channels = 3
        for first, second in config.stages:
            # No padding at the picture's border: a border of level 0 would be a wall of large velocities.
            self.halve.append(ConvBlock(channels, first, stride=2, padding=int(channels != 3)))
            self.shifted.append(ConvBlock(first, second, padding=1))
            channels = second
        self.embed = ConvBlock(2 * channels, config.embedding, 1)
        self.temporal = ConvBlock(config.embedding, config.embedding, (1, config.history))
        self.dropout = nn.Dropout(config.dropout)
        rows = 1 if config.shared_head else config.experts
        self.heads: nn.Module = nn.Conv2d(2 * config.embedding, rows * config.classes, 1)

    @property
    def first_convolution(self) -> nn.Conv2d:
        """The one that sees the picture."""
        block = self.halve[0]
        assert isinstance(block, ConvBlock)
        return block.convolution

    def forward(self, clip: Tensor) -> Tensor:
        """float32 [B,T,3,H,W], levels -> logits float32 [B,T,experts,classes]; every tick sees only its past."""
        return self.score(self.features(clip))

    def features(self, clip: Tensor) -> Tensor:
        """float32 [B,T,3,H,W], levels -> what the heads see of every tick, [B,T,2 * embedding]."""
        batch, ticks = clip.shape[:2]
        return self._embedded(self._centred(clip.flatten(0, 1)), ClipMemory(ticks)).view(batch, ticks, -1)

    def score(self, features: Tensor) -> Tensor:
        """Features [B,T,2 * embedding] -> logits [B,T,experts,classes]."""
        logits = self._scores(features.flatten(0, 1)[..., None, None])
        return logits.view(*features.shape[:2], *logits.shape[1:])

    def step(self, x: Tensor, states: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """One tick of a stream: float32 [1,3,H,W], states [1,h,w,c] -> logits [1,experts,classes], next states."""
        return self.step_folded(self._centred(x), states)

    def step_folded(self, x: Tensor, states: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """`step` on a picture that needs no centring any more (distill/students/network/export.py)."""
        memory = StreamMemory(states)
        return self._tick(x, memory), memory.next_states

    def state_shapes(self, height: int, width: int) -> list[tuple[int, ...]]:
        """Shapes [1,h,w,c] of the states for pictures of this size; they start at zero."""
        memory = ShapeMemory()
        training = self.training
        self.eval()
        with torch.no_grad():
            self._tick(torch.zeros(1, 3, height, width), memory)
        self.train(training)
        return memory.shapes

    def _centred(self, levels: Tensor) -> Tensor:
        return (levels - self.config.input_zero) * self.config.input_scale

    def _tick(self, x: Tensor, memory: Memory) -> Tensor:
        return self._scores(self._embedded(x, memory))

    def _embedded(self, x: Tensor, memory: Memory) -> Tensor:
        for halve, shifted in zip(self.halve, self.shifted, strict=True):
            x = halve(x)
            count = int(x.shape[1] * self.config.shift_fraction)
            now, rest = torch.split(x, [count, x.shape[1] - count], 1)
            x = shifted(torch.cat([memory.previous(now), rest], 1))
        x = self.embed(self._pooled(x))
        return self._joined(x, self.temporal(memory.history(x, self.config.history)))

    def _pooled(self, x: Tensor) -> Tensor:
        """Mean and largest value over the picture: [N,C,h,w] -> [N,2C,1,1]."""
        return torch.cat([x.mean((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)], 1)

    def _joined(self, now: Tensor, history: Tensor) -> Tensor:
        """What the heads see: [N,C,1,1] of this tick and of the temporal stage -> [N,2C,1,1]."""
        return torch.cat([now, history], 1)

    def _scores(self, features: Tensor) -> Tensor:
        scores: Tensor = self.heads(self.dropout(features))
        rows = scores.view(-1, 1 if self.config.shared_head else self.config.experts, self.config.classes)
        return rows.repeat(1, self.config.experts, 1) if self.config.shared_head else rows
