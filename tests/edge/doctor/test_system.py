"""The machine is judged by what its kernel says, read from trees like /proc and /sys."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from edge.doctor import system


def write(root: Path, path: str, text: str) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.mark.parametrize(
    ("available_kib", "level"), [(100_000, "error"), (200_000, "warning"), (400_000, "ok"), (8_000_000, "ok")]
)
def test_memory_is_what_can_be_had_without_swapping(tmp_path: Path, available_kib: int, level: str) -> None:
    write(tmp_path, "proc/meminfo", f"MemTotal: 9000000 kB\nMemFree: 1 kB\nMemAvailable: {available_kib} kB\n")
    finding = system.check_memory(tmp_path)
    assert finding.level == level
    assert f"{available_kib // 1024} MiB" in finding.found
    assert bool(finding.repair) == (level != "ok")


def test_a_machine_without_meminfo_is_a_warning(tmp_path: Path) -> None:
    assert system.check_memory(tmp_path).level == "warning"


@pytest.mark.parametrize(("free_mib", "level"), [(5, "error"), (100, "warning"), (500, "ok")])
def test_disk(free_mib: int, level: str) -> None:
    assert system.judge_disk(free_mib, Path("/var/lib")).level == level


def test_the_disk_that_is_looked_at_is_the_one_of_the_service(tmp_path: Path) -> None:
    assert f"in {tmp_path}" in system.check_disk(tmp_path).found
    (tmp_path / "var/lib/ellar-edge").mkdir(parents=True)
    assert f"in {tmp_path}/var/lib/ellar-edge" in system.check_disk(tmp_path).found


def test_the_driver_of_usb_cameras(tmp_path: Path) -> None:
    missing = system.check_driver(tmp_path)
    assert missing.level == "warning"
    assert "linux-image-amd64" in missing.repair
    write(
        tmp_path, f"lib/modules/{platform.release()}/modules.dep", "kernel/drivers/media/usb/uvc/uvcvideo.ko.xz: x.ko\n"
    )
    assert system.check_driver(tmp_path).level == "ok"
    (tmp_path / "sys/module/uvcvideo").mkdir(parents=True)
    assert system.check_driver(tmp_path).found == "loaded"


@pytest.mark.parametrize(("source", "level"), [("tsc", "ok"), ("arch_sys_counter", "ok"), ("jiffies", "warning")])
def test_the_clock_that_frames_are_timed_by(tmp_path: Path, source: str, level: str) -> None:
    write(tmp_path, "sys/devices/system/clocksource/clocksource0/current_clocksource", f"{source}\n")
    assert system.check_clock_source(tmp_path).level == level


@pytest.mark.parametrize(
    ("now_s", "synchronised", "level", "found"),
    [
        (1_900_000_000.0, True, "ok", "2030-03-17 17:46:40 UTC, synchronised"),
        (1_900_000_000.0, False, "warning", "not synchronised"),
        (1_600_000_000.0, True, "warning", "is in the past"),
    ],
)
def test_wall_time_only_labels_output(now_s: float, synchronised: bool, level: str, found: str) -> None:
    finding = system.check_wall_clock(now_s, synchronised)
    assert finding.level == level
    assert found in finding.found


def test_this_machine_is_examined_whole() -> None:
    findings = list(system.check(Path("/")))
    assert [finding.what for finding in findings] == [
        *("kernel", "uvcvideo", "memory", "disk", "monotonic clock", "wall clock"),
    ]
