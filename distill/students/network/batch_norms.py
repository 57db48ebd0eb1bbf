"""A trained student without batch norms, which is what the device computes; and back again, to go on learning."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
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


def unfold(student: StudentNetwork, convolutions: Sequence[tuple[Tensor, Tensor]]) -> None:
    """Give a student the weights and biases of folded convolutions, in the order in which they run.

    In evaluation mode it then computes what they did. Its batch norms hold the biases and nothing of what passes
    through them: `settle` them before training.
    """
    zero, scale = student.config.input_zero, student.config.input_scale
    with torch.no_grad():
        for block, (weight, bias) in zip(blocks(student), convolutions, strict=True):
            norm = block.norm
            norm.running_mean, norm.running_var = torch.zeros_like(bias), torch.ones_like(bias)
            norm.weight.fill_((1.0 + norm.eps) ** 0.5)
            if block.convolution is student.first_convolution:
                weight = weight / 255.0
                bias = bias + zero * weight.sum((1, 2, 3))
                weight = weight / scale
            block.convolution.weight.copy_(weight)
            norm.bias.copy_(bias)


def settle(student: StudentNetwork, clips: Iterable[Tensor]) -> None:
    """Fill the batch norms with what passes through them, so that training finds them as it leaves them.

    What the student computes in evaluation mode stays the same. clips: float32 [B,T,3,H,W], levels.
    """
    seen = {block.norm: _Moments() for block in blocks(student)}
    hooks = [norm.register_forward_pre_hook(moments) for norm, moments in seen.items()]
    training = student.training
    student.eval()
    with torch.no_grad():
        for clip in clips:
            student(clip)
        for norm, moments in seen.items():
            mean, var = moments.of(norm)
            assert norm.running_mean is not None and norm.running_var is not None
            old = norm.weight / torch.sqrt(norm.running_var + norm.eps)
            norm.bias.add_(old * (mean - norm.running_mean))
            norm.weight.copy_(old * torch.sqrt(var + norm.eps))
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(var)
    for hook in hooks:
        hook.remove()
    student.train(training)


def blocks(student: StudentNetwork) -> list[ConvBlock]:
    """Convolutions with batch norm, in the order in which they run."""
    pairs = [one for pair in zip(student.halve, student.shifted, strict=True) for one in pair]
    return [one for one in (*pairs, student.embed, student.temporal) if isinstance(one, ConvBlock)]


class _Moments:
    """Mean and variance by channel of what a layer is given, [N,C,h,w], over many batches."""

    def __init__(self) -> None:
        self._count, self._sum, self._squares = 0, torch.zeros(1), torch.zeros(1)

    def __call__(self, _: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        x = inputs[0].double()
        self._count += x.numel() // x.shape[1]
        self._sum, self._squares = self._sum + x.sum((0, 2, 3)), self._squares + x.square().sum((0, 2, 3))

    def of(self, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
        """Float32 [C] each; a layer that has seen nothing keeps what it has."""
        if not self._count:
            assert norm.running_mean is not None and norm.running_var is not None
            return norm.running_mean.clone(), norm.running_var.clone()
        mean = self._sum / self._count
        return mean.float(), (self._squares / self._count - mean.square()).clamp(min=1e-6).float()
