"""Finds V4L2 capture devices, and the one that a camera profile means, in sysfs: by identity, never by number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from edge.errors import CameraError
from edge.profiles import CameraProfile

# The keys of a profile's `match` rules, and the files of the USB device that answer them.
USB_ATTRIBUTES = {
    "vendor": "idVendor",
    "product": "idProduct",
    "manufacturer": "manufacturer",
    "model": "product",
    "serial": "serial",
}


@dataclass(frozen=True)
class Device:
    """A capture node. usb: `vendor`, `product`, `manufacturer`, `model`, `serial` as far as known, else empty."""

    path: Path
    name: str
    usb: Mapping[str, str]


def list_devices(root: Path = Path("/")) -> list[Device]:
    """The capture nodes of this machine by number; nodes that carry metadata only (index 1, 2, ...) are left out."""
    nodes = sorted((root / "sys/class/video4linux").glob("video[0-9]*"), key=lambda node: int(node.name[5:]))
    return [_device(root, node) for node in nodes if _read(node / "index") in ("", "0")]


def find_device(profile: CameraProfile, root: Path = Path("/")) -> Path:
    """The device that a profile means: its by-id link, else its identity on the bus. Raises CameraError."""
    if profile.by_id:
        links = sorted((root / "dev/v4l/by-id").glob(profile.by_id))
        if links:
            return links[0].resolve()
    devices = list_devices(root)
    for device in devices:
        if matches(profile, device):
            return device.path
    found = ", ".join(f"{device.path} ({device.name})" for device in devices) or "no camera at all"
    raise CameraError(
        f"{profile.name}: not connected; found {found}. Check its cable, or name one: --camera /dev/videoN"
    )


def matches(profile: CameraProfile, device: Device) -> bool:
    """One of the profile's rules holds: every attribute that it names is there and fits its pattern."""
    return any(
        bool(device.usb) and all(fnmatchcase(device.usb.get(key, ""), pattern) for key, pattern in rule.items())
        for rule in profile.match
    )


def _device(root: Path, node: Path) -> Device:
    usb_device = (node / "device").resolve().parent  # `device` is the USB interface
    values = {key: _read(usb_device / name) for key, name in USB_ATTRIBUTES.items()}
    usb = {key: value for key, value in values.items() if value} if values["vendor"] else {}
    return Device(root / "dev" / node.name, _read(node / "name") or node.name, usb)


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
