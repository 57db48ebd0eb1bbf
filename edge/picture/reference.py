"""The kernels in NumPy: the definition that the C core is tested against, and the fallback where it is not built.

Every function fills a buffer of the caller's, as its C twin does. "12 bit" is uint16 in sixteenths of a level, 0..4080.
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


def histogram12(image: U16, counts: U32) -> None:
    """Histogram of all values of a 12-bit frame; uint16 [h,w,3] -> uint32 [4096]; what is above 4095 counts as 4095."""
    counts[...] = np.bincount(np.minimum(image, 4095).ravel(), minlength=4096)


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
    normalised: F32 = ((np.arange(256)[None] - DGAM_MEAN[:, None]) / DGAM_STD[:, None]).astype(np.float32)
    return normalised


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


def running_level(counts: U32, fraction: float, rate: float, level: F64) -> None:
    """Follow the level under which `fraction` of a frame's values lie, linear inside its bin.

    level += rate * (now - level). counts: uint32 [3,256] (pooled), [256] or [4096]; level: float64 [1], in bins,
    negative before the first frame.
    """
    pooled = counts.sum(axis=0, dtype=np.int64) if counts.ndim == 2 else counts.astype(np.int64)
    up_to = pooled.cumsum()
    if up_to[-1] == 0:
        raise ValueError("counts: expected the histogram of a picture, found all zeros")
    wanted = fraction * float(up_to[-1])
    present = np.flatnonzero(pooled)
    bin_ = int(present[np.searchsorted(up_to[present], wanted)])
    now = bin_ + (wanted - float(up_to[bin_] - pooled[bin_])) / float(pooled[bin_])
    level[0] = level[0] + rate * (now - level[0]) if level[0] >= 0 else now


def gic_table(minimum: int, maximum: int, gamma: float, table: U8) -> None:
    """Gamma intensity correction as a table (ELLAR paper, eq. 6), rounded half up; table: uint8 [256].

    GIC_g(I) = (max - min) * ((I - min) / (max - min))^(1/g) + min; levels outside [min, max] keep their value.
    """
    table[...] = np.arange(256)
    if maximum > minimum:
        span = float(maximum - minimum)
        level = np.arange(minimum, maximum + 1, dtype=np.float64)
        table[minimum : maximum + 1] = np.floor(span * ((level - minimum) / span) ** (1.0 / gamma) + minimum + 0.5)


def gic_table12(minimum: int, maximum: int, gamma: float, table: U8) -> None:
    """`gic_table` for a 12-bit frame: minimum and maximum in sixteenths of a level, entries in levels; uint8 [4096]."""
    level = np.arange(4096, dtype=np.float64)
    if maximum > minimum:
        span = float(maximum - minimum)
        inside = slice(minimum, maximum + 1)
        level[inside] = span * ((level[inside] - minimum) / span) ** (1.0 / gamma) + minimum
    table[...] = np.minimum(np.floor(level / 16 + 0.5), 255)


def dgam_tables(minimum: float, maximum: float, gamma: float, tables: U8) -> None:
    """The released code's GIC (on normalised values, eps 1e-5) back in levels, one table per channel; uint8 [3,256].

    minimum, maximum: of the normalised frame, as `statistics_dgam` gives them.
    """
    span = maximum - minimum
    # float32, as the minimum is: the darkest pixels stay exactly where they are, and a root makes much of little.
    normalised = dgam_levels().astype(np.float64)
    unit = np.maximum(normalised - minimum, 0.0) / (span + 1e-5)
    level = (span * unit ** (1.0 / gamma) + minimum) * DGAM_STD[:, None] + DGAM_MEAN[:, None]
    tables[...] = np.clip(np.floor(level + 0.5), 0, 255)


def apply_table(image: U8, table: U8, target: U8) -> None:
    """target = table[image]; uint8 of any shape, table uint8 [256]."""
    np.take(table, image, out=target)


def apply_tables(image: U8, tables: U8, target: U8) -> None:
    """One table per channel; uint8 [h,w,3], tables uint8 [3,256]."""
    for channel in range(3):
        target[..., channel] = tables[channel][image[..., channel]]


def apply_gain(image: U16, gain: float, table: U8, target: U8) -> None:
    """target = table[min(4095, round(image * gain))]: gain and table in one pass over 16 bit; table uint8 [4096].

    image: uint16 of any shape, sixteenths of a level or a sum of such frames (then the gain divides by their number).
    """
    index = np.minimum(image.astype(np.float32) * np.float32(gain), np.float32(4095))
    np.take(table, np.rint(index).astype(np.intp), out=target)


def accumulate(frame: U16, ring: U16, slot: int, total: U16) -> None:
    """total = sum of the frames in the ring, after `frame` replaced ring[slot]; exact, so it cannot drift.

    frame, total: uint16 of one shape; ring: uint16 [frames, *shape]. Start from zeros; up to 16 12-bit frames fit.
    """
    total += frame - ring[slot]
    ring[slot] = frame


def noise_floor(frame: U16, previous: U16, noise: U16) -> None:
    """Running median of |frame - previous| per pixel, robust to what moves; previous becomes frame. uint16, one shape.

    frame in sixteenths of a level, noise in 1/256 of one. Frugal streaming (Ma, Muthukrishnan, Sandler 2013) with steps
    of 1/32 of the estimate. Of white noise with standard deviation s this median is 0.954 s (0.6745 * sqrt(2)).
    """
    difference = np.abs(frame.astype(np.int32) - previous)
    seen = np.minimum(difference, 4095) << 4
    step = (noise >> 5).astype(np.int32) + 1
    noise[...] = np.clip(seen, noise - step, noise + step)
    previous[...] = frame


class FrontEnd:
    """A frame's two calls on buffers of the caller's.

    small: uint8 [h,w,3] BGR; counts: uint32 [3,256]; moments: float64 [5]; corrected: uint8 [h,w,3], or planes [3,h,w].
    format: of the sources, see `bgr`; a flat source (bytes of a driver) needs height, width and row stride in bytes.
    statistics: "pixel" or "dgam". rgb: corrected in that order.
    """

    def __init__(
        self,
        small: U8,
        counts: U32,
        moments: F64,
        corrected: U8,
        format: str = "bgr",
        statistics: str = "pixel",
        rgb: bool = False,
        height: int = 0,
        width: int = 0,
        stride: int = 0,
    ) -> None:
        self._small, self._counts, self._moments, self._corrected = small, counts, moments, corrected
        self._format, self._dgam, self._rgb = format, statistics == "dgam", rgb
        self._flat = height, width, stride
        self._tables = np.zeros((3, 256), np.uint8)

    def measure(self, source: U8) -> None:
        """Shrink into small, count into counts, statistics into moments."""
        picture = _unflatten(source, self._format, *self._flat) if source.ndim == 1 else source
        shrink(picture, self._small, self._format)
        histogram(self._small, self._counts)
        (statistics_dgam if self._dgam else statistics)(self._counts, self._moments)

    def correct(self, minimum: float, maximum: float, gamma: float) -> None:
        """The small frame through the GIC table into corrected."""
        if self._dgam:
            dgam_tables(minimum, maximum, gamma, self._tables)
        else:
            gic_table(int(minimum), int(maximum), gamma, self._tables[0])
            self._tables[1:] = self._tables[0]
        planar = self._corrected.shape != self._small.shape
        target = self._corrected.transpose(1, 2, 0) if planar else self._corrected
        apply_tables(self._small, self._tables, target)
        if self._rgb:
            target[...] = target[..., ::-1].copy()


def _unflatten(source: U8, format: str, height: int, width: int, stride: int) -> U8:
    channels = {"bgr": 3, "rgb": 3, "yuyv": 2, "uyvy": 2}.get(format, 1)
    row = width * channels
    stride = stride or row
    if format == "i420":
        luma, chroma = source[: stride * height], source[stride * height :]
        half = stride // 2
        chroma = np.concatenate([chroma, np.zeros(half - width // 2, np.uint8)])[: half * height].reshape(height, half)
        planes = luma.reshape(height, stride)[:, :width].ravel(), chroma[:, : width // 2].ravel()
        return np.concatenate(planes).reshape(height * 3 // 2, width)
    rows = height * 3 // 2 if format == "nv12" else height
    strided = np.lib.stride_tricks.as_strided(source, (rows, row), (stride, 1), writeable=False)
    return strided.reshape((rows, width, channels) if channels > 1 else (rows, width))
