"""Runs commands in which programs of another architecture work, without a change to this machine.

Linux keeps its table of foreign binaries (binfmt_misc) per user namespace since 6.7: a namespace of our own gets the
line for qemu-user, and is gone with the command.
"""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.vm.arch import Arch

EMULATORS = Path("/usr/lib/binfmt.d")
SETUP = """read -r go
mount -t binfmt_misc none /proc/sys/fs/binfmt_misc
cat "$0" > /proc/sys/fs/binfmt_misc/register
exec "$@" """


def under_binfmt(arch: Arch, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
    """Run a command where programs of `arch` run too; needs root. Raises CalledProcessError, SystemExit (no qemu)."""
    settings = {**os.environ, **(environment or {})}
    if arch.machine == platform.machine():
        subprocess.run(command, check=True, env=settings)
        return
    line = EMULATORS / f"qemu-{arch.machine}.conf"
    if not line.exists():
        raise SystemExit(f"{line} is missing; install: apt-get install qemu-user-static")
    outer = ["unshare", "--user", "--mount", "--", "sh", "-ec", SETUP, str(line), *command]
    with subprocess.Popen(outer, stdin=subprocess.PIPE, env=settings) as process:
        assert process.stdin is not None
        _map_every_id(process.pid)
        process.stdin.write(b"go\n")
        process.stdin.close()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)


def _map_every_id(pid: int) -> None:
    """Every user and group of the new namespace is the same one outside; unshare(1) alone maps but one."""
    _wait_for_namespace(pid)
    for table in ("uid_map", "gid_map"):
        Path(f"/proc/{pid}/{table}").write_text("0 0 4294967295\n")


def _wait_for_namespace(pid: int) -> None:
    here = Path("/proc/self/ns/user").readlink()
    while Path(f"/proc/{pid}/ns/user").readlink() == here:
        os.sched_yield()
