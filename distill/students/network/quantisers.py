"""A student that rounds as the device does: weights int8, activations uint8, in the graph that `quantize` deploys.

Jacob et al., Quantization and Training of Neural Networks, CVPR 2018: rounding in the forward pass, the gradient goes
straight through. Steps are learned as in LSQ (Esser et al., ICLR 2020), as the logarithm of what they have changed, so
that a step of Adam is a share of them and LSQ's scaling of their gradient is not needed.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from distill.students.network.batch_norms import fold
from distill.students.network.student import ConvBlock, StudentNetwork

LEVELS, WEIGHT_LEVELS = 255, 127
PICTURE_SCALE = 1 / 255  # the camera's levels, exactly
SAMPLES = 200_000  # of a tensor in a batch, from which its range is taken
SHARES = torch.linspace(1.0, 0.3, 29)  # of the extremes: what is tried as a range
EQUALISED = 0.5  # of the ratio of a channel's range to that of the weights that read it; all of it is no better
SMALLEST = 1e-8  # of a weight's range: a channel of zeros has a scale, too


class Quantiser(nn.Module):
    """Rounds to levels 0..255 of one scale; below the lowest level it is a ReLU.

    signed: levels on both sides of zero; otherwise zero is level 0, and what is negative becomes zero.
    """

    start: Tensor
    zero_point: Tensor

    def __init__(self, signed: bool = False) -> None:
        super().__init__()
        self.signed = signed
        self.register_buffer("start", torch.ones(()))
        self.register_buffer("zero_point", torch.zeros((), dtype=torch.uint8))
        self.change = nn.Parameter(torch.zeros(()))  # learned: the logarithm of scale / start
        self._seen: list[Tensor] | None = None
        self._reach: list[Tensor] = []

    @property
    def scale(self) -> Tensor:
        """Of a level, float32 []."""
        return self.start * self.change.exp()

    def forward(self, x: Tensor, given: Tensor | None = None) -> Tensor:
        """The same shape, on the grid; given: the scale that its levels leave with, if not their own."""
        if self._seen is not None:
            x = x if self.signed else x.relu()
            self._reach.append(x.amax((0, 2, 3)))
            self._seen.append(x.flatten()[:: max(1, x.numel() // SAMPLES)])
            return x
        zero_point = self.zero_point.float()
        levels = (x / self.scale + zero_point).clamp(0, LEVELS)
        return (_rounded(levels) - zero_point) * (self.scale if given is None else given)

    def watch(self) -> None:
        """From now on it lets values pass, and keeps what it sees."""
        self._seen, self._reach = [], []

    def reach(self) -> Tensor:
        """[C]: how far every channel went, in the mean of the batches that it saw."""
        return torch.stack(self._reach).mean(0)

    def settle(self) -> None:
        """From now on it rounds, with the range of least squared error on what it saw."""
        assert self._seen
        values = torch.cat(self._seen)
        self._seen, self._reach = None, []
        low, high = values.min().clamp(max=0.0), values.max().clamp(min=SMALLEST)
        tried = []
        for share in SHARES:
            self._cover(share * low, share * high)
            tried.append((self(values) - values).square().mean())
        share = SHARES[int(torch.stack(tried).argmin())]
        self._cover(share * low, share * high)

    def frozen(self) -> FrozenQuantiser:
        """What the file holds of it."""
        return FrozenQuantiser(self.scale.detach(), self.zero_point)

    def _cover(self, low: Tensor, high: Tensor) -> None:
        self.start.copy_((high - low) / LEVELS)
        self.zero_point.copy_((-low / self.start).round())


class QuantisedConvolution(nn.Conv2d):
    """A convolution whose weights are int8, symmetric, with a scale per output channel: its largest is level 127."""

    def __init__(self, source: nn.Conv2d) -> None:
        super().__init__(*_shape(source))
        self.load_state_dict(source.state_dict())
        self._seen: list[Tensor] | None = None

    def levels(self) -> tuple[Tensor, Tensor]:
        """Weights in levels, float32 [O,I,h,w], rounded, and their scales [O]."""
        scale = self.weight.detach().abs().amax((1, 2, 3)).clamp(min=SMALLEST) / WEIGHT_LEVELS
        return _rounded(self.weight / scale.view(-1, 1, 1, 1)), scale

    def forward(self, x: Tensor) -> Tensor:
        """As nn.Conv2d."""
        if self._seen is not None:
            self._seen.append(x.mean((0, 2, 3)))
            weight: Tensor = self.weight
        else:
            levels, scale = self.levels()
            weight = levels * scale.view(-1, 1, 1, 1)
        return _convolved(self, x, weight)

    def watch(self) -> None:
        """From now on it computes in float, and keeps the means of what it reads."""
        self._seen = []

    def settle(self, factors: Tensor) -> None:
        """From now on it rounds. factors: [I], by which its inputs will be larger than what it saw.

        The bias takes over what rounding adds to the mean output (Nagel et al., ICCV 2019), so that training starts
        from the best that is known without it.
        """
        assert self._seen and self.bias is not None
        mean = torch.stack(self._seen).mean(0) * factors
        self._seen = None
        self.weight /= factors.view(1, -1, 1, 1)
        levels, scale = self.levels()
        self.bias += ((self.weight - levels * scale.view(-1, 1, 1, 1)).sum((2, 3)) * mean).sum(1)

    def frozen(self) -> FrozenConvolution:
        """What the file holds of it."""
        return FrozenConvolution(self)


class QuantisedStudent(StudentNetwork):
    """Made from a trained student, batch norms folded. What is joined shares a scale, as in the deployed graph.

    A state leaves with the scale with which it enters, for both are one quantiser's; the largest value over the picture
    is one of its values; a mean, and the embedding beside the temporal stage, have levels of their own that are read in
    their neighbour's scale, and the weights behind them make up for it (quantize/rewriting/balance.py).
    """

    def __init__(self, student: StudentNetwork) -> None:
        config = dataclasses.replace(student.config, input_zero=0.0, input_scale=PICTURE_SCALE, dropout=0.0)
        super().__init__(config)
        folded = fold(student)
        for block in folded.modules():
            if isinstance(block, ConvBlock):
                block[0], block[2] = QuantisedConvolution(block.convolution), Quantiser()
        self.halve, self.shifted = folded.halve, folded.shifted
        self.embed, self.temporal = folded.embed, folded.temporal
        assert isinstance(folded.heads, nn.Conv2d)
        self.heads = nn.Sequential(QuantisedConvolution(folded.heads), Quantiser(signed=True))
        self.mean = Quantiser()
        self.picture = Quantiser()
        self.picture.start.fill_(PICTURE_SCALE)
        self.picture.change.requires_grad_(False)

    def step_folded(self, x: Tensor, states: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """As StudentNetwork's."""
        return super().step_folded(self.picture(x), states)

    @torch.no_grad()
    def observe(self, clips: Sequence[Tensor]) -> None:
        """Take every range from float32 [B,T,3,H,W] in levels, as the float student sees them; equalise, correct."""
        self._watch(clips)
        self._equalise()
        watching = self._watch(clips)
        for module in watching:
            if isinstance(module, Quantiser):
                module.settle()
        for module in watching:
            if isinstance(module, QuantisedConvolution):
                module.settle(self._factors(module))

    @torch.no_grad()
    def _watch(self, clips: Sequence[Tensor]) -> list[Quantiser | QuantisedConvolution]:
        """Let the clips pass in float, seen by all that rounds; gives these modules."""
        modules = [m for m in self.modules() if isinstance(m, Quantiser | QuantisedConvolution) and m != self.picture]
        for module in modules:
            module.watch()
        for clip in clips:
            self(clip)
        return modules

    @torch.no_grad()
    def _equalise(self) -> None:
        """Channels of one scale get ranges that are more alike; the weights that read them make up for it.

        Nagel et al., Data-free quantization through weight equalization and bias correction, ICCV 2019, section 4.1,
        with the ranges of activations: where light is low a few channels reach far and most do not.
        """
        for block, readers in self._readers():
            reach = _floored(_seen_output(block).reach())
            count = len(reach)
            read = torch.stack([c.weight[:, at : at + count].abs().amax((0, 2, 3)) for c, at in readers]).amax(0)
            factors = _floored(read) ** (1 - EQUALISED) / reach**EQUALISED
            factors /= factors.log().mean().exp()  # as a whole nothing grows: rates stay what they were
            own = block.convolution
            assert own.bias is not None
            own.weight *= factors.view(-1, 1, 1, 1)
            own.bias *= factors
            for convolution, at in readers:
                convolution.weight[:, at : at + count] /= factors.view(1, -1, 1, 1)

    def _readers(self) -> Iterator[tuple[ConvBlock, list[tuple[nn.Conv2d, int]]]]:
        """Every block with the convolutions that read its output, and from which of their channels on."""
        assert isinstance(self.heads, nn.Sequential) and isinstance(self.heads[0], nn.Conv2d)
        stages = [block for pair in zip(self.halve, self.shifted, strict=True) for block in pair]
        blocks = [block for block in stages if isinstance(block, ConvBlock)]
        for block, reader in pairwise(blocks):
            yield block, [(reader.convolution, 0)]
        pooled, embed, temporal = blocks[-1].convolution.out_channels, self.embed.convolution, self.temporal.convolution
        yield blocks[-1], [(embed, 0), (embed, pooled)]
        yield self.embed, [(temporal, 0), (self.heads[0], 0)]
        yield self.temporal, [(self.heads[0], embed.out_channels)]

    def scales(self) -> list[nn.Parameter]:
        """What is learned of the scales."""
        return [m.change for m in self.modules() if isinstance(m, Quantiser) and m.change.requires_grad]

    def frozen(self) -> QuantisedStudent:
        """A copy for export: every rounding as ONNX's pair of operators, weights as int8."""
        made = copy.deepcopy(self)
        for parent in list(made.modules()):
            for name, child in parent.named_children():
                if isinstance(child, Quantiser | QuantisedConvolution):
                    setattr(parent, name, child.frozen())
        return made

    def _pooled(self, x: Tensor) -> Tensor:
        mean = self.mean(x.mean((2, 3), keepdim=True), _output(self.shifted[-1]).scale)
        return torch.cat([mean, x.amax((2, 3), keepdim=True)], 1)

    def _joined(self, now: Tensor, history: Tensor) -> Tensor:
        return torch.cat([_output(self.embed)(now, _output(self.temporal).scale), history], 1)

    def _factors(self, convolution: QuantisedConvolution) -> Tensor:
        """[I]: how many times as large a convolution's inputs are for being read in another scale."""
        assert isinstance(self.heads, nn.Sequential)
        narrow = {
            self.embed[0]: (self.mean, _output(self.shifted[-1])),
            self.heads[0]: (_output(self.embed), _output(self.temporal)),
        }
        factors = torch.ones(convolution.in_channels)
        if convolution in narrow:
            own, read = narrow[convolution]
            factors[: len(factors) // 2] = read.scale / own.scale
        return factors


class FrozenQuantiser(nn.Module):
    """QuantizeLinear and DequantizeLinear; runs in an export alone."""

    scale: Tensor
    zero_point: Tensor

    def __init__(self, scale: Tensor, zero_point: Tensor) -> None:
        super().__init__()
        self.register_buffer("scale", scale.clone())
        self.register_buffer("zero_point", zero_point.clone())

    def forward(self, x: Tensor, given: Tensor | None = None) -> Tensor:
        """As Quantiser's."""
        levels = _operator("QuantizeLinear", (x, self.scale, self.zero_point), torch.uint8)
        given = self.scale if given is None else given
        return _operator("DequantizeLinear", (levels, given, self.zero_point), torch.float32)


class FrozenConvolution(nn.Conv2d):
    """A convolution that reads its weights from int8 levels; runs in an export alone."""

    levels: Tensor
    scale: Tensor
    zero_point: Tensor

    def __init__(self, source: QuantisedConvolution) -> None:
        super().__init__(*_shape(source))
        self.bias = source.bias
        levels, scale = source.levels()
        self.register_parameter("weight", None)
        self.register_buffer("levels", levels.detach().to(torch.int8))
        self.register_buffer("scale", scale)
        self.register_buffer("zero_point", torch.zeros(len(scale), dtype=torch.int8))

    def forward(self, x: Tensor) -> Tensor:
        """As nn.Conv2d."""
        weight = _operator("DequantizeLinear", (self.levels, self.scale, self.zero_point), torch.float32)
        return _convolved(self, x, weight)


def _shape(source: nn.Conv2d) -> tuple[Any, ...]:
    """What nn.Conv2d is made from, for another one of the same shape; it takes tuples, but says that it takes pairs."""
    return source.in_channels, source.out_channels, source.kernel_size, source.stride, source.padding


def _convolved(layer: nn.Conv2d, x: Tensor, weight: Tensor) -> Tensor:
    return nn.functional.conv2d(x, weight, layer.bias, layer.stride, layer.padding)


def _operator(name: str, inputs: tuple[Tensor, Tensor, Tensor], dtype: torch.dtype) -> Tensor:
    axis = 0 if inputs[1].ndim else 1  # of the scales; a single one has none, and 1 is what ONNX assumes then
    return torch.onnx.ops.symbolic(name, inputs, {"axis": axis}, dtype=dtype, shape=inputs[0].shape)


def _output(block: nn.Module) -> Quantiser | FrozenQuantiser:
    layer = block[2] if isinstance(block, ConvBlock) else None
    assert isinstance(layer, Quantiser | FrozenQuantiser)
    return layer


def _seen_output(block: ConvBlock) -> Quantiser:
    layer = _output(block)
    assert isinstance(layer, Quantiser)
    return layer


def _floored(ranges: Tensor) -> Tensor:
    """A channel that is all but dead counts as a thousandth of the largest."""
    return ranges.clamp(min=max(1e-3 * float(ranges.max()), SMALLEST))


def _rounded(x: Tensor) -> Tensor:
    """The nearest whole number; the gradient goes straight through."""
    return x + (x.round() - x).detach()
