"""Cameras are found by identity in a tree like sysfs, whatever their number."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.cameras.devices import find_device, list_devices
from edge.cameras.v4l2 import profile_of
from edge.errors import CameraError
from edge.profiles import camera_profiles

ARDUCAM = {
    "idVendor": "0c45",
    "idProduct": "6366",
    "manufacturer": "Arducam Technology Co., Ltd.",
    "product": "Arducam USB Camera",
    "serial": "UC684",
}
WEBCAM = {"idVendor": "0c45", "idProduct": "6366", "manufacturer": "Sonix", "product": "USB 2.0 Camera"}


def plug(root: Path, number: int, usb: dict[str, str], index: int = 0, port: str | None = None) -> None:
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


def test_the_arducam_is_found_among_others_by_identity(tmp_path: Path) -> None:
    plug(tmp_path, 0, WEBCAM)  # the same numbers as the Arducam's: they are not enough
    plug(tmp_path, 1, ARDUCAM, index=1, port="2-1")  # metadata
    plug(tmp_path, 10, ARDUCAM)
    profile = camera_profiles()["arducam_b0200"]
    assert find_device(profile, tmp_path) == tmp_path / "dev/video10"


@pytest.mark.parametrize(
    "usb",
    [
        ARDUCAM,
        {**ARDUCAM, "idVendor": "1bcf", "serial": "2021-UC684-7"},
        {**ARDUCAM, "idProduct": "0001", "serial": "", "product": "Arducam IMX291 B0200"},
    ],
)
def test_each_rule_is_enough(tmp_path: Path, usb: dict[str, str]) -> None:
    plug(tmp_path, 4, usb)
    assert find_device(camera_profiles()["arducam_b0200"], tmp_path) == tmp_path / "dev/video4"


def test_the_by_id_link_comes_first(tmp_path: Path) -> None:
    plug(tmp_path, 0, ARDUCAM)
    by_id = tmp_path / "dev/v4l/by-id"
    by_id.mkdir(parents=True)
    (tmp_path / "dev/video6").touch()
    link = by_id / "usb-Arducam_Technology_Co.__Ltd._USB_Camera_UC684-video-index0"
    link.symlink_to("../../video6")
    assert find_device(camera_profiles()["arducam_b0200"], tmp_path) == (tmp_path / "dev/video6").resolve()


def test_a_missing_camera_names_the_ones_that_are_there(tmp_path: Path) -> None:
    profile = camera_profiles()["arducam_b0200"]
    with pytest.raises(CameraError, match="arducam_b0200: not connected; found no camera at all"):
        find_device(profile, tmp_path)
    plug(tmp_path, 3, WEBCAM)
    with pytest.raises(CameraError, match=r"found /.*/dev/video3 \(USB 2.0 Camera\)"):
        find_device(profile, tmp_path)


def test_the_generic_profile_takes_any_usb_camera_and_no_other(tmp_path: Path) -> None:
    plug(tmp_path, 0, {})  # the board's own video codec
    plug(tmp_path, 2, WEBCAM)
    assert find_device(camera_profiles()["generic_uvc"], tmp_path) == tmp_path / "dev/video2"


def test_a_device_gets_the_profile_that_knows_it(tmp_path: Path) -> None:
    plug(tmp_path, 0, WEBCAM)
    plug(tmp_path, 2, ARDUCAM)
    assert profile_of(tmp_path / "dev/video2", tmp_path).name == "arducam_b0200"
    assert profile_of(tmp_path / "dev/video0", tmp_path).name == "generic_uvc"
    assert profile_of(tmp_path / "dev/video9", tmp_path).name == "generic_uvc"


def test_devices_are_listed_by_number(tmp_path: Path) -> None:
    for number in (10, 2, 0):
        plug(tmp_path, number, WEBCAM)
    assert [device.path.name for device in list_devices(tmp_path)] == ["video0", "video2", "video10"]
