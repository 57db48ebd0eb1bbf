"""The front end's ratios: `make bench-native`. Medians of interleaved runs, one thread; only the ratios travel.

Compared with memcpy (as warm as the kernel's own input, and cold: source and results out of every cache), with what
one would write with OpenCV, and with the statistics and GIC of the released DGAM code in NumPy.
"""

from __future__ import annotations

import platform
import re
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).parents[1]))
from edge import _native
from edge.picture import kernels, reference

U8 = npt.NDArray[np.uint8]
GAMMA = 2.0
ROUNDS = 41


def night(height: int, width: int) -> U8:
    """Mean 6, standard deviation 4: a dark room's sensor noise."""
    return np.clip(np.random.default_rng(0).normal(6, 4, (height, width, 3)), 0, 255).astype(np.uint8)


def lamp(height: int, width: int) -> U8:
    """The same with a lamp in the picture, 3 % of its pixels."""
    picture = night(height, width)
    picture[height // 8 : height // 4, width // 8 : 3 * width // 8] = 240
    return picture


def noise(height: int, width: int) -> U8:
    """Every level as often as any other."""
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


class Ours:
    """The C core's two calls, into planes."""

    def __init__(self, height: int, width: int) -> None:
        self.small, self.moments = np.zeros((height, width, 3), np.uint8), np.zeros(5)
        counts, planes = np.zeros((3, 256), np.uint32), np.zeros((3, height, width), np.uint8)
        self.core = kernels.FrontEnd(self.small, counts, self.moments, planes)

    def frame(self, picture: U8) -> None:
        """Shrink (where the sizes differ), histogram, statistics, table, planes."""
        self.core.measure(picture)
        self.core.correct(int(self.moments[3]), int(self.moments[4]), GAMMA)


class Parts:
    """Statistics, table and application on a frame that is small already."""

    def __init__(self, height: int, width: int) -> None:
        self.counts, self.moments = np.zeros((3, 256), np.uint32), np.zeros(5)
        self.table, self.corrected = np.zeros(256, np.uint8), np.zeros((height, width, 3), np.uint8)

    def frame(self, small: U8) -> None:
        """Histogram, statistics, table, application."""
        kernels.histogram(small, self.counts)
        kernels.statistics(self.counts, self.moments)
        kernels.gic_table(int(self.moments[3]), int(self.moments[4]), GAMMA, self.table)
        kernels.apply_table(small, self.table, self.corrected)


def opencv(picture: U8, height: int, width: int) -> U8:
    """The same with OpenCV: resize, calcHist, meanStdDev, LUT, transpose."""
    small = picture
    if picture.shape[:2] != (height, width):
        small = np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    counts = np.sum([np.ravel(cv2.calcHist([small], [c], None, [256], [0, 256])) for c in range(3)], 0)
    cv2.meanStdDev(small)
    present = np.flatnonzero(counts)
    p = counts[present] / counts.sum()
    float(-(p * np.log(p)).sum())
    table = np.zeros(256, np.uint8)
    reference.gic_table(int(present[0]), int(present[-1]), GAMMA, table)
    return np.ascontiguousarray(cv2.LUT(small, table).transpose(2, 0, 1))


def released_dgam(small: U8) -> npt.NDArray[np.float32]:
    """What the released code computes of a frame, in NumPy: normalise, mean, std, entropy after a stretch, GIC."""
    x = ((small.astype(np.float32) - reference.DGAM_MEAN) / reference.DGAM_STD).astype(np.float32)
    x.mean(), x.std(ddof=1)
    low, high = x.min(), x.max()
    counts, _ = np.histogram((x - low) / (high - low + 1e-10) * 255, bins=256, range=(0, 255))
    p = counts[counts > 0] / counts.sum()
    float(-(p * np.log(p)).sum())
    span = high - low
    return np.asarray(span * ((x - low) / (span + 1e-5)) ** (1 / GAMMA) + low, np.float32)


def compare(calls: dict[str, Callable[[], object]], before: Callable[[], object] | None = None) -> dict[str, float]:
    """Microseconds of every call: the median of interleaved runs, so that all see the same busy machine.

    before: what to do untimed before each; without it the call itself, so that each finds the caches as it leaves them.
    """
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            (before or call)()
            start = time.perf_counter_ns()
            call()
            times[name].append((time.perf_counter_ns() - start) / 1e3)
    return {name: statistics.median(values) for name, values in times.items()}


def line(what: str, ours: float, other: float, goal: str) -> None:
    print(f"{what:64} {other / ours:8.1f} x   ({ours:8.1f} us against {other:8.1f} us; goal {goal})")


def network_size(kind: str, small: U8, opencv_goal: str, dgam_goal: str, memcpy_goal: str) -> None:
    """A frame of the network's size: everything but the shrink."""
    height, width = small.shape[:2]
    parts, copy = Parts(height, width), np.zeros_like(small)
    found = compare(
        {
            "ours": lambda: parts.frame(small),
            "memcpy": lambda: np.copyto(copy, small),
            "opencv": lambda: opencv(small, height, width),
            "dgam": lambda: released_dgam(small),
        }
    )
    ours = found["ours"]
    print(f"statistics + table + application, {width}x{height} {kind}")
    print(f"{'  of a memcpy of the frame':64} {ours / found['memcpy']:8.1f} x   ({ours:8.1f} us; goal {memcpy_goal})")
    line("  faster than OpenCV (calcHist, meanStdDev, LUT, transpose)", ours, found["opencv"], opencv_goal)
    line("  faster than the released DGAM code in NumPy", ours, found["dgam"], dgam_goal)


def shrunk(picture: U8) -> U8:
    """As the front end sees it: averaged."""
    small = np.zeros((224, 224, 3), np.uint8)
    kernels.shrink(picture, small)
    return small


def camera_size() -> None:
    picture, flush = night(480, 640), np.zeros(64 << 20, np.uint8)
    small, copy, ours = np.zeros((224, 224, 3), np.uint8), np.zeros_like(picture), Ours(224, 224)
    found = compare(
        {
            "shrink": lambda: kernels.shrink(picture, small),
            "cv2": lambda: cv2.resize(picture, (224, 224), interpolation=cv2.INTER_AREA),
            "front end": lambda: ours.frame(picture),
            "opencv": lambda: opencv(picture, 224, 224),
        }
    )
    print("640x480 BGR -> 224x224, dark")
    line("  shrink faster than cv2.resize INTER_AREA", found["shrink"], found["cv2"], ">= 12")
    line("  front end faster than OpenCV's", found["front end"], found["opencv"], ">= 12")
    other, other_copy, spare = picture.copy(), copy.copy(), Ours(224, 224)

    def chill() -> None:
        """Data out of every cache, and the code of both, the interpreter's too, back in."""
        np.add(flush[::64], 1, out=flush[::64])
        spare.frame(other)
        np.copyto(other_copy, other)

    chilled = compare(
        {"front end": lambda: ours.frame(picture), "memcpy": lambda: np.copyto(copy, picture)}, before=chill
    )
    ratio = chilled["front end"] / chilled["memcpy"]
    what = "  front end, of a memcpy of the source, all data cold"
    print(
        f"{what:64} {ratio:8.2f} x   ({chilled['front end']:8.1f} us against {chilled['memcpy']:8.1f} us; goal <= 1.2)"
    )


def call_overhead() -> None:
    """A call on the smallest possible picture is the binding and little else."""
    tiny, ours = np.zeros((1, 1, 3), np.uint8), Ours(1, 1)
    table, target = np.zeros(256, np.uint8), np.zeros((1, 1, 3), np.uint8)
    calls: dict[str, Callable[[], object]] = {
        "correct": lambda: ours.core.correct(0, 0, GAMMA),
        "apply_table": lambda: kernels.apply_table(tiny, table, target),
        "measure": lambda: ours.core.measure(tiny),
    }
    for name, call in calls.items():
        times = []
        for _ in range(ROUNDS):
            start = time.perf_counter_ns()
            for _ in range(1000):
                call()
            times.append((time.perf_counter_ns() - start) / 1e6)
        print(
            f"{f'one call of {name} on one pixel, kernel included':64} {statistics.median(times):8.2f} us  (goal < 1)"
        )


def processor() -> str:
    """The processor's name, as the kernel says it."""
    info = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.+)", info.read_text()) if info.exists() else []
    return names[0] if names else platform.machine()


def main() -> None:
    cv2.setNumThreads(1)
    print(f"{processor()}, kernels: {', '.join(sorted(set(_native.kernels().values())))}; medians of {ROUNDS} rounds")
    network_size("dark", shrunk(night(480, 640)), ">= 15", ">= 150", "<= 4")
    network_size("lamp", shrunk(lamp(480, 640)), "-", "-", "-")
    network_size("random", noise(224, 224), ">= 4", "-", "-")
    camera_size()
    call_overhead()


if __name__ == "__main__":
    main()
