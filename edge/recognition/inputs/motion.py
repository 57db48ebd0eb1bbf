"""The `motion` form: change above the noise and optical flow by the C core, the camera's own motion taken out first.

Everything is a pure function of the last few frames: there is no slow estimate that could be wrong after a switch, a
gap or a lamp. edge/picture/motion.py says what the core computes.
"""

from __future__ import annotations

import numpy as np

from edge.bundles.manifest import FrontEndSpec, GateSpec, InputSpec
from edge.picture import kernels
from edge.picture.frame import Frame, Image
from edge.picture.front_end import FrameStatistics, FrontEnd
from edge.recognition.health import VIEW_CHANGED
from edge.recognition.inputs.base import NetworkInput

UNEXPLAINED = 0.5  # by what there is to see: from there on the picture is another one than a tick before


class Motion(NetworkInput):
    """Change above the noise, vx, vy, as uint8 [1,height,width,3], all zero at 128; a cell is 4x4 luma pixels.

    Change: of the blurred luma over an expert's stride, every earlier frame where the camera's motion had it, in
    standard deviations of its own noise (from the median, by brightness), minus 2.5, at most 8, 15 levels each.
    Velocities: over the last one or two ticks, relative to the camera, in pixels of the small frame per tick,
    `levels_per_pixel` levels each, zero but around what changes. A call of the core a look, nothing allocated.
    """

    def __init__(self, front_end: FrontEndSpec, form: InputSpec, gate: GateSpec) -> None:
        self._front_end = FrontEnd(front_end.height, front_end.width, front_end.fraction_bits)
        self._experts, self._levels = gate.experts, form.levels_per_pixel
        longest = max(expert.stride + expert.accumulation for expert in gate.experts)
        slot, work = kernels.motion_sizes(front_end.height, front_end.width)
        self._ring = np.zeros((max(longest, 3), slot), np.int16)
        self._work = np.zeros(work, np.uint8)
        self._x = np.zeros((1, form.height, form.width, 3), np.uint8)
        self._report = np.zeros(8, np.float64)
        self._newest = self._taken = 0

    def take(self, frame: Frame) -> FrameStatistics:
        """See `NetworkInput.take`."""
        statistics = self._front_end.measure(frame.image, frame.format)
        self._newest = (self._newest + 1) % len(self._ring)
        kernels.motion_take(self._front_end.lent_luma, self._ring[self._newest])
        if not self._taken:
            # A stream starts as if its first frame had stood there for long: no change, no motion.
            self._ring[:] = self._ring[self._newest]
        self._taken += 1
        return statistics

    def see(self, expert: int) -> Image | None:
        """See `NetworkInput.see`."""
        if self._taken < 2:
            return None
        row = self._experts[expert]
        kernels.motion_look(
            self._ring,
            self._newest,
            row.accumulation,
            row.stride,
            row.binning,
            self._levels,
            self._work,
            self._x[0],
            self._report,
        )
        return self._x

    def reset(self) -> None:
        """See `NetworkInput.reset`."""
        self._newest, self._taken = 0, 0
        self._report[:] = 0

    @property
    def camera_px(self) -> float:
        """See `NetworkInput.camera_px`."""
        return 2 * float(np.hypot(self._report[4], self._report[5]))

    @property
    def significant(self) -> tuple[float, float]:
        """Shares of the cells above the noise in the last look, before and after the camera's motion was taken out."""
        before, after = self._report[:2].tolist()
        return before, after

    @property
    def camera_motion(self) -> tuple[float, float, float, float]:
        """Towards the frame before, as the last look saw it: x, y in half-size pixels a tick, zoom, rotation."""
        dx, dy, zoom, turn = self._report[4:].tolist()
        return dx, dy, zoom, turn

    @property
    def fault(self) -> str | None:
        """See `NetworkInput.fault`."""
        return VIEW_CHANGED if self._report[2] > UNEXPLAINED else None

    @property
    def small(self) -> Image:
        """See `NetworkInput.small`."""
        return self._front_end.small
