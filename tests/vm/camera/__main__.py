"""Cameras for the host to plug and unplug: `python3 -m tests.vm.camera CLIP`, spoken to over a virtio serial port.

`{"do": "plug", "port": 0, "serial": "UC684", "size": [640, 480]}`, serial and size optional; `unplug`, `stall`,
`resume` and `state` of a port. Every answer is the state of that port.
"""

from __future__ import annotations

import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tests.vm.camera import bus
from tests.vm.camera.clip import Clip
from tests.vm.camera.device import Device
from tests.vm.camera.model import ARDUCAM
from tests.vm.guest.channel import serve


class Cameras:
    """The cameras by port."""

    def __init__(self, clip: Clip) -> None:
        self._clip = clip
        self._plugged: dict[int, Device] = {}

    def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        """Do what is asked for, and tell how the camera is then."""
        port, do = question["port"], question["do"]
        if do == "plug":
            self._plug(port, question.get("serial"), question.get("size"))
        camera = self._plugged[port]
        if do == "unplug":
            self._plugged.pop(port).unplug()
        elif do in ("stall", "resume"):
            camera.stalled = do == "stall"
        return {"frames": camera.frames, "mode": asdict(camera.mode), "controls": camera.controls}

    def _plug(self, port: int, serial: str | None, size: list[int] | None) -> None:
        model = replace(ARDUCAM, serial=serial) if serial else ARDUCAM
        camera = Device(model.only(*size) if size else model, self._clip)
        camera.plug(bus.plug(port))
        self._plugged[port] = camera


if __name__ == "__main__":
    serve("edge.camera", Cameras(Clip(Path(sys.argv[1]))).answer)
