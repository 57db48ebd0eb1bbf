"""Questions and answers between host and guest: one JSON object per line over a virtio serial port."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PORTS = Path("/dev/virtio-ports")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def serve(name: str, answer: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Answer the host's questions for ever. First comes a greeting, so that it knows of a reboot.

    An exception is an answer too: `{"error": ...}`; the host raises it.
    """
    port = os.open(PORTS / name, os.O_RDWR)  # once: a second opener is refused
    _say(port, {"boot_id": BOOT_ID.read_text().strip()})
    pending = b""
    while True:
        piece = os.read(port, 65536)
        if not piece:  # the host is not connected
            time.sleep(0.1)
        *lines, pending = (pending + piece).split(b"\n")
        for line in lines:
            _say(port, _guarded(answer, json.loads(line)))


def _guarded(answer: Callable[[dict[str, Any]], dict[str, Any]], question: dict[str, Any]) -> dict[str, Any]:
    try:
        return answer(question)
    except Exception as error:  # goes to the host, where a test fails with it
        return {"error": f"{type(error).__name__}: {error}"}


def _say(port: int, message: dict[str, Any]) -> None:
    left = json.dumps(message).encode() + b"\n"
    while left:
        left = left[os.write(port, left) :]
