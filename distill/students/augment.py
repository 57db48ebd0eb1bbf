"""What may differ between two recordings of the same action: the student must not care about any of it.

Everything acts on whole clips, so that motion stays consistent over time: a mirrored clip has mirrored velocities, a
nearer person has larger ones, a faster one too. The first plane is what the form puts beside the velocities: luma
(`luma_flow`), or change above the noise (`change_flow`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from edge.recognition.inputs.base import ZERO

Rng = np.random.Generator


@dataclass(frozen=True)
class AugmentConfig:
    """Ranges of the changes; each is drawn once per clip.

    tempo, scale, stretch, gain: largest factor, drawn log-uniformly from [1/f, f]. shift: of the picture's half size.
    luma_drop: share of clips whose luma is blanked, so that scenes cannot be learnt by heart.
    change_gain: as gain, of the change above the noise: another camera, another light.
    flow_noise: largest standard deviation of smooth velocity noise, pixels per tick.
    late: share of ticks that come a tick late, as when a camera slows down in the dark or a frame is lost.
    switch: share of pieces in whose middle the gate switches to another expert.
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
    change_gain: float = 1.35
    late: float = 0.05
    switch: float = 0.25


# As they were recorded; only mirrored.
PLAIN = AugmentConfig(
    tempo=1.0,
    scale=1.0,
    stretch=1.0,
    gain=1.0,
    shift_x=0.0,
    shift_y=0.0,
    luma_gamma=1.0,
    luma_drop=0.0,
    flow_noise=0.0,
    reverse=0.0,
    change_gain=1.0,
    late=0.0,
)


def piece_of(
    length: int, first: int, end: int, ticks: int, config: AugmentConfig, rng: Rng
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Which ticks of a clip of `length` make a piece of `ticks`, played at a drawn tempo: their indices and steps.

    Of a stretch that is the whole clip, first 0 and end `length`, the piece lies in it as far as it is long enough. Of
    a part of a clip the piece holds half of the stretch, or half of itself, at least: what goes on before and after is
    seen, too. Indices past the clip's end are those of ticks that it does not have.
    """
    tempo = _factor(config.tempo, rng)
    steps = tempo * np.where(rng.random(ticks) < config.late, 2.0, 1.0)
    span = round(steps.sum())
    if (first, end) == (0, length):
        start = int(rng.integers(0, max(length - span, 0) + 1))
    else:
        seen = min(end - first, span) // 2
        lowest, highest = max(first + seen - span, 0), max(min(end - seen, length - span), 0)
        start = int(rng.integers(min(lowest, highest), highest + 1))
    return (start + np.cumsum(steps) - steps[0]).astype(np.int64), steps


def window(
    x: npt.NDArray[np.uint8],
    experts: npt.NDArray[np.int64],
    index: npt.NDArray[np.int64],
    steps: npt.NDArray[np.float64],
    levels_per_pixel: float,
) -> tuple[Tensor, Tensor]:
    """A piece of a clip, each tick as the expert of this tick sees it; index, steps: see `piece_of`.

    x: uint8 [experts,T,h,w,3]; experts: int64 [ticks] -> first plane [ticks,h,w] in levels, velocities
    [ticks,2,h,w] in pixels per tick. Past the clip's end the last picture stands still.
    """
    length = x.shape[1]
    piece = torch.from_numpy(x[experts, np.minimum(index, length - 1)]).float()
    factor = torch.from_numpy(steps / levels_per_pixel).float().view(-1, 1, 1, 1)
    velocity = (piece[..., 1:].movedim(-1, 1) - ZERO) * factor
    velocity[torch.from_numpy(index >= length)] = 0
    return piece[..., 0], velocity


def reverse_time(plane: Tensor, velocity: Tensor) -> tuple[Tensor, Tensor]:
    """The clip played backwards: sitting down becomes standing up."""
    return plane.flip(0), -velocity.flip(0)


def augment(
    planes: Tensor, velocity: Tensor, config: AugmentConfig, form: str, levels_per_pixel: float, rng: Rng
) -> Tensor:
    """First planes [B,T,h,w] in levels, velocity [B,T,2,h,w] -> the network's input, float32 [B,T,3,h,w] in levels."""
    clips, ticks, height, width = planes.shape
    mirrored = torch.from_numpy(rng.random(clips) < 0.5)
    sign = torch.where(mirrored, -1.0, 1.0)
    scale, stretch, gain = (_factors(largest, clips, rng) for largest in (config.scale, config.stretch, config.gain))

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
    if config.flow_noise:
        velocity = velocity + _smooth_noise(velocity.shape, config.flow_noise, rng)
    see = _lumas if form == "luma_flow" else _changes
    levels = torch.cat([see(planes, grid, config, rng).unsqueeze(2), velocity * levels_per_pixel + ZERO], 2)
    return levels.round().clamp(0, 255)


def _lumas(planes: Tensor, grid: Tensor, config: AugmentConfig, rng: Rng) -> Tensor:
    """Another light, or none at all; in levels."""
    clips = len(planes)
    luma = functional.grid_sample(planes / 255, grid, align_corners=False, padding_mode="border")
    gamma = _factors(config.luma_gamma, clips, rng)
    gain = torch.from_numpy(rng.uniform(0.5, 1.5, clips)).float()
    luma = (luma.clamp(0, 1) ** gamma.view(-1, 1, 1, 1) * gain.view(-1, 1, 1, 1)).clamp(0, 1)
    luma[torch.from_numpy(rng.random(clips) < config.luma_drop)] = ZERO / 255
    return luma * 255


def _changes(planes: Tensor, grid: Tensor, config: AugmentConfig, rng: Rng) -> Tensor:
    """More or less above the noise; nothing changes outside the picture. In levels."""
    change = functional.grid_sample(planes - ZERO, grid, align_corners=False)
    return change * _factors(config.change_gain, len(planes), rng).view(-1, 1, 1, 1) + ZERO


def _smooth_noise(shape: torch.Size, largest: float, rng: Rng) -> Tensor:
    """Noise as optical flow has it where there is nothing to follow: patches, not pixels; in half of the clips."""
    clips, ticks, _, height, width = shape
    coarse = torch.from_numpy(rng.standard_normal((clips * ticks, 2, -(-height // 4), -(-width // 4)), np.float32))
    sigma = torch.from_numpy(rng.uniform(0, largest, clips) * (rng.random(clips) < 0.5)).float()
    noise = functional.interpolate(coarse, (height, width), mode="bilinear").view(shape)
    return noise * sigma.view(-1, 1, 1, 1, 1)


def _factors(largest: float, count: int, rng: Rng) -> Tensor:
    return torch.tensor([_factor(largest, rng) for _ in range(count)], dtype=torch.float32)


def _factor(largest: float, rng: Rng) -> float:
    return float(np.exp(rng.uniform(-np.log(largest), np.log(largest))))
