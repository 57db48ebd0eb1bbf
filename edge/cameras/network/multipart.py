"""Pictures over HTTP (multipart/x-mixed-replace, or one JPEG), none larger than cameras make them.

FFmpeg takes as much memory as a server says that a picture has. Everything else over HTTP is its work all the same.
"""

from __future__ import annotations

import re
import socket
import ssl
import time
from contextlib import suppress
from http.client import HTTPException, HTTPResponse
from typing import cast
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import (
    HTTPBasicAuthHandler,
    HTTPDigestAuthHandler,
    HTTPPasswordMgrWithDefaultRealm,
    HTTPSHandler,
    Request,
    build_opener,
)

import numpy as np
import numpy.typing as npt

from edge.errors import CameraError

MAX_PICTURE_BYTES = 1 << 24  # a JPEG of 20 megapixels at its best
MAX_LINE_BYTES, MAX_HEADERS = 1 << 12, 64
RECEIVED_BYTES = 1 << 16
MULTIPART, SINGLE = "multipart/x-mixed-replace", "image/jpeg"

U8 = npt.NDArray[np.uint8]


class HttpPictures:
    """JPEGs of an open answer. read_s: how long one may take. Raises CameraError in `next`."""

    def __init__(self, answer: HTTPResponse, read_s: float) -> None:
        self._answer, self._read_s = answer, read_s
        self._single = answer.headers.get_content_type() == SINGLE
        boundary = str(answer.headers.get_param("boundary") or "").strip().lstrip("-")
        self._boundary = re.compile(rb"\r?\n--[-]*" + re.escape(boundary.encode("latin-1", "replace")))
        self._buffer = bytearray()
        self._ended = False
        self._end_s = 0.0
        self._socket: socket.socket | None = getattr(getattr(answer.fp, "raw", None), "_sock", None)
        if self._socket is not None:
            self._socket.settimeout(read_s)

    def next(self) -> U8 | None:
        """The next picture, uint8 [bytes]; None at the end."""
        self._end_s = time.monotonic() + self._read_s
        try:
            data = self._rest() if self._single else self._part()
        except (OSError, HTTPException, ValueError) as error:
            if isinstance(error, CameraError):
                raise
            raise CameraError(f"the stream broke off, or nothing came for {self._read_s:g} s ({error})") from error
        return None if data is None else np.frombuffer(data, np.uint8)

    def shut(self) -> None:
        """Wake a thread that waits for the network; it then closes."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._answer.close()

    def _part(self) -> bytes | None:
        while (headers := self._headers()) is not None:
            length = headers.get("content-length", "")
            known = length.isdecimal() and len(length) < 20
            data = self._take(int(length)) if known else self._until_boundary()
            if data:
                return data
        return None

    def _headers(self) -> dict[str, str] | None:
        """Of the next part, boundaries and empty lines before it passed over; None at the end."""
        headers: dict[str, str] = {}
        for _ in range(MAX_HEADERS):
            line = self._line()
            if line is None:
                return None
            name, colon, value = line.partition(":")
            if colon and not line.startswith("--"):
                headers[name.strip().lower()] = value.strip()
            elif not line and headers:
                return headers
        raise CameraError(f"expected pictures of type {MULTIPART}, found something else; check the path")

    def _line(self) -> str | None:
        while (at := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > MAX_LINE_BYTES:
                raise CameraError(f"expected the head of a picture, found a line of more than {MAX_LINE_BYTES} bytes")
            if not self._more():
                return None
        line = bytes(self._buffer[:at])
        del self._buffer[: at + 1]
        return line.decode("latin-1").strip()

    def _take(self, length: int) -> bytes | None:
        _check_size(length)
        while len(self._buffer) < length:
            if not self._more():
                return None
        data = bytes(self._buffer[:length])
        del self._buffer[:length]
        return data

    def _until_boundary(self) -> bytes | None:
        searched = 0
        while (found := self._boundary.search(self._buffer, searched)) is None:
            searched = max(0, len(self._buffer) - 256)
            _check_size(len(self._buffer))
            if not self._more():
                return None
        data = bytes(self._buffer[: found.start()])
        del self._buffer[: found.start()]
        return data

    def _rest(self) -> bytes | None:
        while not self._ended:
            _check_size(len(self._buffer))
            self._more()
        data = bytes(self._buffer)
        self._buffer.clear()
        return data or None

    def _more(self) -> bool:
        if time.monotonic() > self._end_s:
            raise CameraError(f"no picture came within {self._read_s:g} s")
        data = b"" if self._ended else self._answer.read1(RECEIVED_BYTES)
        self._ended = not data
        self._buffer += data
        return not self._ended


def open_pictures(url: str, open_s: float, read_s: float) -> HttpPictures | None:
    """The pictures of an address, or None where it answers with something else, which FFmpeg may know.

    User and password of the address are given when they are asked for (Basic, Digest). A camera's certificate is its
    own, as a rule, and is not looked at, nor does FFmpeg. Raises OSError.
    """
    parts = urlsplit(url)
    plain = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    passwords = HTTPPasswordMgrWithDefaultRealm()
    if parts.username is not None:
        passwords.add_password(None, plain, unquote(parts.username), unquote(parts.password or ""))
    opener = build_opener(
        HTTPBasicAuthHandler(passwords),
        HTTPDigestAuthHandler(passwords),
        HTTPSHandler(context=ssl._create_unverified_context()),
    )
    try:
        answer = cast(HTTPResponse, opener.open(Request(plain), timeout=open_s))
    except HTTPError as error:
        error.close()
        raise
    except (HTTPException, ValueError):
        return None
    if answer.headers.get_content_type() in (MULTIPART, SINGLE):
        return HttpPictures(answer, read_s)
    answer.close()
    return None


def _check_size(size: int) -> None:
    if size > MAX_PICTURE_BYTES:
        raise CameraError(f"expected a picture of at most {MAX_PICTURE_BYTES} bytes, found one of {size} or more")
