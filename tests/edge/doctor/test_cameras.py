"""Cameras are judged by what /sys, /dev, /proc and the device itself say."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.cameras.base import Camera
from edge.cameras.finding.access import Holder
from edge.cameras.profile import CameraProfile, Control, Mode, camera_profiles
from edge.cameras.v4l2.device import OfferedControl, OfferedMode
from edge.cameras.v4l2.sysfs import list_devices
from edge.doctor import cameras, settings, stream
from edge.picture.frame import Frame, Image
from tests.edge.cameras.v4l2.device_tree import ARDUCAM, WEBCAM, plug

PROFILE = camera_profiles()["arducam_b0200"]
YUYV = OfferedMode("YUYV", 640, 480, (30.0, 15.0))
MJPG = OfferedMode("MJPG", 1280, 720, (30.0,))
GAIN = OfferedControl(0x00980913, "Gain", 1, 0, 100, 1, 0, 0, False)
AUTO = OfferedControl(settings.AUTO_EXPOSURE, "Auto Exposure", 3, 0, 3, 1, 3, 3, False)
EXPOSURE = OfferedControl(settings.EXPOSURE_TIME, "Exposure Time, Absolute", 1, 1, 5000, 1, 156, 156, True)
DYNAMIC = OfferedControl(settings.DYNAMIC_FRAME_RATE, "Exposure, Dynamic Framerate", 2, 0, 1, 1, 1, 1, False)


class TestAccess:
    @pytest.fixture
    def node(self, tmp_path: Path) -> Path:
        node = tmp_path / "video0"
        node.touch()
        return node

    def test_no_node(self, tmp_path: Path) -> None:
        finding = cameras.check_access(tmp_path / "video0", "/dev/video0", 1000, set())
        assert (finding.level, finding.found) == ("error", "no such node (No such file or directory)")

    def test_a_node_of_another_group_gets_a_rule(self, node: Path) -> None:
        node.chmod(0o660)
        finding = cameras.check_access(node, "/dev/video0", 12345, set())
        assert finding.level == "error"
        assert "udevadm control --reload" in finding.repair
        node.chmod(0o666)  # we get it, the service through its group does, too, but by luck
        assert cameras.check_access(node, "/dev/video0", 12345, set()).level == "warning"

    def test_a_user_outside_the_group_is_told_to_join(self, node: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        group = node.group()
        monkeypatch.setattr(cameras, "CAMERA_GROUP", group)
        node.chmod(0o660)
        finding = cameras.check_access(node, "/dev/video0", 12345, set())
        assert finding.level == "error"
        assert finding.repair == f"sudo usermod -aG {group} 12345, then log in again"
        assert cameras.check_access(node, "/dev/video0", 12345, {node.stat().st_gid}).level == "ok"
        assert cameras.check_access(node, "/dev/video0", 0, set()).level == "ok"


def test_a_stranger_that_has_the_camera_is_named() -> None:
    users = [Holder(7, "guvcview"), Holder(8, "edge-run"), Holder(9, "pipewire")]
    finding = cameras.check_use("/dev/video0", users)
    assert (finding.level, finding.found) == ("warning", "guvcview (7), pipewire (9) has it open")
    assert finding.repair.endswith("sudo kill 7 9")  # and not edge-run
    assert cameras.check_use("/dev/video0", [Holder(8, "edge-run")]).level == "ok"
    assert cameras.check_use("/dev/video0", []).found.startswith("free")


@pytest.mark.parametrize(("speed", "level"), [("480", "ok"), ("5000", "ok"), ("12", "error")])
def test_the_connection_must_carry_the_mode(tmp_path: Path, speed: str, level: str) -> None:
    plug(tmp_path, 0, {**ARDUCAM, "speed": speed})
    (device,) = list_devices(tmp_path)
    (finding,) = cameras.check_speed("/dev/video0", device, PROFILE)
    assert finding.level == level
    assert "YUYV 640x480 at 30 needs 18.4 MB/s" in finding.found


def test_cameras_without_a_speed_have_nothing_to_say(tmp_path: Path) -> None:
    plug(tmp_path, 0, ARDUCAM)
    assert not list(cameras.check_speed("/dev/video0", list_devices(tmp_path)[0], PROFILE))


def test_two_raw_cameras_share_a_bus_badly_and_two_buses_well(tmp_path: Path) -> None:
    plug(tmp_path, 0, {**ARDUCAM, "speed": "480"}, port="1-1")
    plug(tmp_path, 2, {**WEBCAM, "speed": "480"}, port="2-1")
    assert not list(cameras.check_buses(list_devices(tmp_path)))
    plug(tmp_path, 4, {**ARDUCAM, "speed": "480"}, port="1-2")
    (finding,) = cameras.check_buses(list_devices(tmp_path))
    assert (finding.level, finding.what) == ("warning", "USB bus 1")
    assert finding.found.startswith("video0, video4 need 36.9 MB/s together")


@pytest.mark.parametrize(
    ("offered", "level", "found"),
    [
        ([MJPG, YUYV], "ok", "YUYV 640x480 at 30, as arducam_b0200 prefers"),
        ([MJPG], "warning", "no YUYV 640x480 at 30; its profile's next is MJPG 1280x720 at 30"),
        ([replace(YUYV, fps=(15.0,)), MJPG], "warning", "no YUYV 640x480 at 30; its profile's next is"),
        ([replace(YUYV, fps=())], "ok", "YUYV 640x480 at 30"),  # a driver that does not tell its rates
        ([], "warning", "it has none of its profile's modes"),
    ],
)
def test_modes(offered: list[OfferedMode], level: str, found: str) -> None:
    finding = settings.check_mode("/dev/video0", PROFILE, offered)
    assert finding.level == level
    assert found in finding.found


def profile_with(*controls: Control, fps: int = 30) -> CameraProfile:
    return CameraProfile("own", "own", controls=controls, modes=(Mode("YUYV", 640, 480, fps),))


def offered(*controls: OfferedControl) -> dict[int, OfferedControl]:
    return {control.id: control for control in controls}


def test_controls_that_the_camera_does_not_take() -> None:
    profile = profile_with(Control(GAIN.id, "gain", 255), Control(0x0098091C, "backlight_compensation", 0))
    out_of_range, missing = settings.check_controls("/dev/video0", profile, offered(GAIN), in_use=False)
    assert (out_of_range.level, out_of_range.found) == ("warning", "takes 0 to 100; own wants 255")
    assert (missing.level, missing.what) == ("ok", "/dev/video0 backlight_compensation")


def test_a_control_that_somebody_changed_under_edge_run() -> None:
    profile = profile_with(Control(EXPOSURE.id, "exposure_time_absolute", 333))
    (free,) = settings.check_controls("/dev/video0", profile, offered(EXPOSURE), in_use=False)
    assert (free.level, free.found) == ("ok", "exposure_time_absolute 333 (now 156)")
    (changed,) = settings.check_controls("/dev/video0", profile, offered(EXPOSURE), in_use=True)
    assert (changed.level, changed.found) == ("warning", "is 156, own wants 333; it was changed")
    assert changed.repair.startswith("v4l2-ctl -d /dev/video0 -c exposure_time_absolute=333;")


@pytest.mark.parametrize(
    ("auto", "exposure", "dynamic", "fps", "level", "found"),
    [
        (1, 333, 1, 30, "ok", "33.3 ms of the 33.3 ms that a picture has"),
        (1, 500, 1, 30, "warning", "50.0 ms allows 20.0 of the 30 pictures a second"),
        (1, 500, 1, 15, "ok", "50.0 ms of the 66.7 ms"),
        (3, 500, 1, 30, "warning", "automatic, and in the dark the frame rate falls with it"),
        (3, 500, 0, 30, "ok", "automatic, at most the frame time"),
    ],
)
def test_exposure_against_frame_rate(auto: int, exposure: int, dynamic: int, fps: int, level: str, found: str) -> None:
    now = offered(replace(AUTO, value=auto), replace(EXPOSURE, value=exposure), replace(DYNAMIC, value=dynamic))
    finding = settings.check_exposure("/dev/video0", profile_with(fps=fps), now)
    assert finding.level == level
    assert found in finding.found


def test_the_profile_counts_where_it_sets_a_value() -> None:
    now = offered(AUTO, replace(EXPOSURE, value=5000), DYNAMIC)
    assert settings.check_exposure("/dev/video0", PROFILE, now).level == "ok"


def test_a_rate_below_the_models_tick() -> None:
    slow = stream.CameraSample(tuple(index / 5 for index in range(6)), (20.0,) * 6, (None,) * 6)
    assert slow.fps == pytest.approx(5.0)
    assert stream.judge_rate("arducam", slow, interval_ms=66.7).level == "warning"
    assert stream.judge_rate("arducam", slow, interval_ms=200.0).level == "ok"
    assert stream.judge_rate("arducam", slow, interval_ms=None).level == "ok"


class Repeating(Camera):
    """Shows the same bytes again and again, 20 times a second."""

    live = True

    def __init__(self, image: Image, format: str) -> None:
        super().__init__("repeating")
        self._image, self._format, self._count = image, format, 0

    def read(self, timeout_s: float) -> Frame:
        self._count += 1
        return Frame(self._image, self._count, self._count / 20, self._format)

    def close(self) -> None:
        pass


def test_pictures_that_never_change_or_never_decode() -> None:
    frozen = stream.watch(Repeating(np.full((60, 80, 3), 90, np.uint8), "bgr"))
    assert (frozen.mean, frozen.reason, round(frozen.fps)) == (90.0, "frozen", 20)
    damaged = stream.watch(Repeating(np.zeros(100, np.uint8), "jpeg"))
    assert (damaged.mean, damaged.reason) == (0.0, "damaged")
    assert stream.judge_picture("camera", damaged).level == "warning"


@pytest.mark.parametrize("reason", ["black", "saturated", "frozen"])
def test_a_picture_without_a_label(reason: str) -> None:
    watched = stream.CameraSample((0.0, 0.1, 0.2), (20.0, 0.1, 0.1), (None, reason, reason))
    finding = stream.judge_picture("arducam", watched)
    assert finding.level == "warning"
    assert finding.found.startswith(reason)
    assert finding.repair
    mostly_good = stream.CameraSample((0.0, 0.1, 0.2), (20.0, 20.0, 0.1), (None, None, reason))
    assert stream.judge_picture("arducam", mostly_good).level == "ok"


def test_a_machine_without_a_camera(tmp_path: Path) -> None:
    (finding,) = cameras.check("demo", tmp_path)
    assert (finding.level, finding.what) == ("warning", "cameras")


def test_a_camera_that_is_not_there(tmp_path: Path) -> None:
    (finding,) = cameras.check("arducam", tmp_path)
    assert finding.level == "error"
    assert "not connected" in finding.found


def test_a_node_that_may_not_be_opened_is_not_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plug(tmp_path, 0, ARDUCAM)
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/video0").touch(0o600)
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    findings = list(cameras.check_device(list_devices(tmp_path)[0], PROFILE, None, tmp_path, None))  # type: ignore[arg-type]
    assert [finding.what for finding in findings if finding.level == "error"] == ["/dev/video0 access"]
    assert not [finding for finding in findings if "driver" in finding.what]


def test_a_recording_is_only_looked_at(write_clip: Callable[..., Path], tmp_path: Path) -> None:
    camera = f"file:{write_clip('doctor.avi', frames=10)}"
    (finding,) = cameras.check(camera, tmp_path)
    assert (finding.level, finding.what) == ("ok", f"{camera} picture")
