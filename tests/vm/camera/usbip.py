"""USB/IP: the kernel's requests (URBs) as they come over a socket, and our answers (usbip_protocol in its docs)."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

CMD_SUBMIT, CMD_UNLINK, RET_SUBMIT, RET_UNLINK = 1, 2, 3, 4
HEADER_BYTES = 48
OUT, IN = 0, 1
EPIPE, ECONNRESET = 32, 104

_BASIC = struct.Struct(">IIIII")  # command, sequence number, device, direction, endpoint
_SUBMIT = struct.Struct(">IiIII8s")  # flags, buffer length, start frame, packets, interval, setup packet
_RETURN = struct.Struct(">iiIII8x")  # status, actual length, start frame, packets, errors
_UNLINKED = struct.Struct(">i24x")


@dataclass(frozen=True)
class Urb:
    """A transfer that the kernel waits for. setup: of endpoint 0. data: that comes with it, for direction OUT."""

    sequence: int
    direction: int
    endpoint: int
    length: int
    setup: bytes
    data: bytes


@dataclass(frozen=True)
class Unlink:
    """The kernel no longer wants the URB number `target`."""

    sequence: int
    target: int


class Link:
    """Our end of the socket. Every method raises EOFError or OSError when the kernel has let go of the device."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end

    def fileno(self) -> int:
        """For select()."""
        return self._socket.fileno()

    def receive(self) -> Urb | Unlink:
        """The next request; waits for it."""
        header = self._exactly(HEADER_BYTES)
        command, sequence, _, direction, endpoint = _BASIC.unpack(header[:20])
        if command == CMD_UNLINK:
            return Unlink(sequence, struct.unpack(">I", header[20:24])[0])
        if command != CMD_SUBMIT:
            raise OSError(f"USB/IP command {command} is not one of the kernel's")
        _, length, _, _, _, setup = _SUBMIT.unpack(header[20:])
        data = self._exactly(length) if direction == OUT else b""
        return Urb(sequence, direction, endpoint, length, setup, data)

    def complete(self, urb: Urb, data: bytes = b"", status: int = 0) -> None:
        """Answer a URB: `data` for direction IN; status 0 or a negative errno."""
        done = len(data) if urb.direction == IN else urb.length
        head = _BASIC.pack(RET_SUBMIT, urb.sequence, 0, 0, 0) + _RETURN.pack(status, 0 if status else done, 0, 0, 0)
        self._socket.sendall(head + data)

    def unlinked(self, unlink: Unlink, was_waiting: bool) -> None:
        """Answer an unlink: a URB that was given back is never answered again."""
        status = -ECONNRESET if was_waiting else 0
        self._socket.sendall(_BASIC.pack(RET_UNLINK, unlink.sequence, 0, 0, 0) + _UNLINKED.pack(status))

    def cut(self) -> None:
        """The plug is pulled."""
        self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()

    def _exactly(self, count: int) -> bytes:
        parts = bytearray()
        while len(parts) < count:
            part = self._socket.recv(count - len(parts))
            if not part:
                raise EOFError("the kernel has let go of the device")
            parts += part
        return bytes(parts)
