"""Photon transfer: black level, read noise and gain of a camera from a lens-cap and flat-field recordings.

The idea is that of EMVA 1288 (release 4.0, section 6): over linear signal, the variance of temporal noise is a
straight line; its slope is the gain, its value without light the read noise. Consumer cameras round to 8 bits after a
tone curve, cut at black and smooth, so three things are done before: levels are taken back to linear codes; noise is
measured at frequency zero (the sum of its autocovariances), which no smoothing changes; and the lens-cap recording,
most of which is cut, is fitted as a normal variable that was censored and rounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import cv2
import numpy as np
import numpy.typing as npt

from calibration.synthetic.dark_camera import CODES, level_table
from edge.errors import DataError
from edge.picture.frame import Image

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
LAG_PX, LAG_FRAMES = 2, 6  # as far as a camera's smoothing is taken to reach
MINIMUM_FRAMES = 3 * (2 * LAG_FRAMES + 1)
MODEL_WIDTH = 320  # the sensor model's values are per pixel of a picture of this width
NORMAL = NormalDist()


@dataclass(frozen=True)
class PhotonTransfer:
    """What the recordings tell, per pixel as recorded. gain: 12-bit linear codes per electron.

    black_electrons: mean of a black picture before it is cut at 0. smoothing: how many times the camera's processor
    made the variance of its noise smaller. hot_pixels_per_million, hot_electrons: pixels that stand out of the black
    picture, and their mean excess.
    """

    gain: float
    read_electrons: float
    black_electrons: float
    smoothing: float
    hot_pixels_per_million: float
    hot_electrons: float

    @property
    def full_electrons(self) -> float:
        """Electrons at white."""
        return (CODES - 1) / self.gain

    def binned(self, pixels: float) -> dict[str, float]:
        """The sensor model's values when so many pixels become one: electrons add up, noise by their root."""
        return {
            "full_electrons": self.full_electrons * pixels,
            "read_electrons": self.read_electrons * pixels**0.5,
            "black_electrons": self.black_electrons * pixels,
            "hot_pixels_per_million": self.hot_pixels_per_million * pixels,
            "hot_electrons": self.hot_electrons,
        }


def photon_transfer(dark: Image, flats: Sequence[Image], slope: float) -> PhotonTransfer:
    """Fit one channel: dark uint8 [T,H,W], flats the same, one per brightness; slope: of the tone curve.

    Raises DataError: too few frames, a black picture without noise, a flat field that is too dark, too bright or
    without noise.
    """
    for name, recording in [("lens-cap", dark), *(("flat-field", flat) for flat in flats)]:
        if len(recording) < MINIMUM_FRAMES:
            raise DataError(f"the {name} recording has {len(recording)} frames, expected {MINIMUM_FRAMES} or more")
    edges = level_edges(slope)
    points = [_flat_point(flat, edges) for flat in flats]
    ratio = float(np.median([variance / smoothed for _, variance, smoothed in points]))
    black, sigma, hot, excess = _black(dark, edges)
    signals = np.array([black] + [signal for signal, _, _ in points])
    variances = np.array([ratio * sigma**2] + [variance for _, variance, _ in points])
    # The error of a variance is proportional to it: weights are its inverse.
    gain, at_zero = np.polyfit(signals - black, variances, 1, w=1 / variances)
    if gain <= 0 or at_zero <= 0:
        raise DataError(
            "the noise does not grow with the light: record flat fields that are lit, still and not clipped"
        )
    return PhotonTransfer(
        float(gain), float(at_zero**0.5 / gain), black / float(gain), ratio, 1e6 * hot, excess / float(gain)
    )


def level_edges(slope: float) -> F64:
    """[257]: level k holds the linear codes from edges[k] to edges[k + 1]; the outer two are infinite."""
    first = np.searchsorted(level_table(slope), np.arange(1, 256)).astype(np.float64)
    return np.concatenate([[-np.inf], first, [np.inf]])


def _flat_point(flat: Image, edges: F64) -> tuple[float, float, float]:
    """Mean signal, and the variance of its temporal noise at frequency zero and as smoothed; codes."""
    white = np.searchsorted(edges, CODES - 1)
    share = np.mean((flat < 3) | (flat > white - 4))
    if share > 0.001:
        raise DataError(f"{share:.1%} of a flat-field recording is black or white; it must be lit between the two")
    ends = np.clip(edges, 0, CODES)
    centres, widths = (ends[1:] + ends[:-1]) / 2, np.diff(ends)
    linear = centres.astype(np.float32, copy=False)[flat]
    signal = float(linear.mean(dtype=np.float64))
    rounding = float((widths[flat] ** 2).mean() / 12)
    noise = linear - linear.mean(axis=0)
    noise -= noise.mean(axis=2, keepdims=True)  # row noise
    smoothed = float((noise**2).mean(dtype=np.float64)) * len(flat) / (len(flat) - 1) - rounding
    if smoothed < rounding:
        raise DataError("a flat-field recording has less noise than its rounding to 8 bits: more light, or more gain")
    return signal, _variance_at_frequency_zero(noise) - rounding, smoothed


def _variance_at_frequency_zero(noise: F32) -> float:
    """Sum of the autocovariances [T,H,W] up to the lags, corrected for the means that were taken off."""
    frames, _, width = noise.shape
    side, window = 2 * LAG_PX + 1, 2 * LAG_FRAMES + 1
    near = np.stack(
        [cv2.boxFilter(n, -1, (side, side), normalize=False, borderType=cv2.BORDER_CONSTANT) for n in noise]
    )
    total = near[:window].sum(axis=0)
    inside = (slice(LAG_PX, -LAG_PX), slice(LAG_PX, -LAG_PX))
    sums = []
    for t in range(LAG_FRAMES, frames - LAG_FRAMES):
        if t > LAG_FRAMES:
            total = total + near[t + LAG_FRAMES] - near[t - LAG_FRAMES - 1]
        sums.append(float((noise[t][inside] * total[inside]).mean(dtype=np.float64)))
    return float(np.mean(sums) / ((1 - window / frames) * (1 - side / width)))


def _black(dark: Image, edges: F64) -> tuple[float, float, float, float]:
    """Mean and standard deviation (codes) of what was cut and rounded; share of hot pixels, their mean excess."""
    level = np.median(dark, axis=0)
    hot = level > np.percentile(dark, 99)  # as bright half of the time as others once in a hundred
    mean, sigma = _censored_normal(np.bincount(dark[:, ~hot].ravel(), minlength=256), edges)
    excess = float(np.mean(edges[level[hot].astype(np.intp)]) - mean) if hot.any() else 0.0
    return mean, sigma, float(hot.mean()), excess


def _censored_normal(counts: npt.NDArray[np.int64], edges: F64) -> tuple[float, float]:
    """Mean and standard deviation from how often each level occurs: the normal quantile of the share below an edge is a
    straight line over the edge (a probit plot), weighted by what each share tells.
    """
    total = counts.sum()
    below = np.cumsum(counts)[:-1]
    usable = np.flatnonzero((below >= 50) & (total - below >= 50))
    if len(usable) < 2:
        raise DataError(
            "the lens-cap recording has fewer than three levels in it, so its noise cannot be measured; raise the "
            "camera's gain (controls of its profile), and record without a codec that takes noise away"
        )
    shares = below[usable] / total
    quantiles = np.array([NORMAL.inv_cdf(share) for share in shares])
    weights = np.array([NORMAL.pdf(q) for q in quantiles]) / np.sqrt(shares * (1 - shares))
    rise, at_zero = np.polyfit(edges[usable + 1], quantiles, 1, w=weights)
    return float(-at_zero / rise), float(1 / rise)
