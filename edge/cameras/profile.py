"""Cameras as data: what firmware_configs/cameras/*.yaml says, or a profile of the user's own."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from edge.board.device_tree import compatible
from edge.errors import ConfigError
from edge.fields import build, read_yaml
from edge.shipped import load_profiles, shipped


@dataclass(frozen=True)
class Mode:
    """A capture mode; format is the V4L2 FourCC."""

    format: str
    width: int
    height: int
    fps: int


@dataclass(frozen=True)
class Control:
    """A V4L2 control. name: for people only, kernels differ in it."""

    id: int
    name: str
    value: int


@dataclass(frozen=True)
class Sensor:
    """How a camera turns light into levels in the dark (docs/dark-camera.md), per pixel of a picture 320 wide.

    full_electrons: electrons at white. read_electrons, row_electrons: standard deviations of the noise.
    black_electrons: mean of a black picture before it is cut at 0. hot_pixels_per_million, hot_electrons: how many
    pixels leak, and the mean of what they leak. slope: of the tone curve at black (Rec.709: 4.5). blur_px, memory:
    smoothing by the camera's processor over space and time (memory 0: none). white_balance: range of the gains of
    `blue` and `red`; green has 1.
    mean_luma: range of the picture's mean, by light. jpeg_quality: of its USB stream. sources: where each value comes
    from. measured: when `calibration measure-camera` wrote values; empty for a model.
    """

    full_electrons: float
    read_electrons: float
    row_electrons: float
    black_electrons: float
    slope: float
    blur_px: float
    memory: float
    white_balance: dict[str, tuple[float, ...]]
    mean_luma: dict[str, tuple[float, ...]]
    jpeg_quality: int
    hot_pixels_per_million: float = 0.0
    hot_electrons: float = 0.0
    sources: dict[str, str] = field(default_factory=dict)
    measured: str = ""


@dataclass(frozen=True)
class Csi:
    """What a camera on a CSI port needs beside its mode. Exposure is fixed: left to itself it slows in the dark.

    models: patterns of the sensor's name as libcamera gives it. analogue_gain: a factor. raw: ask for the sensor's own
    10 or 12 bits per pixel, too.
    """

    models: tuple[str, ...]
    exposure_us: int
    analogue_gain: float
    raw: bool = False


@dataclass(frozen=True)
class CameraProfile:
    """A camera. modes: preferred first; controls: in the order in which they must be set.

    driver: `v4l2`, `picamera2` or `gstreamer`. drivers: another driver by pattern of the device tree's `compatible`.
    by_id: pattern of its link in /dev/v4l/by-id. match: rules of USB identity (v4l2/sysfs.py); one must hold.
    csi: for a camera on a CSI port. pipeline: GStreamer elements up to raw pictures in main memory (`video/x-raw`),
    without a sink, with {width}, {height}, {fps} of a mode and {device}, its node. cannot: what the camera cannot do.
    unknown: what was not measured or not published. sensor: for simulation only; the device ignores it.
    """

    name: str
    title: str
    aliases: tuple[str, ...] = ()
    driver: str = "v4l2"
    drivers: dict[str, str] = field(default_factory=dict)
    by_id: str = ""
    match: tuple[dict[str, str], ...] = ()
    modes: tuple[Mode, ...] = ()
    controls: tuple[Control, ...] = ()
    csi: Csi | None = None
    pipeline: str = ""
    cannot: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    sensor: Sensor | None = None


def camera_profiles() -> dict[str, CameraProfile]:
    """Every camera profile by name. Raises ConfigError."""
    return load_profiles("cameras", CameraProfile)


def camera_profile_path(profile: CameraProfile) -> Path:
    """The file of a profile that is shipped."""
    return shipped("cameras") / f"{profile.name}.yaml"


def read_camera_profile(path: Path) -> CameraProfile:
    """A profile of the user's own. Raises ConfigError: unreadable, a key that does not exist, no mode."""
    profile = build(CameraProfile, read_yaml(path), str(path))
    if not profile.modes:
        raise ConfigError(f"{path}: modes: expected at least one, found none; copy those of the nearest profile")
    return profile


def driver_of(profile: CameraProfile, root: Path = Path("/")) -> str:
    """The driver that opens this camera on this board."""
    tree = compatible(root)
    other = (
        driver for pattern, driver in profile.drivers.items() if any(fnmatchcase(entry, pattern) for entry in tree)
    )
    return next(other, profile.driver)
