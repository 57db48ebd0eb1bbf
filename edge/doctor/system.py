"""The machine: kernel, camera driver, clocks, memory, disk."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from edge.doctor.findings import Finding, error, ok, warning

AREA = "system"
STATE_DIRECTORY = "var/lib/ellar-edge"
MEBIBYTE = 1 << 20
# edge-run takes about 100 MB at its peak (README.md); the service's limit is 300 MB.
MEMORY_NEEDED_MIB, MEMORY_COMFORTABLE_MIB = 150, 300
# Two bundles, the old and the new, and what a logger writes meanwhile.
DISK_NEEDED_MIB, DISK_COMFORTABLE_MIB = 20, 200
SLOW_CLOCK_SOURCES = ("jiffies", "acpi_pm", "hpet", "refined-jiffies")
TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
RELEASED_S = 1_735_689_600  # 2025-01-01: no clock that is right is before it


def check(root: Path) -> Iterator[Finding]:
    """Everything of the machine that a run depends on, below `root`."""
    yield ok(AREA, "kernel", f"{platform.system()} {platform.release()} on {platform.machine()}")
    yield check_driver(root)
    yield check_memory(root)
    yield check_disk(root)
    yield check_clock_source(root)
    yield check_wall_clock(time.time(), _is_synchronised())


def check_driver(root: Path) -> Finding:
    """USB cameras need the kernel's uvcvideo."""
    if (root / "sys/module/uvcvideo").is_dir():
        return ok(AREA, "uvcvideo", "loaded")
    try:
        modules = (root / "lib/modules" / platform.release() / "modules.dep").read_text()
    except OSError:
        modules = ""
    if "/uvcvideo.ko" in modules:
        return ok(AREA, "uvcvideo", "not loaded; the kernel loads it when a USB camera is plugged in")
    repair = "install a kernel with media drivers (Debian: sudo apt install linux-image-amd64; cloud kernels have none)"
    return warning(AREA, "uvcvideo", "this kernel has no driver for USB cameras", repair)


def check_memory(root: Path) -> Finding:
    """Memory that can be had without swapping."""
    try:
        lines = dict(line.split(":", 1) for line in (root / "proc/meminfo").read_text().splitlines())
        free_mib = int(lines["MemAvailable"].split()[0]) // 1024
    except (OSError, KeyError, ValueError) as problem:
        return warning(AREA, "memory", f"/proc/meminfo: cannot be read ({problem!r})", "mount -t proc proc /proc")
    found = f"{free_mib} MiB available"
    repair = "end other programs (ps aux --sort=-rss | head)"
    if free_mib < MEMORY_NEEDED_MIB:
        return error(AREA, "memory", f"{found}, {MEMORY_NEEDED_MIB} needed", repair)
    if free_mib < MEMORY_COMFORTABLE_MIB:
        return warning(AREA, "memory", f"{found}; under {MEMORY_COMFORTABLE_MIB} leaves no reserve", repair)
    return ok(AREA, "memory", found)


def check_disk(root: Path) -> Finding:
    """Space where the service keeps its bundles, or will once it is installed."""
    folder = root / STATE_DIRECTORY
    while not folder.is_dir():
        folder = folder.parent
    free_mib = shutil.disk_usage(folder).free // MEBIBYTE
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        return warning(AREA, "disk", f"{folder} is read-only", "remount it for an update: sudo mount -o remount,rw /")
    return judge_disk(free_mib, folder)


def judge_disk(free_mib: int, folder: Path) -> Finding:
    """Whether an update finds room."""
    found = f"{free_mib} MiB free in {folder}"
    repair = "sudo journalctl --vacuum-size=50M; sudo apt-get clean"
    if free_mib < DISK_NEEDED_MIB:
        return error(AREA, "disk", f"{found}, {DISK_NEEDED_MIB} needed", repair)
    if free_mib < DISK_COMFORTABLE_MIB:
        return warning(AREA, "disk", f"{found}; under {DISK_COMFORTABLE_MIB} leaves no reserve", repair)
    return ok(AREA, "disk", found)


def check_clock_source(root: Path) -> Finding:
    """Cadence lives on the monotonic clock, which is read for every frame."""
    folder = root / "sys/devices/system/clocksource/clocksource0"
    try:
        source = (folder / "current_clocksource").read_text().strip()
    except OSError:
        return ok(AREA, "monotonic clock", f"resolution {time.get_clock_info('monotonic').resolution:g} s")
    if source in SLOW_CLOCK_SOURCES:
        repair = f"see {folder}/available_clocksource; remove clocksource= and notsc from the kernel's command line"
        return warning(AREA, "monotonic clock", f"{source}: slow to read", repair)
    return ok(AREA, "monotonic clock", source)


def check_wall_clock(now_s: float, synchronised: bool) -> Finding:
    """Wall time labels the output and nothing else; but a wrong label is worse than none."""
    now = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now_s))
    repair = "sudo timedatectl set-ntp true; wait for a network, or add a battery-backed clock"
    if now_s < RELEASED_S:
        return warning(
            AREA, "wall clock", f"{now} is in the past; recognition works, the times in its output do not", repair
        )
    if not synchronised:
        return warning(AREA, "wall clock", f"{now}, not synchronised", repair)
    return ok(AREA, "wall clock", f"{now}, synchronised")


def _is_synchronised() -> bool:
    """What the kernel knows: adjtimex(2) without a change."""
    buffer = ctypes.create_string_buffer(512)  # struct timex, 208 bytes on 64 bit; modes 0 changes nothing
    return ctypes.CDLL(None, use_errno=True).adjtimex(buffer) not in (TIME_ERROR, -1)
