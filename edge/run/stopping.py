"""When a run shall end: by a signal, by a terminal that closes, or after so many seconds."""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType


class StopRequest(threading.Event):
    """An event that a signal handler may set: no lock, which the interrupted thread may hold, and no thread."""

    def __init__(self) -> None:
        super().__init__()
        self._set = False
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)  # stays open: threads may wait to the very end

    def is_set(self) -> bool:
        return self._set

    def set(self) -> None:
        self._set = True
        os.eventfd_write(self._wake, 1)

    def wait(self, timeout: float | None = None) -> bool:
        if not self.is_set():
            poll = select.poll()
            poll.register(self._wake, select.POLLIN)
            poll.poll(None if timeout is None else max(0.0, timeout) * 1e3)
        return self.is_set()


class WithinTime(threading.Event):
    """Another event, or so many seconds from now: whatever is waited for then, a silent camera or a gap, ends."""

    def __init__(self, stop: threading.Event, seconds: float) -> None:
        super().__init__()
        self._stop, self._end_s = stop, time.monotonic() + seconds

    def is_set(self) -> bool:
        return self._stop.is_set() or time.monotonic() >= self._end_s

    def set(self) -> None:
        self._stop.set()

    def wait(self, timeout: float | None = None) -> bool:
        left_s = max(0.0, self._end_s - time.monotonic())
        self._stop.wait(left_s if timeout is None else min(timeout, left_s))
        return self.is_set()


def stop_on_signals() -> StopRequest:
    """SIGINT and SIGTERM ask for a stop; the second one kills."""
    stop = StopRequest()

    def handle(number: int, frame: FrameType | None) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handle)
    return stop


def on_hangup(stop: Callable[[], None], reload: Callable[[], None]) -> None:
    """SIGHUP: a terminal that closes ends what ran in it; a service, which has none, reloads. nohup's wish is kept."""
    in_terminal = _has_terminal() and "NOTIFY_SOCKET" not in os.environ
    if in_terminal and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return
    signal.signal(signal.SIGHUP, lambda number, frame: stop() if in_terminal else reload())


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True
