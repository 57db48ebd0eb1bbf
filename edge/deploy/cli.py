"""`edge-service`: installs edge-run as a service, shows how it is, updates its bundle, removes everything again."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
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
from edge.deploy.logs import NOTHING, as_json, in_words, journal
from edge.deploy.plan import MEMORY_MAX, Options, described, other_variants, plan, program_of
from edge.deploy.settings import check_runs_the_store
from edge.deploy.status import ASKED, configured_board, service_state, to_text
from edge.deploy.update import ask_service, of_another_target, roll_back, service_self_test, update
from edge.errors import EXIT_STOPPED, ConfigError, EdgeError, UsageError
from edge.files import make_folders
from edge.paths import user_path
from edge.printable import one_line
from edge.streams import end_with_reader, holding_streams

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
    status.add_argument("--json", action="store_true", help="one JSON object")
    status.set_defaults(run=_status)
    logs = commands.add_parser("logs", parents=[root], help="its journal")
    logs.add_argument("-f", "--follow", action="store_true", help="go on as lines come")
    logs.add_argument("-n", "--lines", metavar="N", type=int, default=50, help="how many (default: 50)")
    logs.add_argument("--json", action="store_true", help="JSON Lines as the service wrote them")
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
    if arguments.dry_run:
        return _rehearse(options, layout, arguments.model)
    _check_root(layout)
    entries = plan(options, layout)
    _check_may_change(layout)
    if arguments.model:  # what would be refused later is refused before anything is written
        check_runs_the_store(layout.config)
        _tell_target(Bundle.load(arguments.model), board)
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


def _rehearse(options: Options, layout: Layout, model: Path | None) -> int:
    """Everything that would be done, and after it all that stands against it, whose exit code an installation has."""
    against: list[EdgeError] = []
    print("".join(described(options, layout, model, against.append)), end="")
    try:
        _check_root(layout)
        if model is not None:
            _tell_target(Bundle.load(model), options.board)
    except EdgeError as error:
        against.append(error)
    for refusal in against:
        print(f"edge-service: not yet: {refusal}", file=sys.stderr)
    return max((refusal.exit_code for refusal in against), default=EXIT_STOPPED)


def _board(name: str, layout: Layout) -> BoardProfile:
    """An image does not run on this machine, whose processor says nothing of its board. Raises UsageError."""
    if name == AUTO and not layout.live and not compatible(layout.root):
        raise UsageError(
            f"--root {layout.root}: an image does not say which board it is for; name it: "
            f"--board {' | '.join(board_profiles())}"
        )
    return board_profile(name, layout.root)


def _check_root(layout: Layout) -> None:
    if not (etc := layout.found("/etc")).is_dir():
        raise ConfigError(f"{etc}: expected it in the root of an image, found none; is one mounted at {layout.root}?")


def _check_may_change(layout: Layout) -> None:
    if layout.live:
        systemd.check_running()
    _check_root(layout)
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
    found = None
    if layout.live and layout.unit.exists():
        systemd.check_running()
        found = systemd.properties(*ASKED)
    state = service_state(layout, found, _store(layout))
    words = "\n".join(map(one_line, to_text(state).split("\n")))
    print(json.dumps(asdict(state), indent=1) if arguments.json else words)
    return EXIT_STOPPED if state.installed and (state.running or not layout.live) else EXIT_NOT_RUNNING


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
    end_with_reader()
    words = as_json if arguments.json else in_words
    found = False
    try:
        for line in words(journal(layout, arguments.lines, arguments.follow)):
            found = True
            print(line, flush=arguments.follow)
    except KeyboardInterrupt:
        if not arguments.follow:  # following has no other end
            raise
    if not found and not arguments.json:
        print(NOTHING)
    return EXIT_STOPPED


def _update(arguments: argparse.Namespace, layout: Layout) -> int:
    _check_may_change(layout)
    check_runs_the_store(layout.config)
    if (board := configured_board(layout)) is not None:
        _tell_target(Bundle.load(arguments.bundle), board)
    _renew(arguments.bundle, layout)
    return EXIT_STOPPED


def _tell_target(bundle: Bundle, board: BoardProfile) -> None:
    """A warning, no refusal: the self-test says whether it is quick enough."""
    if (said := of_another_target(bundle, board)) is not None:
        print(f"edge-service: warning: {said}", file=sys.stderr)


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
