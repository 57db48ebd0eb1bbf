"""A new bundle for the service: verified, copied, tested, made current, taken by the running service; or none of it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from edge.board.profile import BoardProfile
from edge.bundles.bundle import Bundle
from edge.bundles.store import BundleStore, load_bundle
from edge.deploy import systemd
from edge.deploy.layout import UNIT, Layout
from edge.deploy.record import printable, read_record
from edge.errors import BundleError, UsageError
from edge.messages import ROLLED_BACK

# An engine that is built on the board takes minutes at its first start.
SELF_TEST_S = 900.0
ANSWER_S = 900.0
POLL_S = 0.2
NOBODY = "nobody"
ALSO_FITS = {"x86": "openvino"}  # by a board's target

Check = Callable[[Path], None]
Ask = Callable[[str], None]


class RolledBackError(BundleError):
    """The new bundle became current and was taken back: the service would not run it."""


def update(store: BundleStore, source: Path, check: Check, ask: Ask) -> Bundle | None:
    """Bring a bundle into the store and make it current; None where it is current already.

    The service is asked then, too: an update that was killed may have left it with the old one.

    check: the self-test; raises BundleError. ask: has the running service take the bundle of a digest; raises
    BundleError where it does not, and the store goes back to what it was. Raises BundleError.
    """
    bundle = Bundle.load(source)
    with store.changing():
        before = store.current()
        if before is not None and _digest(before) == bundle.digest:
            _switch(store, before, store.previous(), bundle.digest, ask)
            return None
        version = store.add(bundle)
        try:
            check(version)
        except BundleError:
            store.discard(version)
            raise
        try:
            _switch(store, version, before, bundle.digest, ask)
        except RolledBackError:
            store.discard(version)
            raise
        store.prune()
    return bundle


def of_another_target(bundle: Bundle, board: BoardProfile) -> str | None:
    """What to say of a bundle that was quantised for another kind of board: it may run, but slowly, or less exactly."""
    target = bundle.manifest.target
    if target in ("any", board.target, ALSO_FITS.get(board.target)):
        return None
    return (
        f"{bundle.manifest.name}: made for the target {target}, and this is {board.title} (target {board.target}); "
        f"it may be slow here, or answer otherwise; from its float bundle: quantize --target {board.target}"
    )


def roll_back(store: BundleStore, ask: Ask) -> Path | None:
    """Make the previous bundle current again, None: the package's. Raises UsageError, BundleError."""
    with store.changing():
        before, previous = store.current(), store.previous()
        if before is None:
            raise UsageError(f"{store.root}: nothing to roll back to; the bundle of the package runs already")
        _switch(store, previous, before, "" if previous is None else _digest(previous), ask)
    return previous


def _switch(store: BundleStore, to: Path | None, before: Path | None, digest: str, ask: Ask) -> None:
    store.switch(to)
    try:
        ask(digest)
    except BundleError as error:
        store.switch(before)
        raise RolledBackError(f"{ROLLED_BACK}: {error}") from error


def _digest(path: Path) -> str:
    """Empty for a bundle that is damaged: it equals no other."""
    try:
        return load_bundle(path).digest
    except BundleError:
        return ""


def self_test_command(program: Sequence[str], config: Path, user: str | None = None) -> Check:
    """A self-test in a process of its own: a model that crashes the engine must not take the update with it.

    config: of the service, so that it is tested as it will run. user: None is the caller's; never root on a robot.
    """
    return partial(_self_test, tuple(program), config, user)


def _self_test(program: Sequence[str], config: Path, user: str | None, version: Path) -> None:
    command = [*program, "--config", str(config), "--bundle", str(version), "--self-test"]
    account: dict[str, Any] = {"user": user, "group": _group_of(user), "extra_groups": []} if user else {}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=SELF_TEST_S, cwd="/", **account
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise BundleError(f"{version.name}: the self-test did not run: {error}") from error
    if done.returncode < 0:
        raise BundleError(f"{version.name}: the self-test was ended by signal {-done.returncode}; the engine crashed")
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise BundleError(f"{version.name}: {printable(said[-1].removeprefix('edge-run: '))}")


def _group_of(user: str) -> int:
    import pwd

    return pwd.getpwnam(user).pw_gid


def service_self_test(layout: Layout, program: str) -> Check:
    """The self-test of an update: on an image only the bundle itself can be verified."""
    if not layout.live:
        return lambda version: None
    return self_test_command([program], layout.config, NOBODY if os.geteuid() == 0 else None)


def ask_service(layout: Layout) -> Ask:
    """Have the running service take what is current now; one that does not run takes it when it starts."""
    if not layout.live or not systemd.is_active():
        return lambda digest: None
    return partial(_ask, layout.running, lambda: systemd.systemctl("reload", UNIT))


def _ask(record: Path, reload: Callable[[], object], digest: str) -> None:
    """record: where the service names what it runs. digest: empty where any answer will do."""
    if digest and read_record(record).said.get("digest") == digest:
        return
    asked_ns = time.time_ns()
    reload()
    end_s = time.monotonic() + ANSWER_S
    while time.monotonic() < end_s:
        answer = read_record(record)
        if digest and answer.said.get("rejected") == digest:
            raise BundleError(answer.said.get("error") or "the service gave no reason")
        if (answer.said.get("digest") == digest) if digest else answer.written_ns >= asked_ns:
            return
        time.sleep(POLL_S)
    raise BundleError(f"the service did not take it within {ANSWER_S:.0f} s; edge-service logs shows why")
