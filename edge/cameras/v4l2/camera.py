"""Cameras through V4L2 (USB, and CSI where the driver gives pictures): set up as their profile says, freshest frame."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from edge.cameras.base import STALL_FRAMES, STALL_S, Camera, CameraStallError, CameraStateError
from edge.cameras.holding.closing import close_in_time
from edge.cameras.layout import BYTES_PER_PIXEL, PLANAR, picture
from edge.cameras.profile import CameraProfile, Mode
from edge.cameras.v4l2.controls import set_controls
from edge.cameras.v4l2.device import AgreedFormat, V4l2Device
from edge.cameras.v4l2.stream import V4l2Stream
from edge.cameras.v4l2.sysfs import DeviceFinder, device_at, profile_of
from edge.picture.frame import Frame

FORMATS = {"YUYV": "yuyv", "UYVY": "uyvy", "NV12": "nv12", "GREY": "grey", "MJPG": "jpeg", "JPEG": "jpeg"}
DEFAULT_MODE = Mode("YUYV", 640, 480, 30)
SLOWER = 0.9  # a mode that reaches this part of its rate is the one that was asked for
START_S = 2.0  # how long a camera may take to its first frame, and to the second


class V4l2Camera(Camera):
    """A V4L2 device, streaming. Frames lie in the driver's own memory, in its format; JPEG is decoded when it is used.

    Raises CameraStateError when it is missing, forbidden, busy, has no format that can be read, or is lost.
    """

    live = True
    stall_s = START_S

    def __init__(self, path: Path, profile: CameraProfile) -> None:
        super().__init__(f"{profile.name} ({path})")
        self._device = V4l2Device(path)
        try:
            self.agreed, notes = _agree(self._device, profile.modes or (DEFAULT_MODE,))
            self.notes = (*notes, *set_controls(self._device, profile.controls))
            interval_s = 1 / (self.agreed.fps or 30.0)
            size = self.agreed.height, self.agreed.width
            self._stream = V4l2Stream(self._device, _least_bytes(self.agreed), size, interval_s, self.drops)
        except CameraStateError:
            self._device.close()
            raise

    def read(self, timeout_s: float) -> Frame | None:
        captured = self._stream.newest(timeout_s)
        if captured is None:
            raise CameraStallError(f"{self.name}: no good frame for {timeout_s:g} s")
        if self._stream.measured:  # what was agreed on may not hold in the dark
            self.stall_s = max(STALL_S, STALL_FRAMES * self._stream.interval_s)
        agreed, format = self.agreed, FORMATS[self.agreed.format]
        image = captured.data
        if format != "jpeg":
            try:
                image = picture(image, format, agreed.width, agreed.height, _stride(agreed))
            except ValueError as error:  # what the driver agreed on makes no picture
                raise CameraStateError("no_format", f"{self.name}: {error}; choose another mode") from error
        return Frame(image, self._stream.sequence, captured.time_s, format)

    def close(self) -> None:
        if self._device.is_open:
            close_in_time(self.name, self._close)  # a driver may hang over a device that does

    def _close(self) -> None:
        self._stream.close()
        self._device.close()


def open_found(finder: DeviceFinder) -> V4l2Camera:
    """Open the camera that a profile means, whatever its number is today."""
    device = finder.find()
    camera = V4l2Camera(device.path, finder.profile)
    camera.notes = (*filter(None, [finder.note]), *camera.notes)
    return camera


def open_device(device: Path) -> V4l2Camera:
    """Open a device by its path, with the profile that knows it."""
    return V4l2Camera(device, profile_of(device_at(device)))


def _agree(device: V4l2Device, modes: tuple[Mode, ...]) -> tuple[AgreedFormat, tuple[str, ...]]:
    """The first of the modes that the camera has, else the nearest to the first; and what differs from the first."""
    exact = (agreed for mode in modes if (agreed := device.set_mode(mode)) and _is(agreed, mode))
    agreed = next(exact, None) or _nearest(device, modes[0])
    notes = [] if _is(agreed, modes[0]) else [f"mode is {_text(agreed)}, not {_text(modes[0])}"]
    if agreed.full_range and agreed.format in ("YUYV", "UYVY", "NV12"):
        notes.append(
            f"{agreed.format} is of full range here, which is read as limited: dark levels are lost; choose MJPG"
        )
    return agreed, tuple(notes)


def _nearest(device: V4l2Device, mode: Mode) -> AgreedFormat:
    """What the camera gives for this mode, or for its size in another format; one that can be read."""
    offered = {found.format for found in device.modes()}
    for format in (mode.format, *(format for format in FORMATS if format in offered)):
        agreed = device.set_mode(replace(mode, format=format))
        if agreed and agreed.format in FORMATS:
            return agreed
    found = f"it has {', '.join(sorted(offered)) or 'none'}; expected one of {', '.join(FORMATS)}"
    raise CameraStateError("no_format", f"{device.path}: no format that can be read: {found}")


def _is(agreed: AgreedFormat, mode: Mode) -> bool:
    same = (agreed.format, agreed.width, agreed.height) == (mode.format, mode.width, mode.height)
    return same and (not agreed.fps or agreed.fps >= SLOWER * mode.fps)


def _text(mode: Mode | AgreedFormat) -> str:
    return f"{mode.format} {mode.width}x{mode.height} at {mode.fps:g} fps"


def _stride(agreed: AgreedFormat) -> int:
    return agreed.stride or agreed.width * BYTES_PER_PIXEL.get(FORMATS[agreed.format], 1)


def _least_bytes(agreed: AgreedFormat) -> int:
    """Of a picture without the padding after its last row; 0 for JPEG."""
    format = FORMATS[agreed.format]
    if format == "jpeg":
        return 0
    rows = agreed.height * 3 // 2 if format in PLANAR else agreed.height
    return _stride(agreed) * (rows - 1) + agreed.width * BYTES_PER_PIXEL.get(format, 1)
