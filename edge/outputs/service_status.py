"""Tells systemd how the service is: READY, WATCHDOG after real progress only, STATUS (sd_notify(3))."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from edge.files import replace_file
from edge.messages import ROLLED_BACK, Event, Prediction
from edge.outputs import Output
from edge.outputs.summary import Summary
from edge.printable import one_line

STATUS_EVERY_S = 1.0
WATCHDOG_SHARE = 3  # of the watchdog's period: two signs of life may be late before systemd kills
LONGEST_STATUS = 500
BUNDLE_RECORD = "bundle.json"
RECORDED = ("bundle", "digest", "rejected", "error", "camera", "labels")
STATED = ("camera_lost", "resting", ROLLED_BACK)  # events that are a state: systemd shows their message


class ServiceStatus(Output):
    """An output whose reader is systemd; without NOTIFY_SOCKET in the environment it says nothing.

    READY comes with the first prediction, or when the pipeline waits for a camera in good health. The watchdog is fed
    by predictions, by attempts to open the camera and by frames that come while the recogniser rests, never by a timer:
    a pipeline that hangs must be killed. Where systemd made a runtime directory, `bundle.json` in it names the bundle
    that runs, so that an update can be sure of it.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        # Not blocking: a systemd that does not read must not stop a robot's eyes.
        kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        self._socket = socket.socket(socket.AF_UNIX, kind) if address else None
        period_s = int(environment.get("WATCHDOG_USEC") or 0) / 1e6
        self._every_s = min(STATUS_EVERY_S, period_s / WATCHDOG_SHARE) if period_s else STATUS_EVERY_S
        folder = environment.get("RUNTIME_DIRECTORY")
        self._record_path = Path(folder) / BUNDLE_RECORD if folder else None
        self._record: dict[str, object] = {}
        self._ready = False
        self._ticks = 0
        self._limits = ""
        self._last_s = time.monotonic()

    def prediction(self, prediction: Prediction) -> None:
        self._ticks += 1
        since_s = time.monotonic() - self._last_s
        if not self._ready or since_s >= self._every_s:
            answer = prediction.label or (prediction.reason or "").replace("_", " ")
            rate = f"{self._ticks / since_s:.1f} ticks/s, " if self._ready else ""
            self._progress(f"{answer} ({prediction.confidence:.0%}), {rate}{prediction.seen_by}{self._limits}")

    def event(self, event: Event) -> None:
        if event.name in STATED:
            self._send(_status(event.message))
        elif event.name in ("throttled", "unthrottled"):
            self._limits = f"; {event.message}" if event.name == "throttled" else ""
        if event.name in ("started", "bundle_changed", ROLLED_BACK):
            self._record_bundle(event)

    def stopped(self, summary: Summary) -> None:
        self._send("STOPPING=1")

    def waiting(self) -> None:
        if not self._ready or time.monotonic() - self._last_s >= self._every_s:
            self._progress()

    def _progress(self, status: str = "") -> None:
        lines = ["WATCHDOG=1"] if self._ready else ["READY=1", "WATCHDOG=1"]
        sent = self._send(*lines, *([_status(status)] if status else []))
        # What did not get through (systemd is restarted, or busy) is said again, READY first.
        self._ready, self._ticks, self._last_s = sent, 0, time.monotonic()

    def _send(self, *assignments: str) -> bool:
        if self._socket is None:
            return True
        try:
            self._socket.sendto("\n".join(assignments).encode(), self._address)
        except OSError:
            return False
        return True

    def _record_bundle(self, event: Event) -> None:
        known = {key: event.details[key] for key in RECORDED if key in event.details}
        if event.name == "bundle_changed":
            self._record = known
        else:  # `started` may follow a rollback at the start, which stays true
            self._record |= known
        if self._record_path is not None:
            with suppress(OSError):  # who updates then says that it got no answer; the robot goes on
                # 0644: `edge-service status` needs no root; the unit's umask is 0077
                replace_file(self._record_path, json.dumps(self._record).encode(), 0o644)


def _status(text: str) -> str:
    """Words of a bundle or a camera in it must not be assignments of their own, and no message too long to be sent."""
    line = one_line(text)
    return f"STATUS={line if len(line) <= LONGEST_STATUS else line[:LONGEST_STATUS] + '...'}"
