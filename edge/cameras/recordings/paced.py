"""`--realtime`: a recording played at its own pace, as a camera would deliver it."""

from __future__ import annotations

import threading
import time

from edge.cameras.base import Camera
from edge.cameras.holding.freshest import Freshest
from edge.picture.frame import Frame


class PacedRecording(Camera):
    """Plays a recording that nothing else reads; a frame that is not read in time is lost."""

    live = False

    def __init__(self, recording: Camera) -> None:
        super().__init__(recording.name)
        self.notes = recording.notes
        self._recording = recording
        self._start_s: float | None = None
        self._closing = threading.Event()
        self._freshest = Freshest(self.name, self._produce, recording.close)

    def read(self, timeout_s: float) -> Frame | None:
        return self._freshest.read(timeout_s)

    def close(self) -> None:
        self._closing.set()
        self._freshest.close()

    def _produce(self) -> Frame | None:
        frame = self._recording.read(0.0)
        if frame is not None:
            now_s = time.monotonic()
            if self._start_s is None:
                self._start_s = now_s - frame.capture_time_s
            self._closing.wait(max(0.0, self._start_s + frame.capture_time_s - now_s))
        return frame
