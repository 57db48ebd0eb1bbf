"""Enhancers that are one curve per frame or tile: fixed GIC, histogram equalisation, CLAHE."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from edge.picture import kernels

U8 = npt.NDArray[np.uint8]


class FixedGic:
    """One gamma for everything: GIC of the ELLAR paper (eq. 6), as on the device."""

    def __init__(self, gamma: float = 2.0) -> None:
        self.gamma = gamma

    def __call__(self, frames: U8) -> U8:
        """uint8 [T,H,W,3] -> the same; minimum and maximum per frame, all channels together."""
        table, result = np.zeros(256, np.uint8), np.empty_like(frames)
        for frame, target in zip(frames, result, strict=True):
            kernels.gic_table(int(frame.min()), int(frame.max()), self.gamma, table)
            kernels.apply_table(np.ascontiguousarray(frame), table, target)
        return result


class HistogramEqualisation:
    """Luma's histogram made flat, frame by frame; colour kept (YCrCb)."""

    def __call__(self, frames: U8) -> U8:
        """uint8 [T,H,W,3] BGR -> the same."""
        return _on_luma(frames, cv2.equalizeHist)


class Clahe:
    """Histogram equalisation in tiles, its slope limited (Zuiderveld, Graphics Gems IV, 1994); on luma."""

    def __init__(self, clip_limit: float = 2.0, tiles: int = 8) -> None:
        self._clahe = cv2.createCLAHE(clip_limit, (tiles, tiles))

    def __call__(self, frames: U8) -> U8:
        """uint8 [T,H,W,3] BGR -> the same."""
        return _on_luma(frames, self._clahe.apply)


def _on_luma(frames: U8, curve: Callable[[U8], cv2.typing.MatLike]) -> U8:
    result = np.empty_like(frames)
    for frame, target in zip(frames, result, strict=True):
        planes = cv2.cvtColor(frame, cv2.COLOR_BGR2YCrCb)
        planes[..., 0] = curve(np.ascontiguousarray(planes[..., 0]))
        cv2.cvtColor(planes, cv2.COLOR_YCrCb2BGR, dst=target)
    return result
