"""Finds V4L2 capture devices, and the one that a camera profile means, in sysfs: by identity, never by number."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from edge.cameras.base import CameraStateError
from edge.cameras.profile import CameraProfile, camera_profiles

FALLBACK_PROFILE = "generic_uvc"
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
    """A capture node.

    usb: `vendor`, `product`, `manufacturer`, `model`, `serial` as far as known, else empty. port: the USB port as the
    kernel names it (1-1.2). by_id, by_path: its links in /dev/v4l, without the directory. What is not there is empty.
    speed_mbps: of its USB connection; 0 where there is none.
    """

    path: Path
    name: str
    usb: Mapping[str, str]
    port: str = ""
    by_id: str = ""
    by_path: str = ""
    speed_mbps: float = 0.0

    @property
    def serial(self) -> str:
        """Not always one camera's own: some makers give all cameras of a kind the same."""
        return self.usb.get("serial", "")

    @property
    def identity(self) -> tuple[str, str]:
        """What stays the same when the kernel gives this camera another number."""
        return self.serial, self.port or self.by_path


class DeviceFinder:
    """Finds the camera that a profile means, and the same physical one again after it was lost.

    which: serial, USB port or by-path link of the one that is meant; empty takes the first one by its place on the
    bus. A second camera of the kind that was there beside the chosen one is never taken in its stead.
    """

    def __init__(self, profile: CameraProfile, which: str = "", root: Path = Path("/")) -> None:
        self.profile = profile
        self._which, self._root = which, root
        self._last: Device | None = None
        self._others: frozenset[tuple[str, str]] = frozenset()
        self.note = ""

    def find(self) -> Device:
        """The device, wherever it is now; `note` says how it was chosen among several. Raises CameraStateError."""
        present = list_devices(self._root)
        fitting = [device for device in present if matches(self.profile, device) and self._is_meant(device)]
        free = [device for device in fitting if device.identity not in self._others]
        if not free:
            raise CameraStateError("missing", self._missing(present, fitting))
        chosen = min(free, key=self._order)
        self.note = self._choice(chosen, fitting)
        self._last = chosen
        self._others = frozenset(device.identity for device in fitting) - {chosen.identity}
        return chosen

    def _is_meant(self, device: Device) -> bool:
        return not self._which or self._which in (device.serial, device.port, device.by_path)

    def _order(self, device: Device) -> tuple[bool, bool, list[str | int]]:
        """The one that we had, then one with its serial, then by place."""
        last = self._last
        return device.identity != (last and last.identity), device.serial != (last and last.serial), _place(device)

    def _choice(self, chosen: Device, fitting: Sequence[Device]) -> str:
        if len(fitting) == 1:
            return ""
        names = " | ".join(name_of(device, fitting) for device in sorted(fitting, key=_place))
        why = "as before" if self._last and self._last.identity == chosen.identity else "the first by its port"
        return (
            f"{len(fitting)} cameras fit {self.profile.name}; took {name_of(chosen, fitting)} at {chosen.path}, {why}; "
            f"name one: --camera {self.profile.name}@({names})"
        )

    def _missing(self, present: Sequence[Device], fitting: Sequence[Device]) -> str:
        name = f"{self.profile.name}@{self._which}" if self._which else self.profile.name
        if fitting and self._last:
            other = name_of(fitting[0], [*fitting, self._last])
            return f"{name}: the one in use is gone; another is there, to take it: --camera {self.profile.name}@{other}"
        names = [f"{device.path} ({', '.join(filter(None, (device.name, *device.identity)))})" for device in present]
        found = ", ".join(names) or "no camera at all"
        return f"{name}: not connected; found {found}. Check its cable, or name one: --camera /dev/videoN"


def list_devices(root: Path = Path("/")) -> list[Device]:
    """The capture nodes of this machine by number; nodes that carry metadata only (index 1, 2, ...) are left out."""
    nodes = sorted((root / "sys/class/video4linux").glob("video[0-9]*"), key=lambda node: int(node.name[5:]))
    by_id, by_path = (_links(root / "dev/v4l" / kind) for kind in ("by-id", "by-path"))
    return [
        _device(root, node, by_id.get(node.name, ""), by_path.get(node.name, ""))
        for node in nodes
        if _read(node / "index") in ("", "0")
    ]


def device_at(path: Path, root: Path = Path("/")) -> Device | None:
    """The device behind a node or a link to one; None if it is not one of `list_devices`."""
    node = path.resolve()
    return next((device for device in list_devices(root) if device.path == node), None)


def matches(profile: CameraProfile, device: Device) -> bool:
    """Its by-id link fits, or one of the profile's rules: every attribute that it names is there and fits."""
    if profile.by_id and fnmatchcase(device.by_id, profile.by_id):
        return True
    return any(
        bool(device.usb) and all(fnmatchcase(device.usb.get(key, ""), pattern) for key, pattern in rule.items())
        for rule in profile.match
    )


def profile_of(device: Device | None) -> CameraProfile:
    """The first profile, the generic one last, that fits a device."""
    profiles = camera_profiles()
    specific = [profile for name, profile in profiles.items() if name != FALLBACK_PROFILE]
    return next((profile for profile in specific if device and matches(profile, device)), profiles[FALLBACK_PROFILE])


def name_of(device: Device, among: Sequence[Device]) -> str:
    """What tells a device from others of its kind: its serial if no other has it, else its place."""
    serials = [other.serial for other in among]
    return device.serial if device.serial and serials.count(device.serial) == 1 else device.port or device.by_path


def _place(device: Device) -> list[str | int]:
    """Sorts by place on the bus, 2 before 10; the by-path link is the same after every boot."""
    parts = re.split(r"(\d+)", device.by_path or device.port or device.path.name)
    return [int(part) if index % 2 else part for index, part in enumerate(parts)]


def _links(folder: Path) -> dict[str, str]:
    """Name of each link in a folder of udev, by the name of the node that it leads to."""
    links = sorted(folder.glob("*"), reverse=True)  # of two to the same node the first one stays
    return {link.readlink().name: link.name for link in links if link.is_symlink()}


def _device(root: Path, node: Path, by_id: str, by_path: str) -> Device:
    usb_device = (node / "device").resolve().parent  # `device` is the USB interface
    values = {key: _read(usb_device / name) for key, name in USB_ATTRIBUTES.items()}
    usb = {key: value for key, value in values.items() if value} if values["vendor"] else {}
    port, speed = (usb_device.name, _read(usb_device / "speed")) if usb else ("", "")
    speed_mbps = float(speed) if speed.replace(".", "", 1).isdecimal() else 0.0
    return Device(root / "dev" / node.name, _read(node / "name") or node.name, usb, port, by_id, by_path, speed_mbps)


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
