"""Multi-scale Retinex: what differs from its surroundings stays, the light that falls on it goes.

Jobson, Rahman, Woodell, A Multiscale Retinex for Bridging the Gap Between Color Images and the Human Observation of
Scenes, IEEE Transactions on Image Processing 6(7), 1997. ActLumos does not say which Retinex it uses.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

SCALES = (15.0, 80.0, 250.0)  # the paper's, pixels
SPREAD = 2.0
U8 = npt.NDArray[np.uint8]


def multi_scale_retinex(frames: Tensor, scales: Sequence[float] = SCALES, spread: float = SPREAD) -> Tensor:
    """Levels [N,3,H,W], float32 -> levels [N,3,H,W], 0..255.

    Mean over the scales of log(1 + I) - log(1 + G * I); then mean +- spread standard deviations of every frame, all
    channels together, become 0..255 (the paper's gain and offset, which it leaves to the display).
    """
    frames = frames.float()
    with torch.autocast(frames.device.type, enabled=False):  # a ratio near 1 needs more digits than half precision has
        surround = torch.stack([torch.log1p(_blurred(frames, scale)) for scale in scales]).mean(0)
    ratio = torch.log1p(frames) - surround
    std, mean = torch.std_mean(ratio, (1, 2, 3), keepdim=True)
    # The floor keeps rounding errors of an even frame from becoming a picture.
    return ((ratio - mean) / (spread * std).clamp(min=1e-4) * 127.5 + 127.5).clamp(0, 255)


class Retinex:
    """The enhancer. scales: pixels; spread: see `multi_scale_retinex`."""

    def __init__(self, scales: Sequence[float] = SCALES, spread: float = SPREAD) -> None:
        self.scales, self.spread = tuple(scales), spread

    def __call__(self, frames: U8) -> U8:
        """uint8 [T,H,W,3] -> the same; channels are treated alike, so their order does not matter."""
        result = np.empty_like(frames)
        for frame, target in zip(frames, result, strict=True):
            levels = torch.from_numpy(np.ascontiguousarray(frame.transpose(2, 0, 1)))[None]
            target[...] = multi_scale_retinex(levels, self.scales, self.spread)[0].round().byte().permute(1, 2, 0)
        return result


def _blurred(frames: Tensor, scale: float) -> Tensor:
    down, across = (_gaussian(side, scale, frames.device) for side in frames.shape[2:])
    return down @ frames @ across.T


@lru_cache(maxsize=16)
@torch.inference_mode(False)  # kept for later calls, which may be of training
def _gaussian(side: int, scale: float, device: torch.device) -> Tensor:
    """Blur along an axis as a matrix [side,side]: any scale costs the same; at the border too, weights sum to 1."""
    place = torch.arange(side, dtype=torch.float64)
    weights = torch.exp(-((place.unsqueeze(0) - place.unsqueeze(1)) ** 2) / (2 * scale**2))
    return (weights / weights.sum(1, keepdim=True)).float().to(device)
