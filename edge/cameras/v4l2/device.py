"""An open V4L2 device: what it is, its modes and its controls. Streaming is edge/cameras/v4l2/stream.py."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from edge.cameras.base import CameraStateError
from edge.cameras.profile import Mode
from edge.cameras.v4l2 import videodev2 as v4l2

S = TypeVar("S", bound="ctypes.Structure | ctypes.c_int32")
MOST_INTERRUPTIONS = 100  # of one ioctl; more than signals can explain
MOST_ENTRIES = 256  # of one enumeration: a driver that never says "no more" must not hang us


@dataclass(frozen=True)
class OfferedMode:
    """A size in a format, and the rates that the device offers there, fastest first; none where it does not say.

    format: FourCC.
    """

    format: str
    width: int
    height: int
    fps: tuple[float, ...]


@dataclass(frozen=True)
class AgreedFormat:
    """What the device will deliver.

    format: FourCC. fps: 0 where it does not say. stride: bytes from row to row. full_range: levels of 0..255 in YUV.
    """

    format: str
    width: int
    height: int
    fps: float
    stride: int
    full_range: bool


@dataclass(frozen=True)
class OfferedControl:
    """A control of the device. kind: V4L2_CTRL_TYPE_*. inactive: another control has to be set before it counts."""

    id: int
    name: str
    kind: int
    minimum: int
    maximum: int
    step: int
    default: int
    value: int | None
    inactive: bool


class V4l2Device:
    """A capture device, opened but not streaming; several programs may have it open so.

    driver, card, bus: what it says of itself. Raises CameraStateError when it is missing, forbidden or no camera, and
    from every method when it is lost.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise CameraStateError.of(path, error) from error
        try:
            capability = self._capability()
        except CameraStateError:
            self.close()
            raise
        self.driver, self.card, self.bus = (
            bytes(text).decode(errors="replace") for text in (capability.driver, capability.card, capability.bus_info)
        )

    @property
    def is_open(self) -> bool:
        return self.descriptor >= 0

    def close(self) -> None:
        """May be called twice."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __enter__(self) -> V4l2Device:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def call(self, request: int, argument: S) -> S:
        """One ioctl, filled in place. Raises OSError."""
        for _ in range(MOST_INTERRUPTIONS):
            with suppress(InterruptedError):  # a signal; Python's handler has run by now
                fcntl.ioctl(self.descriptor, request, argument)
                return argument
        raise InterruptedError(errno.EINTR, "the driver is interrupted over and over")

    def demand(self, request: int, argument: S) -> S:
        """One ioctl that has to succeed. Raises CameraStateError."""
        try:
            return self.call(request, argument)
        except OSError as error:
            raise CameraStateError.of(self.path, error) from error

    def modes(self) -> list[OfferedMode]:
        """Every size of every format; of a device that offers any size, the smallest and the largest."""
        formats = self._enumerate(v4l2.ENUM_FMT, partial(v4l2.FormatDescription, type=v4l2.CAPTURE))
        return [
            OfferedMode(v4l2.fourcc(found.pixelformat), *size, self._rates(found.pixelformat, *size))
            for found in formats
            for size in self._sizes(found.pixelformat)
        ]

    def set_mode(self, wanted: Mode) -> AgreedFormat | None:
        """Ask for a mode; the driver answers with the nearest that it has. None: it refuses the format."""
        format = v4l2.Format(type=v4l2.CAPTURE)
        pix = format.fmt.pix
        pix.width, pix.height, pix.pixelformat = wanted.width, wanted.height, v4l2.code(wanted.format)
        try:
            self.call(v4l2.S_FMT, format)
        except OSError as error:
            if error.errno == errno.EINVAL:
                return None
            raise CameraStateError.of(self.path, error) from error
        fps = self._set_rate(wanted.fps)
        return AgreedFormat(
            v4l2.fourcc(pix.pixelformat), pix.width, pix.height, fps, pix.bytesperline, _is_full_range(pix)
        )

    def controls(self) -> list[OfferedControl]:
        """Every control with its present value."""
        found, query = [], v4l2.ControlQuery(id=v4l2.CONTROL_NEXT)
        with suppress(OSError):
            for _ in range(MOST_ENTRIES):
                self.call(v4l2.QUERYCTRL, query)
                if query.type != v4l2.CONTROL_CLASS and not query.flags & v4l2.CONTROL_DISABLED:
                    found.append(self._offered(query))
                query = v4l2.ControlQuery(id=query.id | v4l2.CONTROL_NEXT)
        return found

    def control(self, id: int) -> int:
        """The present value of a control. Raises OSError."""
        return int(self.call(v4l2.G_CTRL, v4l2.ControlValue(id=id)).value)

    def set_control(self, id: int, value: int) -> None:
        """Raises OSError."""
        self.call(v4l2.S_CTRL, v4l2.ControlValue(id=id, value=value))

    def _capability(self) -> v4l2.Capability:
        try:
            found = self.call(v4l2.QUERYCAP, v4l2.Capability())
        except OSError as error:
            raise CameraStateError.of(self.path, error) from error
        own = found.device_caps if found.capabilities & v4l2.CAP_DEVICE_CAPS else found.capabilities
        if not (own & v4l2.CAP_VIDEO_CAPTURE and own & v4l2.CAP_STREAMING):
            raise CameraStateError(
                "no_camera",
                f"{self.path}: is a video device that does not capture ({found.card.decode()}); try another",
            )
        return found

    def _sizes(self, pixelformat: int) -> Iterator[tuple[int, int]]:
        for found in self._enumerate(v4l2.ENUM_FRAMESIZES, partial(v4l2.FrameSize, pixel_format=pixelformat)):
            if found.type == v4l2.DISCRETE:
                yield found.size[0], found.size[1]
            else:  # the least and the most; there is only one such entry
                yield from ((found.size[0], found.size[3]), (found.size[1], found.size[4]))
                return

    def _rates(self, pixelformat: int, width: int, height: int) -> tuple[float, ...]:
        make = partial(v4l2.FrameInterval, pixel_format=pixelformat, width=width, height=height)
        rates: set[float] = set()
        for found in self._enumerate(v4l2.ENUM_FRAMEINTERVALS, make):
            discrete = found.type == v4l2.DISCRETE
            rates |= {_rate(interval) for interval in found.interval[: 1 if discrete else 2]}
            if not discrete:
                break
        return tuple(sorted(rates, reverse=True))

    def _set_rate(self, fps: int) -> float:
        parameters = v4l2.CaptureParameters(type=v4l2.CAPTURE, timeperframe=v4l2.Fraction(1, fps))
        with suppress(OSError):  # a driver without rates
            self.call(v4l2.S_PARM, parameters)
        return _rate(parameters.timeperframe)

    def _offered(self, query: v4l2.ControlQuery) -> OfferedControl:
        value = None
        with suppress(OSError):  # write-only ones, and buttons
            value = self.control(query.id)
        name = query.name.decode(errors="replace")
        limits = (query.minimum, query.maximum, query.step, query.default)
        return OfferedControl(query.id, name, query.type, *limits, value, bool(query.flags & v4l2.CONTROL_INACTIVE))

    def _enumerate(self, request: int, make: Callable[..., S]) -> Iterator[S]:
        for index in range(MOST_ENTRIES):
            try:
                yield self.call(request, make(index=index))
            except OSError:
                return


def _rate(interval: v4l2.Fraction) -> float:
    return float(interval.denominator / interval.numerator) if interval.numerator else 0.0


def _is_full_range(pix: v4l2.PixelFormat) -> bool:
    """V4L2_MAP_QUANTIZATION_DEFAULT for Y'CbCr."""
    return bool(
        pix.quantization == v4l2.FULL_RANGE or (not pix.quantization and pix.colorspace == v4l2.COLORSPACE_JPEG)
    )
