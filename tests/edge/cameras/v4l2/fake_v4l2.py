"""A machine with V4L2 cameras that are not there, for programs of their own: system calls, /dev and /sys by LD_PRELOAD.

    machine.plug(ARDUCAM)                         # /dev/video0, its by-id link, its entries in /sys
    machine.plug(WEBCAM, 2, "at 30-40 flagged")   # with faults: v4l2_player/script.c lists them
    machine.start(["python", ...])                # a program that sees them
    machine.script(2, "busy"); machine.unplug(0); machine.plug(ARDUCAM, 1)    # while it runs

`machine.root` is the root of /dev and /sys for code that takes one.
"""

from __future__ import annotations

import atexit
import os
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

U8 = npt.NDArray[np.uint8]
SOURCES = Path(__file__).parent / "v4l2_player"
REPOSITORY = Path(__file__).parents[4]
NOISE, BLACK, WHITE = range(4), 4, 5  # a camera's pictures unless it was given others; NOISE in turn, else by a fault

INTEGER, BOOLEAN, MENU = 1, 2, 3  # V4L2_CTRL_TYPE_*


@dataclass(frozen=True)
class FakeMode:
    """A capture mode. padding: bytes after every row."""

    fourcc: str
    width: int
    height: int
    fps: tuple[float, ...] = (30, 15, 7.5, 5)
    padding: int = 0


@dataclass(frozen=True)
class FakeControl:
    """A control. needs: (id, value) of another one before it can be set. refuse: errno of every attempt to set it."""

    id: int
    name: str
    minimum: int
    maximum: int
    default: int
    type: int = INTEGER
    menu: Mapping[int, str] = field(default_factory=dict)
    needs: tuple[int, int] | None = None
    refuse: int = 0

    def lines(self) -> list[str]:
        numbers = f"{self.id:#x} {self.type} {self.minimum} {self.maximum} 1 {self.default}"
        lines = [f"control {numbers} {self.name}", *(f"menu {index} {text}" for index, text in self.menu.items())]
        lines += [f"needs {self.needs[0]:#x} {self.needs[1]}"] if self.needs else []
        return [*lines, f"refuse {self.refuse}"] if self.refuse else lines


@dataclass(frozen=True)
class FakeCamera:
    """A USB camera. usb: files of its device in /sys. port: where it is plugged in."""

    card: str
    modes: tuple[FakeMode, ...]
    controls: tuple[FakeControl, ...] = ()
    usb: Mapping[str, str] = field(default_factory=dict)
    port: str = "1-1"
    driver: str = "uvcvideo"


UVC_MODES = (
    FakeMode("YUYV", 640, 480),
    FakeMode("YUYV", 320, 240),
    FakeMode("YUYV", 1280, 720, (10, 5)),
    FakeMode("MJPG", 640, 480),
    FakeMode("MJPG", 1280, 720),
)
UVC_CONTROLS = (
    FakeControl(0x00980900, "Brightness", -64, 64, 0),
    FakeControl(0x00980913, "Gain", 0, 100, 0),
    FakeControl(0x00980918, "Power Line Frequency", 0, 2, 1, MENU, {0: "Disabled", 1: "50 Hz", 2: "60 Hz"}),
    FakeControl(0x0098091C, "Backlight Compensation", 0, 2, 1),
    FakeControl(0x009A0901, "Auto Exposure", 0, 3, 3, MENU, {1: "Manual Mode", 3: "Aperture Priority Mode"}),
    FakeControl(0x009A0902, "Exposure Time, Absolute", 1, 5000, 156, needs=(0x009A0901, 1)),
    FakeControl(0x009A0903, "Exposure, Dynamic Framerate", 0, 1, 1, BOOLEAN),
)
ARDUCAM = FakeCamera(
    "Arducam IMX291 B0200",
    UVC_MODES,
    UVC_CONTROLS,
    {
        "idVendor": "0c45",
        "idProduct": "6366",
        "manufacturer": "Arducam Technology Co., Ltd.",
        "product": "Arducam IMX291 B0200",
        "serial": "UC684",
        "speed": "480",
    },
)
WEBCAM = FakeCamera(
    "HD Webcam",
    UVC_MODES,
    UVC_CONTROLS,
    {"idVendor": "1bcf", "idProduct": "2c99", "manufacturer": "Sunplus", "product": "HD Webcam", "speed": "480"},
    port="1-2",
)


class FakeMachine:
    """A root directory with cameras, and the environment in which programs take it for the machine's own."""

    def __init__(self, folder: Path, library: Path) -> None:
        self.root = folder / "root"
        self._folder, self._library = folder, library
        self._log = folder / "log"
        self._cameras: dict[int, FakeCamera] = {}
        self._shown: dict[tuple[str, FakeMode], tuple[Path, list[U8]]] = {}
        for path in ("dev/v4l/by-id", "dev/v4l/by-path", "sys/class/video4linux", "sys/devices"):
            (self.root / path).mkdir(parents=True)

    def plug(self, camera: FakeCamera, number: int = 0, *script: str) -> None:
        """Connect a camera as /dev/video{number}. script: lines of v4l2_player/script.c: pace, faults."""
        usb, node = self.root / "sys/devices" / camera.port, self._node(number)
        interface = usb / f"{camera.port}:1.0"
        interface.mkdir(parents=True, exist_ok=True)
        for name, text in camera.usb.items():
            (usb / name).write_text(f"{text}\n")
        node.mkdir()
        (node / "name").write_text(f"{camera.card}\n")
        (node / "index").write_text("0\n")
        (node / "dev").write_text(f"81:{number}\n")
        (node / "device").symlink_to(interface)
        for link in self._links(camera):  # of two equal cameras by-id names the one that came last
            link.unlink(missing_ok=True)
            link.symlink_to(f"../../video{number}")
        self._cameras[number] = camera
        self.script(number, *script)

    def unplug(self, number: int = 0) -> None:
        """Pull the plug."""
        self._device(number).unlink()
        camera = self._cameras.pop(number)
        for link in self._links(camera):
            if link.is_symlink() and link.readlink().name == f"video{number}":
                link.unlink()
        shutil.rmtree(self._node(number))
        shutil.rmtree(self.root / "sys/devices" / camera.port)

    def script(self, number: int, *script: str) -> None:
        """Change the faults and the pace of a connected camera; the count of its frames goes on."""
        camera = self._cameras[number]
        lines = [f"driver {camera.driver}", f"card {camera.card}", f"bus usb-{camera.port}"]
        for mode in camera.modes:
            rates = " ".join(f"{fps:g}" for fps in mode.fps)
            lines += [f"mode {mode.fourcc} {mode.width} {mode.height} {self._shown_by(camera, mode)[0]} {rates}"]
            lines += [f"padding {mode.padding}"] if mode.padding else []
            lines += [] if (camera.card, mode) in self._shown else [f"turn {len(NOISE)}"]
        lines += [line for control in camera.controls for line in control.lines()]
        new = self._folder / "script"
        new.write_text("\n".join([*lines, *script, ""]))
        new.replace(self._device(number))

    def show(self, camera: FakeCamera, images: Iterable[U8]) -> None:
        """What the camera sees, uint8 [H,W,3] BGR of any size, in turn; before it is plugged in."""
        shown = list(images)
        for mode in camera.modes:
            path = self._folder / f"pictures-{len(self._shown)}"
            self._shown[camera.card, mode] = path, write_pictures(path, mode, shown)

    def show_bytes(self, camera: FakeCamera, mode: FakeMode, buffers: Sequence[bytes]) -> None:
        """What lies in the driver's buffers, byte by byte; the next `script` takes it."""
        path = self._folder / f"bytes-{len(self._shown)}"
        write_buffers(path, buffers)
        self._shown[camera.card, mode] = path, [np.frombuffer(data, np.uint8) for data in buffers]

    def pictures(self, camera: FakeCamera, mode: FakeMode) -> list[U8]:
        """What lies in the driver's buffers, picture by picture: bytes, with padding."""
        return self._shown_by(camera, mode)[1]

    def environment(self) -> dict[str, str]:
        """For programs that are to see the cameras."""
        ours = {
            "LD_PRELOAD": str(self._library),
            "V4L2_PLAYER_ROOT": str(self.root),
            "V4L2_PLAYER_LOG": str(self._log),
            "PYTHONPATH": str(REPOSITORY),
        }
        return {**os.environ, **ours}

    def start(self, command: Sequence[object], **options: Any) -> subprocess.Popen[str]:
        """Start a program that sees the cameras."""
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
        return subprocess.Popen([str(part) for part in command], env=self.environment(), cwd=REPOSITORY, **options)

    def run(self, command: Sequence[object], timeout_s: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Run a program to its end."""
        with self.start(command) as process:
            try:
                output, errors = process.communicate(timeout=timeout_s)
            finally:
                process.kill()
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)

    def python(self, code: str, *arguments: object, timeout_s: float = 60.0) -> str:
        """Run Python code and return what it prints; an exception in it fails the test."""
        done = self.run([sys.executable, "-c", code, *arguments], timeout_s)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def log(self) -> list[tuple[str, int, int]]:
        """What programs did to the cameras: open, format, stream, close, and control with its id and value."""
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        return [(name, int(id_, 0), int(value)) for name, id_, value in (line.split() for line in lines)]

    def _device(self, number: int) -> Path:
        return self.root / "dev" / f"video{number}"

    def _node(self, number: int) -> Path:
        return self.root / "sys/class/video4linux" / f"video{number}"

    def _links(self, camera: FakeCamera) -> list[Path]:
        by_path = self.root / "dev/v4l/by-path" / f"platform-usb-0:{camera.port}:1.0-video-index0"
        if "manufacturer" not in camera.usb:
            return [by_path]
        named = [camera.usb[key] for key in ("manufacturer", "product", "serial") if key in camera.usb]
        as_udev_writes = re.sub(r"[^A-Za-z0-9#+.:=@_-]", "_", "_".join(named))
        return [by_path, self.root / "dev/v4l/by-id" / f"usb-{as_udev_writes}-video-index0"]

    def _shown_by(self, camera: FakeCamera, mode: FakeMode) -> tuple[Path, list[U8]]:
        return self._shown.get((camera.card, mode)) or default_pictures(mode)


@cache
def default_pictures(mode: FakeMode) -> tuple[Path, list[U8]]:
    """Dark ones with a sensor's noise, a black one and a white one, in a file for all machines of this session."""
    random = np.random.default_rng(0)
    shape = (mode.height, mode.width, 3)
    noise = [(10 + random.binomial(20, 0.5, shape)).astype(np.uint8) for _ in NOISE]
    folder = Path(mkdtemp(prefix="v4l2_player"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    images = [*noise, np.zeros(shape, np.uint8), np.full(shape, 255, np.uint8)]
    return folder / "pictures", write_pictures(folder / "pictures", mode, images)


def write_pictures(path: Path, mode: FakeMode, images: Iterable[U8]) -> list[U8]:
    """Write a file that the player reads; returns the pictures as they lie in a buffer."""
    encoded = [encode(mode, image) for image in images]
    write_buffers(path, [data.tobytes() for data in encoded])
    return encoded


def write_buffers(path: Path, buffers: Iterable[bytes]) -> None:
    """Write a file that the player reads: what lies in the driver's buffers, in turn."""
    path.write_bytes(b"".join(struct.pack("=I", len(data)) + data for data in buffers))


def encode(mode: FakeMode, image: U8) -> U8:
    """A BGR picture, of any size, as it lies in a driver's buffer: flat uint8."""
    if image.shape[:2] != (mode.height, mode.width):
        image = np.asarray(cv2.resize(image, (mode.width, mode.height), interpolation=cv2.INTER_AREA), np.uint8)
    if mode.fourcc not in ROWS:
        return np.asarray(cv2.imencode(".jpg", image)[1], np.uint8).ravel()
    rows = ROWS[mode.fourcc](image)
    return np.ascontiguousarray(np.pad(rows, ((0, 0), (0, mode.padding)), constant_values=0xEE)).ravel()


def _nv12(image: U8) -> U8:
    height, width = image.shape[:2]
    planes = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420), np.uint8)
    chroma = planes[height:].reshape(2, height // 2, width // 2)
    return np.concatenate([planes[:height], chroma.transpose(1, 2, 0).reshape(height // 2, width)])


def _packed(code: int, image: U8) -> U8:
    return np.asarray(cv2.cvtColor(image, code), np.uint8).reshape(image.shape[0], -1)


# A picture's rows as bytes, [rows, bytes of a row], by format; any other format is JPEG here.
ROWS: dict[str, Callable[[U8], U8]] = {
    "GREY": partial(_packed, cv2.COLOR_BGR2GRAY),
    "YUYV": partial(_packed, cv2.COLOR_BGR2YUV_YUYV),
    "UYVY": partial(_packed, cv2.COLOR_BGR2YUV_UYVY),
    "NV12": _nv12,
}


def small(camera: FakeCamera, fourcc: str = "YUYV", width: int = 64, height: int = 48, padding: int = 0) -> FakeCamera:
    """The same camera with one small mode: thousands of frames a second."""
    return replace(camera, modes=(FakeMode(fourcc, width, height, (30,), padding),))


@cache
def player_library() -> Path | None:
    """Compile the player once per session; None where there is no C compiler."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        return None
    sources = sorted(SOURCES.glob("*.[ch]"))
    library = REPOSITORY / "build" / "v4l2_player.so"
    if not library.exists() or library.stat().st_mtime < max(source.stat().st_mtime for source in sources):
        library.parent.mkdir(exist_ok=True)
        new = library.with_suffix(f".{os.getpid()}")
        code = [str(source) for source in sources if source.suffix == ".c"]
        flags = ["-std=gnu11", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared"]
        subprocess.run([compiler, *flags, "-o", str(new), *code, "-ldl", "-lpthread", "-lm"], check=True)
        new.replace(library)
    return library


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    """A machine without a camera yet. Skips where there is no C compiler."""
    library = player_library()
    if library is None:
        pytest.skip("no C compiler (cc) to build the player of V4L2 cameras with")
    return FakeMachine(tmp_path, library)
