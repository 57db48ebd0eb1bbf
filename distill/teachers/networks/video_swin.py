"""Video Swin Transformer: attention in windows of space and time that shift from block to block.

Liu et al., Video Swin Transformer, CVPR 2022. Key names are those of the public Kinetics checkpoints (`patch_embed`,
`layers.{i}.blocks.{j}`, `norm`).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.nn import functional

from distill.teachers.networks.base import IMAGENET, Normalise, Stage, Teacher, TeacherOutput
from edge.errors import ConfigError

Size = tuple[int, int, int]  # time, height, width
MLP_RATIO = 4


@dataclass(frozen=True)
class SwinConfig:
    """Shape of a backbone. drop_path: chance of the last block to be left out of a clip's way; the others linearly."""

    embed: int
    depths: tuple[int, ...]
    heads: tuple[int, ...]
    drop_path: float
    window: Size = (8, 7, 7)
    patch: Size = (2, 4, 4)


SIZES = MappingProxyType(
    {
        "tiny": SwinConfig(96, (2, 2, 6, 2), (3, 6, 12, 24), drop_path=0.1),
        "base": SwinConfig(128, (2, 2, 18, 2), (4, 8, 16, 32), drop_path=0.3),
    }
)


def swin_config(backbone: str | SwinConfig) -> SwinConfig:
    """ "tiny" or "base" as its shape; a shape stays what it is. Raises ConfigError."""
    if isinstance(backbone, SwinConfig):
        return backbone
    if backbone not in SIZES:
        raise ConfigError(f"backbone: expected one of {', '.join(SIZES)}, found {backbone!r}")
    return SIZES[backbone]


class WindowAttention(nn.Module):
    """Attention among the patches of one window, with a learned bias for every relative position."""

    relative_position_index: Tensor

    def __init__(self, channels: int, window: Size, heads: int) -> None:
        super().__init__()
        self.window, self.heads = window, heads
        positions = math.prod(2 * side - 1 for side in window)
        self.relative_position_bias_table = nn.Parameter(torch.zeros(positions, heads))
        self.register_buffer("relative_position_index", _relative_positions(window))
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)

    def forward(self, x: Tensor, window: Size, mask: Tensor | None) -> Tensor:
        """x [windows,N,C], N = patches of `window`; mask: bool [windows of a clip,N,N], True where attention may go."""
        count, patches, channels = x.shape
        q, k, v = self.qkv(x).view(count, patches, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        bias = self._bias(window).to(q.dtype)
        if mask is not None:
            masked = bias.masked_fill(~mask.unsqueeze(1), float("-inf"))
            bias = masked.repeat(count // len(mask), 1, 1, 1)
        x = functional.scaled_dot_product_attention(q, k, v, bias)
        return torch.as_tensor(self.proj(x.transpose(1, 2).reshape(count, patches, channels)))

    def _bias(self, window: Size) -> Tensor:
        """[1,heads,N,N]; a clip smaller than the full window uses the corner of it."""
        t, h, w = window
        index = self.relative_position_index.view(*self.window, *self.window)[:t, :h, :w, :t, :h, :w]
        patches = math.prod(window)
        table: Tensor = self.relative_position_bias_table
        return table[index.reshape(-1)].view(1, patches, patches, -1).permute(0, 3, 1, 2)


class Mlp(nn.Module):
    """Two layers with a GELU between them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, MLP_RATIO * channels)
        self.fc2 = nn.Linear(MLP_RATIO * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """[...,C] -> the same shape."""
        return torch.as_tensor(self.fc2(functional.gelu(self.fc1(x))))


class SwinBlock(nn.Module):
    """Attention in windows, shifted by half a window in every other block, then an MLP."""

    def __init__(self, channels: int, window: Size, heads: int, shifted: bool, drop_path: float) -> None:
        super().__init__()
        self.window, self.shifted, self.drop_path = window, shifted, drop_path
        self.norm1 = nn.LayerNorm(channels)
        self.attn = WindowAttention(channels, window, heads)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = Mlp(channels)

    def forward(self, x: Tensor) -> Tensor:
        """[B,T,H,W,C] -> the same shape."""
        x = x + self._drop(self._attend(self.norm1(x)))
        return x + self._drop(self.mlp(self.norm2(x)))

    def _attend(self, x: Tensor) -> Tensor:
        size = _size(x)
        window = _each(min, size, self.window)
        # Along an axis that one window covers there is nothing to shift.
        shift = _each(lambda side, full: full // 2 if self.shifted and side > full else 0, size, self.window)
        t, h, w = _each(lambda side, step: -side % step, size, window)
        x = functional.pad(x, (0, 0, 0, w, 0, h, 0, t))
        padded = _size(x)
        mask = None
        if any(shift):
            x = torch.roll(x, [-step for step in shift], (1, 2, 3))
            mask = _shift_mask(padded, window, shift, x.device)
        x = _from_windows(self.attn(_to_windows(x, window), window, mask), window, padded)
        if any(shift):
            x = torch.roll(x, shift, (1, 2, 3))
        return x[:, : size[0], : size[1], : size[2]]

    def _drop(self, x: Tensor) -> Tensor:
        """Stochastic depth (Huang et al., ECCV 2016): a clip's branch is left out, the kept ones weigh more."""
        if not self.training or self.drop_path == 0:
            return x
        kept = torch.rand(len(x), 1, 1, 1, 1, device=x.device) >= self.drop_path
        return x * kept / (1 - self.drop_path)


class PatchMerging(nn.Module):
    """Four neighbours in space become one patch of twice the channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * channels)
        self.reduction = nn.Linear(4 * channels, 2 * channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """[B,T,H,W,C] -> [B,T,ceil(H/2),ceil(W/2),2C]."""
        x = functional.pad(x, (0, 0, 0, x.shape[3] % 2, 0, x.shape[2] % 2))
        corners = [x[:, :, row::2, column::2] for column, row in itertools.product((0, 1), (0, 1))]
        return torch.as_tensor(self.reduction(self.norm(torch.cat(corners, -1))))


class SwinStage(nn.Module):
    """Blocks of one resolution, then a merge, except after the last stage."""

    def __init__(self, channels: int, heads: int, drop_paths: Sequence[float], window: Size, last: bool) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            SwinBlock(channels, window, heads, bool(number % 2), drop) for number, drop in enumerate(drop_paths)
        )
        self.downsample = None if last else PatchMerging(channels)

    def forward(self, x: Tensor) -> Tensor:
        """[B,T,H,W,C] -> [B,T,H/2,W/2,2C], or the same shape in the last stage."""
        for block in self.blocks:
            x = block(x)
        return x if self.downsample is None else torch.as_tensor(self.downsample(x))


class PatchEmbed(nn.Module):
    """Patches of 2x4x4 values as vectors."""

    def __init__(self, patch: Size, channels: int) -> None:
        super().__init__()
        self.patch = patch
        self.proj = nn.Conv3d(3, channels, patch, patch)
        self.norm = nn.LayerNorm(channels)

    def forward(self, clip: Tensor) -> Tensor:
        """[B,3,T,H,W] -> [B,T/2,H/4,W/4,C], rounded up."""
        t, h, w = ((-side) % step for side, step in zip(clip.shape[2:], self.patch, strict=True))
        return torch.as_tensor(self.norm(self.proj(functional.pad(clip, (0, w, 0, h, 0, t))).movedim(1, -1)))


class VideoSwin(nn.Module):
    """The backbone, without its head."""

    def __init__(self, config: SwinConfig) -> None:
        super().__init__()
        self.patch_embed = PatchEmbed(config.patch, config.embed)
        drops = iter(torch.linspace(0, config.drop_path, sum(config.depths), device="cpu").tolist())
        self.layers = nn.ModuleList(
            SwinStage(
                config.embed << number,
                heads,
                list(itertools.islice(drops, depth)),
                config.window,
                last=number == len(config.depths) - 1,
            )
            for number, (depth, heads) in enumerate(zip(config.depths, config.heads, strict=True))
        )
        self.channels = config.embed << (len(config.depths) - 1)
        self.norm = nn.LayerNorm(self.channels)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, clip: Tensor) -> Tensor:
        """Normalised [B,3,T,H,W] -> features [B,channels], averaged over space and time."""
        x = self.patch_embed(clip)
        for layer in self.layers:
            x = layer(x)
        return torch.as_tensor(self.norm(x)).mean((1, 2, 3))


class VideoSwinClassifier(Teacher):
    """Backbone and one head: the ELLAR paper's Video-Swin row, and what DGAM starts from.

    backbone: "tiny" or "base". dropout: before the head. The backbone learns at a tenth of the rate (ELLAR paper).
    """

    def __init__(
        self,
        classes: int,
        backbone: str | SwinConfig = "base",
        dropout: float = 0.5,
        mean: Sequence[float] = IMAGENET[0],
        std: Sequence[float] = IMAGENET[1],
    ) -> None:
        super().__init__({1: Stage("backbone and head", {"backbone": 0.1, "head": 1.0})})
        self.dropout = dropout
        self.normalise = Normalise(mean, std)
        self.backbone = VideoSwin(swin_config(backbone))
        self.head = nn.Linear(self.backbone.channels, classes)

    def forward(self, clip: Tensor) -> TeacherOutput:
        """float32 [B,3,T,H,W] RGB 0..255 -> logits [B,classes], features [B,channels]."""
        features = self.backbone(self.normalise(clip))
        return TeacherOutput(self.head(functional.dropout(features, self.dropout, self.head.training)), features)

    def adapt(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Public checkpoints call the head `cls_head.fc_cls`."""
        return {key.replace("cls_head.fc_cls.", "head."): value for key, value in weights.items()}


def _size(x: Tensor) -> Size:
    return x.shape[1], x.shape[2], x.shape[3]


def _each(rule: Callable[[int, int], int], first: Size, second: Size) -> Size:
    t, h, w = (rule(a, b) for a, b in zip(first, second, strict=True))
    return t, h, w


def _relative_positions(window: Size) -> Tensor:
    """Row of the bias table for every pair of patches of a window: int64 [N,N]."""
    grid = torch.stack(torch.meshgrid(*(torch.arange(side) for side in window), indexing="ij")).flatten(1)
    offset = grid.unsqueeze(2) - grid.unsqueeze(1)
    t, h, w = offset + torch.tensor(window).view(3, 1, 1) - 1
    row: Tensor = (t * (2 * window[1] - 1) + h) * (2 * window[2] - 1) + w
    return row


def _to_windows(x: Tensor, window: Size) -> Tensor:
    """[B,T,H,W,C] -> [B * windows,N,C]."""
    t, h, w = window
    batch, time, height, width, channels = x.shape
    x = x.view(batch, time // t, t, height // h, h, width // w, w, channels)
    return x.permute(0, 1, 3, 5, 2, 4, 6, 7).reshape(-1, t * h * w, channels)


def _from_windows(x: Tensor, window: Size, size: Size) -> Tensor:
    """[B * windows,N,C] -> [B,T,H,W,C], size = (T,H,W)."""
    t, h, w = window
    time, height, width = size
    x = x.view(-1, time // t, height // h, width // w, t, h, w, x.shape[-1])
    return x.permute(0, 1, 4, 2, 5, 3, 6, 7).reshape(-1, time, height, width, x.shape[-1])


@lru_cache(maxsize=32)
@torch.inference_mode(False)  # kept for later calls, which may be of training
def _shift_mask(size: Size, window: Size, shift: Size, device: torch.device) -> Tensor:
    """Which patches of a shifted window are neighbours in the clip: bool [windows,N,N].

    After the roll, a window at an end holds patches from both ends; they must not see each other.
    """
    region = torch.zeros(1, *size, 1, device="cpu")
    cuts = [
        (slice(0, -wide), slice(-wide, -step), slice(-step, None)) if step else (slice(None),)
        for wide, step in zip(window, shift, strict=True)
    ]
    for number, (t, h, w) in enumerate(itertools.product(*cuts)):
        region[:, t, h, w] = number
    regions = _to_windows(region, window).squeeze(2)
    return (regions.unsqueeze(1) == regions.unsqueeze(2)).to(device)
