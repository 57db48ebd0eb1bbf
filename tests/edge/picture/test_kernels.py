"""The C core against edge/picture/reference.py, and that against the definitions in float64."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.picture import reference

native = pytest.importorskip("edge._native", reason="the C core is not built: python setup.py build_ext --inplace")

GAMMAS = (1.0, 1.5, 2.0, 2.5, 3.0)
FORMATS = ("bgr", "rgb", "grey", "yuyv", "uyvy", "nv12", "i420")
U8 = npt.NDArray[np.uint8]


def dark(*shape: int, seed: int = 0) -> U8:
    """A night's values: mean about 6, noise, a few lamps."""
    generator = np.random.default_rng(seed)
    values = np.clip(generator.normal(6, 4, shape), 0, 255).astype(np.uint8)
    values.ravel()[:: max(values.size // 7, 1)] = 250
    return values


def content(kind: str, shape: tuple[int, ...], seed: int = 0) -> U8:
    if kind == "dark":
        return dark(*shape, seed=seed)
    if kind == "random":
        return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    return np.full(shape, 255 if kind == "full" else 0, np.uint8)


def source_shape(format: str, height: int, width: int) -> tuple[int, ...]:
    if format in ("nv12", "i420"):
        return height * 3 // 2, width
    return {"grey": (height, width), "yuyv": (height, width, 2), "uyvy": (height, width, 2)}.get(
        format, (height, width, 3)
    )


def overlaps(source: int, target: int) -> npt.NDArray[np.float64]:
    """[target, source]: the share of every source cell in every target cell, from exact fractions."""
    weights = np.zeros((target, source))
    for i in range(target):
        begin, end = Fraction(i * source, target), Fraction((i + 1) * source, target)
        for j in range(int(begin), -int(-end // 1)):
            shared = min(end, Fraction(j + 1)) - max(begin, Fraction(j))
            weights[i, j] = float(shared * Fraction(target, source))
    return weights


def area_average(picture: U8, height: int, width: int) -> npt.NDArray[np.float64]:
    rows, columns = overlaps(picture.shape[0], height), overlaps(picture.shape[1], width)
    return np.einsum("ih,hwc,jw->ijc", rows, picture.astype(np.float64), columns, optimize=True)


BT601 = np.array([3735, 19235, 9798]) / 32768  # of blue, green, red, in 15 bits


class Measured:
    """A FrontEnd of a module, its buffers, and a picture measured in it."""

    def __init__(self, module: Any, height: int, width: int, picture: U8 | None = None, format: str = "bgr") -> None:
        self.small, self.luma = np.zeros((height, width, 3), np.uint8), np.zeros((height, width), np.uint16)
        self.counts, self.moments = np.zeros((3, 256), np.uint32), np.zeros(5)
        self.corrected = np.zeros_like(self.small)
        self.core = module.FrontEnd(self.small, self.counts, self.moments, self.corrected, self.luma)
        if picture is not None:
            self.core.measure(picture, format)


def assert_averages(found: Measured, exact: npt.NDArray[np.float64]) -> None:
    """Levels are rounded once, and luma once more from sixteenths."""
    assert np.abs(found.small - exact).max() <= 0.51
    assert np.abs(found.luma / 16 - exact @ BT601).max() <= 1 / 16


SIZES = [
    ((480, 640), (224, 224)),
    ((480, 640), (120, 160)),
    ((720, 1280), (224, 224)),
    ((16, 16), (15, 15)),
    ((16, 16), (1, 1)),
    ((97, 1021), (61, 17)),
    ((4096, 64), (7, 13)),
    ((33, 4096), (31, 1000)),
    ((479, 641), (478, 640)),
    ((60, 80), (60, 80)),
]


@pytest.mark.parametrize(("source", "target"), SIZES)
@pytest.mark.parametrize("kind", ["dark", "random", "full"])
def test_shrink_is_the_area_average(source: tuple[int, int], target: tuple[int, int], kind: str) -> None:
    picture = content(kind, (*source, 3))
    exact = area_average(picture, *target)
    for module in (native, reference):
        assert_averages(Measured(module, *target, picture), exact)


@pytest.mark.parametrize(("source", "target"), SIZES)
def test_levels_are_the_same_whether_luma_is_wanted_or_not(source: tuple[int, int], target: tuple[int, int]) -> None:
    picture = content("random", (*source, 3))
    with_luma, small = Measured(native, *target, picture), np.zeros((*target, 3), np.uint8)
    native.FrontEnd(small, with_luma.counts, with_luma.moments, with_luma.corrected).measure(picture)
    np.testing.assert_array_equal(small, with_luma.small)


def test_luma_is_bt601_rounded_half_up() -> None:
    sixteenths = np.random.default_rng(0).integers(0, 4081, (97, 101, 3)).astype(np.uint16)
    expected = (sixteenths.astype(np.int64) @ (BT601 * 32768).astype(np.int64) + (1 << 14)) >> 15
    np.testing.assert_array_equal(reference.luma(sixteenths), expected)
    levels = content("random", (97, 101, 3))
    np.testing.assert_array_equal(Measured(native, 97, 101, levels).luma, reference.luma(levels * np.uint16(16)))


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("kind", ["dark", "random", "zero", "full"])
def test_every_format_is_converted_before_it_is_averaged(format: str, kind: str) -> None:
    picture = content(kind, source_shape(format, 96, 128))
    found, expected = (Measured(module, 24, 32, picture, format) for module in (native, reference))
    tolerance = 16 if format in ("yuyv", "uyvy", "nv12", "i420") else 1  # OpenCV's own BT.601 rounds elsewhere
    assert np.abs(found.luma.astype(int) - expected.luma).max() <= tolerance
    assert np.abs(found.small.astype(int) - expected.small).max() <= 1
    whole = Measured(native, 96, 128, picture, format).small
    assert np.abs(whole.astype(int) - reference.bgr(picture, format)).max() <= 1


def test_bt601_in_float() -> None:
    y, u, v = (grid.ravel() for grid in np.meshgrid(*[np.arange(0, 256, 5, dtype=np.uint8)] * 3))
    pairs = np.stack([y, u, y, v], -1).reshape(-1, 104, 2)
    found = Measured(native, len(pairs), 104, pairs, "yuyv").small
    luma = 255 / 219 * (np.maximum(y, 16).astype(float) - 16)
    cb, cr = (255 / 112 * (c.astype(float) - 128) for c in (u, v))
    blue = luma + (1 - 0.114) * cb
    red = luma + (1 - 0.299) * cr
    green = luma - (0.114 * (1 - 0.114) * cb + 0.299 * (1 - 0.299) * cr) / 0.587
    exact = np.clip(np.stack([blue, green, red], -1), 0, 255)
    assert np.abs(found[:, ::2].reshape(-1, 3) - exact).max() <= 0.6


@given(
    st.sampled_from(FORMATS),
    st.integers(1, 40),
    st.integers(1, 40),
    st.floats(0, 1),
    st.floats(0, 1),
    st.integers(0, 9),
    st.integers(0, 9),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=400, deadline=None)
def test_any_size_stride_and_format(
    format: str, half_h: int, half_w: int, part_h: float, part_w: float, above: int, beside: int, flip: bool, seed: int
) -> None:
    height, width = 2 * half_h, 2 * half_w
    shape = source_shape(format, height, width)
    outer = (shape[0] + 2 * above, shape[1] + (0 if format == "i420" else beside), *shape[2:])
    picture = content("random", outer, seed)[above : above + shape[0], : shape[1]]
    if flip and format not in ("nv12", "i420"):
        picture = picture[::-1]
    target = (1 + int(part_h * (height - 1)), 1 + int(part_w * (width - 1)))
    whole = Measured(native, height, width, picture, format).small
    assert_averages(Measured(native, *target, picture, format), area_average(whole, *target))


@given(st.integers(1, 90), st.integers(1, 90), st.integers(0, 5), st.sampled_from(["dark", "random", "zero", "full"]))
@settings(max_examples=100, deadline=None)
def test_histogram_of_any_view(height: int, width: int, beside: int, kind: str) -> None:
    image = content(kind, (height, width + beside, 3))[:, :width]
    expected = [np.bincount(image[..., channel].ravel(), minlength=256) for channel in range(3)]
    for module in (native, reference):
        np.testing.assert_array_equal(Measured(module, height, width, image).counts, expected)


@pytest.mark.parametrize("kind", ["dark", "random", "zero", "full"])
def test_statistics_are_numpys_in_float64(kind: str) -> None:
    image = content(kind, (223, 221, 3))
    values = image.ravel().astype(np.float64)
    p = np.bincount(image.ravel()) / image.size
    p = p[p > 0]
    expected = [values.mean(), values.std(ddof=1), -(p * np.log(p)).sum(), values.min(), values.max()]
    for module in (native, reference):
        np.testing.assert_allclose(Measured(module, 223, 221, image).moments, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("gamma", GAMMAS)
def test_gic_is_the_rounded_formula_for_every_range(gamma: float) -> None:
    found, expected = np.zeros(256, np.uint8), np.zeros(256, np.uint8)
    for minimum in range(256):
        for maximum in range(minimum, 256):
            native.gic_table(minimum, maximum, gamma, found)
            reference.gic_table(minimum, maximum, gamma, expected)
            assert found.tobytes() == expected.tobytes(), (minimum, maximum)


@given(st.integers(1, 4000), st.sampled_from(["dark", "random", "full"]), st.integers(0, 99))
@settings(max_examples=100, deadline=None)
def test_a_table_is_applied_to_any_length(pixels: int, kind: str, seed: int) -> None:
    image = content(kind, (pixels, 1, 3), seed)
    table = np.random.default_rng(seed).integers(0, 256, 256, np.uint8)
    target = np.zeros_like(image)
    native.apply_table(image, table, target)
    np.testing.assert_array_equal(target, table[image])


@given(st.integers(1, 500), st.floats(0, 100), st.integers(0, 99))
@settings(max_examples=100, deadline=None)
def test_gain_and_table_in_one_pass(n: int, gain: float, seed: int) -> None:
    generator = np.random.default_rng(seed)
    image, table = generator.integers(0, 16321, n, np.uint16), generator.integers(0, 256, 4096, np.uint8)
    found, expected = np.zeros(n, np.uint8), np.zeros(n, np.uint8)
    native.apply_gain(image, gain, table, found)
    reference.apply_gain(image, gain, table, expected)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("kind", ["dark", "random", "zero"])
def test_front_end_is_its_parts(kind: str) -> None:
    image = content(kind, (48, 72, 3))
    found, expected = (Measured(module, 16, 24, image) for module in (native, reference))
    for gamma in (*GAMMAS, 1.1, 1.2, 1.3, 1.4, 2.0):  # more than the core keeps curves of
        for side in (found, expected):
            side.core.measure(image)
            side.core.correct(int(side.moments[3]), int(side.moments[4]), gamma)
        np.testing.assert_array_equal(found.small, expected.small)
        np.testing.assert_array_equal(found.luma, expected.luma)
        np.testing.assert_array_equal(found.counts, expected.counts)
        np.testing.assert_allclose(found.moments, expected.moments, rtol=1e-6, atol=1e-6)
        np.testing.assert_array_equal(found.corrected, expected.corrected)


def test_front_end_follows_a_change_of_the_cameras_size_and_format() -> None:
    front_end = Measured(native, 16, 24)
    for size in ((48, 72), (480, 640), (16, 24)):
        front_end.core.measure(np.full((*size, 3), size[0] % 251, np.uint8))
        assert front_end.moments[0] == size[0] % 251
        front_end.core.measure(np.full(size, 7, np.uint8), "grey")
        assert front_end.moments[0] == 7


IMAGE = np.zeros((32, 48, 3), np.uint8)
TARGET = np.zeros((16, 24, 3), np.uint8)
LUMA = np.zeros((16, 24), np.uint16)
COUNTS, MOMENTS = np.zeros((3, 256), np.uint32), np.zeros(5)
READ_ONLY = np.zeros((16, 24, 3), np.uint8)
READ_ONLY.flags.writeable = False


def measure(*arguments: Any) -> None:
    Measured(native, 16, 24).core.measure(*arguments)


def initialise(small: Any = TARGET, counts: Any = COUNTS, moments: Any = MOMENTS, luma: Any = LUMA) -> None:
    native.FrontEnd(small, counts, moments, TARGET.copy(), luma)


WRONG: list[tuple[Callable[[], object], type[Exception], str]] = [
    (lambda: measure(3), TypeError, "source: expected an array of uint8"),
    (lambda: measure(IMAGE.astype(np.int16)), TypeError, "source: expected dtype uint8, found format 'h'"),
    (lambda: measure(b"12"), ValueError, r"source: expected shape \[height,width,3\], found \[2\]"),
    (lambda: measure(IMAGE[..., 0]), ValueError, r"source: expected shape \[height,width,3\], found \[32,48\]"),
    (lambda: measure(IMAGE[:, ::2]), ValueError, "source: expected the pixels of a row"),
    (lambda: measure(TARGET[:8]), ValueError, "small: expected a size within the source's 24x8"),
    (lambda: measure(IMAGE, "hsv"), ValueError, "format: expected bgr.*'hsv'"),
    (lambda: measure(np.zeros((1, 5000, 3), np.uint8)), ValueError, "sides up to 4096"),
    (lambda: measure(IMAGE[:, :47, :2].copy(), "yuyv"), ValueError, "width even"),
    (lambda: measure(np.zeros((31, 48), np.uint8), "nv12"), ValueError, r"\[height\*3/2,width\]"),
    (lambda: measure(np.zeros((48, 60), np.uint8)[:, :48], "i420"), ValueError, "without gaps"),
    (lambda: measure(), TypeError, "measure: expected 1 to 2 arguments, found 0"),
    (lambda: initialise(READ_ONLY), ValueError, "small: is read-only"),
    (lambda: initialise(TARGET.astype(np.float32)), TypeError, "small: expected dtype uint8"),
    (lambda: initialise(IMAGE[:, ::2]), ValueError, "small: expected C-contiguous"),
    (lambda: initialise(IMAGE), ValueError, r"corrected: expected shape \[32,48,3\], found \[16,24,3\]"),
    (lambda: initialise(counts=COUNTS.astype(np.int64)), TypeError, "counts: expected dtype uint32"),
    (lambda: initialise(counts=COUNTS[:2]), ValueError, r"counts: expected shape \[3,256\], found \[2,256\]"),
    (lambda: initialise(moments=MOMENTS.astype(np.float32)), TypeError, "moments: expected dtype float64"),
    (lambda: initialise(luma=LUMA.astype(np.uint8)), TypeError, "luma: expected dtype uint16"),
    (lambda: initialise(luma=LUMA[:8]), ValueError, r"luma: expected shape \[16,24\], found \[8,24\]"),
    (lambda: native.gic_table(5, 4, 2.0, np.zeros(256, np.uint8)), ValueError, "0 <= minimum <= maximum <= 255"),
    (lambda: native.gic_table(0, 4, 0.0, np.zeros(256, np.uint8)), ValueError, "gamma: expected a number from"),
    (lambda: native.gic_table(0, 4, float("nan"), np.zeros(256, np.uint8)), ValueError, "gamma: expected a number"),
    (lambda: native.gic_table(0, 4, "2", np.zeros(256, np.uint8)), TypeError, "gamma: expected a number, found '2'"),
    (lambda: native.apply_table(IMAGE, np.zeros(255, np.uint8), IMAGE), ValueError, r"table: expected shape \[256\]"),
    (lambda: native.apply_table(IMAGE, np.zeros(256, np.uint8), TARGET), ValueError, r"target: .*found \[16,24,3\]"),
    (
        lambda: native.apply_gain(LUMA, -1.0, np.zeros(4096, np.uint8), TARGET[..., 0]),
        ValueError,
        "gain: expected a number",
    ),
    (
        lambda: native.apply_gain(LUMA, 1.0, np.zeros(256, np.uint8), TARGET),
        ValueError,
        r"table: expected shape \[4096\]",
    ),
    (
        lambda: Measured(native, 16, 24).core.correct(0, 256, 1.0),
        ValueError,
        "0 <= minimum <= maximum <= 255, found 0, 256",
    ),
    (lambda: native.FrontEnd.__new__(native.FrontEnd).measure(IMAGE), RuntimeError, "was not initialised"),
]


@pytest.mark.parametrize(("call", "error", "message"), WRONG, ids=[message for _, _, message in WRONG])
def test_wrong_arguments_are_named(call: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_the_gil_is_released() -> None:
    """While one thread measures, another one counts; were the GIL held, it could not."""
    huge, front_end = np.zeros((4096, 4096, 3), np.uint8), Measured(native, 4095, 4095)
    ticks, stop = [0], threading.Event()

    def count() -> None:
        while not stop.is_set():
            ticks[0] += 1
            time.sleep(0)

    counter = threading.Thread(target=count)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(10)  # no thread is made to let go
    try:
        counter.start()
        before = ticks[0]
        front_end.core.measure(huge)
        during = ticks[0] - before
    finally:
        stop.set()
        counter.join()
        sys.setswitchinterval(interval)
    assert during > 10


def test_one_front_end_refuses_a_second_thread() -> None:
    core = Measured(native, 16, 24)
    huge = np.zeros((4096, 4096, 3), np.uint8)
    outcomes: list[str] = []
    start = threading.Barrier(4)

    def measure() -> None:
        start.wait()
        try:
            for _ in range(5):
                core.core.measure(huge)
            outcomes.append("done")
        except RuntimeError as error:
            outcomes.append(str(error))

    threads = [threading.Thread(target=measure) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 4
    assert all(outcome == "done" or "in use by another thread" in outcome for outcome in outcomes)
    assert core.moments[0] == 0


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True, check=False
    )


def test_a_level_can_be_masked() -> None:
    found = run_python("from edge.picture import kernels; print(set(kernels.running().values()))", EDGE_NATIVE="scalar")
    assert found.stdout.strip() == "{'scalar'}", found.stderr
    unknown = run_python("import edge._native", EDGE_NATIVE="mmx")
    assert "EDGE_NATIVE: this CPU has no level 'mmx'" in unknown.stderr


def test_kernels_says_what_runs() -> None:
    running = native.kernels()
    assert set(running) >= {"histogram", "lut", "lut12", "rows16", "columns", "bgr_from_yuv", "luma"}
    assert set(running.values()) <= {"scalar", "avx2", "avx512", "neon"}


def test_without_the_core_numpy_runs_with_one_warning() -> None:
    code = (
        "import sys, warnings; sys.modules['edge._native'] = None\n"
        "warnings.simplefilter('always')\n"
        "with warnings.catch_warnings(record=True) as caught:\n"
        "    from edge.picture import front_end, kernels\n"
        "print(len(caught), kernels.running()['histogram'], caught[0].message)"
    )
    found = run_python(code)
    assert found.stdout.startswith("1 numpy edge runs on NumPy"), found.stderr
