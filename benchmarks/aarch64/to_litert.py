"""A student as a .tflite file: the same integers, operator by operator, channels last.

Only the operators that students have; another one is refused by name. uint8 levels become int8 (128 less, the zero
point too), so every multiplication stays the same.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from benchmarks.aarch64.guest import FOLDER
from edge.bundles.bundle import Bundle

Array = npt.NDArray[Any]
NCHW_TO_NHWC = (0, 2, 3, 1)


@dataclass
class Value:
    """A tensor of the result. flipped: it is [N,C,H,W] in the ONNX file and [N,H,W,C] here."""

    index: int
    shape: tuple[int, ...]
    flipped: bool
    scale: float | None = None
    zero_point: int = 0

    def axis(self, axis: int) -> int:
        """An axis of the ONNX file here."""
        return NCHW_TO_NHWC.index(axis % 4) if self.flipped else axis % len(self.shape)


def litert_file(bundle: Bundle, folder: Path) -> Path:
    """Write the bundle's `student.onnx` as a .tflite and return its path. Raises ValueError (an operator)."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{bundle.digest[:16]}.tflite"
    path.write_bytes(_Converter(onnx.load_from_string(bundle.student_bytes())).file())
    return path


def _schema() -> ModuleType:
    """LiteRT's flatbuffer classes, from its wheel in the guest: plain Python."""
    path = FOLDER / "site" / "ai_edge_litert" / "schema_py_generated.py"
    spec = importlib.util.spec_from_file_location("litert_schema", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class _Converter:
    def __init__(self, model: onnx.ModelProto) -> None:
        self._s = _schema()
        self._graph = model.graph
        self._constants = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
        self._quantisers = {n.input[0]: n for n in model.graph.node if n.op_type == "QuantizeLinear"}
        self._values: dict[str, Value] = {}
        self._tensors: list[Any] = []
        self._operators: list[Any] = []
        self._codes: list[int] = []
        self._buffers = [self._s.BufferT()]

    def file(self) -> bytes:
        """Convert and serialise."""
        import flatbuffers

        inputs = []
        for value in self._graph.input:
            shape = tuple(d.dim_value for d in value.type.tensor_type.shape.dim)
            self._values[value.name] = self._tensor(value.name, shape, self._input_type(value), None)
            inputs.append(self._values[value.name].index)
        for node in self._graph.node:
            converter: Callable[[onnx.NodeProto], None] | None = getattr(self, f"_{node.op_type.lower()}", None)
            if converter is None:
                raise ValueError(f"{node.op_type} {node.name}: this converter does not know the operator")
            converter(node)
        graph = self._s.SubGraphT()
        graph.tensors, graph.operators, graph.inputs = self._tensors, self._operators, inputs
        graph.outputs = [self._leaving(value).index for value in self._graph.output]
        model = self._s.ModelT()
        model.version, model.subgraphs, model.buffers, model.operatorCodes = 3, [graph], self._buffers, []
        for code in self._codes:
            operator = self._s.OperatorCodeT()
            operator.builtinCode, operator.deprecatedBuiltinCode, operator.version = code, min(code, 127), 1
            model.operatorCodes.append(operator)
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def _leaving(self, output: onnx.ValueInfoProto) -> Value:
        """An output of the graph, given back in float where the ONNX file does so."""
        value = self._values[output.name]
        if value.scale is None or output.type.tensor_type.elem_type != onnx.TensorProto.FLOAT:
            return value
        self._tensors[value.index].name = f"{output.name}/levels".encode()
        result = self._tensor(output.name, value.shape, "FLOAT32", value)
        self._add("DEQUANTIZE", [value.index], result, self._s.DequantizeOptionsT())
        return result

    # Operators, by their ONNX names.

    def _quantizelinear(self, node: onnx.NodeProto) -> None:
        value = self._values[node.input[0]]
        scale, zero_point = self._affine(node)
        if value.scale is not None and np.isclose(value.scale, scale) and value.zero_point == zero_point:
            self._values[node.output[0]] = value
        else:
            result = self._tensor(node.output[0], value.shape, "INT8", value, (scale, zero_point))
            self._add("QUANTIZE", [value.index], result, self._s.QuantizeOptionsT())
            self._values[node.output[0]] = result

    def _dequantizelinear(self, node: onnx.NodeProto) -> None:
        if node.input[0] in self._constants:
            return  # weights: taken by their convolution
        value = self._values[node.input[0]]
        if value.scale is None:  # a graph input, whose affinity stands here
            value.scale, value.zero_point = self._affine(node)
            self._tensors[value.index].quantization = self._quantization([value.scale], [value.zero_point])
        elif not np.isclose(value.scale, self._affine(node)[0]):
            value = self._reread(node, value)
        self._values[node.output[0]] = value

    def _reread(self, node: onnx.NodeProto, value: Value) -> Value:
        """The same levels in another scale, as a balanced branch has it: a multiplication that changes no level."""
        assert value.scale is not None
        affine = self._affine(node)
        factor = np.array([affine[0] / value.scale / 127])
        constant = self._constant(f"{node.name}/factor", np.array([127], np.int8), factor)
        result = self._tensor(node.output[0], value.shape, "INT8", value, affine)
        self._add("MUL", [value.index, constant.index], result, self._s.MulOptionsT())
        return result

    def _transpose(self, node: onnx.NodeProto) -> None:
        """Only between [N,C,H,W] and [N,H,W,C]: nothing moves here."""
        value = self._values[node.input[0]]
        order = tuple(helper.get_attribute_value(node.attribute[0]))
        if order != ((0, 2, 3, 1) if value.flipped else (0, 3, 1, 2)):
            raise ValueError(f"Transpose {node.name}: this converter does not know the order {order}")
        same = Value(value.index, value.shape, not value.flipped, value.scale, value.zero_point)
        self._values[node.output[0]] = same

    def _conv(self, node: onnx.NodeProto) -> None:
        value = self._values[node.input[0]]
        weight, weight_scales = self._weights(node.input[1])
        bias = self._bias(node.input[2], value, weight_scales)
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        if attributes.get("group", 1) != 1 or set(attributes.get("dilations", [1])) != {1}:
            raise ValueError(f"Conv {node.name}: this converter does not know groups or dilations")
        strides = attributes.get("strides", [1, 1])
        value = self._padded(node, value, attributes.get("pads", [0] * 4))
        kernel = self._constant(f"{node.name}/weight", weight.transpose(0, 2, 3, 1), weight_scales)
        kernel_bias = self._constant(
            f"{node.name}/bias", bias, None if value.scale is None else weight_scales * value.scale
        )
        _, height, width, _ = value.shape
        size = [(n - k) // s + 1 for n, k, s in zip((height, width), weight.shape[2:], strides, strict=True)]
        result = self._result(node, (1, *size, weight.shape[0]), value)
        options = self._s.Conv2DOptionsT()
        options.padding, (options.strideH, options.strideW) = self._s.Padding.VALID, strides
        self._add("CONV_2D", [value.index, kernel.index, kernel_bias.index], result, options)

    def _padded(self, node: onnx.NodeProto, value: Value, pads: Sequence[int]) -> Value:
        if not any(pads):
            return value
        top, left, bottom, right = pads
        amounts = np.array([[0, 0], [top, bottom], [left, right], [0, 0]], np.int32)
        shape = tuple(n + int(a.sum()) for n, a in zip(value.shape, amounts, strict=True))
        affine = None if value.scale is None else (value.scale, value.zero_point)
        result = self._tensor(f"{node.name}/padded", shape, self._type(value), value, affine)
        self._add(
            "PAD", [value.index, self._constant(f"{node.name}/pads", amounts).index], result, self._s.PadOptionsT()
        )
        return result

    def _relu(self, node: onnx.NodeProto) -> None:
        value = self._values[node.input[0]]
        self._add("RELU", [value.index], self._result(node, value.shape, value), None)

    def _cast(self, node: onnx.NodeProto) -> None:
        value = self._values[node.input[0]]
        result = self._result(node, value.shape, value, "FLOAT32")
        options = self._s.CastOptionsT()
        options.inDataType, options.outDataType = self._s.TensorType.UINT8, self._s.TensorType.FLOAT32
        self._add("CAST", [value.index], result, options)

    def _mul(self, node: onnx.NodeProto) -> None:
        variable, factor = sorted(node.input, key=lambda name: name in self._constants)
        value = self._values[variable]
        constant = self._constant(f"{node.name}/factor", np.asarray(self._constants[factor], np.float32).reshape(1))
        self._add("MUL", [value.index, constant.index], self._result(node, value.shape, value), self._s.MulOptionsT())

    def _concat(self, node: onnx.NodeProto) -> None:
        values = [self._values[name] for name in node.input]
        axis = values[0].axis(helper.get_attribute_value(node.attribute[0]))
        shape = list(values[0].shape)
        shape[axis] = sum(value.shape[axis] for value in values)
        result = self._result(node, tuple(shape), values[0])
        options = self._s.ConcatenationOptionsT()
        options.axis = axis
        self._add("CONCATENATION", [self._as(value, result, node).index for value in values], result, options)

    def _as(self, value: Value, like: Value, node: onnx.NodeProto) -> Value:
        """In the scale of another: a concatenation has one."""
        if value.scale is None or (value.scale, value.zero_point) == (like.scale, like.zero_point):
            return value
        assert like.scale is not None
        result = self._tensor(f"{node.name}/{value.index}", value.shape, "INT8", value, (like.scale, like.zero_point))
        self._add("QUANTIZE", [value.index], result, self._s.QuantizeOptionsT())
        return result

    def _split(self, node: onnx.NodeProto) -> None:
        value = self._values[node.input[0]]
        axis = value.axis(helper.get_attribute_value(node.attribute[0]))
        begin = 0
        for output, size in zip(node.output, self._constants[node.input[1]].tolist(), strict=True):
            self._cut(node, value, output, axis, begin, size)
            begin += size

    def _slice(self, node: onnx.NodeProto) -> None:
        value = self._values[node.input[0]]
        start, end, axis = (int(self._constants[name].ravel()[0]) for name in node.input[1:4])
        axis = value.axis(axis)
        length = value.shape[axis]
        begin, stop = (max(0, min(length, n + length if n < 0 else n)) for n in (start, end))
        self._cut(node, value, node.output[0], axis, begin, stop - begin)

    def _cut(self, node: onnx.NodeProto, value: Value, output: str, axis: int, begin: int, size: int) -> None:
        starts, sizes = np.zeros(len(value.shape), np.int32), np.array(value.shape, np.int32)
        starts[axis], sizes[axis] = begin, size
        result = self._result(node, tuple(sizes.tolist()), value, output=output)
        constants = [self._constant(f"{output}/{i}", array).index for i, array in enumerate((starts, sizes))]
        self._add("SLICE", [value.index, *constants], result, self._s.SliceOptionsT())

    def _reducemean(self, node: onnx.NodeProto) -> None:
        self._reduce(node, "MEAN", self._constants[node.input[1]].tolist())

    def _globalaveragepool(self, node: onnx.NodeProto) -> None:
        self._reduce(node, "MEAN", [2, 3])

    def _reducemax(self, node: onnx.NodeProto) -> None:
        self._reduce(node, "REDUCE_MAX", self._constants[node.input[1]].tolist())

    def _reduce(self, node: onnx.NodeProto, code: str, over: Sequence[int]) -> None:
        value = self._values[node.input[0]]
        axes = np.array(sorted(value.axis(axis) for axis in over), np.int32)
        shape = tuple(1 if i in axes else n for i, n in enumerate(value.shape))
        options = self._s.ReducerOptionsT()
        options.keepDims = True
        constant = self._constant(f"{node.name}/axes", axes)
        if code == "REDUCE_MAX" and value.scale is not None:  # LiteRT's does not change the scale
            result = self._tensor(node.output[0], shape, "INT8", value, (value.scale, value.zero_point))
            self._values[node.output[0]] = result
        else:
            result = self._result(node, shape, value)
        self._add(code, [value.index, constant.index], result, options)

    def _reshape(self, node: onnx.NodeProto) -> None:
        value = self._values[node.input[0]]
        shape = tuple(np.empty(value.shape).reshape(self._constants[node.input[1]]).shape)
        if value.flipped and value.shape[1:3] != (1, 1):
            raise ValueError(f"Reshape {node.name}: this converter knows it for one pixel only")
        result = self._result(node, shape, Value(value.index, shape, False, value.scale, value.zero_point))
        constant = self._constant(f"{node.name}/shape", np.array(shape, np.int32))
        self._add("RESHAPE", [value.index, constant.index], result, self._s.ReshapeOptionsT())

    def _expand(self, node: onnx.NodeProto) -> None:
        """Exporters leave one that does nothing."""
        if set(self._constants[node.input[1]].tolist()) != {1}:
            raise ValueError(f"Expand {node.name}: this converter knows it where it repeats nothing only")
        self._values[node.output[0]] = self._values[node.input[0]]

    def _tile(self, node: onnx.NodeProto) -> None:
        value = self._values[node.input[0]]
        counts = self._constants[node.input[1]].astype(np.int32)
        result = self._result(node, tuple((counts * value.shape).tolist()), value)
        constant = self._constant(f"{node.name}/counts", counts)
        self._add("TILE", [value.index, constant.index], result, self._s.TileOptionsT())

    # Tensors.

    def _result(
        self, node: onnx.NodeProto, shape: tuple[int, ...], like: Value, type_: str = "", output: str = ""
    ) -> Value:
        """The tensor of an output, in the scale of the quantiser behind it."""
        output = output or node.output[0]
        quantiser = self._quantisers.get(output)
        affine = None if quantiser is None else self._affine(quantiser)
        if affine is None and like.scale is not None:
            affine = like.scale, like.zero_point
        value = self._tensor(output, shape, type_ or ("INT8" if affine else self._type(like)), like, affine)
        self._values[output] = value
        return value

    def _tensor(
        self,
        name: str,
        shape: tuple[int, ...],
        type_: str,
        like: Value | None,
        affine: tuple[float, int] | None = None,
    ) -> Value:
        tensor = self._s.TensorT()
        tensor.name, tensor.shape, tensor.buffer = name.encode(), list(shape), 0
        tensor.type = getattr(self._s.TensorType, type_)
        if affine is not None:
            tensor.quantization = self._quantization([affine[0]], [affine[1]])
        self._tensors.append(tensor)
        flipped = like is not None and like.flipped
        return Value(len(self._tensors) - 1, shape, flipped, *(affine or (None, 0)))

    def _constant(self, name: str, array: Array, scales: Array | None = None) -> Value:
        types = {"float32": "FLOAT32", "int32": "INT32", "int8": "INT8"}
        value = self._tensor(name, array.shape, types[array.dtype.name], None)
        buffer = self._s.BufferT()
        buffer.data = np.frombuffer(np.ascontiguousarray(array).tobytes(), np.uint8)
        self._buffers.append(buffer)
        tensor = self._tensors[value.index]
        tensor.buffer = len(self._buffers) - 1
        if scales is not None and array.dtype != np.float32:
            tensor.quantization = self._quantization(scales.tolist(), [0] * len(scales))
        return value

    def _quantization(self, scales: list[float], zero_points: list[int]) -> Any:
        parameters = self._s.QuantizationParametersT()
        parameters.scale, parameters.zeroPoint, parameters.quantizedDimension = scales, zero_points, 0
        return parameters

    def _affine(self, node: onnx.NodeProto) -> tuple[float, int]:
        scale, point = (self._constants[name] for name in node.input[1:3])
        return float(scale), int(point) - (128 if point.dtype == np.uint8 else 0)

    def _weights(self, name: str) -> tuple[Array, Array]:
        if name in self._constants:
            return self._constants[name], np.ones(len(self._constants[name]))
        node = next(n for n in self._graph.node if name in n.output)
        levels, scales = (self._constants[part] for part in node.input[:2])
        return levels, np.broadcast_to(np.asarray(scales, np.float64), (len(levels),))

    def _bias(self, name: str, value: Value, weight_scales: Array) -> Array:
        if value.scale is None:
            return self._constants[name]
        if name in self._constants:
            return np.rint(self._constants[name] / (weight_scales * value.scale)).astype(np.int32)
        node = next(n for n in self._graph.node if name in n.output)
        return self._constants[node.input[0]]

    def _input_type(self, value: onnx.ValueInfoProto) -> str:
        """Levels are int8 in an integer student; the picture of a float one is uint8, its states float32."""
        integer = any(n.op_type == "DequantizeLinear" for n in self._graph.node)
        is_float = value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
        return "INT8" if integer else "FLOAT32" if is_float else "UINT8"

    def _type(self, value: Value) -> str:
        names = {number: name for name, number in vars(self._s.TensorType).items() if isinstance(number, int)}
        return str(names[self._tensors[value.index].type])

    def _add(self, code: str, inputs: list[int], result: Value, options: Any) -> None:
        number = getattr(self._s.BuiltinOperator, code)
        if number not in self._codes:
            self._codes.append(number)
        operator = self._s.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = self._codes.index(number), inputs, [result.index]
        if options is not None:
            operator.builtinOptions = options
            operator.builtinOptionsType = getattr(self._s.BuiltinOptions, type(options).__name__[:-1])
        self._operators.append(operator)
