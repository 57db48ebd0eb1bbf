"""What a camera is: identity, modes, controls; and the Arducam of the ELLAR data set as a published listing has it."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Mode:
    """format: V4L2 FourCC, YUYV or MJPG. rates: frames per second, fastest first."""

    format: str
    width: int
    height: int
    rates: tuple[int, ...]


@dataclass(frozen=True)
class Control:
    """A UVC control: bytes on the bus, range, step and default. bit: its place in the unit's bmControls."""

    name: str
    unit: int
    selector: int
    bit: int
    size: int
    minimum: int
    maximum: int
    step: int
    default: int


@dataclass(frozen=True)
class Model:
    """A camera as the bus sees it."""

    vendor: int
    product: int
    manufacturer: str
    name: str
    serial: str
    modes: tuple[Mode, ...]
    controls: tuple[Control, ...]

    def formats(self) -> dict[str, list[Mode]]:
        """Its modes by format, in their order: UVC numbers both from 1."""
        found: dict[str, list[Mode]] = {}
        for mode in self.modes:
            found.setdefault(mode.format, []).append(mode)
        return found

    def only(self, width: int, height: int) -> Model:
        """The same camera with one size."""
        modes = tuple(mode for mode in self.modes if (mode.width, mode.height) == (width, height))
        return replace(self, modes=modes)


CAMERA, PROCESSING, OUTPUT = 1, 2, 3  # the units of its video function, in the order of the signal
EXPOSURE_MODE, EXPOSURE_PRIORITY, EXPOSURE_TIME = "exposure mode", "exposure priority", "exposure time"
MANUAL, APERTURE_PRIORITY = 1, 8

ARDUCAM = Model(
    vendor=0x0C45,
    product=0x6366,
    manufacturer="Arducam Technology Co., Ltd.",
    name="Arducam USB Camera",
    serial="UC684",
    modes=(
        Mode("MJPG", 1920, 1080, (30, 25, 20, 15, 10)),
        Mode("MJPG", 1280, 720, (30, 25, 20, 15, 10)),
        Mode("MJPG", 640, 480, (30, 25, 20, 15, 10)),
        Mode("YUYV", 640, 480, (30, 25, 20, 15, 10)),
        Mode("YUYV", 320, 240, (30, 25, 20, 15, 10)),
    ),
    controls=(
        # The mode's "step" is the set of modes that it has: manual and aperture priority.
        Control(EXPOSURE_MODE, CAMERA, 2, 1, 1, 0, 0, MANUAL | APERTURE_PRIORITY, APERTURE_PRIORITY),
        Control(EXPOSURE_PRIORITY, CAMERA, 3, 2, 1, 0, 1, 1, 1),
        Control(EXPOSURE_TIME, CAMERA, 4, 3, 4, 1, 5000, 1, 156),
        Control("backlight compensation", PROCESSING, 1, 8, 2, 0, 2, 1, 1),
        Control("brightness", PROCESSING, 2, 0, 2, -64, 64, 1, 0),
        Control("contrast", PROCESSING, 3, 1, 2, 0, 64, 1, 32),
        Control("gain", PROCESSING, 4, 9, 2, 0, 100, 1, 0),
        Control("power line frequency", PROCESSING, 5, 10, 1, 0, 2, 1, 1),
        Control("saturation", PROCESSING, 7, 3, 2, 0, 128, 1, 64),
        Control("sharpness", PROCESSING, 8, 4, 2, 0, 6, 1, 2),
        Control("gamma", PROCESSING, 9, 5, 2, 72, 500, 1, 100),
    ),
)
