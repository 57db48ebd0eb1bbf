"""A reader thread that keeps only the freshest frame: a slow pipeline sees new pictures, never a queue of old ones."""

from __future__ import annotations

import threading
from collections.abc import Callable

from edge.cameras.base import CameraStallError
from edge.cameras.holding.closing import CLOSE_S
from edge.cameras.holding.threads import start_thread
from edge.errors import CameraError
from edge.picture.frame import Frame


class Freshest:
    """Runs `produce` in a thread until it returns None (the end) or raises; whatever it raises reaches the reader.

    The thread starts at once: what `produce` needs must be there before. release: called once, by the thread, when it
    ends; so the device is never closed under a running read. Raises CameraStateError where no thread is to be had.
    """

    def __init__(self, name: str, produce: Callable[[], Frame | None], release: Callable[[], None]) -> None:
        self._name = name
        self._produce, self._release = produce, release
        self._changed = threading.Condition()
        self._frame: Frame | None = None
        self._error: Exception | None = None
        self._ended = False
        self._closing = threading.Event()
        try:
            self._thread = start_thread(self._run, "camera", name)
        except CameraError:
            release()
            raise

    def read(self, timeout_s: float) -> Frame | None:
        """See `Camera.read`."""
        with self._changed:
            self._changed.wait_for(lambda: self._frame is not None or self._ended, timeout_s)
            frame, self._frame = self._frame, None
            if frame is not None:
                return frame
            if not self._ended:
                raise CameraStallError(f"{self._name}: no frame for {timeout_s:g} s")
            if self._error is not None:
                raise CameraError(f"{self._name}: {self._error}") from self._error
            return None

    def close(self) -> None:
        """Ask the thread to end and wait for it a moment; a read stuck in the driver ends by itself later."""
        self._closing.set()
        self._thread.join(CLOSE_S)

    def _run(self) -> None:
        error = None
        try:
            while not self._closing.is_set() and (frame := self._produce()) is not None:
                with self._changed:
                    self._frame = frame
                    self._changed.notify()
        except Exception as raised:
            error = raised
        finally:
            self._release()
            with self._changed:
                self._error, self._ended = error, True
                self._changed.notify()
