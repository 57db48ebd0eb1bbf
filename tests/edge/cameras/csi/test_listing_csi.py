"""Cameras on CSI ports in the list: the real picamera2 on a played libcamera."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from edge.cameras.csi.camera import open_profile
from edge.cameras.finding.listing import csi_cameras, list_cameras, to_text
from edge.cameras.source import named_profile
from tests.edge.cameras.csi import libcamera_player as player
from tests.edge.cameras.csi.test_camera import library, paint, sensor

__all__ = ["library", "sensor"]


def plug(sensor: player.Camera, id: str, model: str) -> None:
    sensor.manager.cameras.append(player.Camera(sensor.manager, id, model, paint))


def test_a_sensor_is_listed_with_its_profile(sensor: player.Camera, tmp_path: Path) -> None:
    (camera,) = list_cameras(tmp_path)
    assert (camera.node, camera.name) == ("/base/i2c@1/imx290@1a", "imx290")
    assert (camera.profile, camera.camera) == ("imx462_csi", "imx462")
    assert to_text([camera]).startswith("/base/i2c@1/imx290@1a  imx290\n    --camera  imx462\n")


def test_equal_sensors_are_told_apart_by_number_and_usb_cameras_are_left_to_v4l2(sensor: player.Camera) -> None:
    plug(sensor, "/base/i2c@0/imx462@1a", "imx462")
    plug(sensor, "/base/i2c@2/imx477@1a", "imx477")
    plug(sensor, "/base/soc/usb@7e980000/usb1@1-1.2:1.0-32e4:9422", "USB Camera")
    listed = {camera.node: camera for camera in csi_cameras()}
    assert set(listed) == {"/base/i2c@0/imx462@1a", "/base/i2c@1/imx290@1a", "/base/i2c@2/imx477@1a"}
    assert listed["/base/i2c@2/imx477@1a"].problem == "no profile knows this sensor"
    second = sensor.manager.cameras[1]
    profile, which = named_profile(listed[second.id].camera) or pytest.fail()
    with open_profile(profile, which):  # what is to be written for it opens it, and not its twin
        assert second.acquired and not sensor.acquired


def test_without_libcamera_there_are_none(sensor: player.Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", None)
    assert csi_cameras() == []
