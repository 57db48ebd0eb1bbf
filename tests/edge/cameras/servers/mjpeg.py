"""A camera that serves MJPEG over HTTP on the loopback, as IP cameras do; every fault of a network can be asked for."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np


class MjpegServer(ThreadingHTTPServer):
    """Pictures at `fps`; picture n has level 4 n (mod 240), and the `size` (width, height) of the moment.

    said_bytes: what the head of each part says of its length, instead of the truth; "" says nothing.
    password: the value that the header Authorization must have. silent: sends nothing while it is set."""

    daemon_threads = True

    def __init__(self, fps: float = 50.0, password: str = "") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.fps, self.password = fps, password
        self.size = (64, 48)
        self.said_bytes: str | None = None
        self.silent, self.closing = threading.Event(), threading.Event()
        self.requests: list[str] = []

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def parts(self) -> Iterator[bytes]:
        """Pictures, until the connections shall be closed."""
        number, start_s = 0, time.monotonic()
        while not self.closing.wait(max(0.0, start_s + number / self.fps - time.monotonic())):
            if not self.silent.is_set():
                width, height = self.size
                picture = np.full((height, width, 3), number * 4 % 240, np.uint8)
                yield cv2.imencode(".jpg", picture)[1].tobytes()
            number += 1


class _Handler(BaseHTTPRequestHandler):
    server: MjpegServer

    def do_GET(self) -> None:
        self.server.requests.append(self.path)
        if self.server.password and self.headers.get("Authorization") != self.server.password:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="camera"')
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        try:
            for data in self.server.parts():
                said = self.server.said_bytes if self.server.said_bytes is not None else str(len(data))
                length = f"Content-Length: {said}\r\n" if said else ""
                head = f"--frame\r\nContent-Type: image/jpeg\r\n{length}\r\n"
                self.wfile.write(head.encode() + data + b"\r\n")
        except OSError:  # the reader has gone
            pass

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextmanager
def serving(server: MjpegServer) -> Iterator[MjpegServer]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()
