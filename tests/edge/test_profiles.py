"""Board and camera profiles: all are readable, boards are detected from a device tree."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from edge.errors import UsageError
from edge.profiles import board_profile, board_profiles, camera_profiles


def test_all_profiles_are_there() -> None:
    assert set(board_profiles()) == {"pi4", "pi5", "orin_nano", "orin_nx", "generic_arm64", "generic_x86"}
    assert set(camera_profiles()) == {"arducam_b0200", "brio_4k", "logitech_c920", "generic_uvc"}


def test_every_value_of_a_sensor_names_its_source() -> None:
    sensors = {name: profile.sensor for name, profile in camera_profiles().items() if profile.sensor is not None}
    assert set(sensors) == {"arducam_b0200", "brio_4k", "logitech_c920"}
    for sensor in sensors.values():
        assert set(sensor.sources) == {field.name for field in fields(sensor)} - {"sources", "measured"}


def test_names_and_aliases_are_unique() -> None:
    names = [name for profile in camera_profiles().values() for name in (profile.name, *profile.aliases)]
    assert len(names) == len(set(names))


def test_manual_exposure_is_set_before_the_exposure_time() -> None:
    ids = [control.id for control in camera_profiles()["arducam_b0200"].controls]
    assert ids.index(0x009A0901) < ids.index(0x009A0902)


def test_the_exposure_time_fits_the_preferred_rate() -> None:
    profile = camera_profiles()["arducam_b0200"]
    exposure_s = next(control.value for control in profile.controls if control.id == 0x009A0902) * 100e-6
    assert exposure_s <= 1 / profile.modes[0].fps


@pytest.mark.parametrize(
    ("compatible", "machine", "board"),
    [
        ("raspberrypi,5-model-b\0brcm,bcm2712\0", "aarch64", "pi5"),
        ("raspberrypi,4-model-b\0brcm,bcm2711\0", "aarch64", "pi4"),
        ("nvidia,p3768-0000+p3767-0005\0nvidia,p3767-0005\0nvidia,tegra234\0", "aarch64", "orin_nano"),
        ("nvidia,p3768-0000+p3767-0000\0nvidia,p3767-0000\0nvidia,tegra234\0", "aarch64", "orin_nx"),
        ("radxa,rock-5b\0rockchip,rk3588\0", "aarch64", "generic_arm64"),
        (None, "aarch64", "generic_arm64"),
        (None, "x86_64", "generic_x86"),
    ],
)
def test_the_board_is_detected(tmp_path: Path, compatible: str | None, machine: str, board: str) -> None:
    if compatible is not None:
        tree = tmp_path / "proc/device-tree"
        tree.mkdir(parents=True)
        (tree / "compatible").write_text(compatible)
    assert board_profile("auto", tmp_path, machine).name == board


def test_a_board_by_name_needs_no_detection(tmp_path: Path) -> None:
    assert board_profile("pi4", tmp_path, "riscv64").name == "pi4"


def test_unknown_boards_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"unknown board 'pi3'; use auto or one of .*pi4, pi5"):
        board_profile("pi3", tmp_path)
    with pytest.raises(UsageError, match=r"no profile for a riscv64 machine; name the nearest: --board "):
        board_profile("auto", tmp_path, "riscv64")
