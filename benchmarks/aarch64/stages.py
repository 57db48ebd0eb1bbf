"""Runs in the guest: the stages of a tick, each so many times between two cuts of the count (count.c).

python stages.py BUNDLE SIGNED PICTURES.npz TIMES    pictures: FORMAT/CONTENT [N,...], what a driver's buffers hold;
SIGNED: a bundle whose second build is S8S8
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.native import opencv
from edge.bundles.bundle import Bundle
from edge.engines.onnxruntime import OnnxRuntimeSession
from edge.picture.frame import Frame
from edge.picture.front_end import FrameStatistics, FrontEnd
from edge.recognition.gate import Gate
from edge.recognition.inputs import NetworkInput, network_input
from edge.recognition.recogniser import Recogniser

WARM_UP = 10  # ticks: caches of NumPy and onnxruntime are filled, the ring of frames is
FORMS = ("motion", "change_flow")
Pictures = Mapping[str, list[npt.NDArray[np.uint8]]]


def main() -> None:
    """Print the name of every part that lies between two cuts, in their order, and what it gave."""
    bundle, times = Bundle.load(Path(sys.argv[1])), int(sys.argv[4])
    bundles = {"U8S8": bundle, "S8S8": Bundle.load(Path(sys.argv[2])).builds()[1]}
    cv2.setNumThreads(1)
    with np.load(sys.argv[3], allow_pickle=False) as archive:
        pictures = {name: unpacked(archive, name) for name in archive.files if not name.endswith("/sizes")}
    for source in pictures:
        if source.endswith("/moving"):
            front_ends(bundle, source, pictures[source], times)
            ticks(bundles, source, pictures[source], times)
    inputs(bundle, pictures, times)
    decisions(bundles, pictures, times)


def unpacked(archive: Any, name: str) -> list[npt.NDArray[np.uint8]]:
    """JPEGs differ in size and lie one behind the other."""
    held: npt.NDArray[np.uint8] = archive[name]
    if f"{name}/sizes" not in archive.files:
        return list(held)
    return np.split(held, np.cumsum(archive[f"{name}/sizes"])[:-1])


def counted(name: str, times: int, call: Callable[[int], object]) -> None:
    """`call` of 0, 1, 2 ...; the first WARM_UP of them are not counted."""
    for i in range(WARM_UP):
        call(i)
    os.getppid()
    for i in range(WARM_UP, WARM_UP + times):
        call(i)
    os.getppid()
    print(f"part\t{name}\t{times}", flush=True)


def to_and_fro(i: int, n: int) -> int:
    """0, 1 ... n-1, n-2 ... 1, 0, 1 ...: nothing jumps."""
    at = i % (2 * n - 2)
    return min(at, 2 * n - 2 - at)


def frame(pictures: list[npt.NDArray[np.uint8]], i: int, format: str) -> Frame:
    """The next of a stream."""
    return Frame(pictures[to_and_fro(i, len(pictures))], i, i / 15, format)


def front_ends(bundle: Bundle, source: str, pictures: list[npt.NDArray[np.uint8]], times: int) -> None:
    """Conversion, shrink and statistics: ours, and OpenCV's calls."""
    format = source.partition("/")[0]
    counted(f"{source}/measure", times, partial(measure, front_end_of(bundle), pictures, format))
    counted(f"{source}/measure with OpenCV", times, lambda i: opencv(frame(pictures, i, format).image, format))


def ticks(bundles: Mapping[str, Bundle], source: str, pictures: list[npt.NDArray[np.uint8]], times: int) -> None:
    """Camera buffer to logits, as edge-run runs it."""
    for build, bundle in bundles.items():
        for form in FORMS:
            whole = Whole(with_form(bundle, form), pictures, source.partition("/")[0])
            counted(f"{source}/tick/{form}/{build}", times, whole.tick)
            print(f"experts of {source}, {form}: {whole.experts()}; {whole.recogniser.fault or 'no fault'}", flush=True)


class Whole:
    """A recogniser before a stream, and which experts the gate chose."""

    def __init__(self, bundle: Bundle, pictures: list[npt.NDArray[np.uint8]], format: str) -> None:
        self.recogniser = Recogniser(bundle, threads=1)
        self._pictures, self._format = pictures, format
        self._chosen: set[int] = set()

    def tick(self, i: int) -> None:
        """The next frame, to logits."""
        result = self.recogniser.tick(frame(self._pictures, i, self._format))
        if result is not None:
            self._chosen.add(result.expert)

    def experts(self) -> str:
        """By their indices."""
        return ", ".join(map(str, sorted(self._chosen)))


def inputs(bundle: Bundle, pictures: Pictures, times: int) -> None:
    """Every expert's look, with somebody moving and in an empty room; `taken` is the part that measures."""
    for content in ("moving", "empty"):
        images = pictures[f"yuyv/{content}"]
        front_end = front_end_of(bundle)
        counted(f"{content}/taken", times, partial(measure, front_end, images, "yuyv"))
        for form in FORMS:
            manifest = with_form(bundle, form).manifest
            for expert in range(len(manifest.gate.experts)):
                stage = network_input(manifest.front_end, manifest.input, manifest.gate)
                counted(f"{content}/{form}/{expert}", times, partial(look, stage, expert, images))


def look(stage: NetworkInput, expert: int, images: list[npt.NDArray[np.uint8]], i: int) -> None:
    """The stage alone, behind no gate."""
    stage.take(frame(images, i, "yuyv"))
    stage.see(expert)


def measure(front_end: FrontEnd, images: list[npt.NDArray[np.uint8]], format: str, i: int) -> FrameStatistics:
    """The front end alone."""
    seen = frame(images, i, format)
    return front_end.measure(seen.image, seen.format)


def decisions(bundles: Mapping[str, Bundle], pictures: Pictures, times: int) -> None:
    """The gate, and a step of the student in every build."""
    bundle = bundles["U8S8"]
    manifest = bundle.manifest
    statistics = measure(front_end_of(bundle), pictures["yuyv/moving"], "yuyv", 0)
    gate = Gate(bundle.gate_weights(), manifest.gate.gammas, manifest.gate.hold)
    counted("gate", times, lambda i: gate.step(statistics))
    x = np.random.default_rng(0).integers(96, 160, (1, manifest.input.height, manifest.input.width, 3), np.uint8)
    for build, each in bundles.items():
        counted(f"student/{build}", times, partial(step, OnnxRuntimeSession(each), x))


def step(student: OnnxRuntimeSession, x: npt.NDArray[np.uint8], i: int) -> object:
    """One of the stream."""
    return student.step(x)


def front_end_of(bundle: Bundle) -> FrontEnd:
    """As the input stages have it."""
    size = bundle.manifest.front_end
    return FrontEnd(size.height, size.width, size.fraction_bits)


def with_form(bundle: Bundle, form: str) -> Bundle:
    """The same bundle, its student fed by another stage: what that makes of it is not asked here."""
    return replace(bundle, manifest=replace(bundle.manifest, input=replace(bundle.manifest.input, form=form)))


if __name__ == "__main__":
    main()
