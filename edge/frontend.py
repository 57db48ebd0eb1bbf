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
        self._counts = np.zeros((3, 256), np.uint32)
        self._moments = np.zeros(5, np.float64)
        self._table = np.zeros(256, np.uint8)

    def measure(self, image: Image) -> FrameStatistics:
        """Shrink a picture (uint8 [H,W,3] BGR, any size down to the small one) and take its statistics."""
        image = self._at_least_small(image)
        kernels.shrink(image, self._small)
        kernels.histogram(self._small, self._counts)
        kernels.statistics(self._counts, self._moments)
        mean, std, entropy, minimum, maximum = self._moments.tolist()
        return FrameStatistics(mean, std, entropy, int(minimum), int(maximum))

    def correct(self, statistics: FrameStatistics, gamma: float) -> Image:
        """The measured frame after GIC: uint8 [height,width,3] BGR, valid until the next call."""
        kernels.gic_table(statistics.minimum, statistics.maximum, gamma, self._table)
        kernels.apply_table(self._small, self._table, self._corrected)
        return self._corrected

    @property
    def small(self) -> Image:
        """The frame before correction: uint8 [height,width,3] BGR, valid until the next `measure`."""
        return self._small

    def _at_least_small(self, image: Image) -> Image:
        height, width = self._small.shape[:2]
        if image.shape[0] >= height and image.shape[1] >= width:
            return image
        scale = max(-(-height // image.shape[0]), -(-width // image.shape[1]))
        return np.ascontiguousarray(image.repeat(scale, axis=0).repeat(scale, axis=1))
