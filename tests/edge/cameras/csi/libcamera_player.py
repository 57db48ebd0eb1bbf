"""Plays libcamera for the real picamera2: its camera manager, cameras with a sensor's timing, requests and buffers.

Only the Python side of libcamera is played (the package that Debian calls python3-libcamera); picamera2 itself, its
event loop, its jobs and its accounting of requests are real, and so is the memory: memfd instead of the DMA heap.
"""

from __future__ import annotations

import enum
import mmap
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from types import ModuleType, SimpleNamespace
from typing import Any

SENSOR_MODES = (("SRGGB12_CSI2P", 1920, 1080), ("SRGGB10_CSI2P", 1280, 720))
ALIGNMENT = 64  # bytes of a row of the ISP; of the planes of YUV420, half of it


@dataclass(unsafe_hash=True)
class Size:
    width: int = 0
    height: int = 0


@dataclass(unsafe_hash=True)
class Rectangle:
    x: int = 0
    y: int = 0
    width: int = 0
    height: int = 0


@dataclass(unsafe_hash=True)
class Transform:
    hflip: int = 0
    vflip: int = 0
    transpose: int = 0

    def __str__(self) -> str:  # picamera2 makes it the __repr__, too
        return f"{self.hflip}{self.vflip}{self.transpose}"


class ColorSpace:
    """primaries, transferFunction, ycbcrEncoding, range: as libcamera has them, here just words."""

    YcbcrEncoding = SimpleNamespace(Null="null")
    Range = SimpleNamespace(Full="full", Limited="limited")

    def __init__(self, other: ColorSpace | None = None, **words: str) -> None:
        self.__dict__.update(vars(other) if other else words)

    def __str__(self) -> str:
        return "/".join(vars(self).values())


COLOUR_SPACES = {  # primaries, transfer function, encoding, range
    "Sycc": ("rec709", "srgb", "rec601", "full"),
    "Smpte170m": ("smpte170m", "rec709", "rec601", "limited"),
    "Rec709": ("rec709", "rec709", "rec709", "limited"),
    "Raw": ("raw", "linear", "none", "full"),
}
for name, words in COLOUR_SPACES.items():
    fields: dict[str, Any] = dict(zip(("primaries", "transferFunction", "ycbcrEncoding", "range"), words, strict=True))
    setattr(ColorSpace, name, staticmethod(partial(ColorSpace, **fields)))

Orientation = enum.Enum(
    "Orientation",
    "Rotate0 Rotate0Mirror Rotate180 Rotate180Mirror Rotate90 Rotate90Mirror Rotate270 Rotate270Mirror",
)
StreamRole = enum.Enum("StreamRole", "StillCapture Raw VideoRecording Viewfinder")
ControlType = enum.Enum("ControlType", "Integer Float Bool Rectangle Size")
Complete = enum.Enum("Complete", "Pending Complete Cancelled")
FrameStatus = enum.Enum("FrameStatus", "Success Error Cancelled")
ConfigStatus = enum.Enum("ConfigStatus", "Valid Adjusted Invalid")


@dataclass(frozen=True)
class ControlId:
    name: str
    type: Any = ControlType.Integer


@dataclass
class ControlInfo:
    min: Any
    max: Any
    default: Any


CONTROLS = {
    "FrameDurationLimits": ControlInfo(8333, 1_000_000, 33333),
    "AeEnable": ControlInfo(False, True, True),
    "ExposureTime": ControlInfo(14, 1_000_000, 10000),
    "ExposureTimeMode": ControlInfo(0, 1, 0),
    "AnalogueGain": ControlInfo(1.0, 31.6, 1.0),
    "AnalogueGainMode": ControlInfo(0, 1, 0),
    "NoiseReductionMode": ControlInfo(0, 4, 0),
    "ScalerCrop": ControlInfo(Rectangle(), Rectangle(0, 0, 1920, 1080), Rectangle(0, 0, 1920, 1080)),
}
METADATA = ("SensorTimestamp", "ExposureTime", "AnalogueGain", "FrameDuration", "SensorBlackLevels", "ColourGains")
IDS = {name: ControlId(name, ControlType.Rectangle if "Crop" in name else ControlType.Integer)
       for name in (*CONTROLS, *METADATA)}  # fmt: skip


class _Plane:
    fd = -1
    offset = length = 0


class FrameBuffer:
    Plane = _Plane

    def __init__(self, planes: list[_Plane]) -> None:
        self.planes = planes
        self.metadata = SimpleNamespace(status=FrameStatus.Success, sequence=0)


class StreamConfiguration:
    """What one stream shall be; `validate` of the whole fills in the rest."""

    def __init__(self) -> None:
        self.size, self.pixel_format, self.buffer_count = Size(), "", 4
        self.stride = self.frame_size = 0
        self.color_space: ColorSpace | None = None
        self.stream = object()
        self.formats = SimpleNamespace(
            pixel_formats=[name for name, _, _ in SENSOR_MODES],
            sizes=lambda name: [Size(width, height) for mode, width, height in SENSOR_MODES if mode == name],
        )

    def lay_out(self) -> None:
        name, width, height = str(self.pixel_format), self.size.width, self.size.height
        if name == "YUV420":
            self.stride = -(-width // ALIGNMENT) * ALIGNMENT
            self.frame_size = self.stride * height * 3 // 2
            return
        row = width * int(name.split("_")[0][5:]) // 8 if name.endswith("_CSI2P") else width * 2
        self.stride = -(-row // 32) * 32
        self.frame_size = self.stride * height


class CameraConfiguration:
    Status = ConfigStatus

    def __init__(self, count: int) -> None:
        self._streams = [StreamConfiguration() for _ in range(count)]
        self.orientation = Orientation.Rotate0
        self.sensor_config: Any = None

    def at(self, index: int) -> StreamConfiguration:
        return self._streams[index]

    def __iter__(self) -> Iterator[StreamConfiguration]:
        return iter(self._streams)

    def validate(self) -> Any:
        for stream in self._streams:
            stream.lay_out()
        return ConfigStatus.Valid


class Request:
    Status = Complete

    def __init__(self, camera: Camera, cookie: int) -> None:
        self._camera, self.cookie = camera, cookie
        self.buffers: dict[Any, FrameBuffer] = {}
        self.metadata: dict[ControlId, Any] = {}
        self.controls: dict[ControlId, Any] = {}
        self.status = Complete.Pending

    def add_buffer(self, stream: Any, buffer: FrameBuffer) -> None:
        self.buffers[stream] = buffer

    def set_control(self, control: ControlId, value: Any) -> None:
        self.controls[control] = value

    def reuse(self) -> None:
        self.status = Complete.Pending


@dataclass
class Camera:
    """A camera whose thread fills the queued requests at its frame rate.

    paint: gets the name of a stream's format, its (width, height, stride), the number of the frame, and the memory.
    faults: `busy`, `silent`, `error` (frames marked as damaged), `slow_exposure` may be in it at any time.
    held: the requests that are neither queued nor ready: those that picamera2 has given to the program.
    """

    manager: CameraManager
    id: str
    model: str
    paint: Callable[[str, tuple[int, int, int], int, mmap.mmap], None]
    clock: int = time.CLOCK_MONOTONIC
    faults: set[str] = field(default_factory=set)
    acquired: bool = False

    def __post_init__(self) -> None:
        self.controls = {IDS[name]: info for name, info in CONTROLS.items()}
        self.properties = {ControlId("Model"): self.model, ControlId("ColorFilterArrangement"): 0}
        self.frames = 0
        self.set: dict[str, Any] = {}
        self.configuration: Any = None
        self._queue: list[Request] = []
        self._running = threading.Event()
        self._memory: dict[int, mmap.mmap] = {}

    def acquire(self) -> None:
        if "busy" in self.faults or self.acquired:
            raise RuntimeError("Failed to acquire camera: Device or resource busy")
        self.acquired = True

    def release(self) -> None:
        self.acquired = False

    def generate_configuration(self, roles: list[Any]) -> CameraConfiguration:
        return CameraConfiguration(len(roles))

    def configure(self, configuration: CameraConfiguration) -> int:
        self.configuration = configuration
        return 0

    def create_request(self, cookie: int) -> Request:
        return Request(self, cookie)

    def queue_request(self, request: Request) -> None:
        self._queue.append(request)

    @property
    def waiting(self) -> int:
        return len(self._queue)

    def start(self, controls: dict[ControlId, Any]) -> None:
        self.set = {control.name: value for control, value in controls.items()}
        self._running.set()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._running.clear()
        self._thread.join()
        for request in self._queue:
            request.status = Complete.Cancelled
        self._queue = []
        for memory in self._memory.values():
            memory.close()
        self._memory = {}

    def _run(self) -> None:
        frame_s = self.set["FrameDurationLimits"][0] / 1e6
        next_s = time.monotonic()
        while self._running.is_set():
            next_s += frame_s
            time.sleep(max(0.0, next_s - time.monotonic()))
            self.frames += 1
            if self._queue and "silent" not in self.faults:
                self._complete(self._queue.pop(0), frame_s)

    def _complete(self, request: Request, frame_s: float) -> None:
        for stream in self.configuration:
            buffer = request.buffers[stream.stream]
            buffer.metadata.status = FrameStatus.Error if "error" in self.faults else FrameStatus.Success
            fd = buffer.planes[0].fd
            memory = self._memory.setdefault(fd, mmap.mmap(fd, stream.frame_size))
            layout = (stream.size.width, stream.size.height, stream.stride)
            self.paint(str(stream.pixel_format), layout, self.frames, memory)
        exposure_us = 16000 if "slow_exposure" in self.faults else self.set.get("ExposureTime", 10000)
        values = (
            time.clock_gettime_ns(self.clock),
            exposure_us,
            self.set.get("AnalogueGain", 1.0),
            round(frame_s * 1e6),
            (3840, 3840, 3840, 3840),
            (2.0, 1.5),
        )
        request.metadata = {IDS[name]: value for name, value in zip(METADATA, values, strict=True)}
        request.status = Complete.Complete
        self.manager.ready(request)


class CameraManager:
    """All cameras of the machine; picamera2 takes the one instance."""

    instance: CameraManager

    def __init__(self) -> None:
        self.cameras: list[Camera] = []
        self.event_fd = os.eventfd(0, os.EFD_NONBLOCK)
        self._ready: list[Request] = []

    @classmethod
    def singleton(cls) -> CameraManager:
        return cls.instance

    def ready(self, request: Request) -> None:
        self._ready.append(request)
        os.eventfd_write(self.event_fd, 1)

    def get_ready_requests(self) -> list[Request]:
        with suppress(BlockingIOError):
            os.eventfd_read(self.event_fd)
        ready, self._ready = self._ready, []
        return ready


class MemoryHeap:
    """In the place of picamera2's DmaHeap."""

    def alloc(self, name: str, size: int) -> Any:
        fd = os.memfd_create(name)
        os.truncate(fd, size)
        return SimpleNamespace(get=lambda: fd, isValid=lambda: True)

    def close(self) -> None:
        pass


def modules() -> dict[str, ModuleType]:
    """What `import libcamera`, `pykms` and `prctl` give while it is played."""
    libcamera = ModuleType("libcamera")
    for thing in (Size, Rectangle, Transform, ColorSpace, CameraConfiguration, FrameBuffer, Request, CameraManager):
        setattr(libcamera, thing.__name__, thing)
    for kind in (Orientation, StreamRole, ControlType):
        setattr(libcamera, kind.__name__, kind)
    draft = SimpleNamespace(NoiseReductionModeEnum=SimpleNamespace(Fast=1, Off=0, HighQuality=2, Minimal=3))
    libcamera.__dict__.update(
        Camera=Camera,
        PixelFormat=str,
        SensorConfiguration=SimpleNamespace,
        FrameMetadata=SimpleNamespace(Status=FrameStatus),
        controls=SimpleNamespace(draft=draft, **IDS),
        properties=SimpleNamespace(draft=SimpleNamespace(ColorFilterArrangementEnum=SimpleNamespace(MONO=9))),
        _libcamera=SimpleNamespace(ColorSpace=ColorSpace, Transform=Transform),
    )
    pykms = ModuleType("pykms")
    formats = ("RGB888", "BGR888", "XRGB8888", "XBGR8888", "YUV420", "YVU420", "YUYV", "NV12")
    pykms.__dict__["PixelFormat"] = SimpleNamespace(**dict.fromkeys(formats, 0))
    return {"libcamera": libcamera, "pykms": pykms, "prctl": ModuleType("prctl")}
