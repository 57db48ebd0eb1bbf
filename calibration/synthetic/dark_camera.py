"""The dark camera: linear light in, 8-bit noisy pictures out (docs/dark-camera.md).

Per pixel, in electrons: signal, shot noise, read noise, row noise, black level, hot pixels; then the camera's own
smoothing over space and time, white balance, gain, a 12-bit code and the tone curve to 8 bits; then a stream's codec.
Parameters are data: section `sensor` of firmware_configs/cameras/*.yaml. The noise model is that of ELD (Wei et al.
2020) at the sizes that cheap cameras show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import islice

import cv2
import numpy as np
import numpy.typing as npt

from edge.cameras.profile import Sensor, camera_profiles
from edge.errors import ConfigError
from edge.picture.frame import Image

F32 = npt.NDArray[np.float32]
CODES = 4096
LIGHTS = ("LL", "ELL")
CAMERAS = ("brio", "c920", "arducam")  # of the rendered sets, in the order that their seeds count on


def sensor_of(camera: str) -> Sensor:
    """The sensor of a camera profile, by its name or an alias. Raises ConfigError where there is none."""
    for profile in camera_profiles().values():
        if camera in (profile.name, *profile.aliases) and profile.sensor is not None:
            return profile.sensor
    raise ConfigError(f"firmware_configs/cameras: no profile {camera!r} with a section `sensor`")


SENSORS = {camera: sensor_of(camera) for camera in CAMERAS}


def identity_of(camera: str) -> str:
    """A camera's name; with the time of the measurement where its sensor was measured, so that caches notice."""
    return f"{camera} {SENSORS[camera].measured}".rstrip()


def tone_curve(linear: npt.ArrayLike, slope: float) -> npt.NDArray[np.float64]:
    """Rec.709's curve with another slope at black: linear 0..1 -> 0..1."""
    u = np.clip(np.asarray(linear, np.float64), 0, 1) * slope / 4.5
    return np.where(u < 0.018, 4.5 * u, 1.099 * np.maximum(u, 1e-9) ** 0.45 - 0.099)


@lru_cache
def level_table(slope: float) -> Image:
    """8-bit level of every 12-bit code: uint8 [CODES]."""
    return np.rint(255 * tone_curve(np.arange(CODES) / (CODES - 1), slope)).astype(np.uint8)


@lru_cache(maxsize=1)
def _normals() -> F32:
    """A bank of normal variables: drawing 230,000 new ones for every frame would cost more than the rest."""
    return np.random.default_rng(20_240).standard_normal(1 << 22, dtype=np.float32)


class DarkCamera:
    """One camera at one exposure; `shoot` frame after frame.

    exposure: factor from the scene's linear light to the sensor's full scale (aperture, shutter time). illumination:
    scales the scene's light. gain: of the amplifier, over the one at which white is `full_electrons`; it lifts noise
    and signal alike. poisson: draw photon counts; otherwise shot and read noise are one normal variable of the same
    variance, which is several times faster and is what the rendered sets use. specimen: seed of the hot pixels'
    places. White balance is drawn from the sensor's range: a channel that is lifted brings its noise along.
    """

    def __init__(
        self,
        sensor: Sensor,
        exposure: float,
        rng: np.random.Generator,
        *,
        illumination: float = 1.0,
        gain: float = 1.0,
        poisson: bool = False,
        specimen: int = 0,
    ) -> None:
        self._sensor, self._rng, self._poisson, self._specimen = sensor, rng, poisson, specimen
        blue, red = (rng.uniform(low, high) for low, high in (sensor.white_balance[n] for n in ("blue", "red")))
        self._balance = np.array([blue, 1.0, red], np.float32)
        self._to_electrons = illumination * exposure * sensor.full_electrons / self._balance
        self._to_codes = self._balance * (gain * (CODES - 1) / sensor.full_electrons)
        self._table = level_table(sensor.slope)
        self._leaks: F32 | None = None
        self._previous: F32 | None = None
        self._buffers: dict[str, F32] = {}

    def shoot(self, light: F32) -> Image:
        """Linear light, float32 [H,W,3] BGR, any scale -> uint8 [H,W,3]."""
        sensor = self._sensor
        signal = self._exposed(self._by_channel(light, self._to_electrons, "electrons"))
        rows = self._rng.standard_normal((len(signal), 1, 1), dtype=np.float32)
        signal += rows * np.float32(sensor.row_electrons) + np.float32(sensor.black_electrons)
        signal = np.asarray(cv2.GaussianBlur(signal, (3, 3), sensor.blur_px), np.float32)
        if self._previous is not None and sensor.memory:
            keep = sensor.memory
            signal = np.asarray(cv2.addWeighted(signal, 1 - keep, self._previous, keep, 0), np.float32)
        self._previous = signal
        codes = self._by_channel(signal, self._to_codes, "codes")
        np.clip(codes, 0, CODES - 1, out=codes)
        return np.asarray(self._table.take(codes.astype(np.uint16), mode="clip"))

    def _exposed(self, electrons: F32) -> F32:
        """Expected electrons to noisy ones: shot noise, read noise, what hot pixels leak."""
        if self._sensor.hot_pixels_per_million:
            electrons += self._leaking(electrons.shape)
        variance = np.float32(self._sensor.read_electrons**2)
        if self._poisson:
            read = self._rng.standard_normal(electrons.shape, dtype=np.float32) * np.sqrt(variance)
            return np.asarray(self._rng.poisson(electrons) + read, np.float32)
        noise = np.add(electrons, variance, out=self._buffer("noise", electrons.shape))
        np.sqrt(noise, out=noise)
        noise *= self._bank(electrons.size).reshape(electrons.shape)
        electrons += noise
        return electrons

    def _by_channel(self, picture: F32, factors: F32, name: str) -> F32:
        """A picture [H,W,3] times a factor for each channel, to the bit as numpy does it, but row by row: faster."""
        rows = np.ascontiguousarray(picture, np.float32).reshape(len(picture), -1)
        out = self._buffer(name, rows.shape)
        np.multiply(rows, np.tile(factors, picture.shape[1]), out=out)
        return out.reshape(picture.shape)

    def _buffer(self, name: str, shape: tuple[int, ...]) -> F32:
        """Memory that every frame uses again: asking for a new megabyte each time costs as much as filling it."""
        if name not in self._buffers or self._buffers[name].shape != shape:
            self._buffers[name] = np.empty(shape, np.float32)
        return self._buffers[name]

    def _leaking(self, shape: tuple[int, ...]) -> F32:
        """Electrons by pixel, the same in every frame; a generator of its own leaves the noise as it is without."""
        if self._leaks is None:
            rng = np.random.default_rng(self._specimen)
            hot = rng.random(shape[:2]) < self._sensor.hot_pixels_per_million / 1e6
            leaks = hot * rng.exponential(self._sensor.hot_electrons, shape[:2])
            self._leaks = np.repeat(leaks[..., None], shape[2], axis=2).astype(np.float32)
        return self._leaks

    def _bank(self, count: int) -> F32:
        bank = _normals()
        if count > len(bank) // 2:  # a big picture would see the same noise again
            return self._rng.standard_normal(count, dtype=np.float32)
        start = int(self._rng.integers(len(bank) - count))
        return bank[start : start + count]


def open_shutter(lights: Iterable[F32], per_frame: int) -> Iterator[F32]:
    """Motion blur: the mean of every `per_frame` instants, linear light each; the arrays that come in are used up."""
    instants = iter(lights)
    for light in instants:
        for further in islice(instants, per_frame - 1):
            light += further
        yield light / np.float32(per_frame)


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
STEPS = (0.7, 16.0)  # of an encoder whose step follows its rate


def jpeg(quality: int) -> Recorder:
    """Motion JPEG, as USB cameras send it."""

    def record(image: Image) -> Image:
        data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)

    return record


class InterCoder:
    """What an inter-frame codec (H.264) does to dark video: noise below the quantiser's step is never coded.

    A closed loop: 8x8 DCT of the difference to the last decoded picture, quantised with a dead zone, added back. No
    motion compensation, no entropy coding. step: of the quantiser, in levels; chroma takes 1.4 times that. key_every:
    frames from one key frame to the next, 0 for none but the first; first_key: pictures before the second one. A key
    frame is coded without the last picture and shows anew all that was held back: the still picture pulses. kept: the
    share of the luma's coefficients that a picture may cost on average, 0 for a step that stays; the step follows, as
    an encoder's rate control has it, so that a calm dark picture is never frozen altogether.
    """

    def __init__(
        self, step: float, dead_zone: float = 1 / 6, key_every: int = 0, first_key: int = 0, kept: float = 0.0
    ) -> None:
        self._step, self._rounding, self._kept = step, dead_zone, kept
        self._key_every, self._until_key = key_every, first_key or key_every
        self._planes: list[F32] = []

    def __call__(self, image: Image) -> Image:
        """uint8 [H,W,3] BGR, H and W multiples of 16 -> the decoded picture."""
        luma, *chroma = cv2.split(cv2.cvtColor(image, cv2.COLOR_BGR2YCrCb))
        size = luma.shape[1], luma.shape[0]
        halved = [cv2.resize(c, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for c in chroma]
        planes = [np.asarray(plane, np.float32) for plane in (luma, *halved)]
        is_key = self._is_key()
        if is_key:
            self._planes = [np.full_like(plane, 128) for plane in planes]
        elif self._kept:
            self._step = self._controlled(planes[0] - self._planes[0])
        for i, plane in enumerate(planes):
            step = self._step * (1.0 if i == 0 else 1.4)
            self._planes[i] = self._planes[i] + self._coded(plane - self._planes[i], step)
        decoded = [np.clip(np.rint(plane), 0, 255).astype(np.uint8) for plane in self._planes]
        full = [decoded[0], *(cv2.resize(c, size, interpolation=cv2.INTER_LINEAR) for c in decoded[1:])]
        return np.asarray(cv2.cvtColor(cv2.merge(full), cv2.COLOR_YCrCb2BGR), np.uint8)

    def _is_key(self) -> bool:
        if not self._planes:
            return True
        self._until_key -= 1
        if self._key_every and self._until_key <= 0:
            self._until_key = self._key_every
            return True
        return False

    def _controlled(self, residual: F32) -> float:
        """The step on its way to the one at which `kept` of this picture's coefficients would be left."""
        sizes = np.abs(_to_blocks(residual)).ravel()
        at = int((1 - self._kept) * (len(sizes) - 1))
        wanted = float(np.partition(sizes, at)[at]) / (1 - self._rounding)
        return float(np.sqrt(self._step * np.clip(wanted, *STEPS)))

    def _coded(self, residual: F32, step: float) -> F32:
        height, width = residual.shape
        levels = _to_blocks(residual) / np.float32(step)
        levels = np.trunc(levels + np.copysign(np.float32(self._rounding), levels)) * np.float32(step)
        basis = _dct_basis()
        return np.asarray((basis.T @ levels @ basis).transpose(0, 2, 1, 3).reshape(height, width))


# Real dark clips have a key frame in 30. From the frame before to it, still blocks of 8x8 differ 1.23 times as much as
# elsewhere (quartiles 1.10 and 1.38; 1.38 in the calmer half of the clips), 0.70 levels more (0.50 and 0.79):
# `calibration key-frames --set folder:arid_dark`, 239 key frames in 152 clips of H.264 at 30 fps. A test holds rendered
# still rooms to that. Denoising and rate leave as much noise, as coarse and as seldom frozen, as there is in real clips
# (`calibration compare-inputs`, docs/data.md).
RECORDED_DENOISED = (0.4, 0.6)
RECORDED_KEPT = (0.04, 0.1)
RECORDED_KEY_EVERY = 30


class TemporalDenoiser:
    """A telephone's noise reduction: what differs from the last picture no more than noise does is averaged with it.

    keep: the share of the last picture where nothing moves; where something does, none, so that nothing trails.
    """

    def __init__(self, keep: float) -> None:
        self._keep = np.float32(keep)
        self._last: F32 | None = None

    def __call__(self, image: Image) -> Image:
        """uint8 [H,W,3] -> the same with less noise."""
        now = image.astype(np.float32)
        if self._last is None:
            self._last = now
        difference = now - self._last
        size = cv2.GaussianBlur(np.abs(difference).mean(axis=2), (0, 0), 1.5)
        moves = np.clip(size / np.float32(np.median(size) + 0.1) - 1.5, 0, 1)
        self._last = self._last + difference * (1 - self._keep * (1 - moves))[..., np.newaxis]
        return np.rint(self._last).astype(np.uint8)


def recorded(rng: np.random.Generator) -> Recorder:
    """A recorder as people's telephones have it: it denoises, keeps its rate, and pulses."""
    denoiser = TemporalDenoiser(rng.uniform(*RECORDED_DENOISED))
    kept = float(np.exp(rng.uniform(*np.log(RECORDED_KEPT).tolist())))
    first = int(rng.integers(5, RECORDED_KEY_EVERY + 1))
    coder = InterCoder(4.0, key_every=RECORDED_KEY_EVERY, first_key=first, kept=kept)
    return lambda image: coder(denoiser(image))


def _to_blocks(residual: F32) -> F32:
    """[H,W] -> DCT coefficients [H/8,W/8,8,8]."""
    height, width = residual.shape
    basis = _dct_basis()
    blocks = residual.reshape(height // 8, 8, width // 8, 8).transpose(0, 2, 1, 3)
    return np.asarray(basis @ blocks @ basis.T)


@lru_cache(maxsize=1)
def _dct_basis() -> F32:
    """Orthonormal DCT-II of 8 points: float32 [8,8]."""
    k, n = np.mgrid[0:8, 0:8]
    basis = np.sqrt(2 / 8) * np.cos(np.pi * (2 * n + 1) * k / 16)
    basis[0] /= np.sqrt(2)
    return np.asarray(basis, np.float32)
