"""Small students and bundles for tests, without PyTorch: 3x3 convolutions, a temporal shift, seeded weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from edge.bundles.bundle import (
    CadenceSpec,
    DataSource,
    ExpertSpec,
    FrontEndSpec,
    GateSpec,
    InputSpec,
    Manifest,
    Provenance,
    SmoothingSpec,
    StateSpec,
    gate_bytes,
)
from edge.bundles.manifest import NOISE_AWARE

F32 = npt.NDArray[np.float32]
Tensor = tuple[str, int, tuple[int, ...]]  # name, element type, shape
LABELS = ("left", "right", "still")
GAMMAS = (1.0, 2.0, 3.0)
HEIGHT, WIDTH = 24, 32
EXPERTS = (ExpertSpec(), ExpertSpec(2, 2, 1), ExpertSpec(4, 4, 2))
CHANNELS, SHIFTED = (8, 12, 16), 4


@dataclass(frozen=True)
class TinyStudent:
    """conv/2, then two (shift, conv/2): the shift takes the first SHIFTED channels from the tick before.

    weights: convolutions float32 [out,in,3,3] and biases, then the heads' [heads*classes, channels] and bias.
    """

    convolutions: tuple[tuple[F32, F32], ...]
    heads: tuple[F32, F32]

    def states(self) -> tuple[StateSpec, ...]:
        """Specs of the float model's states."""
        shapes = [(1, HEIGHT >> i, WIDTH >> i, SHIFTED) for i in (1, 2)]
        return tuple(StateSpec(f"s{i}", f"t{i}", shape, "float32", 0) for i, shape in enumerate(shapes))

    def streaming_onnx(self) -> bytes:
        """The model of the network's contract: x uint8, states float32 NHWC, logits [1,heads,classes]."""
        graph = GraphBuilder()
        x = graph.add("Cast", ["x"], to=TensorProto.FLOAT)
        x = graph.add("Mul", [x, graph.constant(np.float32(1 / 255))])
        x = graph.add("Transpose", [x], perm=[0, 3, 1, 2])
        for i, (weight, bias) in enumerate(self.convolutions):
            if i:
                now, rest = graph.split(x, SHIFTED, weight.shape[1] - SHIFTED)
                graph.add("Transpose", [now], output=f"t{i - 1}", perm=[0, 2, 3, 1])
                before = graph.add("Transpose", [f"s{i - 1}"], perm=[0, 3, 1, 2])
                x = graph.add("Concat", [before, rest], axis=1)
            x = graph.add("Conv", [x, graph.constant(weight), graph.constant(bias)], pads=[1] * 4, strides=[2, 2])
            x = graph.add("Relu", [x])
        x = graph.add("GlobalAveragePool", [x])
        x = graph.add("Conv", [x, graph.constant(self.heads[0][:, :, None, None]), graph.constant(self.heads[1])])
        shape = np.array([1, len(GAMMAS), len(LABELS)], np.int64)
        graph.add("Reshape", [x, graph.constant(shape)], output="logits")
        states = self.states()
        inputs: list[Tensor] = [("x", TensorProto.UINT8, (1, HEIGHT, WIDTH, 3))]
        outputs: list[Tensor] = [("logits", TensorProto.FLOAT, (1, len(GAMMAS), len(LABELS)))]
        inputs += [(s.input, TensorProto.FLOAT, s.shape) for s in states]
        outputs += [(s.output, TensorProto.FLOAT, s.shape) for s in states]
        return graph.model(inputs, outputs)

    def clip_logits(self, clip: npt.NDArray[np.uint8]) -> F32:
        """The same network on a whole clip, in NumPy: uint8 [T,H,W,3] -> float32 [T,heads,classes]."""
        x = (clip.astype(np.float32) / np.float32(255)).transpose(0, 3, 1, 2)
        for i, (weight, bias) in enumerate(self.convolutions):
            if i:
                before = np.concatenate([np.zeros_like(x[:1, :SHIFTED]), x[:-1, :SHIFTED]])
                x = np.concatenate([before, x[:, SHIFTED:]], axis=1)
            x = np.maximum(_convolve(x, weight) + bias[:, None, None], 0)
        logits = x.mean((2, 3)) @ self.heads[0].T + self.heads[1]
        return np.asarray(logits.reshape(len(clip), len(GAMMAS), len(LABELS)), np.float32)


def tiny_student(seed: int = 0) -> TinyStudent:
    """Random weights that keep the variance; deterministic."""
    rng = np.random.default_rng(seed)
    convolutions, inputs = [], 3
    for outputs in CHANNELS:
        weight = rng.normal(0, np.sqrt(2 / (9 * inputs)), (outputs, inputs, 3, 3)).astype(np.float32)
        convolutions.append((weight, rng.normal(0, 0.1, outputs).astype(np.float32)))
        inputs = outputs
    rows = len(GAMMAS) * len(LABELS)
    heads = (rng.normal(0, 1, (rows, inputs)).astype(np.float32), rng.normal(0, 0.1, rows).astype(np.float32))
    return TinyStudent(tuple(convolutions), heads)


def tiny_manifest(student: TinyStudent, form: str = "luma_flow") -> Manifest:
    """A float manifest around a tiny student; `files` is filled by write_bundle."""
    scale = {"rgb": 1, "tracks": 8}.get(form, 2)
    return Manifest(
        name="tiny",
        precision="float32",
        target="any",
        labels=LABELS,
        front_end=FrontEndSpec(HEIGHT * scale, WIDTH * scale, "pixel"),
        input=InputSpec(form, HEIGHT, WIDTH, 8.0),
        cadence=CadenceSpec(66.7, 33.0, 500.0),
        gate=GateSpec(GAMMAS, 4, 2, EXPERTS if form in NOISE_AWARE else ()),
        smoothing=SmoothingSpec(1000.0, 0.4, 200.0),
        states=student.states(),
        accuracy=(),
        provenance=Provenance((DataSource("random numbers", "none"),), "tests/students.py", 0, "test"),
    )


def tiny_gate(seed: int = 0) -> dict[str, F32]:
    """Random weights of a gate that fits `tiny_manifest`."""
    rng = np.random.default_rng(seed)
    widths = [3 * 4, 128, 256, len(GAMMAS)]
    weights = {}
    for i, (inputs, outputs) in enumerate(pairwise(widths), 1):
        weights[f"w{i}"] = rng.normal(0, 1 / np.sqrt(inputs), (inputs, outputs)).astype(np.float32)
        weights[f"b{i}"] = np.zeros(outputs, np.float32)
    return weights


def tiny_files(student: TinyStudent) -> dict[str, bytes]:
    """What `write_bundle` wants beside the manifest."""
    return {"student.onnx": student.streaming_onnx(), "gate.npz": gate_bytes(tiny_gate())}


def edit_onnx(model: bytes, **renamed: str) -> bytes:
    """A model with inputs or outputs renamed, and so no longer that of its manifest."""
    proto = onnx.load_from_string(model)
    for value in [*proto.graph.input, *proto.graph.output]:
        value.name = renamed.get(value.name, value.name)
    for node in proto.graph.node:
        for names in (node.input, node.output):
            names[:] = [renamed.get(name, name) for name in names]
    return proto.SerializeToString()


class GraphBuilder:
    """Collects nodes and constants under numbered names."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def add(self, operator: str, inputs: list[str], output: str | None = None, **attributes: Any) -> str:
        output = output or f"v{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [output], name=f"n{len(self._nodes)}", **attributes))
        return output

    def split(self, x: str, first: int, second: int) -> tuple[str, str]:
        names = (f"v{len(self._nodes)}_now", f"v{len(self._nodes)}_rest")
        sizes = self.constant(np.array([first, second], np.int64))
        self._nodes.append(helper.make_node("Split", [x, sizes], names, name=f"n{len(self._nodes)}", axis=1))
        return names

    def constant(self, value: npt.ArrayLike) -> str:
        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def model(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bytes:
        given, asked = ([helper.make_tensor_value_info(*value) for value in side] for side in (inputs, outputs))
        graph = helper.make_graph(self._nodes, "student", given, asked, initializer=self._constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
        onnx.checker.check_model(model, full_check=True)
        return model.SerializeToString()


def _convolve(x: F32, weight: F32) -> F32:
    """3x3, padding 1, stride 2: float32 [N,C,H,W] with [O,C,3,3]."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (2, 3))[:, :, ::2, ::2]
    return np.asarray(np.einsum("nchwij,ocij->nohw", windows, weight), np.float32)
