"""Opening a device or an address that may take its time: a stop does not wait for it."""

from __future__ import annotations

import queue
import threading
from contextlib import suppress

from edge.cameras.base import Camera, CameraSource
from edge.cameras.holding.threads import start_thread

POLL_S = 0.1  # how long a stop may go unnoticed


def open_unless_stopped(source: CameraSource, stop: threading.Event) -> Camera | None:
    """Open it in a thread of its own; None when the stop comes first, and what is opened after that is closed.

    Raises what `source.open` raises; CameraStateError where no thread is to be had.
    """
    results: queue.SimpleQueue[Camera | Exception] = queue.SimpleQueue()

    def attempt() -> None:
        try:
            camera = source.open()
        except Exception as error:
            results.put(error)
            return
        if stop.is_set():
            camera.close()
        else:
            results.put(camera)

    start_thread(attempt, "opening", source.name)
    while not stop.is_set():
        with suppress(queue.Empty):
            result = results.get(timeout=POLL_S)
            if isinstance(result, Exception):
                try:
                    raise result
                finally:
                    # Or the error and this frame would hold each other, and with them the caller's last picture.
                    del result
            return result
    return None
