"""R(2+1)D: a residual network whose 3-D convolutions are a spatial and a temporal one.

Tran et al., A Closer Look at Spatiotemporal Convolutions for Action Recognition, CVPR 2018. Key names are torchvision's
(`stem`, `layer1` to `layer4`), so that public weights of the 34-layer network load.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

DEPTHS_34 = (3, 4, 6, 3)


def middle_channels(inputs: int, outputs: int) -> int:
    """Channels between the two convolutions, so that both have the parameters of one 3x3x3 (section 3.5)."""
    return 27 * inputs * outputs // (9 * inputs + 3 * outputs)


def conv2plus1d(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """1x3x3, batch norm, ReLU, 3x1x1; `stride` in space and time."""
    middle = middle_channels(inputs, outputs)
    return nn.Sequential(
        nn.Conv3d(inputs, middle, (1, 3, 3), (1, stride, stride), (0, 1, 1), bias=False),
        nn.BatchNorm3d(middle),
        nn.ReLU(),
        nn.Conv3d(middle, outputs, (3, 1, 1), (stride, 1, 1), (1, 0, 0), bias=False),
    )


class Block(nn.Module):
    """Two (2+1)D convolutions beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(conv2plus1d(inputs, outputs, stride), nn.BatchNorm3d(outputs))
        self.conv2 = nn.Sequential(conv2plus1d(outputs, outputs), nn.BatchNorm3d(outputs))
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv3d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm3d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """[B,inputs,T,H,W] -> [B,outputs,T/stride,H/stride,W/stride]."""
        shortcut = x if self.downsample is None else self.downsample(x)
        return functional.relu(self.conv2(functional.relu(self.conv1(x))) + shortcut)


class R2Plus1D(nn.Module):
    """The trunk, without its head. width: channels of the first layer, doubled by each of the other three."""

    def __init__(self, depths: Sequence[int] = DEPTHS_34, width: int = 64) -> None:
        super().__init__()
        middle = 45 * width // 64  # 45 channels in the paper's stem
        self.stem = nn.Sequential(
            nn.Conv3d(3, middle, (1, 7, 7), (1, 2, 2), (0, 3, 3), bias=False),
            nn.BatchNorm3d(middle),
            nn.ReLU(),
            nn.Conv3d(middle, width, (3, 1, 1), 1, (1, 0, 0), bias=False),
            nn.BatchNorm3d(width),
            nn.ReLU(),
        )
        inputs = width
        for number, depth in enumerate(depths):
            outputs = width << number
            first = Block(inputs, outputs, 1 if number == 0 else 2)
            rest = [Block(outputs, outputs, 1) for _ in range(depth - 1)]
            self.add_module(f"layer{number + 1}", nn.Sequential(first, *rest))
            inputs = outputs
        self.channels = inputs
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Normalised [B,3,T,H,W] -> [B,channels,T/8,H/16,W/16], rounded up."""
        for layer in self.children():
            x = layer(x)
        return torch.as_tensor(x)


def in_trunk(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of a public R(2+1)D under the names of a teacher that calls it `trunk`; other keys stay as they are."""
    return {f"trunk.{key}" if key.startswith(("stem.", "layer")) else key: value for key, value in weights.items()}
