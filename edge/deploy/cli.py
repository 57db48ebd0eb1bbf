"""`edge-service`: installs edge-run as a service, shows how it is, updates its bundle, removes everything again."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from edge import __version__
from edge.board.device_tree import compatible
from edge.board.profile import AUTO, BoardProfile, board_profile, board_profiles
from edge.bundles.bundle import Bundle
from edge.bundles.store import BundleStore
from edge.command import run_command
from edge.deploy import systemd
from edge.deploy.files import remove, write_changed
from edge.deploy.layout import UNIT, Layout
from edge.deploy.plan import MEMORY_MAX, Options, other_variants, plan, program_of
from edge.deploy.record import printable, read_record
from edge.deploy.settings import check_runs_the_store
from edge.deploy.update import ask_service, roll_back, service_self_test, update
from edge.errors import EXIT_STOPPED, ConfigError, EdgeError, UsageError
from edge.files import make_folders
from edge.paths import user_path
from edge.printable import one_line
from edge.streams import holding_streams

EPILOG = """exit codes: 0 done (status: the service runs), 2 usage, 3 status: it does not run, 78 wrong configuration
or bundle, 1 anything else. docs/service.md has the rest."""
EXIT_NOT_RUNNING = 3  # as `systemctl status`


class PrivilegeError(EdgeError, PermissionError):
    """Only root may do this."""


class ReadOnlyError(EdgeError, OSError):
    """Not even root may."""


@holding_streams("edge-service")
def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    arguments = _parser().parse_args(argv)
    os.umask(0o022)  # whatever root's is: the service's user must be able to read what is written here
    return run_command("edge-service", lambda: _asked_for(arguments))


def _asked_for(arguments: argparse.Namespace) -> int:
    """The command's exit code. Where it ends early, what was written before is whole, and can be written again."""
    arguments.root = arguments.root.resolve()
    layout = Layout(arguments.root)
    if not layout.live and not layout.root.is_dir():
        raise UsageError(f"--root {layout.root}: no such directory; name the root of the mounted image")
    command: Callable[[argparse.Namespace, Layout], int] = arguments.run
    return command(arguments, layout)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "edge-service", description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"edge-service {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    root = argparse.ArgumentParser(add_help=False)
    root.add_argument(
        "--root", metavar="DIR", type=user_path, default=Path("/"), help="work on the image mounted there"
    )

    install = commands.add_parser("install", parents=[root], help="write unit, udev rule, configuration; start it")
    add = install.add_argument
    add("--camera", metavar="C", help="as for edge-run (default: the board's)")
    add("--board", metavar="NAME", default=AUTO, help=f"auto (default) or {', '.join(board_profiles())}")
    add("--variant", choices=[AUTO, *MEMORY_MAX], default=AUTO, help="of the unit (default: the board's)")
    add("--model", metavar="BUNDLE", type=user_path, help="bring this bundle into the store, as `update` does")
    add("--user", metavar="U", help="run as this user (default: one that systemd makes for the run)")
    add("--program", metavar="PATH", help="edge-run on the target (default: the one installed with this command)")
    add("--dry-run", action="store_true", help="print what would be written; change nothing")
    install.set_defaults(run=_install)

    status = commands.add_parser("status", parents=[root], help="is it running, what does it see, which bundle")
    status.set_defaults(run=_status)
    logs = commands.add_parser("logs", parents=[root], help="its journal")
    logs.add_argument("-f", "--follow", action="store_true", help="go on as lines come")
    logs.add_argument("-n", "--lines", metavar="N", type=int, default=50, help="how many (default: 50)")
    logs.set_defaults(run=_logs)

    update_ = commands.add_parser(
        "update", parents=[root], help="test a bundle, make it current, keep the previous one"
    )
    update_.add_argument("bundle", metavar="BUNDLE", type=user_path, help="a directory or a .tar")
    update_.set_defaults(run=_update)
    rollback = commands.add_parser("rollback", parents=[root], help="back to the previous bundle")
    rollback.set_defaults(run=_rollback)

    uninstall = commands.add_parser("uninstall", parents=[root], help="stop it and remove every file of it")
    uninstall.add_argument("--dry-run", action="store_true", help="print what would be removed; change nothing")
    uninstall.set_defaults(run=_uninstall)
    return parser


def _install(arguments: argparse.Namespace, layout: Layout) -> int:
    board = _board(arguments.board, layout)
    options = Options(
        board=board,
        board_given=arguments.board != AUTO,
        camera=arguments.camera,
        variant=arguments.variant,
        user=arguments.user,
        program=arguments.program,
    )
    entries = plan(options, layout)
    if arguments.dry_run:
        print("".join(entry.describe() for entry in entries), end="")
        return EXIT_STOPPED
    _check_may_change(layout)
    if arguments.model:  # what would be refused later is refused before anything is written
        check_runs_the_store(layout.config)
        Bundle.load(arguments.model)
    store = _store(layout)
    make_folders(store.root)
    written, removed = write_changed(entries), remove(other_variants(entries, layout))
    print("".join([*(f"{path}\n" for path in written), *(f"removed {path}\n" for path in removed)]), end="")
    changed = bool(written or removed)
    try:
        if arguments.model:
            _renew(arguments.model, layout)
    finally:  # a bundle that is refused leaves the robot with the one before
        if layout.live:
            _start(changed or systemd.needs_reload())
    print(f"{UNIT} for {board.title}: {'installed' if changed else 'was installed already, nothing changed'}")
    return EXIT_STOPPED


def _board(name: str, layout: Layout) -> BoardProfile:
    """An image does not run on this machine, whose processor says nothing of its board. Raises UsageError."""
    if name == AUTO and not layout.live and not compatible(layout.root):
        raise UsageError(
            f"--root {layout.root}: an image does not say which board it is for; name it: "
            f"--board {' | '.join(board_profiles())}"
        )
    return board_profile(name, layout.root)


def _check_may_change(layout: Layout) -> None:
    if layout.live:
        systemd.check_running()
    etc = layout.found("/etc")
    if not os.access(etc, os.W_OK):
        if os.geteuid() == 0:
            raise ReadOnlyError(
                f"{etc}: cannot be written; where it is read-only: sudo mount -o remount,rw {layout.root}"
            )
        raise PrivilegeError(f"{etc}: only root may write there; run this with sudo")


def _start(changed: bool) -> None:
    if changed:
        systemd.take_new_units()
    # --no-block: a service that waits for its camera or its model must not hold the installation up.
    systemd.systemctl("--no-block", "restart" if changed else "start", UNIT)


def _status(arguments: argparse.Namespace, layout: Layout) -> int:
    if not layout.unit.exists():
        print(f"{UNIT} is not installed: edge-service install")
        return EXIT_NOT_RUNNING
    running = False
    if layout.live:
        systemd.check_running()
        found = systemd.properties(
            "ActiveState", "SubState", "StatusText", "Result", "NRestarts", "MainPID", "CPUUsageNSec", "MemoryCurrent"
        )
        running = found.get("ActiveState") == "active"
        print("\n".join(map(one_line, _state_lines(found))))
    print("\n".join(map(one_line, _bundle_lines(layout))))
    return EXIT_STOPPED if running or not layout.live else EXIT_NOT_RUNNING


def _state_lines(found: Mapping[str, str]) -> list[str]:
    lines = [
        f"service   {found.get('ActiveState')} ({found.get('SubState')}), restarts {found.get('NRestarts')}",
        f"says      {printable(found.get('StatusText', '')) or '-'}",
    ]
    if found.get("Result") != "success":
        lines.append(f"ended     {found.get('Result')}; edge-service logs shows why")
    cpu, memory = found.get("CPUUsageNSec", ""), found.get("MemoryCurrent", "")
    used = [f"{int(cpu) / 1e9:.1f} s of processor time"] if cpu.isdecimal() else []
    used += [f"{int(memory) / 1e6:.0f} MB"] if memory.isdecimal() else []
    return [*lines, f"used      {', '.join(used)}"] if used else lines


def _bundle_lines(layout: Layout) -> list[str]:
    store = _store(layout)
    current, previous = store.current(), store.previous()
    lines = [f"current   {current.name if current else 'the bundle of the package'}"]
    if current is not None:
        lines.append(f"previous  {previous.name if previous else 'the bundle of the package'}")
    record = read_record(layout.running).said
    if {"bundle", "digest"} <= set(record):
        lines.insert(0, f"runs      {record['bundle']} {record['digest'][:16]}")
        if record.get("error"):
            lines.insert(1, f"rejected  {record['error']}")
    return lines


def _store(layout: Layout) -> BundleStore:
    """The target's. Raises ConfigError where something in it is a link to elsewhere: nobody but `update` writes there.

    Through such a link a bundle of another place would be read, or removed.
    """
    store = BundleStore(layout.store)
    versions = layout.store / "versions"
    for path in (versions, *(versions.iterdir() if versions.is_dir() and not versions.is_symlink() else ())):
        if path.is_symlink():
            raise ConfigError(f"{path}: expected no link in the store of bundles, found one; remove it")
    current = layout.store / "current"
    if current.is_symlink() and not re.fullmatch(r"versions/[\w.-]+", target := os.readlink(current)):  # noqa: PTH115
        raise ConfigError(f"{current}: expected a link to a version of this store, found {target!a}; remove it")
    return store


def _logs(arguments: argparse.Namespace, layout: Layout) -> int:
    command = ["journalctl", "--unit", UNIT, "--output", "cat", f"--lines={arguments.lines}"]
    if not layout.live:
        command += ["--root", str(layout.root)]
    if arguments.follow:
        command.append("--follow")
    try:
        os.execvp(command[0], command)
    except OSError as error:
        raise EdgeError(f"journalctl cannot be started: {error.strerror}; is this a systemd machine?") from error


def _update(arguments: argparse.Namespace, layout: Layout) -> int:
    _check_may_change(layout)
    _renew(arguments.bundle, layout)
    return EXIT_STOPPED


def _renew(source: Path, layout: Layout) -> None:
    check_runs_the_store(layout.config)
    check = service_self_test(layout, program_of(layout))
    bundle = update(_store(layout), source, check, ask_service(layout))
    renewed = None if bundle is None else f"{bundle.manifest.name} {bundle.digest[:16]}: current"
    print(one_line(renewed or f"{source}: is current already"))


def _rollback(arguments: argparse.Namespace, layout: Layout) -> int:
    _check_may_change(layout)
    check_runs_the_store(layout.config)
    previous = roll_back(_store(layout), ask_service(layout))
    print(f"{'the bundle of the package' if previous is None else previous.name}: current again")
    return EXIT_STOPPED


def _uninstall(arguments: argparse.Namespace, layout: Layout) -> int:
    if arguments.dry_run:
        print("".join(f"remove {path}\n" for path in layout.everything() if path.exists() or path.is_symlink()), end="")
        return EXIT_STOPPED
    _check_may_change(layout)
    if layout.live:
        systemd.stop_and_forget()
    removed = remove(layout.everything())
    for path in removed:
        print(path)
    if layout.live and removed:
        systemd.take_new_units()
    print(f"{UNIT}: {'removed' if removed else 'was not installed'}")
    return EXIT_STOPPED
