"""Cameras: found, allowed, free, on a connection quick enough, set as their profile says, and delivering pictures."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from edge.cameras.base import CameraSource
from edge.cameras.finding.access import Access, Holder, holders, user_name
from edge.cameras.profile import CameraProfile, Mode, driver_of
from edge.cameras.source import camera_source, device_path, named_profile
from edge.cameras.v4l2.sysfs import Device, DeviceFinder, device_at, list_devices, profile_of
from edge.doctor import settings, stream
from edge.doctor.findings import Finding, error, ok, warning
from edge.errors import CameraError
from edge.run.config import Config

AREA = "camera"
CAMERA_GROUP = "video"  # of udev's own rules, and of the service
UDEV_RULE = 'SUBSYSTEM=="video4linux", GROUP="video", MODE="0660"'
# What isochronous transfers of one camera can carry, by the speed of the connection (USB 2.0, 5.9.2: 3 x 1024 bytes in
# each of 8000 microframes; USB 1.1: 1023 bytes in each of 1000 frames).
BYTES_PER_S = {12.0: 1.023e6, 480.0: 24.576e6}
BYTES_PER_PIXEL = {"YUYV": 2.0, "UYVY": 2.0, "NV12": 1.5, "GREY": 1.0}  # JPEG pictures have no size of their own


def check(spec: str, root: Path, interval_ms: float | None = None) -> Iterator[Finding]:
    """Examine the camera that `spec` means for edge-run, or with the default all that are plugged in.

    interval_ms: between ticks of the model, None if it is not known. Raises UsageError for an unknown camera.
    """
    if spec == Config().camera:
        yield from check_all(root, interval_ms)
        return
    source = camera_source(spec)
    named, path = named_profile(spec), device_path(spec)
    if named and driver_of(named[0], root) == "v4l2":
        finder = DeviceFinder(*named, root)
        try:
            device = finder.find()
        except CameraError as problem:
            yield error(AREA, spec, str(problem), "plug it in; see what is there: edge-run --list-cameras; lsusb")
            return
        if finder.note:
            yield ok(AREA, spec, finder.note)
        yield from check_device(device, finder.profile, source, root, interval_ms)
        yield from check_buses(list_devices(root))
    elif path:
        device = device_at(path, root) or Device(path, path.name, {})
        yield from check_device(device, profile_of(device), source, root, interval_ms)
    else:
        yield from stream.check(source, interval_ms)


def check_all(root: Path, interval_ms: float | None) -> Iterator[Finding]:
    """Every camera that is plugged in and that a profile knows."""
    devices = [device for device in list_devices(root) if device.usb]
    if not devices:
        repair = "plug in a USB camera (lsusb), or name one: edge-doctor --camera imx462"
        yield warning(AREA, "cameras", "no USB camera is plugged in; edge-run plays recordings only", repair)
    for device in devices:
        yield from check_device(device, profile_of(device), camera_source(str(device.path)), root, interval_ms)
    yield from check_buses(devices)


def check_device(
    device: Device, profile: CameraProfile, source: CameraSource, root: Path, interval_ms: float | None
) -> Iterator[Finding]:
    """One V4L2 device; source: how edge-run would open it, which is tried unless edge-run has it."""
    node = f"/{device.path.relative_to(root)}"
    place = ", ".join(filter(None, (device.name, profile.name, device.serial, device.port)))
    yield ok(AREA, node, place)
    for sentence in profile.cannot:
        yield ok(AREA, node, f"cannot: {sentence}")
    access = check_access(device.path, node, os.getuid(), {os.getegid(), *os.getgroups()})
    yield access
    yield from check_speed(node, device, profile)
    users = holders(node, root)
    ours = any(is_edge_run(user) for user in users)
    yield check_use(node, users)
    if access.level == "error":
        return
    yield from settings.check(node, device.path, profile, in_use=ours)
    if not ours:
        yield from stream.check(source, interval_ms)


def check_access(path: Path, node: str, uid: int, groups: set[int]) -> Finding:
    """Whether this user may open the node, and whether the service, which is in the group video, may."""
    try:
        access = Access.of(path)
    except OSError as problem:
        return error(AREA, f"{node} access", f"no such node ({problem.strerror})", "plug it in; sudo udevadm trigger")
    found = f"{access} may open it"
    if access.group != CAMERA_GROUP:
        repair = f"echo '{UDEV_RULE}' | sudo tee /etc/udev/rules.d/71-camera.rules; sudo udevadm control --reload; "
        repair += "sudo udevadm trigger -s video4linux"
        level = error if not access.allows(uid, groups) else warning
        return level(
            AREA, f"{node} access", f"{found}; the group {CAMERA_GROUP}, in which the service is, may not", repair
        )
    if not access.allows(uid, groups):
        repair = f"sudo usermod -aG {CAMERA_GROUP} {user_name(uid)}, then log in again"
        return error(AREA, f"{node} access", f"{found}; {user_name(uid)} may not", repair)
    return ok(AREA, f"{node} access", found)


def check_use(node: str, users: Sequence[Holder]) -> Finding:
    """One program at a time gets a camera's pictures; having it open is not yet that."""
    what = f"{node} use"
    strangers = [user for user in users if not is_edge_run(user)]
    if strangers:
        names = ", ".join(f"{user.name} ({user.pid})" for user in strangers)
        repair = f"if it takes pictures, end it: sudo kill {' '.join(str(user.pid) for user in strangers)}"
        return warning(AREA, what, f"{names} has it open", repair)
    if users:
        return ok(AREA, what, f"edge-run ({users[0].pid}) has it; its pictures are not examined")
    unseen = "" if os.getuid() == 0 else " (programs of others are seen by root: sudo edge-doctor)"
    return ok(AREA, what, f"free{unseen}")


def is_edge_run(user: Holder) -> bool:
    """By the name that the kernel gives a console script."""
    return user.name == "edge-run"


def check_speed(node: str, device: Device, profile: CameraProfile) -> Iterator[Finding]:
    """Whether the USB connection carries the profile's mode."""
    if not device.speed_mbps:
        return
    mode, needed = profile.modes[0], bytes_per_s(profile.modes[0])
    limit = BYTES_PER_S.get(device.speed_mbps)
    found = f"{device.speed_mbps:g} Mbit/s; {mode.format} {mode.width}x{mode.height} at {mode.fps:g}"
    found += f" needs {needed / 1e6:.1f} MB/s" if needed else " is compressed"
    if limit and needed > limit:
        repair = "use another port, cable or hub (lsusb -t shows the speeds), or a profile with MJPG"
        yield error(AREA, f"{node} USB", f"{found}, {limit / 1e6:.1f} are there", repair)
    else:
        yield ok(AREA, f"{node} USB", found)


def check_buses(devices: Sequence[Device]) -> Iterator[Finding]:
    """Whether cameras on one bus get in each other's way."""
    for bus in sorted({_bus(device) for device in devices if device.usb}):
        sharing = [device for device in devices if device.usb and _bus(device) == bus]
        total = sum(bytes_per_s(profile_of(device).modes[0]) for device in sharing)
        limit = BYTES_PER_S.get(sharing[0].speed_mbps)
        if len(sharing) > 1 and limit and total > limit:
            names = ", ".join(device.path.name for device in sharing)
            found = f"{names} need {total / 1e6:.1f} MB/s together, and may not fit at the same time"
            repair = "plug them into ports of different controllers (lsusb -t), or use a profile with MJPG"
            yield warning(AREA, f"USB bus {bus}", found, repair)


def bytes_per_s(mode: Mode) -> float:
    """What an uncompressed mode sends; 0 for compressed ones."""
    return BYTES_PER_PIXEL.get(mode.format, 0.0) * mode.width * mode.height * mode.fps


def _bus(device: Device) -> str:
    return device.port.partition("-")[0]
