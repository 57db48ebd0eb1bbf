"""Cameras are found by identity in a tree like sysfs, whatever their number."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.cameras.profile import camera_profiles
from edge.cameras.v4l2.sysfs import DeviceFinder, device_at, list_devices, profile_of
from edge.errors import CameraError
from tests.edge.cameras.v4l2.device_tree import ARDUCAM, WEBCAM, link, plug, replug, unplug


def arducam(root: Path, which: str = "") -> DeviceFinder:
    return DeviceFinder(camera_profiles()["arducam_b0200"], which, root)


def test_the_arducam_is_found_among_others_by_identity(tmp_path: Path) -> None:
    plug(tmp_path, 0, WEBCAM)  # the same numbers as the Arducam's: they are not enough
    plug(tmp_path, 1, ARDUCAM, index=1, port="2-1")  # metadata
    plug(tmp_path, 10, ARDUCAM)
    finder = arducam(tmp_path)
    assert finder.find().path == tmp_path / "dev/video10"
    assert finder.note == ""


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
    assert arducam(tmp_path).find().path == tmp_path / "dev/video4"


def test_the_by_id_link_is_enough(tmp_path: Path) -> None:
    plug(tmp_path, 0, WEBCAM)
    plug(tmp_path, 6, {})
    link(tmp_path, "by-id", "usb-Arducam_Technology_Co.__Ltd._USB_Camera_UC684-video-index0", 6)
    assert arducam(tmp_path).find().path == tmp_path / "dev/video6"


def test_a_missing_camera_names_the_ones_that_are_there(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match="arducam_b0200: not connected; found no camera at all"):
        arducam(tmp_path).find()
    plug(tmp_path, 3, {**WEBCAM, "serial": "77"})
    with pytest.raises(CameraError, match=r"found /.*/dev/video3 \(USB 2.0 Camera, 77, 1-3\)"):
        arducam(tmp_path).find()


class TestTwoEqualCameras:
    """Same product, and as the makers often do, the same serial: the port tells them apart."""

    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        plug(tmp_path, 0, ARDUCAM, port="1-10")
        plug(tmp_path, 2, ARDUCAM, port="1-2")
        return tmp_path

    def test_the_first_by_its_port_is_taken_and_said(self, root: Path) -> None:
        finder = arducam(root)
        assert finder.find().path.name == "video2"
        assert "2 cameras fit arducam_b0200; took 1-2 at " in finder.note
        assert finder.note.endswith("the first by its port; name one: --camera arducam_b0200@(1-2 | 1-10)")

    def test_the_place_of_a_link_goes_before_the_bus_number(self, root: Path) -> None:
        link(root, "by-path", "platform-xhci-hcd.0-usb-0:2:1.0-video-index0", 2)
        link(root, "by-path", "platform-xhci-hcd.0-usb-0:1:1.0-video-index0", 0)
        assert arducam(root).find().path.name == "video0"

    @pytest.mark.parametrize(("which", "node"), [("1-10", "video0"), ("1-2", "video2")])
    def test_one_is_named_by_its_port(self, root: Path, which: str, node: str) -> None:
        finder = arducam(root, which)
        assert finder.find().path.name == node
        assert finder.note == ""

    def test_one_is_named_by_its_link(self, root: Path) -> None:
        name = "platform-xhci-hcd.0-usb-0:10:1.0-video-index0"
        link(root, "by-path", name, 0)
        assert arducam(root, name).find().path.name == "video0"

    def test_a_serial_of_its_own_names_it(self, root: Path) -> None:
        plug(root, 4, {**ARDUCAM, "serial": "UC684-0815"}, port="1-4")
        assert arducam(root, "UC684-0815").find().path.name == "video4"
        finder = arducam(root)
        finder.find()
        assert "(1-2 | UC684-0815 | 1-10)" in finder.note

    def test_the_same_one_is_found_again_under_another_number(self, root: Path) -> None:
        finder = arducam(root)
        finder.find()
        unplug(root, 2)
        plug(root, 7, ARDUCAM, port="1-1")  # a third one, which would come first
        replug(root, 5, "1-2")
        assert finder.find().path.name == "video5"
        assert ", as before; " in finder.note

    def test_it_may_come_back_at_another_port(self, root: Path) -> None:
        finder = arducam(root)
        finder.find()
        unplug(root, 2)
        plug(root, 3, ARDUCAM, port="2-1")
        assert finder.find().path.name == "video3"

    def test_the_other_one_is_never_taken_in_its_stead(self, root: Path) -> None:
        finder = arducam(root)
        finder.find()
        unplug(root, 2)
        with pytest.raises(CameraError, match=r"the one in use is gone; another is there.*arducam_b0200@1-10"):
            finder.find()
        replug(root, 1, "1-2")
        assert finder.find().path.name == "video1"

    def test_a_name_that_fits_none_says_what_is_there(self, root: Path) -> None:
        with pytest.raises(CameraError, match=r"arducam_b0200@9: not connected; found .*UC684, 1-10\).*UC684, 1-2\)"):
            arducam(root, "9").find()


def test_the_generic_profile_takes_any_usb_camera_and_no_other(tmp_path: Path) -> None:
    plug(tmp_path, 0, {})  # the board's own video codec
    plug(tmp_path, 2, WEBCAM)
    assert DeviceFinder(camera_profiles()["generic_uvc"], "", tmp_path).find().path == tmp_path / "dev/video2"


def test_a_device_gets_the_profile_that_knows_it(tmp_path: Path) -> None:
    plug(tmp_path, 0, WEBCAM)
    plug(tmp_path, 2, ARDUCAM)
    assert profile_of(device_at(tmp_path / "dev/video2", tmp_path)).name == "arducam_b0200"
    assert profile_of(device_at(tmp_path / "dev/video0", tmp_path)).name == "generic_uvc"
    assert profile_of(device_at(tmp_path / "dev/video9", tmp_path)).name == "generic_uvc"


def test_devices_are_listed_by_number(tmp_path: Path) -> None:
    for number in (10, 2, 0):
        plug(tmp_path, number, WEBCAM)
    assert [device.path.name for device in list_devices(tmp_path)] == ["video0", "video2", "video10"]
