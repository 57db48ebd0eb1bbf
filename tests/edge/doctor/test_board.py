"""What the doctor finds on a board: trouble is named with its repair, health is no warning."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.doctor.board import check
from edge.doctor.findings import Finding
from tests.edge.board_trees import orin_nano, pi5, write


def troubles(root: Path) -> list[Finding]:
    return [finding for finding in check(root) if finding.level != "ok"]


def test_healthy_boards_have_no_trouble_and_say_what_they_are(tmp_path: Path) -> None:
    for make, name in ((pi5, "Raspberry Pi 5 Model B Rev 1.0; profile pi5."), (orin_nano, "profile orin_nano.")):
        root = make(tmp_path / name[:4])
        assert troubles(root) == []
        assert any(name in finding.found and "Not measured on a board yet" in finding.found for finding in check(root))


def test_the_power_of_a_jetson_and_its_modes(tmp_path: Path) -> None:
    found = [finding.found for finding in check(orin_nano(tmp_path)) if finding.what == "power"]
    assert "VDD_IN 6.00 W" in found and any("nvpmodel" in text for text in found)
    assert any(text.startswith("MAXN: ") and "; 7W: " in text for text in found)


@pytest.mark.parametrize(
    ("trouble", "what", "found"),
    [
        ({"celsius": 80}, "heat", "cpu-thermal 80 degrees, edge-run works less from 75 on"),
        ({"flags": 0x50000}, "supply", "since the boot: under-voltage, throttled"),
        ({"flags": 0x1}, "supply", "now: under-voltage"),
        ({"alarm": 1}, "supply", "under-voltage alarm"),
    ],
)
def test_heat_and_supply_of_a_pi(tmp_path: Path, trouble: dict[str, int], what: str, found: str) -> None:
    (finding,) = troubles(pi5(tmp_path, **trouble))
    assert (finding.level, finding.what, finding.found) == ("warning", what, found)
    assert finding.repair


def test_a_jetson_that_is_throttled(tmp_path: Path) -> None:
    found = [finding.found for finding in troubles(orin_nano(tmp_path, clocks_down=2, events=3, celsius=96))]
    assert found == [
        "cpu-thermal 96 degrees, edge-run works less from 94 on",
        "the kernel slows the processor down (cpufreq-cpu0)",
        "3 over-current events since the boot",
    ]


@pytest.mark.parametrize(
    ("name", "text", "level", "what"),
    [
        ("sys/devices/system/cpu/online", "0-1", "error", "cores"),
        ("sys/devices/system/cpu/cpufreq/policy0/scaling_governor", "powersave", "warning", "clock"),
        ("sys/fs/cgroup/cgroup.controllers", "cpu io pids", "warning", "memory limit"),
        ("proc/cpuinfo", "Features : fp asimd", "warning", "processor"),
    ],
)
def test_what_the_service_needs_and_does_not_get(tmp_path: Path, name: str, text: str, level: str, what: str) -> None:
    (finding,) = troubles(write(pi5(tmp_path), {name: text}))
    assert (finding.level, finding.what) == (level, what) and finding.repair


def test_a_pi_without_its_watchdog(tmp_path: Path) -> None:
    (pi5(tmp_path) / "dev/watchdog").unlink()
    (finding,) = troubles(tmp_path)
    assert finding.what == "watchdog"
    assert Path(finding.repair.rpartition(" ")[2]).read_text().startswith("# /boot/firmware/config.txt: the hardware")


def test_what_nothing_here_tells_is_not_called_good(tmp_path: Path) -> None:
    root = pi5(tmp_path)
    assert [finding for finding in check(root) if finding.what == "supply"]
    for path in (*root.glob("sys/**/get_throttled"), *root.glob("sys/**/in0_lcrit_alarm")):
        path.unlink()
    assert not [finding for finding in check(root) if finding.what == "supply"]


def test_this_machine_can_be_examined() -> None:
    assert [finding for finding in check() if finding.what == "board"]
