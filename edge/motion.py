"""The motion stage: corrected frames in, the network's uint8 input out."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from edge.frame import Image

ZERO_VELOCITY = 128


class LumaFlow:
    """The `luma_flow` input: corrected luma, vx, vy, as uint8 [1,height,width,3].

    Optical flow (DIS, Kroeger et al. 2016, OpenCV's `fast` preset) runs on the small corrected frames; its median,
    the camera's own movement, is taken off; then luma and velocities are area-averaged to the network's size.
    Velocities are in pixels of the small frame per tick, `levels_per_pixel` levels each, zero at 128.
    """

    def __init__(self, height: int, width: int, levels_per_pixel: float) -> None:
        self._size = (width, height)
        self._levels = levels_per_pixel
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._x = np.zeros((1, height, width, 3), np.uint8)

    def step(self, previous: Image, current: Image) -> Image:
        """Two corrected small frames, one tick apart, under ONE table's gamma: uint8 [h,w,3] BGR each."""
        before, now = luma(previous), luma(current)
        flow = cv2.resize(self._velocity(before, now), self._size, interpolation=cv2.INTER_AREA)
        flow -= np.median(flow.reshape(-1, 2), axis=0)
        x = self._x[0]
        x[..., 0] = cv2.resize(now, self._size, interpolation=cv2.INTER_AREA)
        np.clip(np.rint(flow * self._levels + ZERO_VELOCITY), 0, 255, out=flow)
        x[..., 1:] = flow
        return self._x

    def _velocity(self, before: Image, now: Image) -> npt.NDArray[np.float32]:
        blurred = [cv2.GaussianBlur(luma_, (5, 5), 1.0) for luma_ in (before, now)]
        return np.asarray(self._flow.calc(blurred[0], blurred[1], None), np.float32)  # type: ignore[call-overload]


def luma(image: Image) -> Image:
    """BT.601 luma of a BGR picture: uint8 [h,w,3] -> uint8 [h,w]."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
