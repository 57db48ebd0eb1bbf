"""How far a long job is, and how long it will still take: one line that a terminal rewrites, whole lines in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

Progress = Callable[[int, int], None]  # done, all of them
REWRITE_EVERY_S = 0.1
LOG_EVERY_S = 30.0  # and what takes less than this says nothing in a log


class ProgressLine:
    """Callable with (done, all) of one phase; tells people on a stream, standard error unless another is given.

    what: the phase, such as `evaluating`. unit: of what is counted. A terminal gets a line that is rewritten, any other
    stream a whole line every half minute. The time left comes from the pace since the first call, so that a resumed job
    is not thought fast.
    """

    def __init__(
        self,
        what: str,
        unit: str = "clips",
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what, self._unit, self._clock = what, unit, clock
        self._stream = sys.stderr if stream is None else stream
        self._terminal = self._stream.isatty()
        self._first: tuple[int, float] | None = None
        self._told_s = clock() - (REWRITE_EVERY_S if self._terminal else 0.0)
        self._told_something = self._open = False

    def __call__(self, done: int, total: int) -> None:
        """Tell it, if it is time to."""
        now_s = self._clock()
        self._first = self._first or (done, now_s)
        over = done >= total
        if self._terminal:
            if over or now_s - self._told_s >= REWRITE_EVERY_S:
                self._told_s, self._open = now_s, not over
                self._write("\r\x1b[K" + self._line(done, total, now_s) + "\n" * over)
        elif now_s - self._told_s >= LOG_EVERY_S or (over and self._told_something):
            self._told_s, self._told_something = now_s, not over
            self._write(self._line(done, total, now_s) + "\n")

    def clear(self) -> None:
        """Take an unfinished line off the terminal, before something else is written there."""
        if self._open:
            self._open = False
            self._write("\r\x1b[K")

    def _line(self, done: int, total: int, now_s: float) -> str:
        return f"{self._what}: {done} of {total} {self._unit}{self._left(done, total, now_s)}"

    def _left(self, done: int, total: int, now_s: float) -> str:
        assert self._first is not None
        begun, begun_s = self._first
        if done >= total or done <= begun:
            return ""
        return f", {duration((now_s - begun_s) / (done - begun) * (total - done))} left"

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def show_progress(what: str, unit: str = "clips") -> ProgressLine:
    """The progress of a phase, for people, on standard error."""
    return ProgressLine(what, unit)


def duration(seconds: float) -> str:
    """`40 s`, `12 min`, `3 h 20 min`: as exact as an estimate is."""
    if seconds < 59.5:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
