"""Runs in the guest: so many steps of a student in one engine, its first answer, and where which library's code lies.

python steps.py ENGINE BUNDLE FORM MODEL STEPS    ENGINE: onnxruntime, openvino; litert (MODEL: .tflite), ncnn (.param)
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge.bundles.bundle import Bundle

Array = npt.NDArray[np.generic]


def main() -> None:
    """Print the first step's logits and the map of the process."""
    engine, bundle, build, model, steps = sys.argv[1:]
    student = Bundle.load(Path(bundle)).builds()[int(build)]
    x = picture(student)
    step = {"litert": litert, "ncnn": ncnn}.get(engine, ours)(engine, student, model, x)
    print("logits", *np.ravel(step()).tolist())
    for _ in range(int(steps) - 1):
        step()
    for line in Path("/proc/self/maps").read_text().splitlines():
        found = re.match(r"([0-9a-f]+)-([0-9a-f]+) .{4} \S+ \S+ \S+\s+(/\S+)", line)
        if found:
            print("map", *found.groups())


def picture(bundle: Bundle) -> npt.NDArray[np.uint8]:
    """One picture, the same for every engine."""
    size = bundle.manifest.input
    return np.random.default_rng(0).integers(96, 160, (1, size.height, size.width, 3), np.uint8)


def ours(engine: str, bundle: Bundle, model: str, x: npt.NDArray[np.uint8]) -> Callable[[], Array]:
    """As edge-run opens it."""
    from edge.engines.catalogue import open_with

    student = open_with(engine, bundle, 1, print)
    return lambda: student.step(x)


def litert(engine: str, bundle: Bundle, model: str, x: npt.NDArray[np.uint8]) -> Callable[[], Array]:
    """LiteRT with XNNPACK, its default. States do not go round: a step costs the same."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model, num_threads=1)
    interpreter.allocate_tensors()
    starts = {state.input: state for state in bundle.manifest.states}
    inputs = []
    for each in interpreter.get_input_details():
        start = starts.get(each["name"])
        level = x if start is None else np.full(start.shape, start.start, start.dtype)
        as_int8 = each["dtype"] == np.int8
        inputs.append((each["index"], (level.astype(np.int16) - 128).astype(np.int8) if as_int8 else level))
    (logits,) = (each["index"] for each in interpreter.get_output_details() if each["name"] == "logits")

    def step() -> Array:
        for index, level in inputs:
            interpreter.set_tensor(index, level)
        interpreter.invoke()
        return np.asarray(interpreter.get_tensor(logits))

    return step


def ncnn(engine: str, bundle: Bundle, model: str, x: npt.NDArray[np.uint8]) -> Callable[[], Array]:
    """ncnn with its default options (float16 where the processor has it), one thread. States do not go round."""
    import ncnn as library

    net = library.Net()
    net.opt.num_threads = 1
    if net.load_param(model) or net.load_model(model.replace(".param", ".bin")):
        raise SystemExit(f"{model}: ncnn cannot load it")
    levels = {"x": np.ascontiguousarray((x[0] / np.float32(255)).transpose(2, 0, 1), np.float32)}
    for state in bundle.manifest.states:
        shape = [state.shape[i] for i in (3, 1, 2)]  # channels first
        levels[state.input] = np.full(shape, state.start if state.dtype == "float32" else 0, np.float32)
    outputs = [*(state.output for state in bundle.manifest.states), "logits"]
    inputs = {name: library.Mat(level).clone() for name, level in levels.items()}

    def step() -> Array:
        extractor = net.create_extractor()
        for name, level in inputs.items():
            extractor.input(name, level)
        found = np.empty(0)
        for name in outputs:
            _, found = extractor.extract(name)
        return np.array(found)

    return step


if __name__ == "__main__":
    main()
