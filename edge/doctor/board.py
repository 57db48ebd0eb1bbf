"""The board against its profile: processor, the service's cores, heat, supply, power, the kernel's limits."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from edge.board.device_tree import model
from edge.board.profile import AUTO, BoardProfile, board_profile, boot_file
from edge.board.state import FLAGS, SINCE_BOOT, BoardState, BoardWatch, Zone, text
from edge.doctor.findings import Finding, error, ok, warning

AREA = "board"
SUPPLY = "use the supply and the cable that the board asks for (docs/boards.md); under load, look again"
COOLER = "give it air or a heat sink, or a lower power mode; edge-run works less meanwhile (docs/boards.md)"


def check(root: Path = Path("/"), name: str = AUTO) -> Iterator[Finding]:
    """Everything that is known of this board. root: `/`, or a tree that looks like it. name: of its profile."""
    board = board_profile(name, root)
    watch = BoardWatch(board, root)
    state = watch.read()
    yield ok(AREA, "board", f"{model(root) or board.title}; profile {board.name}. {' '.join(board.notes)}".strip())
    yield from _processor(board, root)
    yield from _heat(watch, state)
    yield from _supply(watch, state)
    yield from _power(board, root)
    yield from _limits(board, root)


def power_mw(root: Path, rails: tuple[str, ...]) -> dict[str, float]:
    """The power of each rail that a hwmon sensor measures now, in milliwatts (INA3221: mV times mA)."""
    found = {}
    for label in sorted(root.glob("sys/class/hwmon/hwmon*/in[0-9]*_label")):
        if text(label) in rails:
            number = label.name.removeprefix("in").removesuffix("_label")
            millivolts, milliamperes = (
                text(label.with_name(f"in{number}_input")),
                text(label.with_name(f"curr{number}_input")),
            )
            if millivolts.isdecimal() and milliamperes.isdecimal():
                found[text(label)] = int(millivolts) * int(milliamperes) / 1e3
    return found


def _processor(board: BoardProfile, root: Path) -> Iterator[Finding]:
    lines = (line.partition(":") for line in text(root / "proc/cpuinfo").splitlines())
    features = {word for key, _, value in lines if key.strip() in ("Features", "flags") for word in value.split()}
    missing = [feature for feature in board.cpu_features if feature not in features]
    if missing:
        yield warning(
            AREA,
            "processor",
            f"lacks {', '.join(missing)}, which {board.title} has",
            "name the right one: --board NAME",
        )
    online = _cores(text(root / "sys/devices/system/cpu/online"))
    if board.affinity and not online & set(board.affinity):
        yield error(
            AREA,
            "cores",
            f"the service's cores {_listed(board.affinity)} are off; on are {_listed(sorted(online)) or 'none known'}",
            "choose another power mode, or other cores: sudo systemctl edit edge-run, CPUAffinity=",
        )
    slow = sorted({text(path) for path in root.glob("sys/devices/system/cpu/cpufreq/policy*/scaling_governor")})
    if "powersave" in slow and not (root / "sys/devices/system/cpu/intel_pstate").exists():
        repair = "echo schedutil | sudo tee /sys/devices/system/cpu/cpufreq/policy*/scaling_governor"
        yield warning(AREA, "clock", "the governor powersave keeps the processor at its lowest clock", repair)
    elif slow:
        yield ok(AREA, "clock", f"governor {', '.join(slow)}")


def _heat(watch: BoardWatch, state: BoardState) -> Iterator[Finding]:
    for zone in watch.zones:
        now_c = state.temperatures_c.get(zone.name)
        if now_c is None:
            continue
        if zone.slow_c is not None and now_c >= zone.slow_c:
            yield warning(AREA, "heat", _degrees(zone, now_c), COOLER)
        else:
            yield ok(AREA, "heat", _degrees(zone, now_c))
    if state.cooling:
        yield warning(AREA, "heat", f"the kernel slows the processor down ({', '.join(state.cooling)})", COOLER)
    if not watch.sources:
        yield ok(AREA, "heat", "this board tells nothing of its heat and supply: edge-run cannot adapt to them")


def _degrees(zone: Zone, now_c: float) -> str:
    limit = "no limit known" if zone.slow_c is None else f"edge-run works less from {zone.slow_c:.0f} on"
    return f"{zone.name} {now_c:.0f} degrees, {limit}"


def _supply(watch: BoardWatch, state: BoardState) -> Iterator[Finding]:
    now = [name for bit, name in FLAGS.items() if state.flags & bit]
    once = [name for bit, name in FLAGS.items() if state.flags & bit << SINCE_BOOT and not state.flags & bit]
    if now:
        yield warning(AREA, "supply", f"now: {', '.join(now)}", SUPPLY)
    if once:
        yield warning(AREA, "supply", f"since the boot: {', '.join(once)}", SUPPLY)
    if state.undervoltage and "under-voltage" not in now:
        yield warning(AREA, "supply", "under-voltage alarm", SUPPLY)
    if state.events:
        yield warning(AREA, "supply", f"{state.events} over-current events since the boot", SUPPLY)
    if watch.knows_supply and not (now or once or state.undervoltage):
        yield ok(AREA, "supply", "no under-voltage and no throttling")


def _power(board: BoardProfile, root: Path) -> Iterator[Finding]:
    modes = "; ".join(f"{mode}: {meaning}" for mode, meaning in board.power.modes.items())
    for advice in (*board.power.advice, *([modes] if modes else [])):
        yield ok(AREA, "power", advice)
    rails = power_mw(root, board.power.rails)
    if rails:
        yield ok(AREA, "power", ", ".join(f"{rail} {power / 1e3:.2f} W" for rail, power in rails.items()))


def _limits(board: BoardProfile, root: Path) -> Iterator[Finding]:
    """What the unit asks of the kernel and may not get."""
    controllers = text(root / "sys/fs/cgroup/cgroup.controllers").split()
    if controllers and "memory" not in controllers:
        parameters = " ".join(board.boot.kernel_parameters) or "cgroup_enable=memory"
        repair = f"append `{parameters}` to the kernel's command line (/boot/firmware/cmdline.txt), reboot"
        yield warning(
            AREA, "memory limit", "the memory controller is off: MemoryMax= of the service does nothing", repair
        )
    fragments = [name for name in board.boot.fragments if "watchdog" in name]
    if fragments and not os.path.lexists(root / "dev/watchdog"):
        repair = f"do what this file says: {boot_file(fragments[0])}"
        yield warning(AREA, "watchdog", "no /dev/watchdog: nothing resets a board whose kernel hangs", repair)


def _cores(ranges: str) -> set[int]:
    """`0-3,6` as numbers."""
    pairs = (part.split("-") for part in ranges.split(",") if part)
    return {core for pair in pairs for core in range(int(pair[0]), int(pair[-1]) + 1)}


def _listed(cores: tuple[int, ...] | list[int]) -> str:
    return ", ".join(map(str, cores))
