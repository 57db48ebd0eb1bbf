"""One picture on its way through the pipeline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.picture import jpeg, reference

Image = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Frame:
    """A picture and when it was taken.

    image: uint8 in the layout of `format`: bgr, rgb [height, width, 3]; grey [height, width]; yuyv, uyvy
    [height, width, 2]; nv12, i420 [height * 3/2, width]; jpeg [bytes], decoded where it is used, no larger than needed.
    bgr16 [height, width, 3] alone is uint16: sixteenths of a level, 0..4080, from sensors with more than 8 bits.
    Rows may lie apart (a driver's padding), except in i420.
    sequence: the camera's own count, from 0; a jump means that frames were lost.
    capture_time_s: monotonic clock for cameras, position in the recording for files.
    """

    image: Image
    sequence: int
    capture_time_s: float
    format: str = "bgr"

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels. Raises PictureError for a JPEG without a header."""
        if self.format == "jpeg":
            height, width = jpeg.size_of(self.image)
            return width, height
        rows = self.image.shape[0]
        return self.image.shape[1], rows * 2 // 3 if self.format in ("nv12", "i420") else rows

    def bgr(self) -> Image:
        """The picture as uint8 [height, width, 3] BGR, for those who look at pixels; the front end takes any format.

        Raises PictureError for a damaged JPEG.
        """
        if self.format == "bgr16":
            return eight_bits(np.asarray(self.image, np.uint16))
        return jpeg.decode(self.image) if self.format == "jpeg" else reference.bgr(self.image, self.format)


def eight_bits(sixteenths: npt.NDArray[np.uint16]) -> Image:
    """Levels, rounded, of sixteenths of a level: uint8 of the same shape."""
    return np.asarray((np.minimum(sixteenths, 4080) + 8) >> 4, np.uint8)
