"""The `rgb` form, the papers': the frame corrected by GIC."""

from __future__ import annotations

import numpy as np

from edge.bundles.manifest import FrontEndSpec, GateSpec, InputSpec
from edge.picture.frame import Frame, Image
from edge.picture.front_end import FrameStatistics, FrontEnd
from edge.recognition.inputs.base import NetworkInput


class Rgb(NetworkInput):
    """Corrected frames as uint8 [1,height,width,3] RGB; the front end has the network's size."""

    def __init__(self, front_end: FrontEndSpec, form: InputSpec, gate: GateSpec) -> None:
        self._front_end = FrontEnd(front_end.height, front_end.width)
        self._gammas = gate.gammas
        self._statistics: FrameStatistics | None = None

    def take(self, frame: Frame) -> FrameStatistics:
        """See `NetworkInput.take`."""
        self._statistics = self._front_end.measure(frame.image, frame.format)
        return self._statistics

    def see(self, expert: int) -> Image | None:
        """See `NetworkInput.see`."""
        if self._statistics is None:
            return None
        corrected = self._front_end.correct(self._statistics, self._gammas[expert])
        return np.ascontiguousarray(corrected[np.newaxis, ..., ::-1])

    def reset(self) -> None:
        """See `NetworkInput.reset`."""
        self._statistics = None

    @property
    def small(self) -> Image:
        """See `NetworkInput.small`."""
        return self._front_end.small
