"""What a picture is made of before a camera takes it: a wall, and what moves before it, in linear light."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from calibration.synthetic.scenery.scene import F32

Shift = tuple[float, float]


@dataclass(frozen=True)
class Layer:
    """One thing as the camera sees it at one moment.

    light: float32 [h,w,3], BGR, linear, already multiplied by the mask; mask: float32 [h,w], the share of each pixel
    that is covered, 0 to 1; corner: (column, row) of the upper left pixel in the 320x240 picture, possibly outside of
    it; depth_m: what is nearer covers what is farther.
    """

    light: F32
    mask: F32
    corner: tuple[int, int]
    depth_m: float

    @property
    def box(self) -> tuple[int, int, int, int] | None:
        """(x, y, width, height) of what more than half covers, in the picture's pixels; None: nothing."""
        rows, columns = np.flatnonzero((self.mask > 0.5).any(1)), np.flatnonzero((self.mask > 0.5).any(0))
        if not len(rows):
            return None
        x, y = self.corner
        return (
            x + int(columns[0]),
            y + int(rows[0]),
            int(columns[-1] - columns[0]) + 1,
            int(rows[-1] - rows[0]) + 1,
        )


class Mover(Protocol):
    """Something that may move before the wall: a body, a curtain, a ball."""

    def layer(self, time_s: float, shift: Shift) -> Layer | None:
        """As it is seen at `time_s` in a picture that the camera's own motion has moved by `shift` pixels (x, y).

        None where nothing of it is in the picture. Times rise from call to call; what is random was drawn before.
        """


class Wall(Protocol):
    """What everything stands before, where it is not one picture: a film of a room."""

    def light(self, time_s: float, shift: Shift) -> F32:
        """Linear light, float32 [240,320,3], BGR, at `time_s`; `shift`: as of `Mover.layer`. Times rise."""


def composed(wall: F32, layers: Iterable[Layer]) -> F32:
    """The wall [H,W,3] in linear light with the layers before it, the farthest first; a new array."""
    picture = wall.copy()
    height, width = picture.shape[:2]
    for layer in sorted(layers, key=lambda layer: -layer.depth_m):
        x, y = layer.corner
        h, w = layer.mask.shape
        x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + w, width), min(y + h, height)
        if x0 >= x1 or y0 >= y1:
            continue
        seen = (slice(y0 - y, y1 - y), slice(x0 - x, x1 - x))
        part = picture[y0:y1, x0:x1]
        rest = 1 - layer.mask[seen]
        cv2.multiply(part, cv2.merge([rest, rest, rest]), dst=part)
        cv2.add(part, layer.light[seen], dst=part)
    return picture
