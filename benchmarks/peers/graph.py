"""An ONNX model written layer by layer, with random weights: convolutions with what follows them folded in."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Value:
    """A tensor of the graph: its name and shape, channels second."""

    name: str
    shape: Shape


class Graph:
    """Layers in their order. Weights keep the variance, so that no activation dies or explodes before it is timed."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._random = np.random.default_rng(0)
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._inputs: list[Value] = []
        self._outputs: list[Value] = []

    def input(self, *shape: int) -> Value:
        """A picture, a clip or a state, float32."""
        value = Value(f"in{len(self._inputs)}", shape)
        self._inputs.append(value)
        return value

    def output(self, value: Value) -> None:
        """What the model answers, or a state that goes round."""
        self._outputs.append(value)

    def conv(
        self,
        x: Value,
        channels: int,
        kernel: Shape,
        stride: Shape | None = None,
        pad: Shape | None = None,
        groups: int = 1,
    ) -> Value:
        """With bias; batch norm is folded in. pad: on both sides of every axis; None keeps the size at stride 1."""
        stride = stride or (1,) * len(kernel)
        pad = tuple(k // 2 for k in kernel) if pad is None else pad
        inputs = x.shape[1] // groups
        weight = self._normal((channels, inputs, *kernel), (2 / (inputs * prod(kernel))) ** 0.5)
        size = tuple((n + 2 * p - k) // s + 1 for n, p, k, s in zip(x.shape[2:], pad, kernel, stride, strict=True))
        names = [x.name, weight, self._constant(np.zeros(channels, np.float32))]
        shape = (x.shape[0], channels, *size)
        return self._node("Conv", names, shape, kernel_shape=kernel, strides=stride, pads=pad * 2, group=groups)

    def depthwise(self, x: Value, kernel: Shape, stride: Shape | None = None, pad: Shape | None = None) -> Value:
        """Every channel by itself."""
        return self.conv(x, x.shape[1], kernel, stride, pad, x.shape[1])

    def dense(self, x: Value, channels: int) -> Value:
        """[N,C] to [N,channels]."""
        weight = self._normal((x.shape[1], channels), (2 / x.shape[1]) ** 0.5)
        return self._node(
            "Gemm", [x.name, weight, self._constant(np.zeros(channels, np.float32))], (x.shape[0], channels)
        )

    def relu(self, x: Value) -> Value:
        return self._node("Relu", [x.name], x.shape)

    def relu6(self, x: Value) -> Value:
        bounds = [self._constant(np.array(level, np.float32)) for level in (0, 6)]
        return self._node("Clip", [x.name, *bounds], x.shape)

    def hard_swish(self, x: Value) -> Value:
        return self._node("HardSwish", [x.name], x.shape)

    def hard_sigmoid(self, x: Value) -> Value:
        return self._node("HardSigmoid", [x.name], x.shape, alpha=1 / 6, beta=0.5)

    def sigmoid(self, x: Value) -> Value:
        return self._node("Sigmoid", [x.name], x.shape)

    def swish(self, x: Value) -> Value:
        return self.times(x, self.sigmoid(x))

    def plus(self, x: Value, y: Value) -> Value:
        return self._node("Add", [x.name, y.name], x.shape)

    def times(self, x: Value, y: Value) -> Value:
        return self._node("Mul", [x.name, y.name], x.shape)

    def mean(self, x: Value) -> Value:
        """Over all but batch and channels, which stay 1 long."""
        return self._node("GlobalAveragePool", [x.name], (*x.shape[:2], *(1,) * (len(x.shape) - 2)))

    def averaged(self, x: Value, kernel: Shape, stride: Shape, pad: Shape) -> Value:
        """Average pooling."""
        size = tuple((n + 2 * p - k) // s + 1 for n, p, k, s in zip(x.shape[2:], pad, kernel, stride, strict=True))
        shape = (*x.shape[:2], *size)
        return self._node("AveragePool", [x.name], shape, kernel_shape=kernel, strides=stride, pads=pad * 2)

    def doubled(self, x: Value) -> Value:
        """Nearest neighbour, twice as high and wide."""
        names = [x.name, "", self._constant(np.array([1, 1, 2, 2], np.float32))]
        return self._node("Resize", names, (*x.shape[:2], 2 * x.shape[2], 2 * x.shape[3]), mode="nearest")

    def joined(self, x: Value, y: Value, axis: int) -> Value:
        shape = list(x.shape)
        shape[axis] += y.shape[axis]
        return self._node("Concat", [x.name, y.name], tuple(shape), axis=axis)

    def part(self, x: Value, first: int, last: int, axis: int) -> Value:
        """[first, last) along an axis."""
        shape = list(x.shape)
        shape[axis] = last - first
        names = [self._constant(np.array([number], np.int64)) for number in (first, last, axis)]
        return self._node("Slice", [x.name, *names], tuple(shape))

    def reshaped(self, x: Value, *shape: int) -> Value:
        return self._node("Reshape", [x.name, self._constant(np.array(shape, np.int64))], shape)

    def model(self) -> onnx.ModelProto:
        """The whole, checked."""
        inputs, outputs = _infos(self._inputs), _infos(self._outputs)
        graph = helper.make_graph(self._nodes, self._name, inputs, outputs, self._constants)
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
        onnx.checker.check_model(made, full_check=True)
        return made

    def _node(self, kind: str, names: list[str], shape: Shape, **attributes: Any) -> Value:
        value = Value(f"v{len(self._nodes)}", shape)
        self._nodes.append(helper.make_node(kind, names, [value.name], **attributes))
        return value

    def _normal(self, shape: Shape, deviation: float) -> str:
        return self._constant((self._random.standard_normal(shape) * deviation).astype(np.float32))

    def _constant(self, numbers: npt.NDArray[np.generic]) -> str:
        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(numbers, name))
        return name


def _infos(values: list[Value]) -> list[onnx.ValueInfoProto]:
    return [helper.make_tensor_value_info(value.name, TensorProto.FLOAT, value.shape) for value in values]
