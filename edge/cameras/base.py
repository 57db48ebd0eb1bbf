"""What a camera is to the pipeline, and the errors that are states rather than ends."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import ClassVar, TypeVar

from edge.errors import CameraError
from edge.frame import Frame

C = TypeVar("C", bound="Camera")


class CameraStallError(CameraError, TimeoutError):
    """No frame came in time; the camera is still open and may recover."""


class Camera(ABC):
    """An open camera or recording.

    name: for people. live: frames come at the camera's pace, a lost camera may come back; otherwise it is a recording,
    which ends, and whose errors are final. notes: what was found at opening and should be known (a refused control).
    """

    live: ClassVar[bool]

    def __init__(self, name: str) -> None:
        self.name = name
        self.notes: tuple[str, ...] = ()

    @abstractmethod
    def read(self, timeout_s: float) -> Frame | None:
        """The freshest frame not yet read; None is the end of a recording.

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
