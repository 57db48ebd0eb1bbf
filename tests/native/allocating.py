"""Run under allocations.c: how many allocations TICKS ticks of every part of the way make, once it runs.

python allocating.py LIBRARY    a line per part: its name, allocations
"""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable
from functools import partial

import numpy as np

from edge.bundles.bundle import Bundle, default_bundle_path
from edge.bundles.manifest import InputSpec
from edge.picture.frame import Frame, Image
from edge.picture.front_end import FrontEnd
from edge.recognition.inputs import NetworkInput, network_input

WARM_UP, TICKS, PICTURES = 40, 200, 8
FORMATS = {"bgr": (480, 640, 3), "yuyv": (480, 640, 2), "nv12": (1080, 1280)}


def main() -> None:
    """Print what every part allocates."""
    allocations = ctypes.CDLL(sys.argv[1]).allocations
    allocations.restype = ctypes.c_long
    manifest = Bundle.load(default_bundle_path()).manifest
    for format, shape in FORMATS.items():
        frames = dark(shape, format)
        size = manifest.front_end
        front_end = FrontEnd(size.height, size.width, size.fraction_bits)
        print(f"{format}/measure", counted(allocations, partial(measured, front_end, frames)))
        for expert in range(len(manifest.gate.experts)):
            form = InputSpec("motion", manifest.input.height, manifest.input.width, manifest.input.levels_per_pixel)
            stage = network_input(manifest.front_end, form, manifest.gate)
            print(f"{format}/motion/{expert}", counted(allocations, partial(looked, stage, expert, frames)))
    print("copy", counted(allocations, lambda i: np.empty(1 << 20, np.uint8)))  # that it counts


def counted(allocations: Callable[[], int], call: Callable[[int], object]) -> int:
    """Of TICKS calls, after WARM_UP."""
    for i in range(WARM_UP):
        call(i)
    gc.collect()
    gc.disable()
    before = allocations()
    for i in range(WARM_UP, WARM_UP + TICKS):
        call(i)
    after = allocations()
    gc.enable()
    return after - before


def dark(shape: tuple[int, ...], format: str) -> list[Frame]:
    """Noise in which a square moves: the looks have to search."""
    rng = np.random.default_rng(0)
    frames = []
    for i in range(PICTURES):
        image: Image = rng.integers(8, 24, shape, np.uint8)
        image[100 : 100 + shape[0] // 4, 100 + 12 * i : 100 + 12 * i + shape[1] // 4] += 40
        frames.append(Frame(image, i, i / 15, format))
    return frames


def measured(front_end: FrontEnd, frames: list[Frame], i: int) -> None:
    """The front end alone."""
    frame = frames[i % PICTURES]
    front_end.measure(frame.image, frame.format)


def looked(stage: NetworkInput, expert: int, frames: list[Frame], i: int) -> None:
    """The front end and a look."""
    stage.take(frames[i % PICTURES])
    stage.see(expert)


if __name__ == "__main__":
    main()
