"""What one would run instead, on the same core: milliseconds for a second of video, and the ratio to ours.

python -m benchmarks.peers [--rounds 9] [--only NAME ...]

Peers are built from their published shapes with random weights and run in onnxruntime, one thread, all interleaved in
one run; ours goes from a YUYV buffer to logits, theirs is the network alone: decoding, shrinking and cropping are left
out in their favour. Times are the processor's: another load does not stretch them. INT8 by onnxruntime's static
quantisation, calibrated on noise, where the maker offers INT8, and of MobileNetV2, which others do. How often each is
called in a second stands in the table: frames a second as published (MoViNet-A0: 5), as ours (15) for what takes every
frame, one clip a second for what takes clips. Nothing is said about accuracy: that would need their weights and the
same clips.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnxruntime import quantization

from benchmarks.native import yuyv
from benchmarks.peers import networks
from benchmarks.pipeline import dark_frames
from edge.bundles.bundle import Bundle, default_bundle_path
from edge.engines.onnxruntime import session_options
from edge.picture.frame import Frame
from edge.recognition.recogniser import Recogniser

F32 = npt.NDArray[np.float32]
CALIBRATION = 4  # inputs of noise
TICKS_A_SECOND = 15


@dataclass(frozen=True)
class Peer:
    """A network by name; calls: in a second of video. int8: whether one gets it as INT8."""

    name: str
    models: tuple[tuple[Callable[[], onnx.ModelProto], int], ...]  # with calls a second
    calls: str
    int8: bool


PEERS = (
    Peer("MoViNet-A0 stream, 172x172", ((networks.movinet_a0_stream, 5),), "5 frames", True),
    Peer("TSM-MobileNetV2, 224x224", ((networks.tsm_mobilenet, 15),), "15 frames", True),
    Peer("X3D-XS, 4x160x160", ((networks.x3d_xs, 1),), "1 clip", True),
    Peer("R(2+1)D-18, 16x112x112", ((networks.r2plus1d_18, 1),), "1 clip", False),
    Peer(
        "pose network, 192x192, and classifier",
        ((networks.pose_192, TICKS_A_SECOND), (networks.pose_classifier, TICKS_A_SECOND)),
        "15 frames",
        True,
    ),
)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="of all, in turn (%(default)s)")
    parser.add_argument("--only", nargs="+", help="peers whose names hold one of these")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    logging.disable()  # what the quantiser advises
    chosen = [peer for peer in PEERS if not options.only or any(part in peer.name for part in options.only)]
    with tempfile.TemporaryDirectory() as folder:
        rows = [row for peer in chosen for row in rows_of(peer, Path(folder))]
    title, calls = "ours, YUYV 640x480 to logits", f"{TICKS_A_SECOND} ticks"
    ours = Row(title, "INT8", calls, 0.0, ((our_tick("change_flow"), TICKS_A_SECOND),))
    rows.append(Row(f"{title}, form motion", "INT8", calls, 0.0, ((our_tick("motion"), TICKS_A_SECOND),)))
    times_ms = measured([*rows, ours], options.rounds)
    print("| network | in | a second of video | parameters | ms for it | of ours |")
    print("|---|---|---|---|---|---|")
    for row in (*rows, ours):
        parameters = f"{row.parameters / 1e6:.2f} M" if row.parameters else "-"
        ratio = times_ms[row] / times_ms[ours]
        print(f"| {row.name} | {row.precision} | {row.calls} | {parameters} | {times_ms[row]:.1f} | {ratio:.1f} |")


@dataclass(frozen=True)
class Row:
    """What is timed: steps, and how often each is done in a second."""

    name: str
    precision: str
    calls: str
    parameters: float
    steps: tuple[tuple[Callable[[], object], int], ...]


def rows_of(peer: Peer, folder: Path) -> Iterator[Row]:
    """In float, and in INT8 where it is offered."""
    made = [(build(), calls) for build, calls in peer.models]
    parameters = float(sum(np.prod(t.dims) for model, _ in made for t in model.graph.initializer))
    yield Row(peer.name, "float", peer.calls, parameters, tuple((step(model), calls) for model, calls in made))
    if peer.int8:
        integer = tuple((step(quantised(model, folder)), calls) for model, calls in made)
        yield Row(peer.name, "INT8", peer.calls, parameters, integer)


def measured(rows: list[Row], rounds: int) -> dict[Row, float]:
    """Milliseconds of the processor for a second of video: medians of every step, all in turn."""
    times_ms: dict[tuple[Row, int], list[float]] = {(row, i): [] for row in rows for i in range(len(row.steps))}
    for _ in range(rounds):
        for (row, i), found in times_ms.items():
            call = row.steps[i][0]
            call()  # brings its weights back to the caches
            started = time.process_time()
            call()
            found.append((time.process_time() - started) * 1e3)
    return {
        row: sum(calls * statistics.median(times_ms[row, i]) for i, (_, calls) in enumerate(row.steps)) for row in rows
    }


def step(model: onnx.ModelProto) -> Callable[[], object]:
    """A call of the model; states do not go round, a step costs the same."""
    session = ort.InferenceSession(model.SerializeToString(), session_options(1), ["CPUExecutionProvider"])
    return partial(session.run, None, noise(model, 0))


def noise(model: onnx.ModelProto, seed: int) -> dict[str, F32]:
    """One input."""
    rng = np.random.default_rng(seed)
    shapes = {value.name: [d.dim_value for d in value.type.tensor_type.shape.dim] for value in model.graph.input}
    return {name: rng.uniform(0, 1, shape).astype(np.float32) for name, shape in shapes.items()}


class Noise(quantization.CalibrationDataReader):  # type: ignore[misc]
    """Inputs to calibrate on."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self._left = [noise(model, 1 + seed) for seed in range(CALIBRATION)]

    def get_next(self) -> dict[str, F32] | None:
        """The next, or None."""
        return self._left.pop() if self._left else None


def quantised(model: onnx.ModelProto, folder: Path) -> onnx.ModelProto:
    """UINT8 activations, INT8 weights per channel."""
    source, target = folder / f"{model.graph.name}.onnx", folder / f"{model.graph.name}_int8.onnx"
    onnx.save(onnx.shape_inference.infer_shapes(model), source)
    quantization.quantize_static(source, target, Noise(model), per_channel=True)
    return onnx.load(target)


def our_tick(form: str) -> Callable[[], object]:
    """The default bundle from the driver's buffer on; form: of the input, its own is `change_flow`."""
    bundle = Bundle.load(default_bundle_path())
    manifest = replace(bundle.manifest, input=replace(bundle.manifest.input, form=form))
    recogniser = Recogniser(replace(bundle, manifest=manifest), threads=1)
    frames = [Frame(yuyv(frame.image), frame.sequence, frame.capture_time_s, "yuyv") for frame in dark_frames(32)]
    stream = _to_and_fro(frames)
    for _ in range(8):
        recogniser.tick(next(stream))
    return lambda: recogniser.tick(next(stream))


def _to_and_fro(frames: list[Frame]) -> Iterator[Frame]:
    while True:
        yield from frames[:-1]
        yield from frames[:0:-1]


if __name__ == "__main__":
    main()
