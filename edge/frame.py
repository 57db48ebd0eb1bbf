"""One picture on its way through the pipeline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Frame:
    """A picture and when it was taken.

    image: uint8 [height, width, 3], BGR.
    sequence: the camera's own count, from 0; a jump means that frames were lost.
    capture_time_s: monotonic clock for cameras, position in the recording for files.
    """

    image: Image
    sequence: int
    capture_time_s: float
