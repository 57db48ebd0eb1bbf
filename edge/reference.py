"""The kernels in NumPy: the definition that the C core is tested against, and the fallback where it is not built.

Every function fills a buffer of the caller's, as its C twin does.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
F64 = npt.NDArray[np.float64]


def shrink(source: U8, target: U8) -> None:
    """Area average of the whole field of view; uint8 [H,W,3] -> uint8 [h,w,3], h <= H and w <= W."""
    height, width = target.shape[:2]
    if source.shape[:2] == target.shape[:2]:
        target[...] = source
    else:
        cv2.resize(source, (width, height), dst=target, interpolation=cv2.INTER_AREA)


def histogram(image: U8, counts: U32) -> None:
    """Histogram of every channel; uint8 [h,w,3] -> uint32 [3,256]."""
    for channel in range(3):
        counts[channel] = np.bincount(image[..., channel].ravel(), minlength=256)


def statistics(counts: U32, result: F64) -> None:
    """Mean, unbiased standard deviation, Shannon entropy (nats), minimum, maximum of all three channels pooled.

    counts: uint32 [3,256]; result: float64 [5]. The `pixel` convention: everything on uint8 values.
    """
    pooled = counts.sum(axis=0, dtype=np.int64)
    n = int(pooled.sum())
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
