"""The virtual camera without a kernel: its descriptors parse, it answers as a camera does, its stream is the clip."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vm.camera import descriptors
from tests.vm.camera.clip import Clip, file_name, write_clip
from tests.vm.camera.device import PAYLOAD_BYTES, Device
from tests.vm.camera.model import ARDUCAM, EXPOSURE_MODE, EXPOSURE_PRIORITY, EXPOSURE_TIME, MANUAL
from tests.vm.camera.usbip import CMD_SUBMIT, CMD_UNLINK, ECONNRESET, EPIPE, IN, OUT, RET_SUBMIT, RET_UNLINK

SUBMIT = struct.Struct(">IIIIIIiIII8s")
NEGOTIATION = struct.Struct("<HBBIHHHHHII")
STREAM = 1
EXPOSURE_SELECTOR, MODE_SELECTOR = 4, 2


class Kernel:
    """The bus's other end: submits transfers and takes the answers, as vhci-hcd and uvcvideo do."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._number = 0

    def submit(self, direction: int, endpoint: int, length: int, setup: bytes = bytes(8), data: bytes = b"") -> int:
        """Start a transfer; returns its number."""
        self._number += 1
        head = SUBMIT.pack(CMD_SUBMIT, self._number, 0, direction, endpoint, 0, length, 0, 0, 0, setup)
        self._end.sendall(head + data)
        return self._number

    def unlink(self, target: int) -> None:
        self._number += 1
        self._end.sendall(struct.pack(">IIIIII24x", CMD_UNLINK, self._number, 0, 0, 0, target))

    def answer(self, direction: int = IN) -> tuple[int, int, int, bytes]:
        """Command, number, status and data of the next answer."""
        command, number, _, _, _, status, length = struct.unpack(">IIIIIii20x", self._exactly(48))
        has_data = command == RET_SUBMIT and direction == IN
        return command, number, status, self._exactly(length) if has_data else b""

    def get(self, kind: int, request: int, value: int, index: int, length: int = 255) -> bytes:
        """A control transfer that reads. Raises OSError with the answer's error number."""
        self.submit(IN, 0, length, struct.pack("<BBHHH", kind, request, value, index, length))
        _, _, status, data = self.answer()
        if status:
            raise OSError(-status, "refused")
        return data

    def set(self, kind: int, request: int, value: int, index: int, data: bytes = b"") -> None:
        """A control transfer that writes. Raises OSError with the answer's error number."""
        self.submit(OUT, 0, len(data), struct.pack("<BBHHH", kind, request, value, index, len(data)), data)
        _, _, status, _ = self.answer(OUT)
        if status:
            raise OSError(-status, "refused")

    def frame(self) -> bytes:
        """The pieces of one frame, headers taken off."""
        data = b""
        while True:
            self.submit(IN, STREAM, PAYLOAD_BYTES)
            _, _, status, piece = self.answer()
            assert status == 0 and piece[0] == 2
            data += piece[2:]
            if piece[1] & 2:
                return data

    def commit(self, number: int, frame: int, rate: int) -> tuple[int, int, int]:
        """Negotiate a mode and start it; returns what the camera made of it."""
        wanted = NEGOTIATION.pack(1, number, frame, descriptors.interval(rate), 0, 0, 0, 0, 0, 0, 0)
        self.set(0x21, 0x01, 1 << 8, 1, wanted)
        probed = self.get(0xA1, 0x81, 1 << 8, 1, NEGOTIATION.size)
        self.set(0x21, 0x01, 2 << 8, 1, probed)
        return NEGOTIATION.unpack(probed)[1:4]

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = self._end.recv(count - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    """Three frames of every mode that cannot be mistaken for one another."""
    folder = tmp_path_factory.mktemp("clip")
    frames = {
        file_name(mode): [bytes([number]) * (descriptors.frame_bytes(mode) // 16) for number in range(3)]
        for mode in ARDUCAM.modes
    }
    write_clip(folder, 1000.0, frames)
    return Clip(folder)


@pytest.fixture
def camera(clip: Clip) -> Device:
    return Device(ARDUCAM, clip)


@pytest.fixture
def kernel(camera: Device) -> Iterator[Kernel]:
    ours, cameras = socket.socketpair()
    ours.settimeout(10)
    camera.plug(cameras)
    with ours:
        yield Kernel(ours)
    camera.unplug()


def parts(configuration: bytes) -> list[bytes]:
    found = []
    while configuration:
        found.append(configuration[: configuration[0]])
        configuration = configuration[configuration[0] :]
    return found


def test_the_configuration_is_as_long_as_it_says(kernel: Kernel) -> None:
    configuration = kernel.get(0x80, 6, 2 << 8, 0, 4096)
    assert struct.unpack("<H", configuration[2:4])[0] == len(configuration)
    control = [part for part in parts(configuration) if part[1] == 0x24 and part[2] == 1]
    for header, length_at in zip(control, (5, 4), strict=True):  # of the control and of the streaming interface
        total = struct.unpack("<H", header[length_at : length_at + 2])[0]
        start = configuration.index(header)
        covered = parts(configuration[start : start + total])
        assert sum(part[0] for part in covered) == total
        assert all(part[1] == 0x24 for part in covered)


def test_it_names_itself_as_an_arducam(kernel: Kernel) -> None:
    assert struct.unpack("<HH", kernel.get(0x80, 6, 1 << 8, 0)[8:12]) == (0x0C45, 0x6366)
    texts = [kernel.get(0x80, 6, 3 << 8 | index, 0x0409)[2:].decode("utf-16le") for index in (1, 2, 3)]
    assert texts == ["Arducam Technology Co., Ltd.", "Arducam USB Camera", "UC684"]
    with pytest.raises(OSError, match="refused"):
        kernel.get(0x80, 6, 3 << 8 | 4, 0x0409)


def test_every_mode_of_the_model_is_described(kernel: Kernel) -> None:
    configuration = kernel.get(0x80, 6, 2 << 8, 0, 4096)
    streaming = configuration[configuration.index(bytes((9, 4, 1, 0))) :]
    described = [part for part in parts(streaming) if part[1] == 0x24 and part[2] in (5, 7)]
    modes = [mode for modes in ARDUCAM.formats().values() for mode in modes]
    assert [struct.unpack("<HH", part[5:9]) for part in described] == [(mode.width, mode.height) for mode in modes]
    assert [part[25] for part in described] == [len(mode.rates) for mode in modes]
    assert all(len(part) == 26 + 4 * part[25] for part in described)


def test_it_settles_on_the_nearest_mode(kernel: Kernel, camera: Device) -> None:
    number, frame, interval = kernel.commit(2, 9, 24)
    assert (number, frame, interval) == (2, 2, descriptors.interval(25))
    assert (camera.mode.format, camera.mode.width, camera.mode.height) == ("YUYV", 320, 240)


def test_its_frames_are_those_of_the_clip(kernel: Kernel, camera: Device) -> None:
    kernel.set(0x21, 1, MODE_SELECTOR << 8, 1 << 8, bytes([MANUAL]))
    kernel.commit(2, 2, 30)
    size = 320 * 240 * 2 // 16
    for _ in range(5):
        frame = kernel.frame()
        assert len(frame) == size
        assert frame[0] in range(3) and frame == frame[:1] * size
    assert camera.frames == 5


def test_an_exposure_time_needs_the_manual_mode_first(kernel: Kernel, camera: Device) -> None:
    time_333 = struct.pack("<I", 333)
    with pytest.raises(OSError, match="refused") as refused:
        kernel.set(0x21, 1, EXPOSURE_SELECTOR << 8, 1 << 8, time_333)
    assert refused.value.errno == EPIPE
    assert kernel.get(0xA1, 0x81, 2 << 8, 0, 1) == b"\4"  # "wrong state", as the class has it
    kernel.set(0x21, 1, MODE_SELECTOR << 8, 1 << 8, bytes([MANUAL]))
    kernel.set(0x21, 1, EXPOSURE_SELECTOR << 8, 1 << 8, time_333)
    assert kernel.get(0xA1, 0x81, EXPOSURE_SELECTOR << 8, 1 << 8, 4) == time_333
    assert camera.controls[EXPOSURE_MODE] == MANUAL and camera.controls[EXPOSURE_TIME] == 333


def test_in_the_dark_its_own_exposure_makes_it_slow(camera: Device) -> None:
    assert camera.controls[EXPOSURE_PRIORITY] == 1
    assert camera.interval_s() == pytest.approx(0.2)


def test_a_stalled_camera_answers_but_delivers_nothing(kernel: Kernel, camera: Device) -> None:
    kernel.commit(1, 3, 30)
    camera.stalled = True
    transfer = kernel.submit(IN, STREAM, PAYLOAD_BYTES)
    assert kernel.get(0xA1, 0x81, MODE_SELECTOR << 8, 1 << 8, 1)  # the next answer is this one, not the transfer's
    time.sleep(0.3)
    assert camera.frames == 0
    kernel.unlink(transfer)
    assert kernel.answer() == (RET_UNLINK, transfer + 1 + 1, -ECONNRESET, b"")


def test_the_plug_may_be_pulled_while_a_transfer_waits(kernel: Kernel, camera: Device) -> None:
    kernel.submit(IN, STREAM, PAYLOAD_BYTES)
    camera.unplug()
    with pytest.raises((EOFError, ConnectionResetError)):
        kernel.answer()


def test_frames_follow_the_clock_and_start_anew(tmp_path: Path) -> None:
    mode = ARDUCAM.modes[0]
    write_clip(tmp_path, 10.0, {file_name(mode): [b"first", b"second"]})
    clip = Clip(tmp_path)
    seen = [bytes(clip.frame(mode, now_s)) for now_s in (0.0, 0.09, 0.11, 0.21)]
    assert seen == [b"first", b"first", b"second", b"first"]
