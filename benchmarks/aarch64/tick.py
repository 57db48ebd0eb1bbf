"""The work of a whole tick, camera buffer to logits, on models of a Cortex-A72 and A76: instructions, stage by stage.

python -m benchmarks.aarch64.tick [--times 14] [--cpu cortex-a72 ...]

Counted under qemu as a board would run it: the C core built for aarch64, the engine's wheel, Python's own work, too.
The student is the default bundle's, in U8S8 and in the S8S8 that `quantize --target arm` makes of its float origin.
Nothing is timed. The bound is the least number of cycles that a core can need: a Cortex-A76 starts four instructions a
cycle, two of them vector or floating point, two of them loads or stores; a Cortex-A72 three, two and two (Arm, Software
Optimization Guides of both: decoded a cycle, vector pipelines, load/store pipelines). What a board needs lies above it:
the last table says what share of a core 15 ticks a second take, from the bound to one instruction a cycle.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.aarch64.engines import signed
from benchmarks.aarch64.guest import PROCESSORS, Guest, guest
from benchmarks.native import nv12, yuyv
from benchmarks.pipeline import FLOAT_BUNDLE, dark_frames
from edge.bundles.bundle import Bundle, default_bundle_path

PICTURES = 24
SOURCES = {"yuyv": (480, 640), "jpeg": (720, 1280), "nv12": (720, 1280)}
TITLES = {"yuyv": "YUYV 640x480", "jpeg": "MJPEG 1280x720", "nv12": "NV12 1280x720"}
# Form of the input and build of the student; change_flow's calls are OpenCV's.
WHOLES = {"`motion`": "motion/U8S8", "`motion`, S8S8": "motion/S8S8", "`change_flow`": "change_flow/U8S8"}
TICKS_A_SECOND = 15
BOARDS = {"cortex-a72": ("Raspberry Pi 4", 1.5e9, 3), "cortex-a76": ("Raspberry Pi 5", 2.4e9, 4)}  # clock, decoded


@dataclass(frozen=True)
class Count:
    """Instructions of one call: all, vector and floating point, loads and stores."""

    all: float
    vector: float
    memory: float

    def least_cycles(self, cpu: str) -> float:
        """See the module."""
        return max(self.all / BOARDS[cpu][2], self.vector / 2, self.memory / 2)

    def __sub__(self, other: Count) -> Count:
        return Count(self.all - other.all, self.vector - other.vector, self.memory - other.memory)


Counts = dict[str, Count]


def main() -> None:
    """Print the tables of docs/results.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=14, help="calls of every part that are counted (%(default)s)")
    parser.add_argument("--cpu", nargs="+", choices=PROCESSORS, default=tuple(PROCESSORS))
    options = parser.parse_args()
    board = guest()
    pictures = board.folder / "buffers.npz"
    np.savez(pictures, **buffers())  # type: ignore[arg-type]
    other = signed(FLOAT_BUNDLE).bundle
    for cpu in options.cpu:
        counts, remarks = counted(replace(board, cpu=cpu, cut=True), other, pictures, options.times)
        found = {cpu: counts}
        print("\n".join(remarks))
        for title, lines in (
            ("a tick", ticks(found)),
            ("the input stage", inputs(found)),
            ("the board", bounds(found)),
        ):
            print(f"\n{cpu}, {title}\n" + "\n".join(lines), flush=True)


def buffers() -> dict[str, npt.NDArray[np.generic]]:
    """What a driver's buffers hold, by format and content; JPEGs one behind the other, with their sizes."""
    found: dict[str, npt.NDArray[np.generic]] = {}
    for format, (height, width) in SOURCES.items():
        for content in ("moving", "empty") if format == "yuyv" else ("moving",):
            images = [frame.image for frame in dark_frames(PICTURES, height, width, content == "moving")]
            name = f"{format}/{content}"
            if format == "jpeg":
                sampling = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422]
                files = [np.ravel(cv2.imencode(".jpg", image, sampling)[1]) for image in images]
                found[name], found[f"{name}/sizes"] = np.concatenate(files), np.array([f.size for f in files])
            else:
                found[name] = np.stack([(yuyv if format == "yuyv" else nv12)(image) for image in images])
    return found


def counted(board: Guest, other: Path, pictures: Path, times: int) -> tuple[Counts, list[str]]:
    """Every part by its name, and what the guest says besides."""
    path = board.folder / "counts.txt"
    script = board.folder / "site" / "benchmarks" / "aarch64" / "stages.py"
    said = board.run(script, default_bundle_path().resolve(), other, pictures, str(times), counts=path)
    printed = said.splitlines()
    names = [line.split("\t")[1] for line in printed if line.startswith("part")]
    parts = list(_parts(path))[1::2]  # what lies between the parts is not asked for
    if len(parts) != len(names):
        raise RuntimeError(f"{path}: expected {len(names)} parts, found {len(parts)}; run again")
    counts = {name: Count(*(value / times for value in part)) for name, part in zip(names, parts, strict=True)}
    return counts, [line for line in printed if not line.startswith("part")]


def _parts(path: Path) -> Iterator[list[int]]:
    """Sums over pages, between one cut and the next."""
    total = np.zeros(3, np.int64)
    for line in path.read_text().splitlines():
        if line == "cut":
            yield total.tolist()
            total[:] = 0
        else:
            total += np.array(line.split()[1:], np.int64)


def ticks(found: dict[str, Counts]) -> Iterator[str]:
    """A row a processor and source: the parts, then whole ticks by form and build."""
    parts = ("conversion, shrink, statistics", "the same, OpenCV", "gate", "student U8S8", "student S8S8")
    yield f"| processor | camera buffer | {' | '.join(parts)} | {' | '.join(f'tick, {title}' for title in WHOLES)} |"
    yield "|---" * (2 + len(parts) + len(WHOLES)) + "|"
    for cpu, counts in found.items():
        for format, title in TITLES.items():
            name = f"{format}/moving"
            cells = [f"{name}/measure", f"{name}/measure with OpenCV", "gate", "student/U8S8", "student/S8S8"]
            cells += [f"{name}/tick/{whole}" for whole in WHOLES.values()]
            yield f"| {cpu} | {title} | {' | '.join(thousands(counts[cell].all) for cell in cells)} |"


def bounds(found: dict[str, Counts]) -> Iterator[str]:
    """The least cycles of a whole tick, and the share of a core from there to one instruction a cycle."""
    titles = [f"{what}, {title}" for title in WHOLES for what in ("least cycles", "share of a core")]
    yield f"| board | camera buffer | {' | '.join(titles)} |"
    yield "|---" * (2 + len(titles)) + "|"
    for cpu, counts in found.items():
        board, clock, _ = BOARDS[cpu]
        for format, title in TITLES.items():
            cells = []
            for whole in WHOLES.values():
                tick = counts[f"{format}/moving/tick/{whole}"]
                low, high = (100 * TICKS_A_SECOND * cycles / clock for cycles in (tick.least_cycles(cpu), tick.all))
                cells += [thousands(tick.least_cycles(cpu)), f"{low:.1f} to {high:.1f} %"]
            yield f"| {board}, {clock / 1e9:g} GHz | {title} | {' | '.join(cells)} |"


def inputs(found: dict[str, Counts]) -> Iterator[str]:
    """A row a processor, content and expert: what a look costs after the frame was measured."""
    columns = ("`motion`", "`change_flow` (OpenCV)", "fewer", "least cycles, `motion`", "least cycles, `change_flow`")
    yield f"| processor | picture | expert | {' | '.join(columns)} |"
    yield "|---" * (3 + len(columns)) + "|"
    experts = Bundle.load(default_bundle_path()).manifest.gate.experts
    for cpu, counts in found.items():
        for content, title in (("moving", "one that moves"), ("empty", "an empty room")):
            for i, expert in enumerate(experts):
                ours, today = (
                    counts[f"{content}/{f}/{i}"] - counts[f"{content}/taken"] for f in ("motion", "change_flow")
                )
                cells = [thousands(ours.all), thousands(today.all), f"{today.all / ours.all:.1f} times"]
                cells += [thousands(part.least_cycles(cpu)) for part in (ours, today)]
                kind = f"{expert.binning}^2 x {expert.accumulation}"
                yield f"| {cpu} | {title} | {kind} | {' | '.join(cells)} |"


def thousands(number: float) -> str:
    """Instructions or cycles."""
    return f"{number / 1e3:,.0f} k"


if __name__ == "__main__":
    main()
