"""The cameras of this machine, for people and for programs: `edge-run --list-cameras`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from importlib import import_module
from itertools import groupby
from pathlib import Path
from typing import Any

from edge.cameras.finding.access import Access
from edge.cameras.profile import CameraProfile, Csi, camera_profiles
from edge.cameras.v4l2.device import OfferedMode, V4l2Device
from edge.cameras.v4l2.sysfs import Device, list_devices, matches, name_of, profile_of
from edge.errors import CameraError
from edge.printable import one_line

NONE = """no camera is here; plug in a USB camera and look at: lsusb; sudo dmesg | tail
A camera on a CSI port needs its overlay (firmware_configs/boot), and picamera2; see: rpicam-hello --list-cameras"""


@dataclass(frozen=True)
class ListedCamera:
    """node: of a camera on a CSI port its id in libcamera. profile: empty if none fits. camera: to write for --camera.

    usb_id: vendor:product. links: of the node, the same after every boot. access: who may open it, where the node
    decides it. problem: why it has no modes.
    """

    node: str
    name: str
    profile: str
    camera: str
    usb_id: str = ""
    serial: str = ""
    port: str = ""
    speed_mbps: float = 0.0
    links: tuple[str, ...] = ()
    access: str = ""
    modes: tuple[OfferedMode, ...] = ()
    cannot: tuple[str, ...] = ()
    problem: str = ""


def list_cameras(root: Path = Path("/")) -> list[ListedCamera]:
    """Every capture device; nodes of a board's own codecs and image processors are left out."""
    devices = list_devices(root)
    listed = [_listed(device, devices) for device in devices]
    return [camera for camera in listed if camera.modes or camera.usb_id] + csi_cameras()


def csi_cameras() -> list[ListedCamera]:
    """What libcamera finds on CSI ports; nothing where picamera2 or libcamera is not installed."""
    try:
        found = import_module("picamera2").Picamera2.global_camera_info()
    except ImportError:
        return []
    return [_on_csi(number, camera, found) for number, camera in enumerate(found) if "/usb" not in camera["Id"]]


def to_json(cameras: Sequence[ListedCamera]) -> str:
    """One JSON list."""
    return json.dumps([asdict(camera) for camera in cameras], indent=1)


def to_text(cameras: Sequence[ListedCamera]) -> str:
    """A paragraph per camera."""
    return "\n\n".join("\n".join(map(one_line, _lines(camera))) for camera in cameras) or NONE


def _listed(device: Device, present: Sequence[Device]) -> ListedCamera:
    profile = profile_of(device)
    modes, problem = _modes(device)
    usb, links = device.usb, {"by-id": device.by_id, "by-path": device.by_path}
    return ListedCamera(
        node=str(device.path),
        name=device.name,
        profile=profile.name,
        camera=_camera(device, profile, present),
        usb_id=f"{usb['vendor']}:{usb.get('product', '')}" if usb else "",
        serial=device.serial,
        port=device.port,
        speed_mbps=device.speed_mbps,
        links=tuple(f"/dev/v4l/{kind}/{name}" for kind, name in links.items() if name),
        access=_access(device.path),
        modes=modes,
        cannot=profile.cannot,
        problem=problem,
    )


def _on_csi(number: int, camera: Mapping[str, Any], present: Sequence[Mapping[str, Any]]) -> ListedCamera:
    model = camera["Model"]
    profiles = [profile for profile in camera_profiles().values() if profile.csi and _is_model(profile.csi, model)]
    if not profiles:
        return ListedCamera(
            node=camera["Id"], name=model, profile="", camera="", problem="no profile knows this sensor"
        )
    profile = profiles[0]
    name = profile.aliases[0] if profile.aliases else profile.name
    equal = [other for other in present if profile.csi and _is_model(profile.csi, other["Model"])]
    written = name if len(equal) == 1 else f"{name}@{number}"
    return ListedCamera(node=camera["Id"], name=model, profile=profile.name, camera=written, cannot=profile.cannot)


def _is_model(csi: Csi, model: str) -> bool:
    return any(fnmatchcase(model, pattern) for pattern in csi.models)


def _camera(device: Device, profile: CameraProfile, present: Sequence[Device]) -> str:
    """The shortest that means this camera and no other that is here."""
    if not device.usb:
        return str(device.path)
    name = profile.aliases[0] if profile.aliases else profile.name
    fitting = [other for other in present if matches(profile, other)]
    return name if len(fitting) == 1 else f"{name}@{name_of(device, fitting)}"


def _modes(device: Device) -> tuple[tuple[OfferedMode, ...], str]:
    try:
        with V4l2Device(device.path) as opened:
            return tuple(opened.modes()), ""
    except CameraError as problem:
        return (), str(problem)


def _access(node: Path) -> str:
    try:
        return str(Access.of(node))
    except OSError as problem:
        return f"nobody: {problem.strerror}"


def _lines(camera: ListedCamera) -> Iterator[str]:
    yield f"{camera.node}  {camera.name}"
    if camera.profile:
        yield f"    --camera  {camera.camera}"
        yield f"    profile   {camera.profile}"
    if camera.usb_id:
        parts = [camera.usb_id, f"port {camera.port}", f"{camera.speed_mbps:g} Mbit/s" if camera.speed_mbps else ""]
        parts.insert(1, f"serial {camera.serial}" if camera.serial else "")
        yield f"    usb       {', '.join(filter(None, parts))}"
    for link in camera.links:
        yield f"    link      {link}"
    if camera.access:
        yield f"    opened by {camera.access}"
    for format, modes in groupby(camera.modes, key=lambda mode: mode.format):
        sizes = (f"{mode.width}x{mode.height}" + (f" at {mode.fps[0]:g}" if mode.fps else "") for mode in modes)
        yield f"    {format:<9} {', '.join(sizes)}"
    if camera.problem:
        yield f"    problem   {camera.problem}"
    for sentence in camera.cannot:
        yield f"    cannot    {sentence}"
