"""Runs in the guest: so many steps of a student in one engine, then where which library's code lies.

python steps.py ENGINE MODEL FORM STEPS    ENGINE: onnxruntime, openvino, litert, ncnn
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np


def main() -> None:
    """MODEL: a bundle, of which FORM is the index of a form; a .tflite; for ncnn the path without `.param`."""
    engine, model, form, steps = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    step = (
        {"litert": litert, "ncnn": ncnn}[engine](model) if engine in ("litert", "ncnn") else ours(engine, model, form)
    )
    for _ in range(steps):
        step()
    for line in Path("/proc/self/maps").read_text().splitlines():
        found = re.match(r"([0-9a-f]+)-([0-9a-f]+) .{4} \S+ \S+ \S+\s+(/\S+)", line)
        if found:
            print("map", *found.groups())


def ours(engine: str, model: str, form: int) -> Callable[[], object]:
    """As edge-run opens it."""
    from edge.bundle import Bundle
    from edge.engines.catalogue import open_with

    bundle = Bundle.load(Path(model)).forms()[form]
    size = bundle.manifest.input
    x = np.random.default_rng(0).integers(96, 160, (1, size.height, size.width, 3), np.uint8)
    student = open_with(engine, bundle, 1, print)
    return lambda: student.step(x)


def litert(model: str) -> Callable[[], object]:
    """LiteRT with XNNPACK, its default; the outputs stay where they are."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model, num_threads=1)
    interpreter.allocate_tensors()
    inputs = interpreter.get_input_details()
    levels = [np.zeros(each["shape"], each["dtype"]) for each in inputs]

    def step() -> None:
        for each, level in zip(inputs, levels, strict=True):
            interpreter.set_tensor(each["index"], level)
        interpreter.invoke()

    return step


def ncnn(model: str) -> Callable[[], object]:
    """ncnn with its default options, one thread."""
    import ncnn as library

    net = library.Net()
    net.opt.num_threads = 1
    if net.load_param(f"{model}.param") or net.load_model(f"{model}.bin"):
        raise SystemExit(f"{model}: ncnn cannot load it")
    names = (net.input_names(), net.output_names())
    shapes = dict(line.split()[1:3] for line in Path(f"{model}.shapes").read_text().splitlines())
    levels = {name: np.zeros([int(n) for n in shapes[name].split(",")], np.float32) for name in names[0]}

    def step() -> None:
        extractor = net.create_extractor()
        for name, level in levels.items():
            extractor.input(name, library.Mat(level))
        for name in names[1]:
            extractor.extract(name)

    return step


if __name__ == "__main__":
    main()
