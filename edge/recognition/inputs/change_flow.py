"""The `change_flow` form, for the noise-aware experts: what changes above the noise, and where it moves.

In extreme darkness a tone curve lifts signal and noise alike; recognition lacks signal-to-noise, which averaging over
space and time buys (docs/results.md). Everything is a pure function of the last few frames: there is no slow estimate
that could be wrong after a switch, a gap or a lamp.
"""

from __future__ import annotations

from collections import deque
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from edge.bundles.manifest import ExpertSpec, FrontEndSpec, GateSpec, InputSpec
from edge.picture import kernels
from edge.picture.frame import Frame, Image
from edge.picture.front_end import FrameStatistics, FrontEnd
from edge.recognition.inputs.base import ZERO, NetworkInput
from edge.recognition.inputs.flow import F32, OpticalFlow

U16 = npt.NDArray[np.uint16]

WHITE = 0.995  # the share of pixels that the gain leaves below white
LEAST_SPAN = 4  # sixteenths of a level from black to white, at least: a covered lens is not blown up
# Change is counted in standard deviations of its noise, from this many up to this many.
FIRST_SIGMA, SIGMAS = 2.5, 8.0
LEAST_SIGMA = 0.8  # sixteenths of a level: a codec that removed all noise would make every flicker significant
MEDIAN_TO_SIGMA = 1.4826
LEVELS_PER_SIGMA = 15.0


class ChangeFlow(NetworkInput):
    """Change above the noise, vx, vy, as uint8 [1,height,width,3], all zero at 128.

    Change: of the blurred luma over an expert's stride, in standard deviations of its own noise (from the median over
    the picture, which a person covers less than half of), minus 2.5, at most 8, 15 levels each. Velocities: optical
    flow over the stride, in pixels of the small frame per tick, `levels_per_pixel` levels each, zero where nothing
    changes. An expert averages `accumulation` frames and `binning` x `binning` pixels before both; gain to the 99.5 %
    level and gamma come after all averaging, so that nothing is rounded before it is lifted.
    """

    def __init__(self, front_end: FrontEndSpec, form: InputSpec, gate: GateSpec) -> None:
        self._front_end = FrontEnd(front_end.height, front_end.width, front_end.fraction_bits)
        self._experts = tuple(zip(gate.gammas, gate.experts, strict=True))
        longest = max(expert.stride + expert.accumulation for expert in gate.experts)
        self._lumas: deque[U16] = deque(maxlen=longest)
        self._size, self._levels = (form.width, form.height), form.levels_per_pixel
        self._change_size = (2 * form.width, 2 * form.height)
        self._flow = OpticalFlow()
        self._x = np.zeros((1, form.height, form.width, 3), np.uint8)
        self.reset()

    def take(self, frame: Frame) -> FrameStatistics:
        """See `NetworkInput.take`."""
        statistics = self._front_end.measure(frame.image, frame.format)
        # A stream starts as if its first frame had stood there for long: no change, no motion.
        self._lumas.extend([self._front_end.luma] * (1 if self._lumas else self._lumas.maxlen or 1))
        self._taken += 1
        return statistics

    def see(self, expert: int) -> Image | None:
        """See `NetworkInput.see`."""
        if self._taken < 2:
            return None
        _, spec = self._experts[expert]
        change = self._change(self._summed(spec, spec.stride), self._summed(spec, 0), spec)
        velocity = self._flow.between(*self.lifted(expert), self._size)
        velocity *= (np.minimum(change, 1.0) * (self._levels / spec.stride))[..., np.newaxis]
        x = np.concatenate([(change * LEVELS_PER_SIGMA)[..., np.newaxis], velocity], axis=2)
        np.clip(np.rint(x + ZERO, out=x), 0, 255, out=x)
        self._x[0] = x
        self._camera_px = self._flow.camera_px / spec.stride
        return self._x

    def lifted(self, expert: int) -> tuple[Image, Image]:
        """The two pictures that flow is measured between, the earlier first: uint8 [h,w] each."""
        gamma, spec = self._experts[expert]
        return _lifted(self._summed(spec, spec.stride), self._summed(spec, 0), gamma, spec)

    def reset(self) -> None:
        """See `NetworkInput.reset`."""
        self._lumas.clear()
        self._taken, self._camera_px = 0, 0.0

    @property
    def camera_px(self) -> float:
        """See `NetworkInput.camera_px`."""
        return self._camera_px

    @property
    def small(self) -> Image:
        """See `NetworkInput.small`."""
        return self._front_end.small

    def _summed(self, spec: ExpertSpec, back: int) -> U16:
        """Sum of the expert's frames, the newest of them `back` ticks ago; 12-bit values, so that 16 of them fit."""
        total = self._lumas[-1 - back]
        for further in range(1, spec.accumulation):
            total = np.asarray(cv2.add(total, self._lumas[-1 - back - further]), np.uint16)
        return total

    def _change(self, before: U16, now: U16, spec: ExpertSpec) -> F32:
        """float32 [height,width]: standard deviations above the first 2.5, at most 8."""
        blur = 1.0 if spec.binning < 4 else 1.5
        averaged = [cv2.resize(luma, self._change_size, interpolation=cv2.INTER_AREA) for luma in (before, now)]
        smooth = [cv2.GaussianBlur(luma.astype(np.float32), (0, 0), blur) for luma in averaged]
        difference = cv2.absdiff(*smooth)
        sigma = max(MEDIAN_TO_SIGMA * float(np.median(difference)), LEAST_SIGMA * spec.accumulation)
        significant = np.clip(difference / sigma - FIRST_SIGMA, 0, SIGMAS)
        return np.asarray(cv2.resize(significant, self._size, interpolation=cv2.INTER_AREA), np.float32)


def _lifted(before: U16, now: U16, gamma: float, spec: ExpertSpec) -> tuple[Image, Image]:
    """Two sums of frames, binned, then through one gain and gamma: uint8 of the same size [h,w] each."""
    height, width = now.shape
    binned = (-(-width // spec.binning), -(-height // spec.binning))
    coarse = [cv2.resize(luma, binned, interpolation=cv2.INTER_AREA) for luma in (before, now)]
    flat = coarse[1].ravel()
    black, at = int(flat.min()), int(flat.size * WHITE)
    white = max(int(np.partition(flat, at)[at]), black + LEAST_SPAN * spec.accumulation)
    pictures = []
    for luma in coarse:
        picture = np.empty(luma.shape, np.uint8)
        above_black = np.maximum(luma, black) - np.uint16(black)
        kernels.apply_gain(above_black, 4095 / (white - black), _curve(gamma), picture)
        pictures.append(np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8))
    return pictures[0], pictures[1]


@lru_cache(maxsize=16)
def _curve(gamma: float) -> Image:
    """uint8 [4096]: 0..1 in 12 bits to 255 * value^(1/gamma)."""
    return np.rint(255 * (np.arange(4096) / 4095) ** (1 / gamma)).astype(np.uint8)
