"""The way out of the service's sandbox: JSON Lines on a Unix socket, for as many readers as come.

The pipeline waits for none of them: what a reader has not taken is kept up to KEPT_BYTES, and one that is farther
behind is let go and counted, so that nobody gets half of what was said and takes it for all.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from edge.errors import ConfigError
from edge.messages import Event, Prediction
from edge.outputs import Output
from edge.outputs.jsonl import event_line, prediction_line, stopped_line
from edge.outputs.summary import Summary
from edge.paths import shown

MODE = 0o660  # its owner and its group, and nobody else
LONGEST_PATH = 107  # bytes, sockaddr_un(7)
MOST_READERS = 32
KEPT_BYTES = 1 << 18  # of one reader's: about ten seconds
INTRODUCTIONS = ("started", "bundle_changed")  # the last of them is said to everybody first
LOST = "reader_lost"


@dataclass
class _Reader:
    socket: socket.socket
    kept: bytearray = field(default_factory=bytearray)


class EventsSocket(Output):
    """Listens at a path as long as it is open. Raises ConfigError where it cannot.

    A socket that nobody listens at any more, of a process that was killed, is replaced; anything else there stays.
    `lost`: readers that were let go because they were too slow.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._readers: list[_Reader] = []
        self._introduction = b""
        self.lost = 0
        self._listener = _listen(path)
        self._identity = _identity(path)

    def prediction(self, prediction: Prediction) -> None:
        self._say(prediction_line(prediction))

    def event(self, event: Event) -> None:
        line = event_line(event)
        if event.name in INTRODUCTIONS:
            self._admit()  # who came before hears it once, as everybody
            self._introduction = line.encode() + b"\n"
        self._say(line)

    def waiting(self) -> None:
        self._admit()
        self._offer()

    def stopped(self, summary: Summary) -> None:
        self._say(stopped_line(summary))

    def close(self) -> None:
        """Readers get what the kernel has room for, and the end."""
        for reader in self._readers:
            reader.socket.close()
        self._readers.clear()
        self._listener.close()
        with suppress(OSError):
            if _identity(self._path) == self._identity:
                self._path.unlink()

    def _say(self, line: str) -> None:
        self._admit()
        data = line.encode() + b"\n"
        for reader in self._readers:
            reader.kept += data
        self._offer()

    def _admit(self) -> None:
        """Everybody who has knocked."""
        while True:
            try:
                came, _ = self._listener.accept()
            except OSError as error:
                if error.errno in (errno.ECONNABORTED, errno.EINTR):
                    continue
                return  # nobody, or no descriptor left: they wait in the kernel's queue
            if len(self._readers) == MOST_READERS:
                came.close()
                continue
            came.setblocking(False)
            self._readers.append(_Reader(came, bytearray(self._introduction)))

    def _offer(self) -> None:
        staying, lost = [], 0
        for reader in self._readers:
            if self._takes(reader) and len(reader.kept) <= KEPT_BYTES:
                staying.append(reader)
            else:
                lost += len(reader.kept) > KEPT_BYTES
                reader.socket.close()
        self._readers = staying
        if lost:
            self.lost += lost
            text = f"{lost} of the socket's readers did not keep up and were let go; {self.lost} so far"
            self._say(event_line(Event(LOST, text, {"lost": self.lost})))

    def _takes(self, reader: _Reader) -> bool:
        """False where the reader is gone."""
        try:
            while reader.kept:
                del reader.kept[: reader.socket.send(reader.kept, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)]
        except BlockingIOError:
            return True
        except OSError:
            return False
        return not self._has_left(reader)

    @staticmethod
    def _has_left(reader: _Reader) -> bool:
        """Nobody says anything to us: what there is to read is the end."""
        try:
            return not reader.socket.recv(4096, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True


def connect(path: Path) -> socket.socket:
    """A reader's side. Raises OSError."""
    reader = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        reader.connect(os.fspath(path))
    except OSError:
        reader.close()
        raise
    return reader


def _listen(path: Path) -> socket.socket:
    name = os.fsencode(path)
    if len(name) > LONGEST_PATH or b"\0" in name:
        raise ConfigError(f"socket: expected a path of at most {LONGEST_PATH} bytes, found {len(name)}: {shown(path)}")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    try:
        _make_room(path)
        # Not for a moment open to all: permissions are checked when somebody connects, which needs the name.
        before = os.umask(0o777 & ~MODE)
        try:
            listener.bind(name)
        finally:
            os.umask(before)
        listener.listen(MOST_READERS)
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"socket: cannot listen at {shown(path)} ({error.strerror}); expected a path in a folder that is there, "
            "where this user may write and nothing else lies"
        ) from error
    return listener


def _make_room(path: Path) -> None:
    """Remove a socket that nobody listens at. Raises OSError where somebody does, or something else is there."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise FileExistsError(errno.EEXIST, "something that is no socket is there")
        connect(path).close()
    except FileNotFoundError:
        return
    except ConnectionRefusedError:
        path.unlink()
        return
    raise OSError(errno.EADDRINUSE, "another program listens there")


def _identity(path: Path) -> tuple[int, int]:
    status = path.lstat()
    return status.st_dev, status.st_ino
