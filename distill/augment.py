"""What may differ between two recordings of the same action: the student must not care about any of it.

Everything acts on whole clips in the `luma_flow` form, so that motion stays consistent over time: a mirrored clip has
mirrored velocities, a nearer person has larger ones, a faster one too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from edge.inputs.base import ZERO

Rng = np.random.Generator


@dataclass(frozen=True)
class AugmentConfig:
    """Ranges of the changes; each is drawn once per clip.

    tempo, scale, stretch, gain: largest factor, drawn log-uniformly from [1/f, f]. shift: of the picture's half size.
    luma_drop: share of clips whose luma is blanked, so that scenes cannot be learnt by heart.
    flow_noise: largest standard deviation of smooth velocity noise, pixels per tick.
    """

    tempo: float = 1.4
    scale: float = 1.5
    stretch: float = 1.12
    gain: float = 1.2
    shift_x: float = 0.35
    shift_y: float = 0.25
    luma_gamma: float = 2.0
    luma_drop: float = 0.5
    flow_noise: float = 0.5
    reverse: float = 0.4


def window(
    x: npt.NDArray[np.uint8], ticks: int, config: AugmentConfig, levels_per_pixel: float, rng: Rng
) -> tuple[Tensor, Tensor]:
    """A piece of `ticks` ticks, played at a drawn tempo: uint8 [T,h,w,3] -> luma [ticks,h,w] in [0,1], velocities
    [ticks,2,h,w] in pixels per tick. Past the clip's end the last picture stands still.
    """
    tempo = _factor(config.tempo, rng)
    start = rng.integers(0, max(len(x) - round(ticks * tempo), 0) + 1)
    index = start + np.arange(ticks) * tempo
    piece = torch.from_numpy(x[np.minimum(index.astype(int), len(x) - 1)]).float()
    velocity = (piece[..., 1:].movedim(-1, 1) - ZERO) * (tempo / levels_per_pixel)
    velocity[torch.from_numpy(index >= len(x))] = 0
    return piece[..., 0] / 255, velocity


def reverse_time(luma: Tensor, velocity: Tensor) -> tuple[Tensor, Tensor]:
    """The clip played backwards: sitting down becomes standing up."""
    return luma.flip(0), -velocity.flip(0)


def augment(luma: Tensor, velocity: Tensor, config: AugmentConfig, levels_per_pixel: float, rng: Rng) -> Tensor:
    """luma [B,T,h,w], velocity [B,T,2,h,w] -> the network's input, float32 [B,T,3,h,w] in levels."""
    clips, ticks, height, width = luma.shape
    mirrored = torch.from_numpy(rng.random(clips) < 0.5)
    sign = torch.where(mirrored, -1.0, 1.0)
    scale = torch.tensor([_factor(config.scale, rng) for _ in range(clips)], dtype=torch.float32)
    stretch = torch.tensor([_factor(config.stretch, rng) for _ in range(clips)], dtype=torch.float32)
    gain = torch.tensor([_factor(config.gain, rng) for _ in range(clips)], dtype=torch.float32)

    view = torch.zeros(clips, 2, 3)
    view[:, 0, 0] = sign / (scale * stretch)
    view[:, 1, 1] = 1 / scale
    view[:, 0, 2] = torch.from_numpy(rng.uniform(-config.shift_x, config.shift_x, clips))
    view[:, 1, 2] = torch.from_numpy(rng.uniform(-config.shift_y, config.shift_y, clips))
    grid = functional.affine_grid(view, [clips, 1, height, width], align_corners=False)

    velocity = functional.grid_sample(velocity.flatten(1, 2), grid, align_corners=False).view(
        clips, ticks, 2, height, width
    )
    velocity = velocity * (scale * gain).view(-1, 1, 1, 1, 1)
    velocity[:, :, 0] *= sign.view(-1, 1, 1, 1)
    velocity = velocity + _smooth_noise(velocity.shape, config.flow_noise, rng)
    luma = functional.grid_sample(luma, grid, align_corners=False, padding_mode="border")
    luma = _relight(luma, config, rng)
    levels = torch.cat([luma.unsqueeze(2) * 255, velocity * levels_per_pixel + ZERO], 2)
    return levels.round().clamp(0, 255)


def _relight(luma: Tensor, config: AugmentConfig, rng: Rng) -> Tensor:
    clips = len(luma)
    gamma = torch.tensor([_factor(config.luma_gamma, rng) for _ in range(clips)], dtype=torch.float32)
    gain = torch.from_numpy(rng.uniform(0.5, 1.5, clips)).float()
    luma = (luma.clamp(0, 1) ** gamma.view(-1, 1, 1, 1) * gain.view(-1, 1, 1, 1)).clamp(0, 1)
    luma[torch.from_numpy(rng.random(clips) < config.luma_drop)] = ZERO / 255
    return luma


def _smooth_noise(shape: torch.Size, largest: float, rng: Rng) -> Tensor:
    """Noise as optical flow has it where there is nothing to follow: patches, not pixels; in half of the clips."""
    clips, ticks, _, height, width = shape
    coarse = torch.from_numpy(rng.standard_normal((clips * ticks, 2, -(-height // 4), -(-width // 4)), np.float32))
    sigma = torch.from_numpy(rng.uniform(0, largest, clips) * (rng.random(clips) < 0.5)).float()
    noise = functional.interpolate(coarse, (height, width), mode="bilinear").view(shape)
    return noise * sigma.view(-1, 1, 1, 1, 1)


def _factor(largest: float, rng: Rng) -> float:
    return float(np.exp(rng.uniform(-np.log(largest), np.log(largest))))
