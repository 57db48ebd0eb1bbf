"""Modes and controls of a V4L2 camera against its profile, and its exposure against its frame rate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from edge.cameras.profile import CameraProfile, Control, Mode, camera_profile_path
from edge.cameras.v4l2.device import OfferedControl, OfferedMode, V4l2Device
from edge.doctor.findings import Finding, error, ok, warning
from edge.errors import CameraError

AREA = "camera"
AUTO_EXPOSURE, EXPOSURE_TIME, DYNAMIC_FRAME_RATE = 0x009A0901, 0x009A0902, 0x009A0903
EXPOSURE_UNIT_S = 100e-6
MANUAL, SHUTTER_PRIORITY = 1, 2  # V4L2_EXPOSURE_*; in both the exposure time is ours


def check(node: str, path: Path, profile: CameraProfile, in_use: bool) -> Iterator[Finding]:
    """Ask the device, without streaming. node: its name for people.

    in_use: edge-run has it, so its controls should be as the profile says.
    """
    try:
        with V4l2Device(path) as device:
            modes, controls = device.modes(), {control.id: control for control in device.controls()}
            driver = device.driver
    except CameraError as problem:
        yield error(
            AREA, f"{node} driver", str(problem), f"unplug it and plug it in again; then: v4l2-ctl -d {node} --all"
        )
        return
    yield ok(AREA, f"{node} driver", driver)
    yield check_mode(node, profile, modes)
    yield from check_controls(node, profile, controls, in_use)
    if EXPOSURE_TIME in controls:
        yield check_exposure(node, profile, controls)


def check_mode(node: str, profile: CameraProfile, offered: Sequence[OfferedMode]) -> Finding:
    """Which of the profile's modes the camera has."""
    wanted = [mode for mode in profile.modes if is_offered(mode, offered)]
    preferred = profile.modes[0]
    if wanted and wanted[0] == preferred:
        return ok(AREA, f"{node} mode", f"{described(preferred)}, as {profile.name} prefers")
    instead = f"its profile's next is {described(wanted[0])}" if wanted else "it has none of its profile's modes"
    repair = f"edge-run --list-cameras shows its modes; {own_profile(profile)}"
    return warning(AREA, f"{node} mode", f"no {described(preferred)}; {instead}", repair)


def is_offered(mode: Mode, offered: Sequence[OfferedMode]) -> bool:
    """A device that does not tell its rates is believed."""
    size = (mode.format, mode.width, mode.height)
    rates = [entry.fps for entry in offered if (entry.format, entry.width, entry.height) == size]
    return any(not fps or max(fps) >= mode.fps - 0.5 for fps in rates)


def check_controls(
    node: str, profile: CameraProfile, offered: Mapping[int, OfferedControl], in_use: bool
) -> Iterator[Finding]:
    """What the profile sets that the camera does not have or does not take."""
    taken = []
    for control in profile.controls:
        found = offered.get(control.id)
        what = f"{node} {control.name}"
        repair = f"give {control.name} a value that the camera has: {own_profile(profile)}"
        if found is None:
            yield ok(AREA, what, "the camera has no such control; edge-run notes it and goes on")
        elif not found.minimum <= control.value <= found.maximum:
            limits = f"{found.minimum} to {found.maximum}"
            yield warning(AREA, what, f"takes {limits}; {profile.name} wants {control.value}", repair)
        elif in_use and found.value != control.value:
            reset = f"v4l2-ctl -d {node} -c {_name(found)}={control.value}; sudo systemctl restart edge-run"
            yield warning(AREA, what, f"is {found.value}, {profile.name} wants {control.value}; it was changed", reset)
        else:
            taken.append(_change(control, found))
    if taken:
        yield ok(AREA, f"{node} controls", ", ".join(taken))


def check_exposure(node: str, profile: CameraProfile, offered: Mapping[int, OfferedControl]) -> Finding:
    """An exposure longer than the frame time makes the camera slower, whatever rate was asked for."""
    values = {id: control.value for id, control in offered.items()}
    values |= {control.id: control.value for control in profile.controls if control.id in offered}
    mode = profile.modes[0]
    what = f"{node} exposure"
    if values.get(AUTO_EXPOSURE) not in (MANUAL, SHUTTER_PRIORITY):
        if values.get(DYNAMIC_FRAME_RATE):
            repair = f"v4l2-ctl -d {node} -c exposure_dynamic_framerate=0 (before Linux 6: exposure_auto_priority)"
            return warning(AREA, what, "automatic, and in the dark the frame rate falls with it", repair)
        return ok(AREA, what, "automatic, at most the frame time")
    exposure_s = (values.get(EXPOSURE_TIME) or 0) * EXPOSURE_UNIT_S
    found = f"{exposure_s * 1e3:.1f} ms"
    if exposure_s > 1 / mode.fps:
        most = int(1 / mode.fps / EXPOSURE_UNIT_S)
        repair = f"set exposure_time_absolute to at most {most}: {own_profile(profile)}"
        return warning(AREA, what, f"{found} allows {1 / exposure_s:.1f} of the {mode.fps} pictures a second", repair)
    return ok(AREA, what, f"{found} of the {1e3 / mode.fps:.1f} ms that a picture has")


def own_profile(profile: CameraProfile) -> str:
    """How to change what a profile says; one that the user wrote is changed where it is."""
    shipped = camera_profile_path(profile)
    return f"cp {shipped} own.yaml, edit it, --camera own.yaml" if shipped.exists() else f"edit {profile.name}'s file"


def described(mode: Mode) -> str:
    """YUYV 640x480 at 30."""
    return f"{mode.format} {mode.width}x{mode.height} at {mode.fps:g}"


def _change(control: Control, found: OfferedControl) -> str:
    now = "" if found.value in (control.value, None) else f" (now {found.value})"
    return f"{control.name} {control.value}{now}"


def _name(control: OfferedControl) -> str:
    """As v4l2-ctl writes it: `Exposure Time, Absolute` is exposure_time_absolute."""
    return "_".join("".join(c if c.isalnum() else " " for c in control.name.lower()).split())
