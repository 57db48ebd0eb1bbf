"""The service's journal: in words, or as it is."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from edge.deploy.layout import UNIT, Layout
from edge.errors import EdgeError
from edge.paths import shown

NOTHING = f"nothing in the journal of {UNIT}; is it running? edge-service status"


class JournalError(EdgeError, OSError):
    """journalctl cannot be started, or failed."""


def journal(layout: Layout, lines: int, follow: bool) -> Iterator[dict[str, Any]]:
    """journalctl's objects, as they come. Raises JournalError."""
    command = ["journalctl", "--unit", UNIT, "--output", "json", f"--lines={lines}"]
    command += [] if layout.live else ["--root", str(layout.root)]
    command += ["--follow"] if follow else []
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, errors="replace")
    except OSError as error:
        raise JournalError(f"journalctl cannot be started: {error.strerror}; is this a systemd machine?") from error
    assert process.stdout is not None
    try:
        yield from filter(None, map(_object, process.stdout))
    finally:  # whoever reads has enough, or it has ended
        process.stdout.close()
        if follow:
            process.terminate()
        code = process.wait()
    if code:
        raise JournalError(f"journalctl: exit code {code}")


def in_words(found: Iterable[dict[str, Any]]) -> Iterator[str]:
    """A line an entry: local time, and what happened."""
    for entry in found:
        yield f"{_time(entry)}  {_words(message_of(entry))}"


def as_json(found: Iterable[dict[str, Any]]) -> Iterator[str]:
    """The service's lines as they are; what systemd says of it in one of the same form."""
    for entry in found:
        message = message_of(entry)
        if not _object(message):
            said = {"type": "systemd", "time": _time(entry), "message": message}
            message = json.dumps(said)
        yield message


def message_of(entry: dict[str, Any]) -> str:
    """The message on one line; journald has bytes for what is no UTF-8, and null for what is too long."""
    message = entry.get("MESSAGE")
    if isinstance(message, list):
        message = bytes(byte for byte in message if isinstance(byte, int) and 0 <= byte < 256).decode(errors="replace")
    return shown(message) if isinstance(message, str) else ""


def _object(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _time(entry: dict[str, Any]) -> str:
    stamp = str(entry.get("__REALTIME_TIMESTAMP", ""))
    return datetime.fromtimestamp(int(stamp) / 1e6).strftime("%Y-%m-%d %H:%M:%S") if stamp.isdecimal() else "?"


def _words(message: str) -> str:
    """Of the service's own lines (docs/output.md) what people want to know; systemd's as they are."""
    said = _object(message)
    if said.get("type") == "prediction":
        what = said.get("label") or f"- ({str(said.get('reason')).replace('_', ' ')})"
        confidence = said.get("confidence")
        sure = f"{confidence:4.0%}" if isinstance(confidence, float | int) else ""
        return shown(f"{what:<20} {sure}  gamma {said.get('gamma')}")
    return shown(str(said["message"])) if said.get("type") == "event" and "message" in said else message
