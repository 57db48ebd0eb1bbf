"""The kernels in NumPy: the definition that the C core is tested against, and the fallback where it is not built.

Every function fills a buffer of the caller's, as its C twin does. "12 bit" is uint16 in sixteenths of a level, 0..4080.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from edge.picture.motion import motion_look as motion_look
from edge.picture.motion import motion_sizes as motion_sizes
from edge.picture.motion import motion_take as motion_take
from edge.picture.regions import regions_find as regions_find
from edge.picture.regions import regions_window as regions_window
from edge.picture.regions import regions_work as regions_work

U8 = npt.NDArray[np.uint8]
U16 = npt.NDArray[np.uint16]
U32 = npt.NDArray[np.uint32]
F64 = npt.NDArray[np.float64]


def kernels() -> dict[str, str]:
    """What runs every kernel; here NumPy."""
    return dict.fromkeys(("shrink", "histogram", "lut"), "numpy")


def bgr(source: U8, format: str = "bgr") -> U8:
    """A picture of any source format as BGR, uint8 [H,W,3]; YUV is BT.601, limited range.

    format: bgr, rgb [H,W,3]; grey [H,W]; yuyv, uyvy [H,W,2]; nv12, i420 [H*3/2,W].
    """
    if source.dtype != np.uint8:
        raise TypeError(f"source: expected dtype uint8, found {source.dtype}")
    if format == "bgr":
        return source
    codes = {
        "rgb": cv2.COLOR_RGB2BGR,
        "grey": cv2.COLOR_GRAY2BGR,
        "yuyv": cv2.COLOR_YUV2BGR_YUYV,
        "uyvy": cv2.COLOR_YUV2BGR_UYVY,
        "nv12": cv2.COLOR_YUV2BGR_NV12,
        "i420": cv2.COLOR_YUV2BGR_I420,
    }
    if format not in codes:
        raise ValueError(f"format: expected bgr, {', '.join(codes)}, found '{format}'")
    return np.asarray(cv2.cvtColor(source, codes[format]), np.uint8)


def shrink(picture: U8, target: U8 | U16) -> None:
    """Area average of the whole field of view of a BGR picture.

    picture: uint8 [H,W,3]; target: uint8 [h,w,3], or uint16 [h,w,3] in sixteenths of a level; h <= H and w <= W.
    """
    height, width = target.shape[:2]
    if height > picture.shape[0] or width > picture.shape[1]:
        raise ValueError(f"target: {width}x{height} does not fit in {picture.shape[1]}x{picture.shape[0]}")
    scale = 1 if target.dtype == np.uint8 else 16
    if picture.shape == target.shape:
        np.multiply(picture, scale, out=target, dtype=target.dtype)
    elif scale == 1:
        cv2.resize(picture, (width, height), dst=target, interpolation=cv2.INTER_AREA)
    else:
        average = cv2.resize(picture.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
        target[...] = np.rint(average * scale)


def luma(sixteenths: U16) -> U16:
    """BT.601 luma, in 15-bit weights, rounded half up; uint16 [h,w,3] BGR in sixteenths of a level -> uint16 [h,w]."""
    return np.asarray(cv2.cvtColor(sixteenths, cv2.COLOR_BGR2GRAY), np.uint16)


def histogram(image: U8, counts: U32) -> None:
    """Histogram of every channel; uint8 [h,w,3] -> uint32 [3,256]."""
    for channel in range(3):
        counts[channel] = np.bincount(image[..., channel].ravel(), minlength=256)


def statistics(counts: U32, result: F64) -> None:
    """Mean, unbiased standard deviation, Shannon entropy (nats), minimum, maximum of all three channels pooled.

    counts: uint32 [3,256]; result: float64 [5]. On levels, not on normalised values.
    """
    pooled = counts.sum(axis=0, dtype=np.int64)
    n = int(pooled.sum())
    if n == 0:
        raise ValueError("counts: expected the histogram of a picture, found all zeros")
    levels = np.arange(256, dtype=np.int64)
    total = int((pooled * levels).sum())
    squares = int((pooled * levels * levels).sum())
    present = np.flatnonzero(pooled)
    p = pooled[present] / n
    result[0] = total / n
    result[1] = np.sqrt((n * squares - total * total) / (n * max(n - 1, 1)))
    result[2] = max(0.0, -float((p * np.log(p)).sum()))
    result[3] = present[0]
    result[4] = present[-1]


def gic_table(minimum: int, maximum: int, gamma: float, table: U8) -> None:
    """Gamma intensity correction as a table (ELLAR paper, eq. 6), rounded half up; table: uint8 [256].

    GIC_g(I) = (max - min) * ((I - min) / (max - min))^(1/g) + min; levels outside [min, max] keep their value.
    """
    table[...] = np.arange(256)
    if maximum > minimum:
        span = float(maximum - minimum)
        level = np.arange(minimum, maximum + 1, dtype=np.float64)
        table[minimum : maximum + 1] = np.floor(span * ((level - minimum) / span) ** (1.0 / gamma) + minimum + 0.5)


def apply_table(image: U8, table: U8, target: U8) -> None:
    """target = table[image]; uint8 of any shape, table uint8 [256]."""
    np.take(table, image, out=target)


def apply_gain(image: U16, gain: float, table: U8, target: U8) -> None:
    """target = table[min(4095, round(image * gain))]: gain and table in one pass over 16 bit; table uint8 [4096].

    image: uint16 of any shape, sixteenths of a level or a sum of such frames (then the gain divides by their number).
    """
    index = np.minimum(image.astype(np.float32) * np.float32(gain), np.float32(4095))
    np.take(table, np.rint(index).astype(np.intp), out=target)


class FrontEnd:
    """A frame's two calls on buffers of the caller's.

    small: uint8 [h,w,3] BGR; counts: uint32 [3,256]; moments: float64 [5]; corrected: uint8 [h,w,3]; luma: uint16 [h,w]
    or None, where nobody wants it.
    """

    def __init__(self, small: U8, counts: U32, moments: F64, corrected: U8, luma: U16 | None = None) -> None:
        self._small, self._counts, self._moments, self._corrected, self._luma = small, counts, moments, corrected, luma
        self._fine = np.zeros(small.shape, np.uint16)
        self._table = np.zeros(256, np.uint8)

    def measure(self, source: U8, format: str = "bgr") -> None:
        """Shrink into small (and its 12-bit luma into luma), count into counts, statistics into moments."""
        picture = bgr(source, format)
        shrink(picture, self._small)
        if self._luma is not None:
            shrink(picture, self._fine)
            self._luma[...] = luma(self._fine)
        histogram(self._small, self._counts)
        statistics(self._counts, self._moments)

    def correct(self, minimum: int, maximum: int, gamma: float) -> None:
        """The small frame through the GIC table into corrected."""
        gic_table(minimum, maximum, gamma, self._table)
        apply_table(self._small, self._table, self._corrected)
