"""A tiny bundle whose answers are known, and clips written here: a bright square that moves to the left or right."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edge.bundles.bundle import (
    Bundle,
    CadenceSpec,
    FrontEndSpec,
    GateSpec,
    InputSpec,
    Manifest,
    Provenance,
    SmoothingSpec,
    StateSpec,
    gate_bytes,
    write_bundle,
)
from tests.edge.cameras.v4l2.fake_v4l2 import machine  # noqa: F401  (a fixture)

ROOT = Path(__file__).parents[2]
ARID_DARK = ROOT.parent / "shared" / "data" / "arid_dark"
GAMMAS = (1.0, 2.0)
LABELS = ("left", "right", "still")


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Input luma_flow; says where the picture moves to, by the mean of vx (below, above, near 128), at 15 Hz."""
    path = tmp_path_factory.mktemp("bundles") / "tiny"
    write_bundle(path, _manifest(), {"student.onnx": _student(), "gate.npz": gate_bytes(_gate())})
    return path


@pytest.fixture(scope="session")
def loaded_bundle(tiny_bundle: Path) -> Bundle:
    return Bundle.load(tiny_bundle)


@pytest.fixture(scope="session")
def write_clip(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Writes frames, or a square that moves `step` pixels a frame, as a lossless video; returns its path."""
    folder = tmp_path_factory.mktemp("clips")

    def write(
        name: str, step: int = 3, frames: int = 60, fps: float = 30.0, images: list[np.ndarray] | None = None
    ) -> Path:
        path = folder / name
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"FFV1"), fps, (320, 240))
        assert writer.isOpened()
        for image in images if images is not None else square(step, frames):
            writer.write(image)
        writer.release()
        return path

    return write


def square(step: int, frames: int) -> Iterator[np.ndarray]:
    """A bright textured square on a dark textured ground, with a level of noise."""
    random = np.random.default_rng(7)
    texture, ground = (cv2.resize(random.integers(0, 255, (30, 40, 3), np.uint8), (320, 240)) for _ in range(2))
    texture = 60 + texture[:80, :80] // 2
    for index in range(frames):
        image = ground // 16 + random.integers(0, 2, ground.shape, np.uint8)
        x = (120 + step * index) % 240
        image[80:160, x : x + 80] = texture
        yield image


@pytest.fixture(scope="session")
def edge_run() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `edge-run` as a process of its own, as a user would."""

    def run(*arguments: object, timeout_s: float = 60.0) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            edge_run_command(*arguments), cwd=ROOT, capture_output=True, text=True, timeout=timeout_s, check=False
        )

    return run


def edge_run_command(*arguments: object) -> list[str]:
    entry = "import sys; from edge.run.cli import main; sys.exit(main())"
    return [sys.executable, "-c", entry, *map(str, arguments)]


def _manifest() -> Manifest:
    return Manifest(
        format=1,
        name="tiny",
        precision="float32",
        target="any",
        labels=LABELS,
        front_end=FrontEndSpec(120, 160, "pixel"),
        input=InputSpec("luma_flow", 60, 80, 8.0),
        cadence=CadenceSpec(1000 / 15, 33.0, 500.0),
        gate=GateSpec(GAMMAS, 4, 2),
        smoothing=SmoothingSpec(600.0, 0.5, 300.0),
        states=(StateSpec("s0", "t0", (1, 3), "float32", 0.0),),
        accuracy=(),
        provenance=Provenance((), "tests", 0, "none"),
        files={},
    )


def _student() -> bytes:
    """t0 = (s0 + mean of x over the picture) / 2; logits of every head from the vx of t0."""
    weight = np.zeros((3, 3), np.float32)
    weight[1] = [-8.0, 8.0, 0.0]  # levels of vx
    weights = {
        "axes": np.array([1, 2], np.int64),
        "zero": np.array([[0.0, 128.0, 128.0]], np.float32),
        "half": np.float32(0.5),
        "weight": weight,
        "bias": np.array([0.0, 0.0, 2.0], np.float32),
        "shape": np.array([1, 1, 3], np.int64),
        "heads": np.array([1, len(GAMMAS), 1], np.int64),
    }
    nodes = [
        helper.make_node("Cast", ["x"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["float", "axes"], ["mean"], keepdims=0),
        helper.make_node("Sub", ["mean", "zero"], ["centred"]),
        helper.make_node("Add", ["centred", "s0"], ["sum"]),
        helper.make_node("Mul", ["sum", "half"], ["t0"]),
        helper.make_node("MatMul", ["t0", "weight"], ["scores"]),
        helper.make_node("Add", ["scores", "bias"], ["biased"]),
        helper.make_node("Reshape", ["biased", "shape"], ["one"]),
        helper.make_node("Tile", ["one", "heads"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [
            helper.make_tensor_value_info("x", TensorProto.UINT8, [1, 60, 80, 3]),
            helper.make_tensor_value_info("s0", TensorProto.FLOAT, [1, 3]),
        ],
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, len(GAMMAS), 3]),
            helper.make_tensor_value_info("t0", TensorProto.FLOAT, [1, 3]),
        ],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _gate() -> dict[str, np.ndarray]:
    """Gamma 2 for pictures whose latest mean is under 50, gamma 1 for brighter ones."""
    weights = {
        "w1": np.zeros((12, 128), np.float32),
        "b1": np.zeros(128, np.float32),
        "w2": np.zeros((128, 256), np.float32),
        "b2": np.zeros(256, np.float32),
        "w3": np.zeros((256, 2), np.float32),
        "b3": np.array([0.0, 50.0], np.float32),
    }
    weights["w1"][9, 0] = weights["w2"][0, 0] = weights["w3"][0, 0] = 1.0
    return weights
