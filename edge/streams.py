"""What a command says: whole lines to programs (stdout), to people (stderr) what they take; no reader ends the work.

Python's own streams lose half a line where a pipe is full and does not block, end a program whose stderr is a full
disk, and make exit code 120 of a flush that fails at the end. These do not; `holding_streams` puts them in place.
"""

from __future__ import annotations

import errno
import io
import os
import select
import stat
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TextIO

from edge.errors import EXIT_FAILURE, EXIT_STOPPED, EdgeError

P = ParamSpec("P")
STDOUT, STDERR = 1, 2
PIECE = select.PIPE_BUF  # a pipe that poll calls writable takes so much without waiting
POLL_MS = 100
GIVE_UP_S = 0.5  # how long a program that was told to stop still waits for the reader of its lines
KEPT_BYTES = 1 << 16  # of what people have not read yet; more is dropped
LAST_WORDS_S = 0.5  # a stop shall be over within two seconds
GONE = (errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN)


class OutputError(EdgeError, OSError):
    """Standard output cannot be written."""

    def __str__(self) -> str:  # one sentence for people, without the number
        return str(self.strerror)


class ReaderGoneError(EdgeError, BrokenPipeError):
    """Whoever read standard output has gone away; a reason to stop, not a failure."""

    exit_code = EXIT_STOPPED


class _Descriptor(io.RawIOBase):
    """A descriptor that is written to, and never closed with the stream."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)


class WholeLines(_Descriptor):
    """A descriptor for programs: waits as long as its reader takes, and leaves no half of a line.

    tell_gone: raise ReaderGoneError when the reader is gone; otherwise what comes after is dropped, for a command
    whose work is more than what it prints. give_up: asked while waiting; True is a stop, after which a reader that
    hangs counts as gone. Raises OutputError, once; what comes after is dropped.
    """

    def __init__(self, descriptor: int, tell_gone: bool = False) -> None:
        super().__init__(descriptor)
        self.failure: OSError | None = None
        self.give_up: Callable[[], bool] = lambda: False
        self.tell_gone = tell_gone
        self._ended = False

    def write(self, data: object) -> int:
        left = memoryview(data).cast("B")  # type: ignore[arg-type]
        size, done = len(left), 0
        while not self._ended and done < size:
            try:
                self._wait()
                done += os.write(self._descriptor, left[done : done + PIECE])
            except BlockingIOError:  # another process wrote into the same pipe
                time.sleep(POLL_MS / 1e4)
            except OSError as error:
                self._end(error, done)
        return size

    def _wait(self) -> None:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        stopped_s = None
        while not poll.poll(POLL_MS):
            if self.give_up():
                stopped_s = stopped_s or time.monotonic()
                if time.monotonic() - stopped_s >= GIVE_UP_S:
                    raise BrokenPipeError(errno.EPIPE, "its reader hangs")

    def _end(self, error: OSError, done: int) -> None:
        self._ended = True
        # The terminal of a session that was closed answers with EIO.
        if error.errno in GONE or (error.errno == errno.EIO and self.isatty()):
            if self.tell_gone:
                raise ReaderGoneError("the reader of standard output is gone") from error
            return
        self.failure = error
        self._take_back(done)
        raise OutputError(error.errno, f"standard output: {error.strerror}") from error

    def _take_back(self, done: int) -> None:
        """Half a line at the end of a file on a full disk, which its reader would take for a damaged one."""
        with suppress(OSError):
            status, at = os.fstat(self._descriptor), os.lseek(self._descriptor, 0, os.SEEK_CUR)
            if done and stat.S_ISREG(status.st_mode) and at == status.st_size:
                os.ftruncate(self._descriptor, at - done)


class ForPeople(_Descriptor):
    """A descriptor that people read: nothing that is wrong with it is ever raised.

    patient: wait for a reader who is slow, as every command does. Otherwise what he does not take is kept, as far as
    there is room, and offered again with the next line and at the end: a camera does not wait for a terminal.
    """

    def __init__(self, descriptor: int, patient: bool = True) -> None:
        super().__init__(descriptor)
        self._patient = patient
        self._kept = bytearray()
        self._ended = False

    def write(self, data: object) -> int:
        piece = memoryview(data).cast("B")  # type: ignore[arg-type]
        if not self._ended and len(self._kept) + len(piece) <= KEPT_BYTES:
            self._kept += piece
        self._offer(None if self._patient else 0.0)
        return len(piece)

    def last_words(self) -> None:
        """Offer what is kept once more, for a moment."""
        self._offer(LAST_WORDS_S)

    def _offer(self, patience_s: float | None) -> None:
        end_s = None if patience_s is None else time.monotonic() + patience_s
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        while self._kept and not self._ended:
            left_ms = POLL_MS if end_s is None else max(0.0, end_s - time.monotonic()) * 1e3
            try:
                if poll.poll(left_ms):
                    del self._kept[: os.write(self._descriptor, self._kept[:PIECE])]
                elif end_s is not None:
                    return
            except BlockingIOError:  # room for less than a piece, which poll calls writable
                if end_s is not None:
                    return
                time.sleep(POLL_MS / 1e3)
            except OSError:
                self._ended = True


def called(name: str) -> str:
    """What the user called this command: one with a general name (`distill`) is installed as `edge-...`, too."""
    typed = Path(sys.argv[0]).name if sys.argv else ""
    return typed if typed.startswith("edge-") and not name.startswith("edge-") else name


def holding_streams(name: str, live: bool = False) -> Callable[[Callable[P, int]], Callable[P, int]]:
    """Decorates a command's main: streams that hold, and no exit code but the command's own.

    live: for a command with a camera, which waits for nobody who reads stderr, and ends when nobody reads stdout.
    Streams that somebody else has put in place (a test) stay.
    """

    def decorate(main: Callable[P, int]) -> Callable[P, int]:
        @wraps(main)
        def run(*arguments: P.args, **options: P.kwargs) -> int:
            _open_streams(live)
            try:
                return _told(name, main(*arguments, **options))
            except ReaderGoneError:
                return EXIT_STOPPED
            except OutputError:
                return _told(name, EXIT_FAILURE)
            except SystemExit as end:  # argparse: --help, --version, usage
                end.code = _told(name, end.code if isinstance(end.code, int) else EXIT_STOPPED)
                raise
            finally:
                last_words()

        return run

    return decorate


def last_words() -> None:
    """At the end: offer what people have not read yet once more, for a moment."""
    if isinstance(people := _raw(sys.stderr), ForPeople):
        people.last_words()


def give_up_when(stopped: Callable[[], bool]) -> None:
    """From now on a reader of stdout who hangs does not hold up a stop."""
    if isinstance(lines := _raw(sys.stdout), WholeLines):
        lines.give_up = stopped


def end_with_reader() -> None:
    """From now on the work ends, with ReaderGoneError, when nobody reads what it prints: it may have no other end."""
    if isinstance(lines := _raw(sys.stdout), WholeLines):
        lines.tell_gone = True


def _told(name: str, code: int) -> int:
    """The exit code, after what stdout still holds is out; a failure of it is one line, said once."""
    lines = _raw(sys.stdout)
    if not isinstance(lines, WholeLines):
        return code
    with suppress(OutputError, ReaderGoneError):
        sys.stdout.flush()
    if lines.failure is None:
        return code
    if code == EXIT_STOPPED:  # a command that failed has said why
        print(f"{called(name)}: standard output: {lines.failure.strerror}", file=sys.stderr)
    return code or EXIT_FAILURE


def _open_streams(live: bool) -> None:
    for descriptor in (0, STDOUT, STDERR):
        try:
            os.fstat(descriptor)
        except OSError:  # closed: the next file that is opened would get its number, and what libraries print
            os.open(os.devnull, os.O_RDWR)
    if _is_pythons(sys.stdout, sys.__stdout__):
        sys.stdout = _text(WholeLines(_or_null(sys.stdout, STDOUT), tell_gone=live), sys.stdout)
    if _is_pythons(sys.stderr, sys.__stderr__):
        if live and sys.stderr is not None:
            _own_description(STDERR)
        sys.stderr = _text(ForPeople(_or_null(sys.stderr, STDERR), patient=not live), sys.stderr)


def _is_pythons(stream: TextIO | None, at_start: TextIO | None) -> bool:
    """As Python opened it, or None, where whoever started us had closed it."""
    return stream is at_start


def _or_null(stream: TextIO | None, descriptor: int) -> int:
    """Where Python has no stream, the descriptor was closed, and may be another file's by now."""
    return descriptor if stream is not None else os.open(os.devnull, os.O_WRONLY)


def _own_description(descriptor: int) -> None:
    """Have a pipe or terminal that does not block, for C libraries, too, without making it so for other programs."""
    with suppress(OSError):  # of another user's, or no /proc: poll has to do
        if stat.S_ISFIFO(mode := os.fstat(descriptor).st_mode) or (stat.S_ISCHR(mode) and os.isatty(descriptor)):
            own = os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
            os.dup2(own, descriptor)
            os.close(own)


def _text(raw: io.RawIOBase, before: TextIO | None) -> TextIO:
    encoding = before.encoding if before is not None else "utf-8"
    # backslashreplace: a name in another encoding must be shown somehow.
    return io.TextIOWrapper(raw, encoding, "backslashreplace", line_buffering=True)  # type: ignore[type-var]


def _raw(stream: TextIO | None) -> object:
    return getattr(stream, "buffer", None)
