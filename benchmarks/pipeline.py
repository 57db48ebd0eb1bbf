"""The README's times and ratios of the whole way, on this machine: one thread, medians of interleaved runs.

python benchmarks/pipeline.py [--float BUNDLE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.native import yuyv
from edge.bundles.bundle import Bundle, default_bundle_path
from edge.engines.onnxruntime import OnnxRuntimeSession
from edge.picture.frame import Frame
from edge.recognition.recogniser import Recogniser

ROUNDS = 300
FLOAT_BUNDLE = Path(__file__).parents[1] / "bundles" / "ellar-edge-s-float32"


def main() -> None:
    """Print every figure, a line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--float", type=Path, default=FLOAT_BUNDLE, dest="float_bundle", help="(%(default)s)")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    print(f"machine: {_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    bundle = Bundle.load(default_bundle_path())
    whole_step(bundle)
    forms(bundle)
    integer_against_float(bundle, Bundle.load(options.float_bundle))
    first_prediction()


def whole_step(bundle: Bundle) -> None:
    """Camera frame to logits: shrink, statistics, gate, table, flow, INT8 step."""
    recogniser = Recogniser(bundle, threads=1)
    frames = dark_frames(64)
    recogniser.tick(frames[0])
    times_ms = [_timed_ms(partial(recogniser.tick, frames[i % len(frames)])) for i in range(1, ROUNDS)]
    p50, p95 = np.percentile(times_ms, [50, 95])
    print(f"640x480 frame to logits: p50 {p50:.2f} ms, p95 {p95:.2f} ms")


def forms(bundle: Bundle) -> None:
    """A driver's YUYV buffer to logits, by form of the input, in turn; what the student makes of it is not asked.

    Time of the processor: on a machine that is busy otherwise the clock on the wall says nothing.
    """
    frames = [Frame(yuyv(frame.image), frame.sequence, frame.capture_time_s, "yuyv") for frame in dark_frames(64)]
    recognisers = {}
    for form in ("motion", "change_flow"):
        manifest = replace(bundle.manifest, input=replace(bundle.manifest.input, form=form))
        recognisers[form] = Recogniser(replace(bundle, manifest=manifest), threads=1)
    times_ms: dict[str, list[float]] = {form: [] for form in recognisers}
    for i in range(ROUNDS):
        for form, recogniser in recognisers.items():
            times_ms[form].append(_timed_ms(partial(recogniser.tick, frames[i % len(frames)]), time.process_time))
    for form, times in times_ms.items():
        p50, p95 = np.percentile(times[20:], [50, 95])
        print(f"YUYV 640x480 buffer to logits, form {form}: p50 {p50:.2f} ms, p95 {p95:.2f} ms of the processor")


def integer_against_float(int8: Bundle, float32: Bundle) -> None:
    """One step of the student, INT8 and float, in turn."""
    form = int8.manifest.input
    x = np.random.default_rng(0).integers(0, 256, (1, form.height, form.width, 3), dtype=np.uint8)
    students = {"INT8": OnnxRuntimeSession(int8, threads=1), "float": OnnxRuntimeSession(float32, threads=1)}
    times_ms: dict[str, list[float]] = {name: [] for name in students}
    for _ in range(ROUNDS):
        for name, student in students.items():
            times_ms[name].append(_timed_ms(partial(student.step, x)))
    median = {name: statistics.median(times[20:]) for name, times in times_ms.items()}
    sizes = {
        name: bundle.manifest.files["student.onnx"].bytes / 1e6 for name, bundle in (("INT8", int8), ("float", float32))
    }
    for name in students:
        print(f"student, {name}: {median[name]:.3f} ms a step, {sizes[name]:.2f} MB")
    print(f"INT8 against float: {median['float'] / median['INT8']:.2f} times as fast")


def first_prediction() -> None:
    """A fresh process, from exec to its first prediction, and its memory when it ends."""
    entry = "from edge.run.cli import main; main(); print(open('/proc/self/status').read())"
    command = [sys.executable, "-c", entry, "--camera", "demo", "--quiet"]
    times_s, peaks_mb = [], []
    for _ in range(5):
        started = time.monotonic()
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if json.loads(line)["type"] == "prediction":
                    times_s.append(time.monotonic() - started)
                    break
            status = process.stdout.read()
        peaks_mb.append(int(status.partition("VmHWM:")[2].split()[0]) / 1024)
    peak_mb = statistics.median(peaks_mb)
    print(f"exec to first prediction: {statistics.median(times_s):.2f} s; peak memory of edge-run: {peak_mb:.0f} MB")


def dark_frames(count: int, height: int = 480, width: int = 640, moving: bool = True) -> list[Frame]:
    """A dark noisy scene in which something moves, an eighth of the picture high and wide, or nothing does."""
    rng = np.random.default_rng(0)
    scene = cv2.GaussianBlur(rng.uniform(0, 40, (height, width, 3)).astype(np.float32), (0, 0), 6)
    frames = []
    for number in range(count):
        picture = scene.copy()
        if moving:
            across = round((40 + 8 * number) * width / 640)
            cv2.circle(picture, (across, height // 2), height // 8, (30, 26, 22), -1)
        noisy = np.clip(picture + rng.normal(0, 2, picture.shape), 0, 255).astype(np.uint8)
        frames.append(Frame(noisy, number, number / 15))
    return frames


def _timed_ms(call: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    started = clock()
    call()
    return (clock() - started) * 1e3


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith(("model name", "Model")):
            return line.partition(":")[2].strip()
    return platform.machine()


if __name__ == "__main__":
    main()
