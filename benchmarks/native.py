"""What the product runs of the C core, as ratios: `make bench-native`. Medians of interleaved runs, one thread.

The front end as `change_flow` has it (small frame, 12-bit luma and statistics in one call) from a camera's buffer, and
gain with gamma on its luma; compared with what one would write with OpenCV and with a memcpy of the source, cold.
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
from edge.picture import kernels
from edge.picture.front_end import FrontEnd

U8 = npt.NDArray[np.uint8]
U16 = npt.NDArray[np.uint16]
SMALL = 120, 160  # the default bundle's
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


def yuyv(picture: U8) -> U8:
    """As a UVC camera sends it: uint8 [H,W,2]."""
    i420 = cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420)
    height, width = picture.shape[:2]
    u, v = i420[height:].reshape(2, height // 2, width // 2).repeat(2, axis=1)
    packed = np.empty((height, width, 2), np.uint8)
    packed[..., 0], packed[:, ::2, 1], packed[:, 1::2, 1] = i420[:height], u, v
    return packed


def nv12(picture: U8) -> U8:
    """As a CSI camera sends it: uint8 [H*3/2,W]."""
    i420 = cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420)
    height, width = picture.shape[:2]
    u, v = i420[height:].reshape(2, height // 2, width // 2)
    return np.concatenate([i420[:height], np.stack([u, v], -1).reshape(height // 2, width)])


TO_BGR = {"yuyv": cv2.COLOR_YUV2BGR_YUYV, "nv12": cv2.COLOR_YUV2BGR_NV12}


def opencv(picture: U8, format: str) -> U16:
    """The same with OpenCV: cvtColor, resize to 8 bits, resize of the luma to 12 bits, calcHist, meanStdDev."""
    bgr = picture
    if format == "jpeg":
        bgr = np.asarray(cv2.imdecode(picture, cv2.IMREAD_COLOR), np.uint8)
    elif format in TO_BGR:
        bgr = np.asarray(cv2.cvtColor(picture, TO_BGR[format]), np.uint8)
    small = cv2.resize(bgr, SMALL[::-1], interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY).astype(np.float32)
    luma = cv2.resize(grey, SMALL[::-1], interpolation=cv2.INTER_AREA)
    counts = np.sum([np.ravel(cv2.calcHist([small], [c], None, [256], [0, 256])) for c in range(3)], 0)
    cv2.meanStdDev(small)
    present = np.flatnonzero(counts)
    p = counts[present] / counts.sum()
    float(-(p * np.log(p)).sum())
    return np.asarray(np.rint(luma * 16), np.uint16)


def opencv_gain(luma: U16, gain: float) -> U8:
    """Gain and gamma with OpenCV, which has no table for 16 bits: a power in float32."""
    unit = luma.astype(np.float32) * np.float32(gain / 4095)
    return np.asarray(cv2.convertScaleAbs(cv2.pow(unit, 1 / GAMMA), alpha=255), np.uint8)


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


def measuring(what: str, source: U8, format: str, goal: str) -> None:
    """`FrontEnd.measure` of one source."""
    front_end = FrontEnd(*SMALL, fraction_bits=4)
    found = compare({"ours": lambda: front_end.measure(source, format), "opencv": lambda: opencv(source, format)})
    line(f"{what}: measure, faster than OpenCV", found["ours"], found["opencv"], goal)


def measuring_cold(picture: U8, goal: str) -> None:
    """The source and all results in no cache; the code of both, the interpreter's too, warm."""
    flush, copy = np.zeros(64 << 20, np.uint8), np.zeros_like(picture)
    ours, spare = (FrontEnd(*SMALL, fraction_bits=4) for _ in range(2))
    other, other_copy = picture.copy(), copy.copy()

    def chill() -> None:
        np.add(flush[::64], 1, out=flush[::64])
        spare.measure(other)
        np.copyto(other_copy, other)

    found = compare({"ours": lambda: ours.measure(picture), "memcpy": lambda: np.copyto(copy, picture)}, before=chill)
    what, ratio = "BGR 640x480, dark, cold: measure, of a memcpy of it", found["ours"] / found["memcpy"]
    print(f"{what:64} {ratio:8.2f} x   ({found['ours']:8.1f} us against {found['memcpy']:8.1f} us; goal {goal})")


def lifting(goal: str) -> None:
    """Gain and gamma of one luma of the small frame."""
    front_end, picture = FrontEnd(*SMALL, fraction_bits=4), np.zeros(SMALL, np.uint8)
    front_end.measure(night(480, 640))
    luma, table = front_end.luma, np.rint(255 * (np.arange(4096) / 4095) ** (1 / GAMMA)).astype(np.uint8)
    gain = 4095 / int(luma.max())
    found = compare(
        {
            "ours": lambda: kernels.apply_gain(luma, gain, table, picture),
            "opencv": lambda: opencv_gain(luma, gain),
        }
    )
    line("luma 160x120: apply_gain, faster than OpenCV", found["ours"], found["opencv"], goal)


def call_overhead() -> None:
    """A call on the smallest possible picture is the binding and little else."""
    tiny, front_end = np.zeros((1, 1, 3), np.uint8), FrontEnd(1, 1, fraction_bits=4)
    statistics_of_tiny = front_end.measure(tiny)
    luma, table, target = front_end.luma, np.zeros(4096, np.uint8), np.zeros((1, 1), np.uint8)
    calls: dict[str, Callable[[], object]] = {
        "measure": lambda: front_end.measure(tiny),
        "correct": lambda: front_end.correct(statistics_of_tiny, GAMMA),
        "apply_gain": lambda: kernels.apply_gain(luma, 1.0, table, target),
    }
    for name, call in calls.items():
        times = []
        for _ in range(ROUNDS):
            start = time.perf_counter_ns()
            for _ in range(1000):
                call()
            times.append((time.perf_counter_ns() - start) / 1e6)
        print(f"{f'one call of {name} on one pixel, kernels included':64} {statistics.median(times):8.2f} us")


def processor() -> str:
    """The processor's name, as the kernel says it."""
    info = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.+)", info.read_text()) if info.exists() else []
    return names[0] if names else platform.machine()


def main() -> None:
    cv2.setNumThreads(1)
    print(f"{processor()}, kernels: {', '.join(sorted(set(_native.kernels().values())))}; medians of {ROUNDS} rounds")
    print(f"front end of change_flow: {SMALL[1]}x{SMALL[0]} levels, 12-bit luma, statistics")
    measuring("BGR 640x480, dark", night(480, 640), "bgr", ">= 10")
    measuring("BGR 640x480, a lamp", lamp(480, 640), "bgr", "-")
    measuring("BGR 640x480, random", noise(480, 640), "bgr", "-")
    measuring("YUYV 640x480, dark", yuyv(night(480, 640)), "yuyv", "-")
    measuring("NV12 1280x720, dark", nv12(night(720, 1280)), "nv12", "-")
    measuring_cold(night(480, 640), "<= 1.2")
    lifting("-")
    call_overhead()


if __name__ == "__main__":
    main()
