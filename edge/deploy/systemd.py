"""Asks systemd for what has to be done; every failure is one error that shows what systemd said."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from edge.deploy.layout import SLICE, UNIT
from edge.errors import EdgeError

TIMEOUT_S = 120


class SystemdError(EdgeError, OSError):
    """systemd is not there, or refused."""


def check_running() -> None:
    """Raises SystemdError on a machine without a running systemd."""
    if not Path("/run/systemd/system").is_dir():
        raise SystemdError(
            "systemd does not run here (/run/systemd/system is missing); for an image give --root DIR, "
            "and under another supervisor start edge-run itself"
        )


def systemctl(*arguments: str) -> str:
    """Run systemctl, return what it prints. Raises SystemdError."""
    return _run("systemctl", *arguments)


def take_new_units() -> None:
    """After files of the unit or the udev rule changed."""
    systemctl("daemon-reload")
    if Path("/run/udev/control").exists():  # a container has no udev of its own
        _run("udevadm", "control", "--reload")


def needs_reload() -> bool:
    """The files are newer than what systemd knows: an installation was interrupted."""
    return properties("NeedDaemonReload").get("NeedDaemonReload") == "yes"


def is_active() -> bool:
    """The service runs, or is about to."""
    return properties("ActiveState").get("ActiveState") in ("active", "activating", "reloading")


def properties(*names: str) -> Mapping[str, str]:
    """Properties of the service by name. Raises SystemdError."""
    text = systemctl("show", UNIT, "--property", ",".join(names))
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def stop_and_forget() -> None:
    """Stop the service, and let systemd forget that it ever failed."""
    if properties("LoadState").get("LoadState") == "not-found":
        return
    systemctl("stop", UNIT, SLICE)
    subprocess.run(["systemctl", "reset-failed", UNIT], capture_output=True, check=False, timeout=TIMEOUT_S)


def _run(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SystemdError(f"{' '.join(command)}: {error}") from error
    if done.returncode:
        said = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
        raise SystemdError(f"{' '.join(command)}: {said}")
    return done.stdout
