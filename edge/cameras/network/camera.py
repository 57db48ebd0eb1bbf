"""Cameras on the network: pictures over HTTP (multipart.py); RTSP and video over HTTP through OpenCV's FFmpeg."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.error import HTTPError
from urllib.parse import urlsplit

import cv2
import numpy as np

from edge.cameras.base import Camera, CameraStallError, CameraStateError
from edge.cameras.clocks import StreamClock
from edge.cameras.holding.freshest import Freshest
from edge.cameras.network.multipart import HttpPictures, open_pictures
from edge.errors import CameraError, UsageError
from edge.picture.frame import Frame, Image
from edge.picture.unwritten import is_untouched, marked_memory

PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
CONNECT_S = 1.5
OPEN_S = 5.0  # until the first key frame, for which some cameras take seconds
READ_S = 1.0
MARK = 0x5A  # a level that no whole picture has
NO_VIDEO = f"answers, but gave no video within {OPEN_S:g} s; check path, user and password (ffprobe URL)"
# TCP: a lost packet is a late picture, not a broken one. No queue before the decoder, none in it.
OPTIONS_VARIABLE = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
OPTIONS = "rtsp_transport;tcp|fflags;nobuffer|flags;low_delay"


class NetworkCamera(Camera):
    """A stream, decoded picture by picture by a thread of its own, of which the newest one counts.

    Capture times of RTSP come from the sender's time stamps (edge/cameras/clocks.py), of HTTP from the arrival.
    Name and errors do not contain the user, the password or the query of the address.
    Raises CameraStateError: `unreachable`, `no_video`; while reading, `ended`.
    """

    live = True

    def __init__(self, url: str) -> None:
        super().__init__(public_url(url))
        _reach(url, self.name)
        self._sequence, self._stamp_s = -1, -1.0
        self._pictures = _open_pictures(url, self.name) if url.startswith("http") else None
        if self._pictures is not None:
            self._freshest = Freshest(self.name, self._next_picture, self._pictures.close)
            return
        self._capture = _open(url, self.name)
        self._clock = StreamClock() if url.startswith("rtsp") else None
        self._freshest = Freshest(self.name, self._produce, self._capture.release)

    def read(self, timeout_s: float) -> Frame | None:
        try:
            return self._freshest.read(timeout_s)
        except CameraStallError:
            raise
        except CameraError as error:
            raise CameraStateError(getattr(error.__cause__, "state", "ended"), str(error)) from error

    def close(self) -> None:
        if self._pictures is not None:
            self._pictures.shut()
        self._freshest.close()

    def _next_picture(self) -> Frame:
        assert self._pictures is not None
        picture = self._pictures.next()
        if picture is None:
            raise CameraError("the stream ended")
        self._sequence += 1
        return Frame(picture, self._sequence, time.monotonic(), "jpeg")

    def _produce(self) -> Frame:
        decoded, image = self._first() if self._sequence < 0 else self._capture.read()
        now_s = time.monotonic()
        if not decoded:
            raise CameraError(f"the stream ended, or nothing came for {READ_S:g} s")
        self._sequence += 1
        return Frame(np.asarray(image, np.uint8), self._sequence, self._capture_time_s(now_s))

    def _first(self) -> tuple[bool, Image]:
        """The first picture decides whether there will be any."""
        width, height = (self._capture.get(size) for size in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        with marked_memory(MARK, int(width) * int(height)):
            decoded, image = self._capture.read()
        if decoded and is_untouched(np.asarray(image, np.uint8), MARK):
            message = f"its pictures are interlaced, which OpenCV {cv2.__version__} does not read; make it progressive"
            raise CameraStateError("no_video", message)
        return decoded, np.asarray(image, np.uint8)

    def _capture_time_s(self, now_s: float) -> float:
        earlier_s, self._stamp_s = self._stamp_s, self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3
        if self._clock is None or self._stamp_s == earlier_s:  # a stream without stamps repeats the last one
            return now_s
        return self._clock.capture_time_s(self._stamp_s, now_s)


def checked_url(url: str) -> str:
    """The address itself. Raises UsageError when it has no host or no sensible port."""
    try:
        parts = urlsplit(url)
        if parts.hostname and parts.port != 0:
            return url
    except ValueError:  # of the port; its message would repeat a password with a slash in it
        pass
    raise UsageError(
        f"{public_url(url)}: expected SCHEME://[USER:PASSWORD@]HOST[:PORT]/PATH; write / in a password as %2F"
    )


def public_url(text: str) -> str:
    """An address as it may be shown: without user, password and query, whatever characters are in them."""
    return re.sub(r"\?.*", "?***", re.sub(r"^([^:/?]*://).*@", r"\1***@", text, flags=re.DOTALL), flags=re.DOTALL)


def _reach(url: str, name: str) -> None:
    """FFmpeg does not tell why it fails; the network does."""
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname or "", parts.port or PORTS[parts.scheme]), CONNECT_S).close()
    except OSError as error:
        reason = error.strerror or error
        raise CameraStateError("unreachable", f"{name}: cannot be reached ({reason}); is the camera on?") from error


def _open_pictures(url: str, name: str) -> HttpPictures | None:
    try:
        return open_pictures(url, OPEN_S, READ_S)
    except OSError as error:
        raise CameraStateError("no_video", f"{name}: {NO_VIDEO} ({_reason(error)})") from error


def _reason(error: OSError) -> object:
    """Without the address, which may hold a password."""
    if isinstance(error, HTTPError):
        return f"HTTP {error.code} {error.reason}"
    return error.strerror or type(error).__name__


def _open(url: str, name: str) -> cv2.VideoCapture:
    timeouts = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, int(OPEN_S * 1e3), cv2.CAP_PROP_READ_TIMEOUT_MSEC, int(READ_S * 1e3)]
    with _ffmpeg_options():
        capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG, timeouts)
    if not capture.isOpened():
        raise CameraStateError("no_video", f"{name}: {NO_VIDEO}")
    return capture


@contextmanager
def _ffmpeg_options() -> Iterator[None]:
    """By the environment, the only way to them; what the user set stays, and a file opened later does not get ours."""
    if OPTIONS_VARIABLE in os.environ:
        yield
        return
    os.environ[OPTIONS_VARIABLE] = OPTIONS
    try:
        yield
    finally:
        del os.environ[OPTIONS_VARIABLE]
