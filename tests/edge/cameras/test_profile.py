"""Camera profiles: all are readable and hold what a camera in the dark needs."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from edge.cameras.profile import CameraProfile, camera_profiles, driver_of

# linux/v4l2-controls.h
AUTO_EXPOSURE, EXPOSURE_TIME, DYNAMIC_FRAME_RATE = 0x009A0901, 0x009A0902, 0x009A0903
FOCUS, AUTO_FOCUS = 0x009A090A, 0x009A090C


def test_all_profiles_are_there() -> None:
    usb = {"arducam_b0200", "brio_4k", "logitech_c920", "generic_uvc", "jetson_usb"}
    assert set(camera_profiles()) == {*usb, "imx462_csi", "imx327_csi"}


def test_every_value_of_a_sensor_names_its_source() -> None:
    sensors = {name: profile.sensor for name, profile in camera_profiles().items() if profile.sensor is not None}
    assert set(sensors) == {"arducam_b0200", "brio_4k", "logitech_c920"}
    for sensor in sensors.values():
        assert set(sensor.sources) == {field.name for field in fields(sensor)} - {"sources", "measured"}


def test_names_and_aliases_are_unique() -> None:
    names = [name for profile in camera_profiles().values() for name in (profile.name, *profile.aliases)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("profile", camera_profiles().values(), ids=lambda profile: profile.name)
class TestEveryCamera:
    """What must hold for any profile, also for one that is added tomorrow."""

    def test_automatics_are_off_before_what_they_own_is_set(self, profile: CameraProfile) -> None:
        ids = [control.id for control in profile.controls]
        assert len(ids) == len(set(ids))
        for automatic, owned in ((AUTO_EXPOSURE, EXPOSURE_TIME), (AUTO_FOCUS, FOCUS)):
            if owned in ids:
                assert ids.index(automatic) < ids.index(owned)

    def test_the_exposure_time_fits_the_preferred_rate(self, profile: CameraProfile) -> None:
        exposures_us = [control.value * 100 for control in profile.controls if control.id == EXPOSURE_TIME]
        exposures_us += [profile.csi.exposure_us] if profile.csi else []
        for exposure_us in exposures_us:
            assert exposure_us <= 1e6 / profile.modes[0].fps

    def test_the_rate_does_not_fall_in_the_dark(self, profile: CameraProfile) -> None:
        values = {control.id: control.value for control in profile.controls}
        assert profile.csi is not None or values[DYNAMIC_FRAME_RATE] == 0

    def test_what_it_cannot_do_is_said(self, profile: CameraProfile) -> None:
        assert profile.cannot
        assert profile.modes

    def test_its_driver_has_what_it_needs(self, profile: CameraProfile) -> None:
        drivers = {profile.driver, *profile.drivers.values()}
        assert drivers <= {"v4l2", "picamera2", "gstreamer"}
        assert ("gstreamer" in drivers) == bool(profile.pipeline)
        assert ("picamera2" in drivers) == (profile.csi is not None)
        mode = profile.modes[0]
        text = profile.pipeline.format(width=mode.width, height=mode.height, fps=mode.fps, device="/dev/video0")
        assert "{" not in text


def device_tree(root: Path, compatible: str) -> None:
    tree = root / "proc/device-tree"
    tree.mkdir(parents=True)
    (tree / "compatible").write_text(compatible)


def test_the_driver_of_a_camera_depends_on_the_board(tmp_path: Path) -> None:
    camera = camera_profiles()["imx462_csi"]
    assert driver_of(camera, tmp_path) == "picamera2"
    device_tree(tmp_path, "nvidia,p3768-0000+p3767-0005\0nvidia,tegra234\0")
    assert driver_of(camera, tmp_path) == "gstreamer"
    assert driver_of(camera_profiles()["arducam_b0200"], tmp_path) == "v4l2"
