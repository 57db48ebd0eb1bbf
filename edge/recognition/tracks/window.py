"""A body-sized window around a track: change and velocity as the network sees them, near and far alike."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge.picture import kernels
from edge.picture.regions import ONE_CELL

U8 = npt.NDArray[np.uint8]

MARGIN = 1.25  # window height by the box's: arms above a head, a step ahead
LEAST_CELLS = 6.0  # a window's height at least: what is smaller is noise, blown up
WIDER = 1.0  # box width that has to fit into a window, by the window's width
FOLLOWS, GROWS, SHRINKS = 0.4, 0.25, 0.05  # a tick's share of the way: edges tremble, and windows must not
BODY = 100.0  # "pixels" of a body's height, in which levels_per_pixel counts velocities
MOST_CELLS = 16  # of the map, across one pixel of a window

Box = tuple[float, float, float, float]


class WindowPlace:
    """Where a track's window is, smoothed over time: middle and height in cells."""

    def __init__(self) -> None:
        self._x = self._y = self._tall = 0.0

    def follow(self, box: Box, shape: tuple[int, int], aspect: float) -> None:
        """box: left, top, width, height as shares of the picture. shape: of the map. aspect: width by height."""
        height, width = shape
        x, y = (box[0] + 0.5 * box[2]) * width, (box[1] + 0.5 * box[3]) * height
        tall = max(MARGIN * box[3] * height, WIDER * box[2] * width / aspect, LEAST_CELLS)
        if not self._tall:
            self._x, self._y, self._tall = x, y, tall
            return
        self._x += FOLLOWS * (x - self._x)
        self._y += FOLLOWS * (y - self._y)
        self._tall += (GROWS if tall > self._tall else SHRINKS) * (tall - self._tall)

    def cut(self, look: U8, owners: U8, owner: int, levels: float, wanted: float, out: U8) -> None:
        """Resample the window out of a look into `out`, uint8 [rows,columns,3].

        look: uint8 [h,w,3] at 128; levels: of it, for a velocity of a cell a tick. wanted: levels of `out` for a
        velocity of a hundredth of the body's height a tick. owners, owner: cells of other tracks count as unchanged.
        """
        tall = min(self._tall, float(MOST_CELLS * out.shape[0]))
        scale = wanted * BODY * MARGIN / (tall * levels)
        place = (round(ONE_CELL * self._x), round(ONE_CELL * self._y), round(ONE_CELL * tall))
        kernels.regions_window(look, owners, owner, *place, min(round(ONE_CELL * scale), 1 << 24), out)
