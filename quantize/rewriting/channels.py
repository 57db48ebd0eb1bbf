"""Which channels of a network are one and the same at different places: through pooling, Split, Concat, and states."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx

from edge.bundles.bundle import StateSpec
from quantize.graph import Graph

Numbers = npt.NDArray[np.int64]
FIXED = 0  # the number of all channels that may not be scaled
# f(c * x) = c * f(x) for c > 0, channel by channel, where the channels' axis stays as it is.
HOMOGENEOUS = frozenset(
    (
        *("Relu", "LeakyRelu", "Identity", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"),
        *("ReduceMax", "ReduceMean", "Slice"),
    )
)


@dataclass(frozen=True)
class Convolution:
    """One with constant weights. entering, leaving: int64 [C] and [O], equal where channels are the same."""

    node: onnx.NodeProto
    entering: Numbers
    leaving: Numbers


@dataclass(frozen=True)
class _Channels:
    """Of one tensor: their axis and their numbers."""

    axis: int
    numbers: Numbers


def convolutions(model: onnx.ModelProto, states: Sequence[StateSpec]) -> list[Convolution]:
    """Every convolution of a shape-inferred model, and which channels it reads and makes.

    A channel is FIXED where an operator that is not homogeneous reads it, or where it leaves as anything but a state
    that starts at zero.
    """
    blind = _Walk(model, {})  # a state's axis of channels is known where it leaves only
    axes = {s.input: blind.channels.get(s.output) for s in states if s.start == 0}
    walk = _Walk(model, {name: found.axis for name, found in axes.items() if found is not None})
    entering = {s.output: s.input for s in states}
    for value in model.graph.output:
        walk.join(walk.channels.get(value.name), walk.channels.get(entering.get(value.name, "")))
    return [Convolution(one.node, walk.roots(one.entering), walk.roots(one.leaving)) for one in walk.found]


class _Walk:
    """Through a graph in its order. channels: of every tensor that has any; all others' are fixed.

    entering: the states' axes.
    """

    def __init__(self, model: onnx.ModelProto, entering: Mapping[str, int]) -> None:
        self._graph = Graph(model)
        self._parents = [FIXED]
        self.found: list[Convolution] = []
        self.channels = {name: self._fresh(axis, self._graph.shape(name)[axis]) for name, axis in entering.items()}
        for node in model.graph.node:
            made = self._through(node)
            if not made:
                for name in node.input:
                    self.join(self.channels.get(name), None)
            self.channels.update(zip(node.output, made, strict=False))

    def join(self, a: _Channels | None, b: _Channels | None) -> None:
        """Both are the same channels; beside None, or another number of them, they are fixed."""
        if a is None or b is None or len(a.numbers) != len(b.numbers):
            for one in (one for some in (a, b) if some is not None for one in some.numbers.tolist()):
                self._parents[self._root(one)] = FIXED
            return
        for one, other in zip(a.numbers.tolist(), b.numbers.tolist(), strict=True):
            first, second = sorted((self._root(one), self._root(other)))
            self._parents[second] = first

    def roots(self, numbers: Numbers) -> Numbers:
        """The smallest number of the same channel, for each."""
        return np.array([self._root(one) for one in numbers.tolist()], np.int64)

    def _root(self, one: int) -> int:
        while self._parents[one] != one:
            one = self._parents[one]
        return one

    def _fresh(self, axis: int, count: int) -> _Channels:
        first = len(self._parents)
        self._parents.extend(range(first, first + count))
        return _Channels(axis, np.arange(first, first + count))

    def _through(self, node: onnx.NodeProto) -> Iterable[_Channels]:
        """Channels of the outputs; none where they, and the inputs', are fixed."""
        entering = [self.channels.get(name) for name in node.input]
        if node.op_type == "Conv":
            return self._convolution(node, entering[0])
        if node.op_type == "Concat":
            return self._concatenated(node, entering)
        first = entering[0] if entering else None
        if first is None:
            return ()
        if node.op_type == "Transpose":
            order = next(list(attribute.ints) for attribute in node.attribute if attribute.name == "perm")
            return (_Channels(order.index(first.axis), first.numbers),)
        if node.op_type == "Split":
            return self._split(node, first)
        if node.op_type == "Add" and entering[1] is not None and first.axis == entering[1].axis:
            self.join(first, entering[1])
            return (first,)
        return (first,) if node.op_type in HOMOGENEOUS and self._stays(node, first.axis) else ()

    def _convolution(self, node: onnx.NodeProto, entering: _Channels | None) -> Iterable[_Channels]:
        weight, *bias = (self._graph.constant(name) for name in node.input[1:])
        if weight is None or any(one is None for one in bias):
            return ()
        count = weight.shape[1] * (self._graph.attribute(node, "group", 1) or 1)
        leaving = self._fresh(1, len(weight))
        numbers = np.full(count, FIXED) if entering is None else entering.numbers
        self.found.append(Convolution(node, numbers, leaving.numbers))
        return (leaving,)

    def _concatenated(self, node: onnx.NodeProto, entering: Sequence[_Channels | None]) -> Iterable[_Channels]:
        known = [channels for channels in entering if channels is not None]
        axis = self._graph.attribute(node, "axis") or 0
        if not known or any(channels.axis != known[0].axis for channels in known):
            return ()
        if axis != known[0].axis:
            for channels in entering[1:]:
                self.join(entering[0], channels)
            return (known[0],)
        sizes = [self._graph.shape(name)[axis] for name in node.input]
        parts = [
            np.full(size, FIXED) if one is None else one.numbers for one, size in zip(entering, sizes, strict=True)
        ]
        return (_Channels(axis, np.concatenate(parts)),)

    def _split(self, node: onnx.NodeProto, entering: _Channels) -> Iterable[_Channels]:
        if (self._graph.attribute(node, "axis") or 0) != entering.axis:
            return (entering,) * len(node.output)
        ends = np.cumsum([self._graph.shape(name)[entering.axis] for name in node.output])[:-1]
        return (_Channels(entering.axis, part) for part in np.split(entering.numbers, ends))

    def _stays(self, node: onnx.NodeProto, axis: int) -> bool:
        """The output has the same channels on the same axis."""
        before, after = self._graph.shape(node.input[0]), self._graph.shape(node.output[0])
        steps = self._graph.constant(node.input[4]) if node.op_type == "Slice" and len(node.input) > 4 else None
        return (
            len(before) == len(after) and before[axis] == after[axis] and (steps is None or not bool((steps < 0).any()))
        )
