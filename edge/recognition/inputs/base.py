"""What every form of the network's input has in common: frames are taken once, and seen as the gate's expert sees."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from edge.picture.frame import Frame, Image
from edge.picture.front_end import FrameStatistics
from edge.recognition.tracks.locate import Located

ZERO = 128  # the level of no velocity and of no change


@dataclass(frozen=True)
class Window:
    """A track and its window, uint8 [1,height,width,3], valid until the next look."""

    track: Located
    x: Image


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

    @property
    def follows(self) -> bool:
        """Whether the form knows who is where; then `windows` says what the network sees of everybody."""
        return False

    def windows(self, expert: int) -> list[Window] | None:
        """Of everybody that a form which `follows` finds, the most prominent first, at most four.

        None where a form with motion has no previous frame yet.
        """
        raise NotImplementedError(f"{type(self).__name__} sees the whole picture; call see()")

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
