"""The `luma_flow` form: the frame corrected by GIC as luma, and its optical flow."""

from __future__ import annotations

import cv2
import numpy as np

from edge.bundles.manifest import FrontEndSpec, GateSpec, InputSpec
from edge.picture.frame import Frame, Image
from edge.picture.front_end import FrameStatistics, FrontEnd
from edge.recognition.inputs.base import ZERO, NetworkInput
from edge.recognition.inputs.flow import OpticalFlow, luma


class LumaFlow(NetworkInput):
    """Corrected luma, vx, vy, as uint8 [1,height,width,3].

    Velocities are in pixels of the small frame per tick, `levels_per_pixel` levels each, zero at 128. Two front ends in
    turn: the previous small frame stays uncorrected in its own, so that both frames are corrected by one gamma and a
    switch of the gate is not seen as motion.
    """

    def __init__(self, front_end: FrontEndSpec, form: InputSpec, gate: GateSpec) -> None:
        self._now, self._before = (FrontEnd(front_end.height, front_end.width) for _ in range(2))
        self._gammas = gate.gammas
        self._size, self._levels = (form.width, form.height), form.levels_per_pixel
        self._flow = OpticalFlow()
        self._x = np.zeros((1, form.height, form.width, 3), np.uint8)
        self._statistics: tuple[FrameStatistics | None, FrameStatistics | None] = (None, None)

    def take(self, frame: Frame) -> FrameStatistics:
        """See `NetworkInput.take`."""
        statistics = self._before.measure(frame.image, frame.format)  # before the turn: it may find the picture damaged
        self._now, self._before = self._before, self._now
        self._statistics = (self._statistics[1], statistics)
        return statistics

    def see(self, expert: int) -> Image | None:
        """See `NetworkInput.see`."""
        before, now = self._statistics
        if before is None or now is None:
            return None
        gamma = self._gammas[expert]
        return self._seen(self._before.correct(before, gamma), self._now.correct(now, gamma))

    def reset(self) -> None:
        """See `NetworkInput.reset`."""
        self._statistics = (None, None)

    @property
    def small(self) -> Image:
        """See `NetworkInput.small`."""
        return self._now.small

    def _seen(self, before: Image, now: Image) -> Image:
        dark, light = luma(before), luma(now)
        velocity = self._flow.between(dark, light, self._size)
        x = self._x[0]
        x[..., 0] = cv2.resize(light, self._size, interpolation=cv2.INTER_AREA)
        np.clip(np.rint(velocity * self._levels + ZERO), 0, 255, out=velocity)
        x[..., 1:] = velocity
        return self._x
