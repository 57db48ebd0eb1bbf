"""The camera itself: answers the kernel's control requests and delivers frames at its own pace, in its own thread."""

from __future__ import annotations

import select
import socket
import struct
import threading
import time
from collections import OrderedDict
from contextlib import suppress

from tests.vm.camera import descriptors
from tests.vm.camera.clip import Clip
from tests.vm.camera.model import EXPOSURE_MODE, EXPOSURE_PRIORITY, EXPOSURE_TIME, MANUAL, Control, Mode, Model
from tests.vm.camera.usbip import EPIPE, Link, Unlink, Urb

PAYLOAD_BYTES = 16384  # uvcvideo's largest bulk transfer: one payload each, every one with a header of its own
# In 100 ns: what automatic exposure with priority over the rate falls to in the dark, 5 frames a second.
DARK_INTERVAL = 2_000_000
POLL_S = 0.05

GET_STATUS, CLEAR_FEATURE, GET_DESCRIPTOR = 0x00, 0x01, 0x06
SET_CUR, GET_CUR, GET_MIN, GET_MAX, GET_RES, GET_LEN, GET_INFO, GET_DEF = 0x01, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87
PROBE, COMMIT = 1, 2
ERROR_CODE = 2  # selector on the control interface itself: why the last request was refused
WRONG_STATE, INVALID_CONTROL = 4, 6
END_OF_HEADER, END_OF_FRAME, FRAME_ID = 0x80, 0x02, 0x01
_NEGOTIATION = struct.Struct("<HBBIHHHHHII")  # UVC 1.0, 26 bytes


class RefusedError(Exception):
    """The request is answered by a stall; `code` is what GET_CUR of the error code tells."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Device:
    """A plugged camera. `plug` starts it; attributes may be read, and `stalled` set, from other threads.

    frames: sent so far. mode: that the kernel has chosen. stalled: takes requests but delivers nothing.
    """

    def __init__(self, model: Model, clip: Clip) -> None:
        self.model = model
        self.frames = 0
        self.stalled = False
        self._clip = clip
        self._formats = list(model.formats().values())
        self._values = {control.name: control.default for control in model.controls}
        self._probe = self._commit = (1, 1, descriptors.interval(self._formats[0][0].rates[0]))
        self._error = 0
        self._streaming = False
        self._waiting: OrderedDict[int, Urb] = OrderedDict()  # transfers of the stream endpoint, oldest first
        self._rest = memoryview(b"")  # of the frame that is on its way
        self._frame_id = 0
        self._due_s = 0.0

    @property
    def mode(self) -> Mode:
        """What the kernel has committed to."""
        return self._formats[self._commit[0] - 1][self._commit[1] - 1]

    @property
    def controls(self) -> dict[str, int]:
        """Today's values by name."""
        return dict(self._values)

    def plug(self, end: socket.socket) -> None:
        """Serve the kernel over this end of the socket until `unplug`."""
        self._link = Link(end)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def unplug(self) -> None:
        """The plug is pulled: the kernel sees a dead bus in the middle of whatever it did."""
        with suppress(OSError):
            self._link.cut()
        self._thread.join()

    def interval_s(self) -> float:
        """Between frames: as negotiated, or slower where the exposure takes longer."""
        if self._values[EXPOSURE_MODE] == MANUAL:
            exposure = self._values[EXPOSURE_TIME] * 1000  # its unit is 100 us, ours is 100 ns
        else:
            exposure = DARK_INTERVAL if self._values[EXPOSURE_PRIORITY] else 0
        return max(self._commit[2], exposure) / 1e7

    def _serve(self) -> None:
        with suppress(EOFError, OSError):
            while True:
                if select.select([self._link], [], [], self._patience_s())[0]:
                    self._take(self._link.receive())
                self._deliver()
        self._link.close()

    def _patience_s(self) -> float:
        """How long nothing but the kernel can give us work."""
        if not (self._streaming and self._waiting) or self.stalled:
            return POLL_S
        return 0.0 if self._rest else max(0.0, min(POLL_S, self._due_s - time.monotonic()))

    def _take(self, request: Urb | Unlink) -> None:
        if isinstance(request, Unlink):
            self._link.unlinked(request, self._waiting.pop(request.target, None) is not None)
        elif request.endpoint == descriptors.STREAM_ENDPOINT:
            self._waiting[request.sequence] = request
        else:
            try:
                self._link.complete(request, self._control(request))
            except RefusedError as refused:
                self._error = refused.code
                self._link.complete(request, status=-EPIPE)

    def _deliver(self) -> None:
        """Fill one waiting transfer: with the next piece of the frame, or the first of the next one once it is due."""
        now_s = time.monotonic()
        if not self._streaming or self.stalled or not self._waiting or (not self._rest and now_s < self._due_s):
            return
        if not self._rest:
            self._rest = self._clip.frame(self.mode, now_s)
            self._frame_id ^= FRAME_ID
            self._due_s = max(self._due_s + self.interval_s(), now_s)
        _, urb = self._waiting.popitem(last=False)
        size = min(urb.length, PAYLOAD_BYTES) - 2
        piece, self._rest = self._rest[:size], self._rest[size:]
        end = 0 if self._rest else END_OF_FRAME
        self.frames += bool(end)  # before the other side can know of it
        self._link.complete(urb, bytes((2, END_OF_HEADER | end | self._frame_id)) + piece)

    def _control(self, urb: Urb) -> bytes:
        kind, request, value, index, length = struct.unpack("<BBHHH", urb.setup)
        if kind & 0x60 == 0:
            return self._standard(kind, request, value)[:length]
        selector, unit, interface = value >> 8, index >> 8, index & 0xFF
        if interface == descriptors.STREAMING_INTERFACE:
            return self._negotiate(request, selector, urb.data)[:length]
        if unit == 0 and selector == ERROR_CODE:
            return bytes((self._error,))
        for control in self.model.controls:
            if (control.unit, control.selector) == (unit, selector):
                return self._unit(control, request, urb.data)[:length]
        raise RefusedError(INVALID_CONTROL)

    def _standard(self, kind: int, request: int, value: int) -> bytes:
        if request == GET_DESCRIPTOR and kind == 0x80:
            found = self._descriptor(value >> 8, value & 0xFF)
            if found is None:
                raise RefusedError(INVALID_CONTROL)
            return found
        if request == CLEAR_FEATURE and kind == 0x02:  # how uvcvideo ends a bulk stream
            self._streaming, self._rest = False, memoryview(b"")
        return b"\0\0" if request == GET_STATUS else b""

    def _descriptor(self, kind: int, index: int) -> bytes | None:
        return {
            descriptors.DEVICE: lambda: descriptors.device(self.model),
            descriptors.CONFIGURATION: lambda: descriptors.configuration(self.model),
            descriptors.STRING: lambda: descriptors.string(self.model, index),
            descriptors.QUALIFIER: descriptors.qualifier,
        }.get(kind, lambda: None)()

    def _negotiate(self, request: int, selector: int, data: bytes) -> bytes:
        """The stream's format, size and rate: proposed (probe), then settled (commit), which starts it."""
        if selector not in (PROBE, COMMIT):
            raise RefusedError(INVALID_CONTROL)
        if request == SET_CUR:
            chosen = self._nearest(*struct.unpack("<BBI", data[2:8]))
            if selector == PROBE:
                self._probe = chosen
            else:
                self._commit, self._streaming, self._due_s = chosen, True, time.monotonic()
            return b""
        if request in (GET_INFO, GET_LEN):
            return b"\3" if request == GET_INFO else struct.pack("<H", _NEGOTIATION.size)
        number, frame, interval = self._probe if selector == PROBE else self._commit
        size = descriptors.frame_bytes(self._formats[number - 1][frame - 1])
        return _NEGOTIATION.pack(1, number, frame, interval, 0, 0, 0, 0, 0, size, PAYLOAD_BYTES)

    def _nearest(self, number: int, frame: int, interval: int) -> tuple[int, int, int]:
        """What the camera can do of what was asked for."""
        number = min(max(number, 1), len(self._formats))
        frame = min(max(frame, 1), len(self._formats[number - 1]))
        intervals = map(descriptors.interval, self._formats[number - 1][frame - 1].rates)
        return number, frame, min(intervals, key=lambda one: abs(one - interval))

    def _unit(self, control: Control, request: int, data: bytes) -> bytes:
        signed = control.minimum < 0
        if request == SET_CUR:
            if control.name == EXPOSURE_TIME and self._values[EXPOSURE_MODE] != MANUAL:
                raise RefusedError(WRONG_STATE)  # as the camera does: a driver must set the mode first
            self._values[control.name] = int.from_bytes(data[: control.size], "little", signed=signed)
            return b""
        if request in (GET_INFO, GET_LEN):
            return b"\3" if request == GET_INFO else struct.pack("<H", control.size)
        values = {
            GET_CUR: self._values[control.name],
            GET_MIN: control.minimum,
            GET_MAX: control.maximum,
            GET_RES: control.step,
            GET_DEF: control.default,
        }
        if request not in values:
            raise RefusedError(INVALID_CONTROL)
        return values[request].to_bytes(control.size, "little", signed=signed)
