"""Ends a step that does not end: a model may hold a loop that no board will see the end of."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from weakref import WeakSet

STEP_S = 8.0  # systemd kills the service after 15 s without an answer (WatchdogSec=), and would start it again
WORKING_S = 2.0  # of processor time: a board that swaps, or whose memory card is stuck, is no fault of the model
LOOK_S = 1.0
THREAD_NAME = "patience"


class Patience:
    """A context around each step; `give_up` is called from another thread, at most once a step, after STEP_S.

    given_up: whether it was, for the step that ended last.
    """

    def __init__(self, give_up: Callable[[], None]) -> None:
        self._give_up = give_up
        self._begun: tuple[float, float] | None = None
        self.given_up = False
        _watch(self)

    def __enter__(self) -> None:
        self.given_up = False
        if _watching_in != os.getpid():
            _watch(self)
        self._begun = time.monotonic(), time.process_time()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._begun = None

    def look(self) -> None:
        """Give up where it is time to."""
        begun = self._begun
        if begun is None or self.given_up:
            return
        if time.monotonic() - begun[0] > STEP_S and time.process_time() - begun[1] > WORKING_S:
            self.given_up = True
            self._give_up()


_watched: WeakSet[Patience] = WeakSet()
_lock = threading.Lock()
_watching_in = 0  # the process whose thread watches: a fork has none


def _watch(patience: Patience) -> None:
    global _watching_in
    with _lock:
        _watched.add(patience)
        if _watching_in != os.getpid():
            # Where no thread is to be had, steps go on unwatched, and each asks again for one.
            with suppress(RuntimeError):
                threading.Thread(target=_look_on, name=THREAD_NAME, daemon=True).start()
                _watching_in = os.getpid()


def _look_on() -> None:
    while True:
        time.sleep(LOOK_S)
        with _lock:
            watched = list(_watched)
        for patience in watched:
            patience.look()
        del watched
