"""A trained student without batch norms: what the device computes."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from distill.students.network.student import ConvBlock, StudentNetwork


def fold(student: StudentNetwork) -> StudentNetwork:
    """A copy whose convolutions hold their batch norms, and whose first one holds scale and zero of the input."""
    folded = copy.deepcopy(student).eval()
    for block in folded.modules():
        if isinstance(block, ConvBlock):
            block[0] = fuse_conv_bn_eval(block.convolution, block.norm)
            block[1] = nn.Identity()
    first = folded.first_convolution
    with torch.no_grad():
        assert first.bias is not None
        # conv((x - zero) * scale) = conv_s(x) - zero * sum(conv_s), exact because this convolution has no padding.
        first.weight *= student.config.input_scale
        first.bias -= student.config.input_zero * first.weight.sum((1, 2, 3))
        first.weight *= 255.0
    return folded
