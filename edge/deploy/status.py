"""How the service is: what systemd, itself, its configuration, its store and the board say, put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge.board.device_tree import compatible
from edge.board.profile import AUTO, BoardProfile, board_profile
from edge.board.state import BoardWatch
from edge.bundles.store import BundleStore
from edge.deploy import settings
from edge.deploy.files import masked
from edge.deploy.layout import UNIT, Layout
from edge.deploy.record import Record, printable, read_record
from edge.errors import EdgeError
from edge.run.config import Config

PACKAGE = "the bundle of the package"
ASKED = ("ActiveState", "SubState", "StatusText", "Result", "NRestarts", "MainPID", "CPUUsageNSec", "MemoryCurrent")


@dataclass(frozen=True)
class ServiceState:
    """None is what is not known, or not so now: of a service that does not run, nothing that it said counts.

    state: systemd's ActiveState; None for an image. result: why it ended, where that was no success. says: its own
    words. camera: that it has, else that of the configuration. temperature_c: the hottest zone's. bundle, digest,
    labels: of what runs. rejected: why a bundle was refused. current, previous: of the store, None is the package's.
    problem: of a configuration that cannot be read.
    """

    unit: str
    installed: bool
    running: bool = False
    state: str | None = None
    result: str | None = None
    restarts: int | None = None
    says: str | None = None
    camera: str | None = None
    board: str | None = None
    temperature_c: float | None = None
    bundle: str | None = None
    digest: str | None = None
    labels: tuple[str, ...] | None = None
    rejected: str | None = None
    processor_s: float | None = None
    memory_mb: float | None = None
    current: str | None = None
    previous: str | None = None
    problem: str | None = None


def service_state(layout: Layout, found: Mapping[str, str] | None, store: BundleStore) -> ServiceState:
    """found: systemd's properties of the unit, `ASKED`; None for an image."""
    if not layout.unit.exists():
        return ServiceState(UNIT, installed=False)
    properties = found or {}
    running = properties.get("ActiveState") == "active"
    said = read_record(layout.running) if running or found is None else Record()
    config, problem = _config(layout)
    board, temperature_c = _board(config, layout)
    current, previous = store.current(), store.previous()
    result = properties.get("Result")
    return ServiceState(
        UNIT,
        installed=True,
        running=running,
        state=None if found is None else f"{properties.get('ActiveState')} ({properties.get('SubState')})",
        result=None if result in (None, "", "success") else result,
        restarts=_number(properties, "NRestarts"),
        says=printable(properties.get("StatusText", "")) or None if running else None,
        camera=said.said.get("camera") or (None if config is None else printable(masked(config.camera))),
        board=board,
        temperature_c=temperature_c,
        bundle=said.said.get("bundle"),
        digest=said.said.get("digest"),
        labels=said.labels or None,
        rejected=said.said.get("error"),
        processor_s=_scaled(properties, "CPUUsageNSec", 1e-9) if running else None,
        memory_mb=_scaled(properties, "MemoryCurrent", 1e-6) if running else None,
        current=None if current is None else current.name,
        previous=None if previous is None else previous.name,
        problem=problem,
    )


def to_text(state: ServiceState) -> str:
    """For people; of a service that does not run, what it would start with."""
    if not state.installed:
        return f"{state.unit} is not installed: edge-service install"
    lines = [
        ("service", None if state.state is None else f"{state.state}, restarts {state.restarts}"),
        ("says", state.says),
        ("ended", state.result and f"{state.result}; edge-service logs shows why"),
        ("problem", state.problem),
        ("camera", state.camera),
        ("board", _board_words(state)),
        ("runs", state.bundle and f"{state.bundle} {(state.digest or '')[:16]}"),
        ("labels", state.labels and ", ".join(state.labels)),
        ("rejected", state.rejected),
        ("used", _used(state)),
        ("current" if state.running else "starts", _in_store(state)),
        ("previous", (state.previous or PACKAGE) if state.current else None),
    ]
    return "\n".join(f"{name:<9} {words}" for name, words in lines if words)


def _in_store(state: ServiceState) -> str:
    return (state.current or PACKAGE) if state.running else f"with {state.current or PACKAGE}"


def _board_words(state: ServiceState) -> str | None:
    heat = "" if state.temperature_c is None else f", {state.temperature_c:.0f} degrees"
    return state.board and f"{state.board}{heat}"


def _used(state: ServiceState) -> str:
    used = [] if state.processor_s is None else [f"{state.processor_s:.1f} s of processor time"]
    return ", ".join(used + ([] if state.memory_mb is None else [f"{state.memory_mb:.0f} MB"]))


def _config(layout: Layout) -> tuple[Config | None, str | None]:
    if not layout.config.exists():
        return None, f"{layout.config}: no such file; edge-service install writes it"
    try:
        return settings.read(layout.config), None
    except EdgeError as error:
        return None, printable(str(error))
    except OSError as error:  # not everybody may read it
        return None, f"{layout.config}: {error.strerror}"


def configured_board(layout: Layout) -> BoardProfile | None:
    """What `board:` of the configuration says, or the board itself; None where nobody can tell."""
    return _profile(_config(layout)[0], layout)


def _profile(config: Config | None, layout: Layout) -> BoardProfile | None:
    name = AUTO if config is None else config.board
    if name == AUTO and not layout.live and not compatible(layout.root):
        return None  # this machine's processor says nothing of an image
    try:
        return board_profile(name, layout.root)
    except EdgeError:
        return None


def _board(config: Config | None, layout: Layout) -> tuple[str | None, float | None]:
    """Its title, and how hot it is where it is this one."""
    profile = _profile(config, layout)
    if profile is None:
        return None, None
    celsius = BoardWatch(profile, Path("/")).read().temperatures_c if layout.live else {}
    return profile.title, max(celsius.values(), default=None)


def _number(properties: Mapping[str, str], key: str) -> int | None:
    text = properties.get(key, "")
    return int(text) if text.isdecimal() else None


def _scaled(properties: Mapping[str, str], key: str, factor: float) -> float | None:
    number = _number(properties, key)
    return None if number is None else number * factor
