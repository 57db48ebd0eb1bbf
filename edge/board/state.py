"""How a board is right now: its heat, its supply, and whether firmware or kernel slow it down. Read from /sys only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from edge.board.profile import BoardProfile

# Bits of the Raspberry Pi's firmware (`vcgencmd get_throttled`); 16 further up, the same since boot.
UNDER_VOLTAGE, CAPPED, THROTTLED, SOFT_LIMIT = 1 << 0, 1 << 1, 1 << 2, 1 << 3
SINCE_BOOT = 16
FLAGS = {
    UNDER_VOLTAGE: "under-voltage",
    CAPPED: "frequency capped",
    THROTTLED: "throttled",
    SOFT_LIMIT: "soft temperature limit",
}
# A kernel begins to slow the processor down at its passive trip point; this much before it, working less still helps.
TRIP_MARGIN_C = 5.0
LOWEST_TRIP_C = 40.0  # below it, a trip point is a placeholder (x86_pkg_temp has zeros)


@dataclass(frozen=True)
class Zone:
    """A thermal zone. slow_c, rest_c: the limits that hold for it; None: it has none, and is only shown."""

    name: str
    path: Path
    slow_c: float | None
    rest_c: float | None


@dataclass(frozen=True)
class BoardState:
    """temperatures_c: by zone. flags: the firmware's bits, 0 where there are none. undervoltage: the alarm.

    cooling: names of the devices that slow the processor down now. events: counted over-current events so far.
    """

    temperatures_c: dict[str, float] = field(default_factory=dict)
    flags: int = 0
    undervoltage: bool = False
    cooling: tuple[str, ...] = ()
    events: int = 0


class BoardWatch:
    """Finds a board's sources once and reads them when asked; what a board does not have stays silent.

    root: `/`, or a tree that looks like it.
    """

    def __init__(self, board: BoardProfile, root: Path = Path("/")) -> None:
        self.zones = tuple(_zones(board, root))
        self._cooling = tuple(_cooling(board, root))
        self._flags = _matching(root, board.throttle.flags)
        self._undervoltage = _matching(root, board.throttle.undervoltage)
        self._counters = _matching(root, board.throttle.counters)

    def read(self) -> BoardState:
        """A few small files of the kernel: well under a millisecond."""
        celsius = {zone.name: _integer(zone.path / "temp") for zone in self.zones}
        return BoardState(
            temperatures_c={name: value / 1e3 for name, value in celsius.items() if value is not None},
            flags=sum(_integer(path, 16) or 0 for path in self._flags),
            undervoltage=any(_integer(path) for path in self._undervoltage),
            cooling=tuple(name for name, path in self._cooling if _integer(path / "cur_state")),
            events=sum(_integer(path) or 0 for path in self._counters),
        )

    @property
    def knows_supply(self) -> bool:
        """Something here would tell of a weak one."""
        return bool(self._flags or self._undervoltage)

    @property
    def sources(self) -> int:
        """How many files answer; 0 means that nothing is known of this board's health."""
        return len(self.zones) + len(self._cooling) + len(self._flags) + len(self._undervoltage) + len(self._counters)


def _zones(board: BoardProfile, root: Path) -> Iterator[Zone]:
    thermal = board.thermal
    for path in _numbered(root / "sys/class/thermal", "thermal_zone"):
        name = text(path / "type")
        if any(fnmatchcase(name, pattern) for pattern in thermal.zones):
            if thermal.slow_at_c is not None and thermal.rest_at_c is not None:
                yield Zone(name, path, thermal.slow_at_c, thermal.rest_at_c)
            else:
                trip_c = _passive_trip_c(path)
                yield Zone(name, path, None if trip_c is None else trip_c - TRIP_MARGIN_C, trip_c)


def _passive_trip_c(zone: Path) -> float | None:
    """The lowest temperature at which the kernel slows this zone's heaters down."""
    trips = (
        (_integer(path.with_name(path.name.replace("_type", "_temp"))) or 0) / 1e3
        for path in zone.glob("trip_point_*_type")
        if text(path) == "passive"
    )
    return min((trip_c for trip_c in trips if trip_c >= LOWEST_TRIP_C), default=None)


def _cooling(board: BoardProfile, root: Path) -> Iterator[tuple[str, Path]]:
    for path in _numbered(root / "sys/class/thermal", "cooling_device"):
        name = text(path / "type")
        if any(fnmatchcase(name, pattern) for pattern in board.thermal.cooling):
            yield name, path


def _numbered(folder: Path, prefix: str) -> list[Path]:
    return sorted(folder.glob(f"{prefix}[0-9]*"), key=lambda path: int(path.name[len(prefix) :]))


def _matching(root: Path, pattern: str) -> list[Path]:
    return sorted(root.glob(pattern)) if pattern else []


def text(path: Path) -> str:
    """A small file's text, stripped; empty where it cannot be read."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def _integer(path: Path, base: int = 10) -> int | None:
    """None where the file cannot be read: a zone whose sensor sleeps answers with an error."""
    try:
        return int(text(path), base)
    except ValueError:
        return None
