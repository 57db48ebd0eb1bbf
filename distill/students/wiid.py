"""WiiD for students: targets found by saliency and motion, backgrounds partly masked, features that do not care.

"WiiD", ECCV 2024: target highlighting, region-dependent erasing with a mask token, a symmetric BYOL-style consistency
loss, alignment by MMD. Its code for actions is unreleased; every part is an option that an ablation can switch off.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from distill.training.losses import consistency_loss

U8 = npt.NDArray[np.uint8]
F32 = npt.NDArray[np.float32]
SALIENCY_SIDE = 64  # the scale at which Hou and Zhang look for objects
OPENING = np.ones((3, 3), np.uint8)


@dataclass(frozen=True)
class WiidConfig:
    """Published values; a weight or share of 0 switches its part off.

    background_share, target_share: of the patches that are masked (target: not published, 0). patch: side, pixels (not
    published). consistency_weight, momentum, width: of the BYOL heads and their moving average. mmd_weight: alignment.
    """

    background_share: float = 0.3
    target_share: float = 0.0
    patch: int = 8
    consistency_weight: float = 0.13
    momentum: float = 0.99
    width: int = 128
    mmd_weight: float = 0.1


def saliency(frame: U8) -> F32:
    """Spectral residual (Hou, Zhang, CVPR 2007): uint8 [H,W,3] -> float32 [H,W], 0..1, 1 at the most salient place."""
    grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, (SALIENCY_SIDE, SALIENCY_SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    spectrum = np.fft.fft2(small)
    log_amplitude = np.log(np.abs(spectrum) + 1e-6).astype(np.float32)
    residual = log_amplitude - cv2.blur(log_amplitude, (3, 3), borderType=cv2.BORDER_WRAP)
    back = np.abs(np.fft.ifft2(np.exp(residual + 1j * np.angle(spectrum)))) ** 2
    smooth = cv2.GaussianBlur(back.astype(np.float32), (0, 0), 2.5)
    found = cv2.resize(smooth, (frame.shape[1], frame.shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray((found - found.min()) / max(float(np.ptp(found)), 1e-12), np.float32)


def target_map(frames: U8, threshold: float = 0.5, history: int = 50) -> F32:
    """Where the actor is: salient, or moving against a Gaussian mixture over time; uint8 [T,H,W,3] -> [T,H,W], 0 or 1.

    The mixture (Zivkovic, ICPR 2004) sees the clip's median, so that the first frames have a background to differ from,
    then the clip twice, so that it knows the noise.
    What a pixel shows for less than 0.3 of the time is not background. threshold: of the saliency; history: frames that
    the mixture remembers (none of these is published).
    """
    mixture = cv2.createBackgroundSubtractorMOG2(history=history, varThreshold=16, detectShadows=False)
    mixture.setBackgroundRatio(0.7)
    for frame in (np.median(frames, 0).astype(np.uint8), *frames):
        mixture.apply(np.ascontiguousarray(frame))
    result = np.zeros(frames.shape[:3], np.float32)
    for frame, target in zip(frames, result, strict=True):
        # Single pixels that flicker are noise, and in the dark there are many.
        moving = cv2.morphologyEx(mixture.apply(np.ascontiguousarray(frame)), cv2.MORPH_OPEN, OPENING)
        target[...] = (moving > 0) | (saliency(frame) > threshold)
    return result


class RegionErasing(nn.Module):
    """Patches become a learned mask token: many in the background, few or none on the target.

    A patch counts as target if any of its pixels does. A patch is masked in all frames in which it is background, so
    that no other frame gives it away.
    """

    def __init__(self, config: WiidConfig, channels: int = 3) -> None:
        super().__init__()
        self.config = config
        self.token = nn.Parameter(torch.full((channels,), 128.0))

    def forward(self, clip: Tensor, target: Tensor) -> Tensor:
        """clip [B,T,C,H,W], target [B,T,H,W] in 0..1 -> the erased clip; drawn from torch's generator."""
        side = self.config.patch
        height, width = clip.shape[3:]
        regions = functional.max_pool2d(target, side, ceil_mode=True)
        drawn = torch.rand(len(clip), 1, *regions.shape[2:], device=clip.device)
        share = torch.where(regions > 0.5, self.config.target_share, self.config.background_share)
        erased = (drawn < share).repeat_interleave(side, 2).repeat_interleave(side, 3)[..., :height, :width]
        return torch.where(erased.unsqueeze(2), self.token.view(-1, 1, 1), clip)


class Consistency(nn.Module):
    """Two views of a clip predict each other's projection by a slowly moving copy of the encoder (BYOL, 2020).

    encoder: a module from clips to features [B,features]; it is trained here and kept by the caller.
    """

    def __init__(self, encoder: nn.Module, features: int, config: WiidConfig) -> None:
        super().__init__()
        self.momentum = config.momentum
        self.online = nn.Sequential(encoder, _head(features, config.width))
        self.predictor = _head(config.width, config.width)
        self.slow = copy.deepcopy(self.online).requires_grad_(False)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Two views, as the encoder takes them -> the symmetric loss, not weighted."""
        with torch.no_grad():
            targets = self.slow(second), self.slow(first)
        predictions = self.predictor(self.online(first)), self.predictor(self.online(second))
        return torch.stack([consistency_loss(p, t) for p, t in zip(predictions, targets, strict=True)]).mean()

    @torch.no_grad()
    def follow(self) -> None:
        """Move the slow copy towards the trained one; after every step of the optimizer."""
        for weight, trained in zip(self.slow.parameters(), self.online.parameters(), strict=True):
            weight.lerp_(trained, 1 - self.momentum)
        for statistic, seen in zip(self.slow.buffers(), self.online.buffers(), strict=True):
            statistic.copy_(seen)


def _head(inputs: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, width))
