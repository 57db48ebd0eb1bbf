"""Plugs cameras into a directory that looks like the kernel's /sys and udev's /dev."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

ARDUCAM = {
    "idVendor": "0c45",
    "idProduct": "6366",
    "manufacturer": "Arducam Technology Co., Ltd.",
    "product": "Arducam USB Camera",
    "serial": "UC684",
}
WEBCAM = {"idVendor": "0c45", "idProduct": "6366", "manufacturer": "Sonix", "product": "USB 2.0 Camera"}


def plug(root: Path, number: int, usb: Mapping[str, str], index: int = 0, port: str | None = None) -> None:
    """Add a node as the kernel does: a link in class/, its USB device two levels above."""
    device = root / "sys/devices/usb1" / (port or f"1-{number}")
    node = device / f"{device.name}:1.0/video4linux/video{number}"
    node.mkdir(parents=True)
    for name, value in usb.items():
        (device / name).write_text(value + "\n")
    (node / "index").write_text(f"{index}\n")
    (node / "name").write_text(usb.get("product", "platform camera") + "\n")
    (node / "device").symlink_to("../..")
    links = root / "sys/class/video4linux"
    links.mkdir(parents=True, exist_ok=True)
    (links / node.name).symlink_to(node)


def link(root: Path, kind: str, name: str, number: int) -> None:
    """Add a link of udev; kind: `by-id` or `by-path`."""
    folder = root / "dev/v4l" / kind
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).symlink_to(f"../../video{number}")


def unplug(root: Path, number: int) -> None:
    """Take a node and its links away."""
    (root / f"sys/class/video4linux/video{number}").unlink()
    for entry in (root / "dev/v4l").glob("*/*"):
        if entry.readlink().name == f"video{number}":
            entry.unlink()


def replug(root: Path, number: int, port: str) -> None:
    """A camera that was unplugged comes back at its port under another number."""
    device = root / "sys/devices/usb1" / port
    node = next(device.glob(f"{port}:1.0/video4linux/video*"))
    node = node.rename(node.with_name(f"video{number}"))
    (root / "sys/class/video4linux" / node.name).symlink_to(node)
