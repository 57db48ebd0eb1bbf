"""Students that are not ours, of the network's contract, built from ONNX operators with seeded weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto

from calibration.clip_sets.clips import Clip
from calibration.jobs.shards import ShardTeam
from calibration.tensors import ClipTensors
from edge.bundles.bundle import Bundle, StateSpec
from quantize.observing.parts import ClipShare
from tests.students import GAMMAS, HEIGHT, LABELS, WIDTH, GraphBuilder, tiny_files, tiny_manifest, tiny_student

LOGITS = (1, len(GAMMAS), len(LABELS))
Shape = tuple[int, ...]


class Network:
    """Layers that know their weights' shapes; `bundle` makes a float bundle of what was built."""

    def __init__(self, seed: int = 0) -> None:
        self.graph = GraphBuilder()
        self._rng = np.random.default_rng(seed)
        self._states: list[StateSpec] = []
        picture = self.graph.add("Cast", ["x"], to=TensorProto.FLOAT)
        self.picture = self.graph.add("Mul", [picture, self.graph.constant(np.float32(1 / 255))])

    def conv(self, x: str, inputs: int, outputs: int, kernel: Shape, group: int = 1, **attributes: Any) -> str:
        shape = (outputs, inputs // group, *kernel)
        weight = self._rng.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape).astype(np.float32)
        bias = self._rng.normal(0, 0.1, outputs).astype(np.float32)
        attributes.setdefault("pads", [k // 2 for k in kernel] * 2)
        return self.graph.add("Conv", [x, *map(self.graph.constant, (weight, bias))], group=group, **attributes)

    def relu6(self, x: str) -> str:
        return self.graph.add("Clip", [x, *(self.graph.constant(np.float32(limit)) for limit in (0, 6))])

    def shifted(self, x: str, channels: int, height: int, width: int) -> str:
        """A quarter of the channels comes from the tick before."""
        count = channels // 4
        now, rest = self.graph.split(x, count, channels - count)
        before = self.graph.add("Transpose", [self.state(now, (1, height, width, count))], perm=[0, 3, 1, 2])
        return self.graph.add("Concat", [before, rest], axis=1)

    def state(self, leaving: str, shape: Shape, perm: tuple[int, ...] | None = (0, 2, 3, 1)) -> str:
        """A new state: `leaving` goes out, transposed; gives the name of what comes in."""
        number = len(self._states)
        if perm is None:
            self.graph.add("Identity", [leaving], output=f"t{number}")
        else:
            self.graph.add("Transpose", [leaving], output=f"t{number}", perm=list(perm))
        self._states.append(StateSpec(f"s{number}", f"t{number}", shape, "float32", 0))
        return f"s{number}"

    def head(self, x: str, channels: int) -> None:
        """Mean over the picture, one row of logits per gamma."""
        x = self.conv(self.graph.add("GlobalAveragePool", [x]), channels, LOGITS[1] * LOGITS[2], (1, 1))
        self.graph.add("Reshape", [x, self.graph.constant(np.array(LOGITS, np.int64))], output="logits")

    def onnx(self) -> bytes:
        states = [(s.input, s.output, TensorProto.FLOAT, s.shape) for s in self._states]
        inputs = [("x", TensorProto.UINT8, (1, HEIGHT, WIDTH, 3)), *((i, kind, shape) for i, _, kind, shape in states)]
        outputs = [("logits", TensorProto.FLOAT, LOGITS), *((o, kind, shape) for _, o, kind, shape in states)]
        return self.graph.model(inputs, outputs)

    def bundle(self) -> Bundle:
        return float_bundle(self.onnx(), tuple(self._states))


def float_bundle(student: bytes, states: tuple[StateSpec, ...]) -> Bundle:
    """A bundle around any student of the tests' labels, gammas and picture."""
    from dataclasses import replace

    tiny = tiny_student()
    manifest = replace(tiny_manifest(tiny), states=states)
    return Bundle("float", "", manifest, {**tiny_files(tiny), "student.onnx": student})


def mobilenet_tsm() -> Bundle:
    """Inverted residuals with depthwise convolutions, ReLU6, sums, and temporal shifts: TSM on MobileNetV2, small."""
    net = Network(1)
    x = net.graph.add("Transpose", [net.picture], perm=[0, 3, 1, 2])
    x = net.relu6(net.conv(x, 3, 16, (3, 3), strides=[2, 2]))
    for _ in range(2):
        inside = net.shifted(x, 16, HEIGHT // 2, WIDTH // 2)
        inside = net.relu6(net.conv(inside, 16, 48, (1, 1)))
        inside = net.relu6(net.conv(inside, 48, 48, (3, 3), group=48))
        x = net.graph.add("Add", [x, net.conv(inside, 48, 16, (1, 1))])
    net.head(x, 16)
    return net.bundle()


def clip_3d() -> Bundle:
    """A clip network as a stream: the last three pictures are its state, and 3-D convolutions see four at a time."""
    net = Network(2)
    now = net.graph.add("Unsqueeze", [net.picture, net.graph.constant(np.array([1], np.int64))])
    ends = [net.graph.constant(np.array([value], np.int64)) for value in (1, 4, 1)]
    window = net.graph.add("Concat", ["s0", now], axis=1)
    later = net.graph.add("Slice", [window, *ends])
    net.state(later, (1, 3, HEIGHT, WIDTH, 3), None)
    x = net.graph.add("Transpose", [window], perm=[0, 4, 1, 2, 3])
    x = net.graph.add("Relu", [net.conv(x, 3, 8, (3, 3, 3), strides=[1, 2, 2])])
    x = net.graph.add("Relu", [net.conv(x, 8, 16, (3, 3, 3), strides=[2, 2, 2])])
    x = net.graph.add("GlobalAveragePool", [x])
    x = net.conv(x, 16, LOGITS[1] * LOGITS[2], (1, 1, 1))
    net.graph.add("Reshape", [x, net.graph.constant(np.array(LOGITS, np.int64))], output="logits")
    return net.bundle()


def hard_swish() -> Bundle:
    """Hard-swish, which no engine here has as an integer kernel, between convolutions."""
    net = Network(3)
    x = net.graph.add("Transpose", [net.picture], perm=[0, 3, 1, 2])
    x = net.graph.add("HardSwish", [net.conv(x, 3, 16, (3, 3), strides=[2, 2])])
    x = net.graph.add("HardSwish", [net.conv(net.shifted(x, 16, HEIGHT // 2, WIDTH // 2), 16, 16, (3, 3))])
    net.head(x, 16)
    return net.bundle()


def mean_and_maximum() -> Bundle:
    """Mean beside maximum before one convolution: branches of very different range."""
    net = Network(4)
    x = net.graph.add("Transpose", [net.picture], perm=[0, 3, 1, 2])
    x = net.graph.add("Relu", [net.conv(x, 3, 16, (3, 3), strides=[2, 2])])
    axes = net.graph.constant(np.array([2, 3], np.int64))
    both = [net.graph.add(operator, [x, axes], keepdims=1) for operator in ("ReduceMean", "ReduceMax")]
    x = net.graph.add("Concat", both, axis=1)
    x = net.conv(x, 32, LOGITS[1] * LOGITS[2], (1, 1))
    net.graph.add("Reshape", [x, net.graph.constant(np.array(LOGITS, np.int64))], output="logits")
    return net.bundle()


NETWORKS: dict[str, Callable[[], Bundle]] = {
    "MobileNetV2-TSM": mobilenet_tsm,
    "3-D clip": clip_3d,
    "hard-swish": hard_swish,
}


def smooth_clip(seed: int, ticks: int) -> npt.NDArray[np.uint8]:
    """Blobs that drift, uint8 [T,H,W,3]: unlike white noise, the features differ from tick to tick."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    phase, speed = rng.uniform(0, 2 * np.pi, (2, 3)), rng.uniform(-0.6, 0.6, 3)
    waves = [
        np.sin(x[..., None] / 4 + phase[0] + speed * t) * np.cos(y[..., None] / 5 + phase[1]) for t in range(ticks)
    ]
    return np.asarray(np.rint(127.5 + 127.5 * np.stack(waves)), np.uint8)


def smooth_share(count: int = 6, ticks: int = 12, seed: int = 0) -> ClipShare:
    """Clips as the network sees them under every expert, held in memory."""
    tensors, labelled = [], []
    for i in range(count):
        x = np.stack([smooth_clip(seed + len(GAMMAS) * i + expert, ticks) for expert in range(len(GAMMAS))])
        tensors.append(ClipTensors(x, np.full((ticks, 3), (30.0, 10.0, 3.0), np.float32)))
        labelled.append((Clip(f"clip {i}", i % len(LABELS), lambda: iter(()), ""), i % len(LABELS)))
    return ClipShare(labelled, tensors, range(count), ShardTeam())  # type: ignore[arg-type]
