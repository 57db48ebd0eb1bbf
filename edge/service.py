"""Tells systemd how the service is: READY, WATCHDOG after real progress only, STATUS (sd_notify(3))."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping

from edge.messages import Event, Prediction
from edge.outputs import Output
from edge.summary import Summary

STATUS_EVERY_S = 1.0


class ServiceStatus(Output):
    """An output whose reader is systemd; without NOTIFY_SOCKET in the environment it says nothing.

    READY comes with the first prediction, or when the pipeline waits for a camera in good health. The watchdog is fed
    by predictions and by attempts to open the camera, never by a timer: a pipeline that hangs must be killed.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) if address else None
        self._ready = False
        self._ticks = 0
        self._last_s = time.monotonic()

    def prediction(self, prediction: Prediction) -> None:
        self._ticks += 1
        since_s = time.monotonic() - self._last_s
        if not self._ready or since_s >= STATUS_EVERY_S:
            answer = prediction.label or (prediction.reason or "").replace("_", " ")
            rate = f"{self._ticks / since_s:.1f} ticks/s, " if self._ready else ""
            self._progress(f"{answer} ({prediction.confidence:.0%}), {rate}gamma {prediction.gamma:g}")

    def event(self, event: Event) -> None:
        if event.name == "camera_lost":
            self._send(f"STATUS={event.message}")

    def stopped(self, summary: Summary) -> None:
        self._send("STOPPING=1")

    def waiting(self) -> None:
        self._progress()

    def _progress(self, status: str = "") -> None:
        lines = ["WATCHDOG=1"] if self._ready else ["READY=1", "WATCHDOG=1"]
        self._send("\n".join([*lines, f"STATUS={status}"] if status else lines))
        self._ready, self._ticks, self._last_s = True, 0, time.monotonic()

    def _send(self, message: str) -> None:
        if self._socket is None:
            return
        try:
            self._socket.sendto(message.encode(), self._address)
        except OSError:  # systemd is being restarted: it will ask again; a robot must not stop for that
            self._ready = False
