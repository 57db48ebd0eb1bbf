"""The dark camera: linear light in, 8-bit noisy pictures out.

Per pixel, in electrons: signal, shot and read noise (one normal variable of variance signal + read^2), row noise, black
level, white balance, the camera's own smoothing over space and time; then a 12-bit code and the tone curve to 8 bits.
Magnitudes follow the low-light sensor models of ELD (Wei et al. 2020) at the sizes that cheap cameras show.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from edge.frame import Image

F32 = npt.NDArray[np.float32]
CODES = 4096
LIGHTS = ("LL", "ELL")


@dataclass(frozen=True)
class Sensor:
    """A camera in the dark, per pixel of a 320x240 picture (so the binning of bigger sensors is included).

    full_electrons: electrons at white. read_electrons, row_electrons: standard deviations.
    black_clip: how far the black level is cut, in read noises. slope: of the tone curve at black (Rec.709: 4.5).
    blur_px, memory: spatial and temporal smoothing by the camera's processor (memory 0: none).
    mean_luma: range of the picture's mean, by light. jpeg_quality: of its USB stream.
    """

    full_electrons: float
    read_electrons: float
    row_electrons: float
    black_clip: float
    slope: float
    blur_px: float
    memory: float
    mean_luma: dict[str, tuple[float, float]]
    jpeg_quality: int


SENSORS = {
    "brio": Sensor(2600, 2.4, 0.15, 0.5, 4.5, 0.5, 0.35, {"LL": (9, 38), "ELL": (1.5, 6)}, 95),
    "c920": Sensor(1500, 2.8, 0.3, 1.0, 4.5, 0.6, 0.25, {"LL": (9, 34), "ELL": (1.2, 5)}, 92),
    "arducam": Sensor(900, 2.4, 0.45, 1.0, 4.0, 0.4, 0.0, {"LL": (8, 30), "ELL": (1.0, 4)}, 95),
}


def tone_curve(linear: npt.ArrayLike, slope: float) -> npt.NDArray[np.float64]:
    """Rec.709's curve with another slope at black: linear 0..1 -> 0..1."""
    u = np.clip(np.asarray(linear, np.float64), 0, 1) * slope / 4.5
    return np.where(u < 0.018, 4.5 * u, 1.099 * np.maximum(u, 1e-9) ** 0.45 - 0.099)


@lru_cache(maxsize=1)
def _normals() -> F32:
    """A bank of normal variables: drawing 230,000 new ones for every frame would cost more than the rest."""
    return np.random.default_rng(20_240).standard_normal(1 << 22, dtype=np.float32)


class DarkCamera:
    """One camera at one exposure; `shoot` frame after frame.

    exposure: factor from the scene's linear light to the sensor's full scale. white_balance: gains of B, G, R; a
    channel that is lifted brings its noise along.
    """

    def __init__(self, sensor: Sensor, exposure: float, rng: np.random.Generator) -> None:
        self._sensor, self._rng = sensor, rng
        self._balance = np.array([rng.uniform(1.2, 1.9), 1.0, rng.uniform(1.1, 1.7)], np.float32)
        self._to_electrons = exposure * sensor.full_electrons / self._balance
        self._to_codes = self._balance * ((CODES - 1) / sensor.full_electrons)
        self._black = np.float32(0.5 * sensor.black_clip * sensor.read_electrons)
        levels = 255 * tone_curve(np.arange(CODES) / (CODES - 1), sensor.slope)
        self._table = np.rint(levels).astype(np.uint8)
        self._previous: F32 | None = None

    def shoot(self, light: F32) -> Image:
        """Linear light, float32 [H,W,3] BGR, any scale -> uint8 [H,W,3]."""
        signal = light * self._to_electrons
        noise = np.sqrt(signal + np.float32(self._sensor.read_electrons**2))
        noise *= self._bank(signal.size).reshape(signal.shape)
        signal += noise
        rows = self._rng.standard_normal((len(signal), 1, 1), dtype=np.float32)
        signal += rows * np.float32(self._sensor.row_electrons) - self._black
        signal = np.asarray(cv2.GaussianBlur(signal, (3, 3), self._sensor.blur_px), np.float32)
        if self._previous is not None and self._sensor.memory:
            keep = self._sensor.memory
            signal = np.asarray(cv2.addWeighted(signal, 1 - keep, self._previous, keep, 0), np.float32)
        self._previous = signal
        codes = np.clip(signal * self._to_codes, 0, CODES - 1).astype(np.uint16)
        return np.asarray(self._table[codes])

    def _bank(self, count: int) -> F32:
        bank = _normals()
        if count > len(bank) // 2:  # a big picture would see the same noise again
            return self._rng.standard_normal(count, dtype=np.float32)
        start = int(self._rng.integers(len(bank) - count))
        return bank[start : start + count]


def exposure_for(light: F32, sensor: Sensor, mean_level: float) -> float:
    """The exposure at which the noise-free picture's mean is `mean_level` (0..255); bisection in the logarithm.

    light: linear, float32, any shape (a thinned-out picture will do).
    """
    low, high = 1e-7, 1e3
    for _ in range(40):
        middle = float(np.sqrt(low * high))
        if 255 * tone_curve(light * middle, sensor.slope).mean() < mean_level:
            low = middle
        else:
            high = middle
    return middle


Recorder = Callable[[Image], Image]


def jpeg(quality: int) -> Recorder:
    """Motion JPEG, as USB cameras send it."""

    def record(image: Image) -> Image:
        data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)

    return record


class InterCoder:
    """What an inter-frame codec (H.264) does to dark video: noise below the quantiser's step is never coded.

    A closed loop: 8x8 DCT of the difference to the last decoded picture, quantised with a dead zone, added back. No
    motion compensation, no entropy coding. step: of the quantiser, in levels; chroma takes 1.4 times that.
    """

    def __init__(self, step: float, dead_zone: float = 1 / 6) -> None:
        self._step, self._rounding = step, dead_zone
        self._planes: list[F32] = []

    def __call__(self, image: Image) -> Image:
        """uint8 [H,W,3] BGR, H and W multiples of 16 -> the decoded picture."""
        luma, *chroma = cv2.split(cv2.cvtColor(image, cv2.COLOR_BGR2YCrCb))
        size = luma.shape[1], luma.shape[0]
        halved = [cv2.resize(c, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for c in chroma]
        planes = [np.asarray(plane, np.float32) for plane in (luma, *halved)]
        if not self._planes:
            self._planes = [np.full_like(plane, 128) for plane in planes]
        for i, plane in enumerate(planes):
            step = self._step * (1.0 if i == 0 else 1.4)
            self._planes[i] = self._planes[i] + self._coded(plane - self._planes[i], step)
        decoded = [np.clip(np.rint(plane), 0, 255).astype(np.uint8) for plane in self._planes]
        full = [decoded[0], *(cv2.resize(c, size, interpolation=cv2.INTER_LINEAR) for c in decoded[1:])]
        return np.asarray(cv2.cvtColor(cv2.merge(full), cv2.COLOR_YCrCb2BGR), np.uint8)

    def _coded(self, residual: F32, step: float) -> F32:
        height, width = residual.shape
        basis = _dct_basis()
        blocks = residual.reshape(height // 8, 8, width // 8, 8).transpose(0, 2, 1, 3)
        levels = (basis @ blocks @ basis.T) / np.float32(step)
        levels = np.trunc(levels + np.copysign(np.float32(self._rounding), levels)) * np.float32(step)
        return np.asarray((basis.T @ levels @ basis).transpose(0, 2, 1, 3).reshape(height, width))


@lru_cache(maxsize=1)
def _dct_basis() -> F32:
    """Orthonormal DCT-II of 8 points: float32 [8,8]."""
    k, n = np.mgrid[0:8, 0:8]
    basis = np.sqrt(2 / 8) * np.cos(np.pi * (2 * n + 1) * k / 16)
    basis[0] /= np.sqrt(2)
    return np.asarray(basis, np.float32)
