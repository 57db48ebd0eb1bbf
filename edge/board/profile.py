"""Boards as data: what firmware_configs/boards/*.yaml says, and which one this machine is."""

from __future__ import annotations

import platform
from dataclasses import dataclass, field
from pathlib import Path

from edge.board.device_tree import compatible
from edge.errors import UsageError
from edge.shipped import load_profiles, shipped

AUTO = "auto"


@dataclass(frozen=True)
class Thermal:
    """Where heat shows, and from where on less work is right.

    zones: patterns of thermal zone types. slow_at_c, rest_at_c: degrees from which ticks are spaced out, and from which
    the recogniser works in bursts (governor.py); None: the kernel's own trip points decide. cooling: patterns of
    cooling devices that slow the processor down (a fan does not).
    """

    zones: tuple[str, ...] = ("*",)
    slow_at_c: float | None = None
    rest_at_c: float | None = None
    cooling: tuple[str, ...] = ()


@dataclass(frozen=True)
class Throttle:
    """Files that tell of a weak supply, as patterns below `/`.

    flags: the firmware's throttle bits, hexadecimal (`vcgencmd get_throttled`). undervoltage: an alarm, 0 or 1.
    counters: numbers that rise with every event.
    """

    flags: str = ""
    undervoltage: str = ""
    counters: str = ""


@dataclass(frozen=True)
class Power:
    """rails: hwmon labels whose power can be read. modes: what each power mode means here. advice: what to set."""

    rails: tuple[str, ...] = ()
    modes: dict[str, str] = field(default_factory=dict)
    advice: tuple[str, ...] = ()


@dataclass(frozen=True)
class Boot:
    """fragments: files of firmware_configs/boot for the boot configuration; kernel_parameters: for the command line."""

    fragments: tuple[str, ...] = ()
    kernel_parameters: tuple[str, ...] = ()


@dataclass(frozen=True)
class BoardProfile:
    """A board.

    compatible: entries of the device tree that name it; machine: `uname -m`, for boards without a tree. variant: of the
    service (firmware_configs/systemd). precision: of the bundle that runs fastest on it.
    target: of `quantize`, for this board. threads: of the engine.
    affinity: CPUs of the service, none leaves it to the kernel. nice: of the service. camera: the default.
    cpu_features: that /proc/cpuinfo must list. python: the system's.
    notes: what has to be known; `Not measured on a board yet.` until a profile from one is there.
    """

    name: str
    title: str
    engine: str
    threads: int
    variant: str = "generic"
    precision: str = "int8"
    target: str = "arm"
    affinity: tuple[int, ...] = ()
    nice: int = 5
    camera: str = "arducam"
    compatible: tuple[str, ...] = ()
    machine: tuple[str, ...] = ()
    cpu_features: tuple[str, ...] = ()
    python: str = ""
    thermal: Thermal = field(default_factory=Thermal)
    throttle: Throttle = field(default_factory=Throttle)
    power: Power = field(default_factory=Power)
    boot: Boot = field(default_factory=Boot)
    notes: tuple[str, ...] = ()


def board_profiles() -> dict[str, BoardProfile]:
    """Every board profile by name. Raises ConfigError."""
    return load_profiles("boards", BoardProfile)


def board_profile(name: str = AUTO, root: Path = Path("/"), machine: str | None = None) -> BoardProfile:
    """A board by name; `auto` asks the device tree, then the processor. Raises UsageError for an unknown name."""
    profiles = board_profiles()
    if name in profiles:
        return profiles[name]
    if name != AUTO:
        raise UsageError(f"unknown board {name!r}; use auto or one of {', '.join(profiles)}")
    return _detect(profiles, compatible(root), machine or platform.machine())


def boot_file(fragment: str) -> Path:
    """Where a fragment of the boot configuration lies on this machine."""
    return shipped("boot") / fragment


def _detect(profiles: dict[str, BoardProfile], tree: list[str], machine: str) -> BoardProfile:
    for entry in tree:  # most specific first, as the device tree has them
        for profile in profiles.values():
            if entry in profile.compatible:
                return profile
    for profile in profiles.values():
        if machine in profile.machine:
            return profile
    raise UsageError(f"no profile for a {machine} machine; name the nearest: --board {' | '.join(profiles)}")
