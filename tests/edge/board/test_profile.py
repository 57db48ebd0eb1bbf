"""Boards: all profiles are complete, and a board is found by its device tree."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.board.profile import board_profile, board_profiles, boot_file
from edge.cameras.source import camera_source
from edge.errors import UsageError

NAMES = {"pi4", "pi5", "orin_nano", "orin_nx", "nano", "generic_arm64", "generic_x86"}
BOOT = Path(__file__).parents[3] / "firmware_configs" / "boot"


def test_all_profiles_are_there_and_complete() -> None:
    profiles = board_profiles()
    assert set(profiles) == NAMES
    for profile in profiles.values():
        assert profile.thermal.zones
        assert bool(profile.compatible) != bool(profile.machine)
        assert all(boot_file(name).is_file() for name in profile.boot.fragments)
        assert camera_source(profile.camera).live
        if profile.compatible:
            assert profile.python and profile.power.advice
            assert profile.thermal.cooling or profile.throttle.flags
        low, high = profile.thermal.slow_at_c, profile.thermal.rest_at_c
        assert (low is None) == (high is None) and (low is None or high is None or low < high)


def test_what_was_not_measured_says_so() -> None:
    """A profile from a board takes this note away, and nothing else may."""
    unmeasured = {name for name, profile in board_profiles().items() if "Not measured on a board yet." in profile.notes}
    assert unmeasured == NAMES - {"generic_x86"}


def test_every_boot_fragment_belongs_to_a_board() -> None:
    used = {name for profile in board_profiles().values() for name in profile.boot.fragments}
    assert used == {path.name for path in BOOT.iterdir()}


def test_a_jetson_nano_has_no_int8() -> None:
    assert {name for name, profile in board_profiles().items() if profile.precision == "float16"} == {"nano"}


def device_tree(root: Path, compatible: str) -> None:
    tree = root / "proc/device-tree"
    tree.mkdir(parents=True)
    (tree / "compatible").write_text(compatible)


@pytest.mark.parametrize(
    ("compatible", "machine", "board"),
    [
        ("raspberrypi,5-model-b\0brcm,bcm2712\0", "aarch64", "pi5"),
        ("raspberrypi,4-model-b\0brcm,bcm2711\0", "aarch64", "pi4"),
        ("nvidia,p3768-0000+p3767-0005\0nvidia,p3767-0005\0nvidia,tegra234\0", "aarch64", "orin_nano"),
        ("nvidia,p3768-0000+p3767-0000\0nvidia,p3767-0000\0nvidia,tegra234\0", "aarch64", "orin_nx"),
        ("radxa,rock-5b\0rockchip,rk3588\0", "aarch64", "generic_arm64"),
        ("nvidia,p3449-0000-b00+p3448-0000-b00\0nvidia,jetson-nano\0nvidia,tegra210\0", "aarch64", "nano"),
        (None, "aarch64", "generic_arm64"),
        (None, "x86_64", "generic_x86"),
    ],
)
def test_the_board_is_detected(tmp_path: Path, compatible: str | None, machine: str, board: str) -> None:
    if compatible is not None:
        device_tree(tmp_path, compatible)
    assert board_profile("auto", tmp_path, machine).name == board


def test_a_board_by_name_needs_no_detection(tmp_path: Path) -> None:
    assert board_profile("pi4", tmp_path, "riscv64").name == "pi4"


def test_unknown_boards_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"unknown board 'pi3'; use auto or one of .*pi4, pi5"):
        board_profile("pi3", tmp_path)
    with pytest.raises(UsageError, match=r"no profile for a riscv64 machine; name the nearest: --board "):
        board_profile("auto", tmp_path, "riscv64")
