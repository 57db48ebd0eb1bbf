"""Zero-DCE: a small network learns curves that lift a picture, without any bright picture to compare with.

Guo et al., Zero-Reference Deep Curve Estimation for Low-Light Image Enhancement, CVPR 2020. Its published weights are
not free for every use: only weights trained here are used (`distill train distill/recipes/teachers/zero_dce.yaml`).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from edge.errors import DataError

ITERATIONS = 8
WELL_EXPOSED = 0.6
WEIGHTS = {"spatial": 1.0, "exposure": 10.0, "colour": 5.0, "smoothness": 200.0}
U8 = npt.NDArray[np.uint8]


class ZeroDce(nn.Module):
    """Seven convolutions of 32 channels with skips, 24 maps: a curve's strength per iteration and channel."""

    def __init__(self, channels: int = 32) -> None:
        super().__init__()
        widths = [(3, channels), *[(channels, channels)] * 3, *[(2 * channels, channels)] * 2]
        self.down = nn.ModuleList(nn.Conv2d(*width, 3, padding=1) for width in widths[:4])
        self.up = nn.ModuleList(nn.Conv2d(*width, 3, padding=1) for width in widths[4:])
        self.last = nn.Conv2d(2 * channels, 3 * ITERATIONS, 3, padding=1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, 0, 0.02)
                nn.init.zeros_(torch.as_tensor(module.bias))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures [N,3,H,W] in 0..1 -> lifted [N,3,H,W] in 0..1, maps [N,24,H,W] in -1..1."""
        skips = []
        features = x
        for layer in self.down:
            features = functional.relu(layer(features))
            skips.append(features)
        features = skips.pop()
        for layer in self.up:
            features = functional.relu(layer(torch.cat([skips.pop(), features], 1)))
        maps = torch.tanh(self.last(torch.cat([skips.pop(), features], 1)))
        for strength in maps.chunk(ITERATIONS, 1):
            x = x + strength * x * (1 - x)  # eq. 3
        return x, maps


def zero_dce_losses(dark: Tensor, lifted: Tensor, maps: Tensor, exposure: float = WELL_EXPOSED) -> dict[str, Tensor]:
    """The four losses, weighted (section 3.3): spatial consistency, exposure, colour constancy, smoothness of the maps.

    dark, lifted: [N,3,H,W] in 0..1, H and W at least 16; maps [N,24,H,W]. exposure: wanted level of 16x16 patches.
    The weights are those of the released code, and so are the two terms whose scale it changed: exposure is squared,
    smoothness is twice the sum over the maps of the mean squared slope.
    """
    slopes = maps.diff(dim=2).square(), maps.diff(dim=3).square()
    terms = {
        "spatial": _spatial(dark, lifted),
        "exposure": (functional.avg_pool2d(lifted.mean(1, keepdim=True), 16) - exposure).square().mean(),
        "colour": _colour(lifted),
        "smoothness": 2 * (slopes[0].sum(1).mean() + slopes[1].sum(1).mean()),
    }
    return {name: WEIGHTS[name] * term for name, term in terms.items()}


class ZeroDceEnhancer:
    """The enhancer. weights: a .safetensors file of a ZeroDce. Raises DataError where it does not hold one."""

    def __init__(self, weights: str | Path) -> None:
        self.network = ZeroDce().eval()
        try:
            self.network.load_state_dict(load_file(weights))
        except (OSError, SafetensorError, RuntimeError) as error:
            raise DataError(f"{weights}: expected the weights of a ZeroDce, as .safetensors; {error}") from error

    @torch.inference_mode()
    def __call__(self, frames: U8) -> U8:
        """uint8 [T,H,W,3] BGR -> the same."""
        result = np.empty_like(frames)
        for frame, target in zip(frames, result, strict=True):
            rgb = torch.from_numpy(np.ascontiguousarray(frame[..., ::-1].transpose(2, 0, 1)))[None]
            lifted, _ = self.network(rgb.float() / 255)
            target[..., ::-1] = (lifted[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0)
        return result


def _spatial(dark: Tensor, lifted: Tensor) -> Tensor:
    """Differences between neighbouring 4x4 regions stay what they were (eq. 4)."""
    before, after = (functional.avg_pool2d(x.mean(1, keepdim=True), 4) for x in (dark, lifted))
    # Every pair is a neighbour of both of its regions, hence twice.
    pairs = [2 * (after.diff(dim=axis).abs() - before.diff(dim=axis).abs()).square().sum() for axis in (2, 3)]
    return torch.stack(pairs).sum() / after.numel()


def _colour(lifted: Tensor) -> Tensor:
    """Mean red, green and blue of a picture are equal (eq. 6)."""
    red, green, blue = lifted.mean((2, 3)).unbind(1)
    return ((red - green).square() + (red - blue).square() + (green - blue).square()).mean()
