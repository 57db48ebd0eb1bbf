"""A BERT layer over time in place of average pooling: the order of what happened counts.

Kalfaoglu, Kalkan, Alatan, Late Temporal Modeling in 3D CNN Architectures with BERT, ECCV Workshops 2020.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from edge.errors import ConfigError


class BertHead(nn.Module):
    """Spatial average, a class token, learned positions, transformer layers; what the token has become is the result.

    longest: the most time steps that have a position. The feed-forward part is 4 x channels wide, as in BERT.
    """

    def __init__(
        self, channels: int = 512, heads: int = 8, layers: int = 1, longest: int = 16, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, 1, channels))
        self.positions = nn.Parameter(torch.zeros(1, longest + 1, channels))
        nn.init.trunc_normal_(self.token, std=0.02)
        nn.init.trunc_normal_(self.positions, std=0.02)
        layer = nn.TransformerEncoderLayer(channels, heads, 4 * channels, dropout, functional.gelu, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)

    def forward(self, maps: Tensor) -> Tensor:
        """[B,C,T,h,w] -> [B,C]. Raises ConfigError for more time steps than there are positions."""
        steps, longest = maps.shape[2], self.positions.shape[1] - 1
        if steps > longest:
            raise ConfigError(f"the BERT head has positions for {longest} steps, found {steps}: raise `longest`")
        series = maps.mean((3, 4)).transpose(1, 2)
        series = torch.cat([self.token.expand(len(series), -1, -1), series], 1) + self.positions[:, : steps + 1]
        return torch.as_tensor(self.encoder(series)[:, 0])
