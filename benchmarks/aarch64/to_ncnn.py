"""A student as ncnn's .param and .bin: float, or with the integer student's weights and symmetric activations.

Only the operators that students have; another one is refused by name. ncnn's integers have no zero point: levels from 0
to 255 become 0 to 127. States enter and leave in float, which ncnn keeps as float16 where the processor has it.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from edge.bundles.bundle import Bundle

Array = npt.NDArray[Any]
INT8_WEIGHTS = 0x000D4B38  # ncnn's mark of int8 data
AXES = {1: 0, 2: 1, 3: 2}  # ONNX [N,C,H,W] -> ncnn's c, h, w
ALIASES = ("QuantizeLinear", "DequantizeLinear", "Transpose", "Cast", "Mul", "Reshape", "Relu")


def ncnn_files(bundle: Bundle, folder: Path) -> Path:
    """Write the bundle's `student.onnx` as .param and .bin; returns the first. Raises ValueError (an operator)."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{bundle.digest[:16]}.param"
    text, data = _Converter(onnx.load_from_string(bundle.student_bytes())).files()
    path.write_text(text)
    path.with_suffix(".bin").write_bytes(data)
    return path


class _Converter:
    def __init__(self, model: onnx.ModelProto) -> None:
        self._graph = model.graph
        self._constants = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
        self._makers = {output: node for node in model.graph.node for output in node.output}
        self._takers: dict[str, list[onnx.NodeProto]] = {}
        for node in model.graph.node:
            for name in node.input:
                self._takers.setdefault(name, []).append(node)
        self._blobs: dict[str, str] = {}  # an ONNX tensor -> the blob that holds it
        self._layers: list[tuple[str, list[str], list[str], str]] = []  # kind, inputs, outputs, parameters
        self._data = b""

    def files(self) -> tuple[str, bytes]:
        """Convert all nodes, then give every blob with several takers its copies."""
        for value in self._graph.input:
            _, height, width, channels = (d.dim_value for d in value.type.tensor_type.shape.dim)
            self._add("Input", [], value.name, f"0={width} 1={height} 2={channels}")
        for node in self._graph.node:
            if node.op_type in ALIASES:
                self._alias(node)
                continue
            converter: Callable[[onnx.NodeProto], None] | None = getattr(self, f"_{node.op_type.lower()}", None)
            if converter is None:
                raise ValueError(f"{node.op_type} {node.name}: this converter does not know the operator")
            converter(node)
        for value in self._graph.output:
            self._layers.append(("Noop", [self._blobs[value.name]], [f"{value.name}_out"], ""))
        return self._text(), self._data

    def _text(self) -> str:
        uses = Counter(name for _, inputs, _, _ in self._layers for name in inputs)
        copies = {name: [f"{name}_{i}" for i in range(n)] for name, n in uses.items() if n > 1}
        left = {name: iter(names) for name, names in copies.items()}
        lines: list[str] = []
        blobs = 0
        for kind, inputs, outputs, parameters in self._layers:
            taken = [next(left[name]) if name in left else name for name in inputs]
            named = [name.removesuffix("_out") if kind == "Noop" else f"b_{name}" for name in outputs]
            for row in ((kind, [f"b_{name}" for name in taken], named, parameters),):
                lines.append(self._line(len(lines), *row))
            blobs += len(outputs)
            for name in outputs:
                if name in copies:
                    lines.append(self._line(len(lines), "Split", [f"b_{name}"], [f"b_{c}" for c in copies[name]], ""))
                    blobs += len(copies[name])
        given = {f"b_{value.name}": value.name for value in self._graph.input}
        text = "\n".join(lines)
        for blob, name in given.items():  # inputs and outputs keep their names
            text = "\n".join(" ".join(name if w == blob else w for w in line.split(" ")) for line in text.split("\n"))
        return f"7767517\n{len(lines)} {blobs}\n{text}\n"

    def _line(self, number: int, kind: str, inputs: list[str], outputs: list[str], parameters: str) -> str:
        return " ".join(
            [kind, f"l{number}", str(len(inputs)), str(len(outputs)), *inputs, *outputs, *parameters.split()]
        )

    def _alias(self, node: onnx.NodeProto) -> None:
        """Scales, layouts and shapes that ncnn does not have; a ReLU is part of its convolution."""
        variable = next((name for name in node.input if name in self._blobs), None)
        if variable is None:
            return
        maker = self._makers.get(variable)
        if node.op_type == "DequantizeLinear" and maker is not None and maker.op_type == "QuantizeLinear":
            factor = float(self._constants[node.input[1]]) / float(self._constants[maker.input[1]])
            if not np.isclose(factor, 1):  # a balanced branch: the same levels in another scale
                self._add("BinaryOp", [variable], node.output[0], f"0=2 1=1 2={factor:.9g}")
                return
        self._blobs[node.output[0]] = self._blobs[variable]

    def _conv(self, node: onnx.NodeProto) -> None:
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        if attributes.get("group", 1) != 1 or set(attributes.get("dilations", [1])) != {1}:
            raise ValueError(f"Conv {node.name}: this converter does not know groups or dilations")
        levels, scales = self._quantised(node.input[1])
        bias, maker = self._constants.get(node.input[2]), self._makers.get(node.input[2])
        if bias is None and maker is not None:
            level, scale = (self._constants[name] for name in maker.input[:2])
            bias = level * scale
        assert bias is not None
        outputs, _, height, width = levels.shape
        (down, right), (top, left, bottom, last) = attributes.get("strides", (1, 1)), attributes.get("pads", [0] * 4)
        parameters = (
            f"0={outputs} 1={width} 11={height} 3={right} 13={down} 4={left} 14={top} 15={last} 16={bottom} 5=1 "
            f"6={levels.size} 9={int(self._rectified(node))}"
        )
        if scales is None:
            self._data += struct.pack("<I", 0) + levels.astype("<f4").tobytes() + bias.astype("<f4").tobytes()
        else:
            parameters += " 8=2"
            packed = levels.astype(np.int8).tobytes()
            self._data += struct.pack("<I", INT8_WEIGHTS) + packed + bytes(-len(packed) % 4)
            self._data += bias.astype("<f4").tobytes() + (1 / scales).astype("<f4").tobytes()
            self._data += struct.pack("<f", self._entering(node.input[0]))
        self._add("Convolution", [node.input[0]], node.output[0], parameters)

    def _quantised(self, name: str) -> tuple[Array, Array | None]:
        """Weights as they are, or int8 levels with a scale per output channel."""
        if name in self._constants:
            return self._constants[name], None
        levels, scales = (self._constants[part] for part in self._makers[name].input[:2])
        return levels, np.broadcast_to(np.asarray(scales, np.float64), (len(levels),))

    def _entering(self, name: str) -> float:
        """Levels a unit of the activation: 127 for the largest one that the integer student can hold."""
        scale, point = (self._constants[part] for part in self._makers[name].input[1:3])
        return 127 / (float(scale) * max(int(point), 255 - int(point)))

    def _rectified(self, node: onnx.NodeProto) -> bool:
        takers = self._takers.get(node.output[0], [])
        quantised = [self._constants[t.input[2]] for t in takers if t.op_type == "QuantizeLinear"]
        return any(t.op_type == "Relu" for t in takers) or any(point == 0 for point in quantised)

    def _concat(self, node: onnx.NodeProto) -> None:
        axis = helper.get_attribute_value(node.attribute[0])
        states = [name for name in node.input if self._channels_last(name)]
        self._add("Concat", list(node.input), node.output[0], f"0={AXES[{1: 2, 2: 3, 3: 1}[axis] if states else axis]}")

    def _channels_last(self, name: str) -> bool:
        """Whether this tensor is still, or again, in the layout of the states."""
        flips = 0
        while name in self._makers:
            node = self._makers[name]
            flips += node.op_type == "Transpose"
            name = next((each for each in node.input if each in self._blobs or each in self._makers), "")
        return flips % 2 == 0

    def _split(self, node: onnx.NodeProto) -> None:
        sizes = ",".join(str(size) for size in self._constants[node.input[1]].tolist())
        axis = AXES[helper.get_attribute_value(node.attribute[0])]
        blob = self._blobs[node.input[0]]
        self._layers.append(("Slice", [blob], list(node.output), f"-23300={len(node.output)},{sizes} 1={axis}"))
        self._blobs.update({name: name for name in node.output})

    def _slice(self, node: onnx.NodeProto) -> None:
        start, end, axis = (int(self._constants[name].ravel()[0]) for name in node.input[1:4])
        end = min(end, (1 << 31) - 1)  # ncnn's word for: to the end is -233
        stop = -233 if end == (1 << 31) - 1 else end
        parameters = f"-23309=1,{start} -23310=1,{stop} -23311=1,{AXES[axis % 4]}"
        self._add("Crop", [node.input[0]], node.output[0], parameters)

    def _reducemean(self, node: onnx.NodeProto) -> None:
        self._pool(node, 1)

    def _globalaveragepool(self, node: onnx.NodeProto) -> None:
        self._pool(node, 1)

    def _reducemax(self, node: onnx.NodeProto) -> None:
        self._pool(node, 0)

    def _pool(self, node: onnx.NodeProto, kind: int) -> None:
        """Over the picture; ncnn's gives a vector, which becomes one pixel again."""
        flat = f"{node.output[0]}_flat"
        self._add("Pooling", [node.input[0]], flat, f"0={kind} 4=1")
        self._add("Reshape", [flat], node.output[0], "0=1 1=1 2=-1")

    def _expand(self, node: onnx.NodeProto) -> None:
        """Exporters leave one that does nothing."""
        if set(self._constants[node.input[1]].tolist()) != {1}:
            raise ValueError(f"Expand {node.name}: this converter knows it where it repeats nothing only")
        self._alias(node)

    def _tile(self, node: onnx.NodeProto) -> None:
        """The heads' logits, which ncnn still holds as channels: its axis 0."""
        counts = self._constants[node.input[1]].tolist()
        if [*counts[:1], *counts[2:]] != [1] * (len(counts) - 1):
            raise ValueError(f"Tile {node.name}: this converter knows it for heads only, found {counts}")
        self._add("Tile", [node.input[0]], node.output[0], f"0=0 1={counts[1]}")

    def _add(self, kind: str, inputs: list[str], output: str, parameters: str) -> None:
        self._layers.append((kind, [self._blobs[name] for name in inputs], [output], parameters))
        self._blobs[output] = output
