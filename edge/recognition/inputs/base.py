"""What every form of the network's input has in common: frames are taken once, and seen as the gate's expert sees."""

from __future__ import annotations

from abc import ABC, abstractmethod

from edge.picture.frame import Frame, Image
from edge.picture.front_end import FrameStatistics

ZERO = 128  # the level of no velocity and of no change


class NetworkInput(ABC):
    """Takes every frame of the cadence; then gives `x` as one of the gate's experts sees it, or as several do."""

    @abstractmethod
    def take(self, frame: Frame) -> FrameStatistics:
        """The next frame: shrunk and measured, for the gate. Raises TypeError or ValueError for a wrong picture."""

    @abstractmethod
    def see(self, expert: int) -> Image | None:
        """The network's input as the expert of this index sees it: uint8 [1,H,W,3], valid until the next call.

        None where a form with motion has no previous frame yet.
        """

    @abstractmethod
    def reset(self) -> None:
        """Forget the stream."""

    @property
    def camera_px(self) -> float:
        """How fast the camera itself moved, as an expert last saw it, in pixels of the small frame per tick.

        0 where a form does not know it.
        """
        return 0.0

    @property
    def fault(self) -> str | None:
        """Why an expert's last look must not lead to a label (edge/recognition/health.py); None for nothing."""
        return None

    @property
    @abstractmethod
    def small(self) -> Image:
        """The last frame, shrunk and uncorrected: uint8 [height,width,3] BGR, valid until the next `take`."""
