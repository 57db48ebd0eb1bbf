"""A thread for a camera; where the system has none left, the camera is lost for now, like one that is unplugged."""

from __future__ import annotations

import threading
from collections.abc import Callable

from edge.cameras.base import CameraStateError


def start_thread(run: Callable[[], None], name: str, camera: str) -> threading.Thread:
    """Start it, a daemon. camera: its name, for the error. Raises CameraStateError `no_thread`."""
    thread = threading.Thread(target=run, name=f"{name} {camera}", daemon=True)
    try:
        thread.start()
    except RuntimeError as error:
        message = f"{camera}: no thread is to be had ({error}); see ulimit -u, and TasksMax= of a service"
        raise CameraStateError("no_thread", message) from error
    return thread
