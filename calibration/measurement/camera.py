"""`calibration measure-camera`: fits a camera's black level, read noise and gain, and writes them into its profile.

calibration measure-camera --camera arducam                                 (records; says when to cover the lens)
calibration measure-camera --camera arducam --dark DARK.avi --flat FLAT.avi [FLAT.avi ...]
"""

from __future__ import annotations

import argparse
import dataclasses
import re
import sys
from datetime import datetime, timezone
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from calibration.measurement.photon_transfer import MINIMUM_FRAMES, MODEL_WIDTH, PhotonTransfer, photon_transfer
from edge.cameras.base import Camera
from edge.cameras.profile import CameraProfile, Sensor, camera_profile_path, camera_profiles
from edge.cameras.source import camera_source, open_camera
from edge.errors import ConfigError, DataError, UsageError
from edge.fields import build, read_yaml
from edge.files import check_can_write, file_in_one_step
from edge.paths import user_path
from edge.picture.frame import Image

FRAMES = 60
SETTLE_FRAMES = 15  # until exposure, gain and the noise reduction's memory have settled
CROP = (480, 640)  # the middle of the picture is enough, and lenses shade the rest
STALL_S = 5.0
SECTION = re.compile(r"^sensor:[^\n]*\n(?:(?:[ \t#][^\n]*)?\n)*", re.MULTILINE)


def add_parser(commands: Any) -> None:
    """Register the command with `calibration`."""
    parser = commands.add_parser("measure-camera", help="fit a camera's noise and write it into its profile")
    parser.add_argument("--camera", metavar="PROFILE", required=True, help="a profile of firmware_configs/cameras")
    parser.add_argument("--dark", metavar="FILE", type=user_path, help="recording with the lens capped, lossless")
    parser.add_argument(
        "--flat", metavar="FILE", type=user_path, nargs="+", default=[], help="evenly lit, out of focus"
    )
    parser.add_argument("--frames", type=int, default=FRAMES, help="of every recording (default: %(default)s)")
    parser.add_argument(
        "--out", metavar="YAML", type=user_path, help="the profile to write (default: the camera's own)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure, write, and print what changed. Raises EdgeError."""
    profile = profile_of(arguments.camera)
    if arguments.frames < MINIMUM_FRAMES:
        raise UsageError(f"--frames is {arguments.frames}; it must be {MINIMUM_FRAMES} or more")
    if (arguments.dark is None) != (not arguments.flat):
        raise UsageError("--dark and --flat belong together; without both the camera itself is recorded")
    path = arguments.out or camera_profile_path(profile)
    check_can_write(path, "the profile; name a file of yours: --out FILE")
    if arguments.dark is None:
        dark, *flats = _from_camera(arguments.camera, arguments.frames)
    else:
        dark, *flats = (_from_file(path, arguments.frames) for path in (arguments.dark, *arguments.flat))
    assert profile.sensor is not None
    sensor, transfer = measured(profile.sensor, dark, flats)
    write_sensor(path, profile, sensor)
    print(_summary(profile.sensor, sensor, transfer, path))
    return 0


def profile_of(camera: str) -> CameraProfile:
    """A profile with a `sensor` section, by name or alias. Raises UsageError."""
    known = camera_profiles().values()
    for profile in known:
        if camera in (profile.name, *profile.aliases):
            if profile.sensor is None:
                raise UsageError(f"{profile.name} has no section `sensor`; copy one from arducam_b0200.yaml as a start")
            return profile
    raise UsageError(f"no camera profile is called {camera!r}; there are {', '.join(p.name for p in known)}")


def measured(sensor: Sensor, dark: Image, flats: list[Image]) -> tuple[Sensor, PhotonTransfer]:
    """A sensor with what recordings (uint8 [T,H,W,3] BGR) tell of it, brought to the model's pixel. Raises DataError.

    Green is measured: its white balance has the gain 1.
    """
    if any(flat.shape[1:] != dark.shape[1:] for flat in flats):
        raise DataError(f"recordings differ in size: {[r.shape[1:3] for r in (dark, *flats)]}; use one mode for all")
    crops = [_middle(recording)[..., 1] for recording in (dark, *flats)]
    transfer = photon_transfer(crops[0], crops[1:], sensor.slope)
    pixels = (dark.shape[2] / MODEL_WIDTH) ** 2
    values: dict[str, Any] = {key: float(f"{value:.4g}") for key, value in transfer.binned(pixels).items()}
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    frames = f"{len(dark)} lens-cap and {sum(map(len, flats))} flat-field frames of {dark.shape[2]}x{dark.shape[1]}"
    sources = sensor.sources | dict.fromkeys(values, f"measured by photon transfer, {frames}, {now}")
    return dataclasses.replace(sensor, **values, sources=sources, measured=now), transfer


def write_sensor(path: Path, profile: CameraProfile, sensor: Sensor) -> None:
    """Replace the `sensor` section of a profile, and nothing else in it; a new file gets the whole profile's text.

    Raises ConfigError where the file cannot be written or is no profile.
    """
    own = camera_profile_path(profile)
    try:
        text = (path if path.exists() else own).read_text(encoding="utf-8")
        section = yaml.safe_dump({"sensor": _plain(sensor)}, sort_keys=False, default_flow_style=None, width=1000)
        rest = SECTION.sub("", text)
        with file_in_one_step(path) as aside:
            aside.write_text(rest.rstrip("\n") + "\n" + section, encoding="utf-8")
            build(CameraProfile, read_yaml(aside), str(path))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror}); name a file of yours: --out FILE") from error


def _plain(sensor: Sensor) -> dict[str, Any]:
    """As YAML knows it: lists instead of tuples, sources last; what does not apply is left out."""
    values = dataclasses.asdict(sensor)
    for name in ("white_balance", "mean_luma"):
        values[name] = {key: list(pair) for key, pair in values[name].items()}
    values["sources"] = values.pop("sources")
    return values


def _middle(recording: Image) -> Image:
    y, x = (max(0, (size - most) // 2) for size, most in zip(recording.shape[1:3], CROP, strict=True))
    return recording[:, y : y + CROP[0], x : x + CROP[1]]


def _from_file(path: Path, frames: int) -> Image:
    with open_camera(f"file:{path}") as camera:
        return _take(camera, frames)


def _from_camera(camera: str, frames: int) -> list[Image]:
    """A lens-cap and a flat-field recording of a live camera, one after the other."""
    recordings = []
    with camera_source(camera).open() as opened:
        for what in ("Cover the lens", "Point it at an evenly lit wall, out of focus, dark grey in the picture"):
            print(f"{what}, then press Enter: ", end="", file=sys.stderr, flush=True)
            if not sys.stdin.readline():
                raise UsageError("nobody is there to press Enter; give recordings: --dark FILE --flat FILE")
            recordings.append(_take(opened, frames))
    return recordings


def _take(camera: Camera, frames: int) -> Image:
    """uint8 [T,H,W,3]: the first frames are let go, then at most so many are kept."""
    images = iter(lambda: camera.read(STALL_S), None)
    kept = [frame.bgr() for frame in islice(images, SETTLE_FRAMES, SETTLE_FRAMES + frames)]
    if not kept:
        raise DataError(f"{camera.name}: ends within the first {SETTLE_FRAMES} frames, which are left to settle")
    return np.stack(kept)


def _summary(before: Sensor, after: Sensor, transfer: PhotonTransfer, path: Path) -> str:
    names = ("full_electrons", "read_electrons", "black_electrons", "hot_pixels_per_million", "hot_electrons")
    lines = [f"{name:<24}{getattr(before, name):>10g} -> {getattr(after, name):g}" for name in names]
    lines.append(f"gain as recorded: {transfer.gain:.4g} codes of 4095 per electron")
    lines.append(f"the camera's processing makes the variance of noise {transfer.smoothing:.3g} times smaller")
    return "\n".join([*lines, f"written: {path}"])
