"""Optical flow between two pictures, as every form with motion uses it."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from edge.picture.frame import Image

F32 = npt.NDArray[np.float32]


class OpticalFlow:
    """DIS (Kroeger et al. 2016), OpenCV's `fast` preset, on slightly blurred pictures.

    camera_px: how far the whole picture moved between the last two, in their pixels: the camera's own movement.
    """

    def __init__(self) -> None:
        self.camera_px = 0.0
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)

    def between(self, before: Image, now: Image, size: tuple[int, int]) -> F32:
        """Pixels that each part moved by, its median (the camera's own movement) taken off.

        before, now: uint8 [h,w]. size: width, height of the result, float32 [height,width,2], by area averaging.
        """
        blurred = [cv2.GaussianBlur(picture, (5, 5), 1.0) for picture in (before, now)]
        flow = self._dis.calc(blurred[0], blurred[1], None)  # type: ignore[call-overload]
        velocity = np.asarray(cv2.resize(flow, size, interpolation=cv2.INTER_AREA), np.float32)
        camera = np.median(velocity.reshape(-1, 2), axis=0)
        self.camera_px = float(np.hypot(*camera))
        velocity -= camera
        return velocity


def luma(image: Image) -> Image:
    """BT.601 luma of a BGR picture: uint8 [h,w,3] -> uint8 [h,w]."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
