"""From a camera's picture to a corrected small one: shrink, measure, correct."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from edge.errors import PictureError
from edge.picture import bounds, jpeg, kernels, reference
from edge.picture.frame import Image, eight_bits

T = TypeVar("T", np.uint8, np.uint16)


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

    height, width: size of the small frame. The whole field of view is kept. fraction_bits: 4 also keeps the fractions
    of a level that averaging many dark pixels leaves in the luma; 0 rounds them away.
    """

    def __init__(self, height: int, width: int, fraction_bits: int = 0) -> None:
        self._small = np.zeros((height, width, 3), np.uint8)
        self._corrected = np.zeros_like(self._small)
        self._moments = np.zeros(5, np.float64)
        self._luma = np.zeros((height, width), np.uint16) if fraction_bits else None
        counts = np.zeros((3, 256), np.uint32)
        self._core = kernels.FrontEnd(self._small, counts, self._moments, self._corrected, self._luma)

    def measure(self, image: Image, format: str = "bgr") -> FrameStatistics:
        """Shrink a picture (uint8, of any size and shape from 1x1 up to `bounds.MOST_PIXELS`) and take its statistics.

        format: how the pixels lie (edge/picture/frame.py); drivers' formats are converted on the way, row by row.
        Raises PictureError for whatever is wrong with the picture; TypeError for one that is not uint8.
        """
        try:
            return self._measured(*bounds.within(image, format))
        except PictureError:
            raise
        except (ValueError, cv2.error) as error:
            raise PictureError(f"a picture of {image.shape} in {format}: {error}") from error

    def _measured(self, image: Image, format: str) -> FrameStatistics:
        if format == "bgr16":
            self._measure_sixteenths(np.asarray(image, np.uint16))
        elif format == "jpeg":
            self._measure_levels(*bounds.within(jpeg.decode(image, *self._small.shape[:2]), "bgr"))
        else:
            self._measure_levels(image, format)
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

    @property
    def luma(self) -> npt.NDArray[np.uint16]:
        """BT.601 luma of the frame before correction, in sixteenths of a level: uint16 [height,width], a new array."""
        return reference.luma(self._small * np.uint16(16)) if self._luma is None else self._luma.copy()

    @property
    def lent_luma(self) -> npt.NDArray[np.uint16]:
        """The same, valid until the next `measure`: nothing is copied where the core measured it."""
        return self.luma if self._luma is None else self._luma

    def _measure_levels(self, image: Image, format: str) -> None:
        if self._is_too_small(image, format):
            image, format = self._enlarged(reference.bgr(image, format)), "bgr"
        self._core.measure(_rows_packed(image), format)

    def _measure_sixteenths(self, image: npt.NDArray[np.uint16]) -> None:
        """OpenCV averages what has more than 8 bits; the core sees it as levels, and its luma keeps the fractions."""
        height, width = self._small.shape[:2]
        picture = self._enlarged(image) if self._is_too_small(image, "bgr") else image
        fine = np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint16)
        self._core.measure(eight_bits(fine))
        if self._luma is not None:
            self._luma[...] = reference.luma(fine)

    def _is_too_small(self, image: npt.NDArray[T], format: str) -> bool:
        height, width = self._small.shape[:2]
        rows = image.shape[0] * 2 // 3 if format in ("nv12", "i420") else image.shape[0]
        return image.ndim > 1 and (
            rows < height or image.shape[1] < width
        )  # of other shapes the core says what is wrong

    def _enlarged(self, image: npt.NDArray[T]) -> npt.NDArray[T]:
        height, width = self._small.shape[:2]
        rows, columns = -(-height // image.shape[0]), -(-width // image.shape[1])  # apart: a thin picture stays small
        return image.repeat(rows, axis=0).repeat(columns, axis=1)


def _rows_packed(image: Image) -> Image:
    """Mirrored and channel-swapped views have their pixels apart; a driver's padding between rows may stay."""
    return image if image.strides[1:] == (*image.shape[2:], 1) else np.ascontiguousarray(image)
