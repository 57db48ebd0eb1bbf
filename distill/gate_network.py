"""The gate as PyTorch trains it (AGC of the ELLAR paper); `edge/recognition/gate.py` runs the same weights."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from edge.recognition.gate import LEAK

F32 = npt.NDArray[np.float32]
WIDTHS = (128, 256)
DROPOUT = 0.1


class GateNetwork(nn.Module):
    """FC 3T->128, BN, LeakyReLU, dropout, FC 128->256, BN, LeakyReLU, dropout, FC 256->experts (ELLAR paper)."""

    def __init__(self, window: int, experts: int) -> None:
        super().__init__()
        self.linear1, self.norm1 = nn.Linear(3 * window, WIDTHS[0]), nn.BatchNorm1d(WIDTHS[0])
        self.linear2, self.norm2 = nn.Linear(WIDTHS[0], WIDTHS[1]), nn.BatchNorm1d(WIDTHS[1])
        self.linear3 = nn.Linear(WIDTHS[1], experts)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, features: Tensor) -> Tensor:
        """float32 [B, 3T] -> scores [B, experts], before the softmax."""
        x = self.dropout(functional.leaky_relu(self.norm1(self.linear1(features)), LEAK))
        x = self.dropout(functional.leaky_relu(self.norm2(self.linear2(x)), LEAK))
        return torch.as_tensor(self.linear3(x))

    def weights(self) -> dict[str, F32]:
        """What `edge.recognition.gate.Gate` reads: float32 w [in,out], b [out] of each layer, batch norm folded in."""
        folded = {}
        for number, norm in ((1, self.norm1), (2, self.norm2), (3, None)):
            linear = getattr(self, f"linear{number}")
            weight, bias = linear.weight.detach().T, linear.bias.detach()
            if norm is not None:
                mean, variance = torch.as_tensor(norm.running_mean), torch.as_tensor(norm.running_var)
                scale = norm.weight.detach() / torch.sqrt(variance + norm.eps)
                weight, bias = weight * scale, (bias - mean) * scale + norm.bias.detach()
            folded[f"w{number}"] = np.ascontiguousarray(weight.numpy(), np.float32)
            folded[f"b{number}"] = bias.numpy().astype(np.float32)
        return folded
