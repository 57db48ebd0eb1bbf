"""systemd's journal: the same JSON lines as messages, with fields to search by (docs/service.md).

Only a new answer is more than a debug message: the unit keeps those, and spares the memory card the other fourteen a
second (systemd.exec(5), LogLevelMax=).
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from edge.messages import Event, Prediction
from edge.outputs import Output
from edge.outputs.jsonl import event_line, prediction_line, stopped_line
from edge.outputs.summary import Summary
from edge.printable import one_line

SOCKET = "/run/systemd/journal/socket"
WARNING, NOTICE, INFO, DEBUG = 4, 5, 6, 7
PRIORITIES = {
    "camera_lost": WARNING,
    "picture_bad": WARNING,
    "throttled": WARNING,
    "bundle_rolled_back": WARNING,
    "cadence_degraded": WARNING,
    "gamma_changed": DEBUG,
    "resting": INFO,
    "action_started": INFO,
    "action_ended": INFO,
}


def goes_to_journal(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether systemd connected this stream to the journal (systemd.exec(5), $JOURNAL_STREAM)."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environment.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


class Journal(Output):
    """Sends entries; one that the journal does not take at once is lost, and the next one says how many were."""

    def __init__(self, address: str | Path = SOCKET) -> None:
        self._address = str(address)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        self._answer: tuple[str | None, str | None] | None = None
        self._lost = 0

    def prediction(self, prediction: Prediction) -> None:
        answer = (prediction.label, prediction.reason)
        priority, self._answer = DEBUG if answer == self._answer else INFO, answer
        fields = {
            "EDGE_TYPE": "prediction",
            "EDGE_LABEL": one_line(prediction.label or ""),
            "EDGE_REASON": prediction.reason or "",
            "EDGE_CONFIDENCE": f"{prediction.confidence:.4f}",
            "EDGE_GAMMA": f"{prediction.gamma:g}",
        }
        self._send(prediction_line(prediction), priority, fields)

    def event(self, event: Event) -> None:
        priority = PRIORITIES.get(event.name, NOTICE)
        self._send(event_line(event), priority, {"EDGE_TYPE": "event", "EDGE_EVENT": event.name})

    def stopped(self, summary: Summary) -> None:
        self._send(stopped_line(summary), NOTICE, {"EDGE_TYPE": "event", "EDGE_EVENT": "stopped"})

    def _send(self, message: str, priority: int, fields: Mapping[str, str]) -> None:
        entry = {"MESSAGE": one_line(message), "PRIORITY": str(priority), "SYSLOG_IDENTIFIER": "edge-run", **fields}
        if self._lost:
            entry["EDGE_LOST"] = str(self._lost)
        try:
            self._socket.sendto(b"".join(_field(name, value) for name, value in entry.items()), self._address)
            self._lost = 0
        except OSError:
            self._lost += 1


def _field(name: str, value: str) -> bytes:
    """One field of the journal's native protocol; a value may hold anything, so its length goes before it."""
    data = value.encode()
    return name.encode() + b"\n" + struct.pack("<Q", len(data)) + data + b"\n"
