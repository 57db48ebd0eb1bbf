"""Two views of one dark clip: what a contrastive pre-training calls the same, though no label says so.

Crop, mirror, light and noise are drawn once per clip, so that motion stays what it was. ActLumos does not publish its
views: these are SimCLR's (Chen et al., ICML 2020) as far as they make sense in the dark.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class ViewConfig:
    """smallest_crop: share of the side. gain, gamma: largest factors, drawn log-uniformly from [1/f, f].

    noise: largest standard deviation, levels.
    """

    smallest_crop: float = 0.5
    gain: float = 1.6
    gamma: float = 1.4
    noise: float = 3.0


def two_views(clip: Tensor, config: ViewConfig) -> tuple[Tensor, Tensor]:
    """Levels [B,3,T,H,W] -> two changed copies, drawn from torch's generator."""
    return _view(clip, config), _view(clip, config)


def _view(clip: Tensor, config: ViewConfig) -> Tensor:
    batch, channels, frames, height, width = clip.shape
    draw = torch.rand(6, batch, device=clip.device)
    side = config.smallest_crop + (1 - config.smallest_crop) * draw[0]
    crop = torch.zeros(batch, 2, 3, device=clip.device)
    crop[:, 0, 0] = torch.where(draw[1] < 0.5, -side, side)
    crop[:, 1, 1] = side
    crop[:, :, 2] = ((2 * draw[2:4] - 1) * (1 - side)).T
    grid = functional.affine_grid(crop, [batch, 1, height, width], align_corners=False)
    view = functional.grid_sample(clip.flatten(1, 2), grid, align_corners=False, padding_mode="border")
    view = view.view(batch, channels, frames, height, width)
    gain, gamma = (
        torch.exp((2 * drawn - 1) * math.log(largest)).view(-1, 1, 1, 1, 1)
        for drawn, largest in ((draw[4], config.gain), (draw[5], config.gamma))
    )
    view = 255 * (view.clamp(0, 255) / 255) ** gamma * gain
    sigma = config.noise * torch.rand(batch, 1, 1, 1, 1, device=clip.device)
    return (view + sigma * torch.randn_like(view)).clamp(0, 255)
