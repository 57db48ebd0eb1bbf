"""What a camera is to the pipeline, and the errors that are states rather than ends."""

from __future__ import annotations

import errno
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import astuple, dataclass
from pathlib import Path
from types import TracebackType
from typing import ClassVar, TypeVar

from edge.errors import CameraError
from edge.picture.frame import Frame

C = TypeVar("C", bound="Camera")
STALL_S, STALL_FRAMES = 0.45, 3  # silence that counts as a loss, and how many frames of a slow camera at least


class CameraStallError(CameraError, TimeoutError):
    """No frame came in time; the camera is still open and may recover."""


class CameraStateError(CameraError):
    """A camera is lost, or cannot be had. state: why, a stable word for programs (docs/cameras.md)."""

    def __init__(self, state: str, message: str) -> None:
        super().__init__(message)
        self.state = state

    @classmethod
    def of(cls, device: Path, error: OSError) -> CameraStateError:
        """What an errno of the driver means, and what to do about it."""
        state, message = STATES.get(error.errno or 0, ("failed", f"{error.strerror}; unplug it and plug it in again"))
        return cls(state, f"{device}: {message.format(device=device)}")


# By errno: the state, and what to tell people.
STATES = {
    errno.ENODEV: ("unplugged", "is gone; is the camera plugged in? (ls /dev/video*)"),
    errno.ENXIO: ("unplugged", "is gone; is the camera plugged in? (ls /dev/video*)"),
    errno.ENOENT: ("missing", "no such device; is the camera plugged in? (ls /dev/video*)"),
    errno.ENOTDIR: ("missing", "no such device; is the camera plugged in? (ls /dev/video*)"),
    errno.EACCES: ("forbidden", "permission denied; join the group video: sudo usermod -aG video $USER, log in again"),
    errno.EPERM: ("forbidden", "the system does not let this service have it; see DeviceAllow= of its unit"),
    errno.EBUSY: ("busy", "another program has it; see which: fuser -v {device}"),
    errno.EIO: ("io_error", "the driver reports an input/output error; check cable and power of the camera"),
    errno.ENOSPC: ("no_bandwidth", "its USB bus has no bandwidth left; choose MJPG or a smaller mode, or another port"),
    errno.ENOTTY: ("no_camera", "is not a camera; for a recording write --camera file:{device}"),
    errno.EISDIR: ("no_camera", "is not a device; for images write --camera images:{device}"),
}


@dataclass
class DropCounts:
    """Buffers of a driver that never became frames.

    flagged: that the driver marked as damaged. empty: without a byte. short: with less than a picture, or a JPEG
    without its end. undecodable: a JPEG that could not be read. stale: good, but too old when the pipeline came for it.
    """

    flagged: int = 0
    empty: int = 0
    short: int = 0
    undecodable: int = 0
    stale: int = 0

    def __add__(self, other: DropCounts) -> DropCounts:
        return DropCounts(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


class Camera(ABC):
    """An open camera or recording.

    name: for people. live: frames come at the camera's pace, a lost camera may come back; otherwise it is a recording,
    which ends, and whose errors are final. notes: what was found at opening and should be known (a refused control).
    drops: what did not become a frame. stall_s: silence that counts as a loss.
    """

    live: ClassVar[bool]
    stall_s = 2.0

    def __init__(self, name: str) -> None:
        self.name = name
        self.notes: tuple[str, ...] = ()
        self.drops = DropCounts()

    @abstractmethod
    def read(self, timeout_s: float) -> Frame | None:
        """The freshest frame not yet read; None is the end of a recording.

        Its pixels stay as they are until the next call of this camera, which may use their memory anew.
        Raises CameraStallError when no frame comes in time, CameraError when the camera is lost.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of the device; may be called twice."""

    def __enter__(self: C) -> C:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


@dataclass(frozen=True)
class CameraSource:
    """A camera that can be opened, and opened again: `open` looks for the device anew each time."""

    name: str
    live: bool
    open: Callable[[], Camera]
