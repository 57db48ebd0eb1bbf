"""What an installation writes: the unit and its variant, the slice, the udev rule, the configuration."""

from __future__ import annotations

import os
import re
import stat
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from edge.board.profile import AUTO, BoardProfile
from edge.deploy import settings
from edge.deploy.camera import check_camera
from edge.deploy.files import Entry
from edge.deploy.layout import CONFIG, SLICE, STORE, UNIT, Layout
from edge.deploy.reach import can_reach
from edge.errors import ConfigError, UsageError
from edge.shipped import shipped
from edge.yaml_files import parse_yaml

# Memory by variant: measured peak is 97 MB with onnxruntime on the processor; CUDA alone maps more than a gigabyte.
MEMORY_MAX = {"generic": "300M", "pi": "300M", "jetson": "2G", "ros2": "400M"}
DEFAULT_PROGRAM = "/opt/ellar-edge/bin/edge-run"
REINSTALL = (
    "install it where every user may read: sudo python3 -m venv /opt/ellar-edge && "
    "sudo /opt/ellar-edge/bin/pip install WHEEL, then run /opt/ellar-edge/bin/edge-service"
)


@dataclass(frozen=True)
class Options:
    """What `edge-service install` was asked for; None leaves it to the board, or to the configuration that is there.

    board: the profile of the target. board_given: the user named it. user: None is one made by systemd for the run.
    """

    board: BoardProfile
    board_given: bool = False
    camera: str | None = None
    variant: str = AUTO
    user: str | None = None
    program: str | None = None


def plan(options: Options, layout: Layout) -> list[Entry]:
    """Every file and link of the installation. Raises UsageError, ConfigError."""
    variant = options.board.variant if options.variant == AUTO else options.variant
    values = {
        "PROGRAM": _program(options.program, layout),
        "CONFIG": CONFIG,
        "STORE": STORE,
        "BOARD": options.board.name,
        "NICE": str(options.board.nice),
        "AFFINITY": " ".join(map(str, options.board.affinity)),
        "ACCOUNT": _account(options.user, layout),
        "MEMORY_MAX": MEMORY_MAX[variant],
    }
    entries = [
        Entry(layout.unit, _filled(f"systemd/{UNIT}", values)),
        Entry(layout.slice, _filled(f"systemd/{SLICE}", values)),
        Entry(layout.udev_rule, _filled("udev/70-edge-run.rules", values)),
        _config(options, variant, layout, values),
        Entry(layout.wanted, link=f"/etc/systemd/system/{UNIT}"),
    ]
    if variant != "generic":
        entries.append(Entry(layout.drop_ins / f"10-{variant}.conf", _filled(f"systemd/{variant}.conf", values)))
    return entries


def program_of(layout: Layout) -> str:
    """The program that the installed unit starts. Raises ConfigError."""
    found = re.search(r"(?m)^ExecStart=(\S+)", layout.unit.read_text()) if layout.unit.exists() else None
    if found is None:
        raise ConfigError(f"{layout.unit}: expected the unit of an installed service, found none; edge-service install")
    return found[1]


def other_variants(entries: list[Entry], layout: Layout) -> list[Path]:
    """Drop-ins of variants that an earlier installation wrote and this one does not."""
    kept = {entry.path for entry in entries}
    names = (layout.drop_ins / f"10-{variant}.conf" for variant in MEMORY_MAX)
    return [path for path in names if path.exists() and path not in kept]


def _filled(name: str, values: dict[str, str]) -> str:
    return re.sub(r"@([A-Z_]+)@", lambda match: values[match[1]], shipped(name).read_text(encoding="utf-8"))


def _config(options: Options, variant: str, layout: Layout, values: dict[str, str]) -> Entry:
    """A new configuration, or the user's own with nothing but the given keys changed: its mode and owner stay, too."""
    board = options.board.name if options.board_given else None
    path = layout.config
    if not path.exists():
        camera = options.camera or options.board.camera
        check_camera(camera, variant, layout)
        keys = {"CAMERA": settings.quoted(camera), "BOARD": board or AUTO}
        text = _filled("systemd/edge.yaml", {**values, **keys})
        if parse_yaml(text, str(path)).get("camera") != camera:
            raise UsageError(f"--camera {camera!a}: expected a name on one line; rename what it names")
        return Entry(path, text)
    current = settings.read(path)
    check_camera(options.camera or current.camera, variant, layout)
    given = {"camera": options.camera, "board": board}
    text = settings.with_keys(path, {key: value for key, value in given.items() if value is not None})
    status = path.stat()
    return Entry(path, text, mode=stat.S_IMODE(status.st_mode), owner=(status.st_uid, status.st_gid))


def _account(user: str | None, layout: Layout) -> str:
    if user is None:
        return "DynamicUser=yes"
    if not re.fullmatch(r"[a-z_][a-z0-9_-]*", user):
        raise UsageError(f"--user {user}: expected the name of a user; leave it out and systemd makes one for the run")
    accounts = layout.found("/etc/passwd")
    found = dict(line.split(":")[0:3:2] for line in accounts.read_text().splitlines() if line.count(":") >= 3)
    if user not in found:
        raise UsageError(f"--user {user}: no such user in {accounts}; make one: sudo useradd --system {user}")
    if found[user] == "0":
        raise UsageError(f"--user {user}: the service never runs as root; name another user, or leave it out")
    return f"User={user}"


def _program(given: str | None, layout: Layout) -> str:
    """The absolute path of edge-run on the target, checked: the service's user must be able to run it."""
    path = given or _installed_program(layout)
    if not path.startswith("/"):
        raise UsageError(f"--program {path}: expected an absolute path, such as {DEFAULT_PROGRAM}")
    if re.search(r"[\s%$\"'\\]", path):
        raise UsageError(f"--program {path}: systemd cannot take blanks, quotes, % or $ in it; {REINSTALL}")
    here = layout.found(path)
    if not os.access(here, os.X_OK) or not here.is_file():
        raise ConfigError(f"{here}: expected the program edge-run, found none; name it: --program PATH (in the target)")
    for place in (path, *_interpreter(here, layout)):
        if not can_reach(place, layout):
            raise ConfigError(f"{place}: the service's user cannot read it; {REINSTALL}")
    return path


def _installed_program(layout: Layout) -> str:
    """Beside this interpreter; for an image, where it lies in the image."""
    path = Path(sysconfig.get_path("scripts")) / "edge-run"
    if layout.live:
        return str(path)
    inside = path.is_relative_to(layout.root.resolve())
    return f"/{path.relative_to(layout.root.resolve())}" if inside else DEFAULT_PROGRAM


def _interpreter(program: Path, layout: Layout) -> list[str]:
    """What the first line of a script names, and on a live system what that is a link to."""
    with program.open("rb") as file:
        line = file.readline(512).decode(errors="replace")
    if not line.startswith("#!/"):
        return []
    named = line[2:].split()[0]
    return [named, str(Path(named).resolve())] if layout.live else [named]
