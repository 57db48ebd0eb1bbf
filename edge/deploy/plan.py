"""What an installation writes: unit and variant, slice, udev rule, configuration; and all of it in words."""

from __future__ import annotations

import os
import re
import stat
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from edge.board.profile import AUTO, BoardProfile
from edge.deploy import settings
from edge.deploy.camera import check_camera
from edge.deploy.files import Entry
from edge.deploy.layout import CONFIG, SLICE, STORE, UNIT, Layout
from edge.deploy.reach import can_reach
from edge.errors import ConfigError, EdgeError, UsageError
from edge.shipped import shipped, source_of
from edge.yaml_files import parse_yaml

# Memory by variant: measured peak is 97 MB with onnxruntime on the processor; CUDA alone maps more than a gigabyte.
MEMORY_MAX = {"generic": "300M", "pi": "300M", "jetson": "2G", "ros2": "400M"}
GROUP = "ellar-edge"  # of who may read the service's socket; systemd makes it for the run where it is not there
DEFAULT_PROGRAM = "/opt/ellar-edge/bin/edge-run"

COMMANDS = ("systemctl daemon-reload", "udevadm control --reload", f"systemctl --no-block restart {UNIT}")
Against = Callable[[EdgeError], None] | None


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


def plan(options: Options, layout: Layout, against: Against = None) -> list[Entry]:
    """Every file and link of the installation. Raises UsageError, ConfigError.

    against: a rehearsal, which is told what would be raised of program, user and camera, and goes on.
    """
    program = options.program or _installed_program(layout)
    _check(partial(_check_program, program, layout), against)
    if options.user is not None:
        _check(partial(_check_user, options.user, layout), against)
    variant = options.board.variant if options.variant == AUTO else options.variant
    values = {
        "PROGRAM": program,
        "CONFIG": CONFIG,
        "STORE": STORE,
        "BOARD": options.board.name,
        "NICE": str(options.board.nice),
        "AFFINITY": " ".join(map(str, options.board.affinity)),
        "ACCOUNT": f"DynamicUser=yes\nGroup={GROUP}" if options.user is None else f"User={options.user}",
        "MEMORY_MAX": MEMORY_MAX[variant],
    }
    entries = [
        Entry(layout.unit, _filled(f"systemd/{UNIT}", values)),
        Entry(layout.slice, _filled(f"systemd/{SLICE}", values)),
        Entry(layout.udev_rule, _filled("udev/70-edge-run.rules", values)),
        _config(options, variant, layout, values, against),
        Entry(layout.wanted, link=f"/etc/systemd/system/{UNIT}"),
    ]
    if variant != "generic":
        entries.append(Entry(layout.drop_ins / f"10-{variant}.conf", _filled(f"systemd/{variant}.conf", values)))
    return entries


def described(
    options: Options, layout: Layout, model: Path | None, against: Callable[[EdgeError], None]
) -> Iterator[str]:
    """The whole installation in words, before any of it exists, in the order of the work.

    against: told what would stop an installation. Raises UsageError, ConfigError for what cannot even be written down.
    """
    entries = plan(options, layout, against)
    if options.user is None:
        yield f"user {UNIT.removesuffix('.service')}, group {GROUP}: made by systemd for each run (DynamicUser=)\n"
    else:
        yield f"user {options.user} and its group: yours; it has to be there\n"
    yield "group video: the camera's; the unit joins it (SupplementaryGroups=)\n"
    yield from _folders([*(entry.path.parent for entry in entries), layout.store])
    for entry in entries:
        yield _entry(entry)
    yield from (f"remove {path}\n" for path in other_variants(entries, layout))
    if model is not None:
        yield f"bundle {model}: verified, copied into {layout.store}, tested, made current\n"
    if layout.live:
        yield from (f"run {command}\n" for command in COMMANDS)
    else:
        yield f"run nothing: {UNIT} starts when the image does\n"


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


def _check(check: Callable[[], None], against: Against) -> None:
    try:
        check()
    except EdgeError as error:
        if against is None:
            raise
        against(error)


def _config(options: Options, variant: str, layout: Layout, values: dict[str, str], against: Against) -> Entry:
    """A new configuration, or the user's own with nothing but the given keys changed: its mode and owner stay, too."""
    board = options.board.name if options.board_given else None
    path = layout.config
    if not path.exists():
        camera = options.camera or options.board.camera
        _check(partial(check_camera, camera, variant, layout), against)
        keys = {"CAMERA": settings.quoted(camera), "BOARD": board or AUTO}
        text = _filled("systemd/edge.yaml", {**values, **keys})
        if parse_yaml(text, str(path)).get("camera") != camera:
            raise UsageError(f"--camera {camera!a}: expected a name on one line; rename what it names")
        return Entry(path, text)
    current = settings.read(path)
    _check(partial(check_camera, options.camera or current.camera, variant, layout), against)
    given = {"camera": options.camera, "board": board}
    text = settings.with_keys(path, {key: value for key, value in given.items() if value is not None})
    status = path.stat()
    return Entry(path, text, mode=stat.S_IMODE(status.st_mode), owner=(status.st_uid, status.st_gid))


def _check_user(user: str, layout: Layout) -> None:
    if not re.fullmatch(r"[a-z_][a-z0-9_-]*", user):
        raise UsageError(f"--user {user}: expected the name of a user; leave it out and systemd makes one for the run")
    accounts = layout.found("/etc/passwd")
    if not accounts.is_file():
        raise ConfigError(f"{accounts}: expected the users of the target, found no file; is {layout.root} its root?")
    found = dict(line.split(":")[0:3:2] for line in accounts.read_text().splitlines() if line.count(":") >= 3)
    if user not in found:
        raise UsageError(f"--user {user}: no such user in {accounts}; make one: sudo useradd --system {user}")
    if found[user] == "0":
        raise UsageError(f"--user {user}: the service never runs as root; name another user, or leave it out")


def _check_program(path: str, layout: Layout) -> None:
    """The absolute path of edge-run on the target: the service's user must be able to run it."""
    if not path.startswith("/"):
        raise UsageError(f"--program {path}: expected an absolute path, such as {DEFAULT_PROGRAM}")
    if re.search(r"[\s%$\"'\\]", path):
        raise UsageError(f"--program {path}: systemd cannot take blanks, quotes, % or $ in it; {_reinstall()}")
    here = layout.found(path)
    if not os.access(here, os.X_OK) or not here.is_file():
        raise ConfigError(f"{here}: expected the program edge-run, found none; name it: --program PATH (in the target)")
    for place in (path, *_interpreter(here, layout)):
        missing = not layout.found(place).exists()
        if missing or not can_reach(place, layout):
            named = "" if place == path else f", which the first line of {here} names"
            gone = " (nothing is there)" if missing else ""
            raise ConfigError(f"{place}: the service's user cannot read it{named}{gone}; {_reinstall()}")


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


def _folders(folders: list[Path]) -> Iterator[str]:
    """Those that are not there, parents first; 0755 and root's."""
    missing = {place for folder in folders for place in (folder, *folder.parents) if not place.exists()}
    yield from (f"make {folder}  0755 root:root\n" for folder in sorted(missing))


def _entry(entry: Entry) -> str:
    if entry.link:
        return entry.describe().replace("link", "keep", 1) if entry.is_there() else entry.describe()
    user, group = ("root", "root") if entry.owner is None else map(str, entry.owner)
    first, _, text = entry.describe().partition("\n")
    first = first.replace("write", "keep", 1) if entry.is_there() else first
    return f"{first}  {entry.mode:04o} {user}:{group}\n{text}"


def _reinstall() -> str:
    return (
        "install it where every user may read: sudo python3 -m venv /opt/ellar-edge && "
        f"sudo /opt/ellar-edge/bin/pip install {source_of()}, then run /opt/ellar-edge/bin/edge-service"
    )
