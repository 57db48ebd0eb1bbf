"""From a camera's picture to a corrected small one: shrink, measure, correct."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge import kernels
from edge.frame import Image


@dataclass(frozen=True)
class FrameStatistics:
    """What the gate and the abstention rules see of one frame (`pixel` convention).

    mean and std (unbiased) in levels of 0..255, entropy in nats (0..5.545), over all channels pooled.
    """

    mean: float
    std: float
    entropy: float
    minimum: int
    maximum: int


class FrontEnd:
    """Owns the small frame and its tables; nothing is allocated per frame but what is returned.

    height, width: size of the small frame. The whole field of view is kept.
    """

    def __init__(self, height: int, width: int) -> None:
        self._small = np.zeros((height, width, 3), np.uint8)
        self._corrected = np.zeros_like(self._small)
        self._moments = np.zeros(5, np.float64)
        counts = np.zeros((3, 256), np.uint32)
        self._core = kernels.FrontEnd(self._small, counts, self._moments, self._corrected)

    def measure(self, image: Image) -> FrameStatistics:
        """Shrink a picture (uint8 [H,W,3] BGR, any size from 1x1 to 4096x4096) and take its statistics.

        Raises TypeError or ValueError, naming what is wrong with the picture.
        """
        self._core.measure(self._as_the_core_takes_it(image))
        mean, std, entropy, minimum, maximum = self._moments.tolist()
        return FrameStatistics(mean, std, entropy, int(minimum), int(maximum))

    def correct(self, statistics: FrameStatistics, gamma: float) -> Image:
        """The measured frame after GIC: uint8 [height,width,3] BGR, valid until the next call."""
        self._core.correct(statistics.minimum, statistics.maximum, gamma)
        return self._corrected

    @property
    def small(self) -> Image:
        """The frame before correction: uint8 [height,width,3] BGR, valid until the next `measure`."""
        return self._small

    def _as_the_core_takes_it(self, image: Image) -> Image:
        if image.ndim == 3 and image.strides[1:] != (3, 1):
            image = np.ascontiguousarray(image)  # a mirrored or channel-swapped view
        height, width = self._small.shape[:2]
        if image.shape[0] >= height and image.shape[1] >= width:
            return image
        scale = max(-(-height // image.shape[0]), -(-width // image.shape[1]))
        return image.repeat(scale, axis=0).repeat(scale, axis=1)
