"""The kernels in NumPy: the definition that the C core is tested against, and the fallback where it is not built.

Every function fills a buffer of the caller's, as its C twin does. "12 bit" is uint16 in sixteenths of a level (0..4080).
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

U8 = npt.NDArray[np.uint8]
U16 = npt.NDArray[np.uint16]
U32 = npt.NDArray[np.uint32]
F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]

DGAM_MEAN = np.array([103.53, 116.28, 123.675])  # ImageNet, BGR, levels
DGAM_STD = np.array([57.375, 57.12, 58.395])


def running() -> dict[str, str]:
    """What runs every kernel; here NumPy."""
    return dict.fromkeys(("shrink", "histogram", "statistics", "gic_table", "apply_table"), "numpy")


def bgr(source: U8, format: str = "bgr") -> U8:
    """A picture of any source format as BGR, uint8 [H,W,3]; YUV is BT.601, limited range.

    format: bgr, rgb [H,W,3]; grey [H,W]; yuyv, uyvy [H,W,2]; nv12, i420 [H*3/2,W].
    """
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


def shrink(source: U8, target: U8 | U16, format: str = "bgr") -> None:
    """Area average of the whole field of view, converted to BGR before anything is averaged.

    source: uint8, see `bgr`; target: uint8 [h,w,3], or uint16 [h,w,3] in sixteenths of a level; h <= H and w <= W.
    """
    picture = bgr(source, format)
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


def dgam_levels() -> F32:
    """What every level of every channel (BGR) becomes under the released code's normalisation: float32 [3,256]."""
    return ((np.arange(256)[None] - DGAM_MEAN[:, None]) / DGAM_STD[:, None]).astype(np.float32)


def statistics_dgam(counts: U32, result: F64) -> None:
    """The same five as `statistics`, as the released DGAM code takes them: on ImageNet-normalised values.

    Its entropy: values stretched by the frame's joint minimum and maximum (eps 1e-10) to 0..255 in float32, 256 bins
    over (0, 255), natural logarithm; what float32 lifts above 255 falls out of the histogram.
    """
    weights = counts.ravel().astype(np.float64)
    present = weights > 0
    values, weights = dgam_levels().ravel()[present], weights[present]
    if len(values) == 0:
        raise ValueError("counts: expected the histogram of a picture, found all zeros")
    n = weights.sum()
    mean = float((weights * values).sum() / n)
    low, high = values.min(), values.max()
    stretched = (values - low) / ((high - low) + np.float32(1e-10)) * np.float32(255)
    bins, _ = np.histogram(stretched.astype(np.float64), bins=256, range=(0.0, 255.0), weights=weights)
    p = bins[bins > 0] / bins.sum()
    result[0] = mean
    result[1] = np.sqrt((weights * (values - mean) ** 2).sum() / max(n - 1, 1))
    result[2] = max(0.0, -float((p * np.log(p)).sum()))
    result[3] = low
    result[4] = high


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
