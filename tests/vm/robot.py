"""A robot in a VM: the service installed as docs/service.md says, its journal, its cameras."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from tests.vm.machine import GuestError, Machine

UNIT, SLICE = "edge-run.service", "edge.slice"
PROGRAMS = "/opt/ellar-edge/bin"
PATIENCE_S = 90.0  # by the guest's clock, for a test that is going to fail
POLL_S = 0.5

Message = dict[str, Any]


class Robot:
    """What a person does with the robot, in the words of the documentation."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.run, self.check = machine.run, machine.check
        self.journal = Journal(machine)

    def install_package(self) -> None:
        """An environment of its own; the wheels that ours needs lie unpacked on a disk."""
        self.check("python3", "-m", "venv", "--without-pip", "/opt/ellar-edge")
        packages = "/opt/ellar-edge/lib/python3.11/site-packages"
        self.check("sh", "-c", f"echo /srv/site > {packages}/site-disk.pth")
        pip = ["python3", "-m", "pip", "--python", f"{PROGRAMS}/python", "install", "--quiet", "--no-index"]
        self.check("sh", "-c", f"{' '.join(pip)} /srv/payload/ellar_edge-*.whl", timeout_s=300)

    def service(self, *arguments: str) -> str:
        """`edge-service`; returns what it prints."""
        return self.check(f"{PROGRAMS}/edge-service", *arguments, timeout_s=300)

    def say_everything(self) -> None:
        """Every prediction goes to the journal, not only those that differ from the one before."""
        folder = f"/run/systemd/system/{UNIT}.d"
        self.check("mkdir", "-p", folder)
        self.check("tee", f"{folder}/ring.conf", stdin="[Service]\nLogLevelMax=debug\n")

    def doctor(self) -> list[Message]:
        """`edge-doctor`'s findings for the service's configuration; it may find errors."""
        done = self.run(f"{PROGRAMS}/edge-doctor", "--config", "/etc/ellar-edge/edge.yaml", "--json", timeout_s=300)
        found: list[Message] = json.loads(done.out)
        return found

    def lines(self, *command: str) -> list[Message]:
        """What a program writes as JSON lines."""
        return [json.loads(line) for line in self.check(*command, timeout_s=300).splitlines()]

    def properties(self, *names: str) -> dict[str, str]:
        """What systemd knows of the service."""
        text = self.check("systemctl", "show", UNIT, "--property", ",".join(names))
        return dict(line.split("=", 1) for line in text.splitlines())

    def wait_for(self, what: str, holds: Callable[[dict[str, str]], bool], *names: str) -> dict[str, str]:
        """Wait until the service's properties are as they should be; returns them."""
        deadline_s = self.machine.clock_s + PATIENCE_S
        while not holds(found := self.properties(*names)):
            if self.machine.clock_s > deadline_s:
                raise GuestError(f"{what}: it did not happen; {found}\n{self.journal.tail()}")
            time.sleep(POLL_S)
        return found

    def wait_until_active(self) -> dict[str, str]:
        """READY has come; with it what the service has used of the processor, in the guest's time."""
        names = ("ActiveState", "StatusText", "CPUUsageNSec", "MainPID", "NRestarts")
        return self.wait_for("READY", lambda found: found["ActiveState"] == "active", *names)

    def camera(self, do: str, port: int = 0, **options: Any) -> Message:
        """`plug`, `unplug`, `stall`, `resume` or `state` of a virtual camera; returns its state."""
        return self.machine.camera.ask(do=do, port=port, **options)

    def users(self) -> set[int]:
        """Whom the service's processes run as, by number."""
        mine = f"grep -l {UNIT} /proc/[0-9]*/cgroup | xargs -n 1 dirname | xargs -r stat -c %u"
        return {int(user) for user in self.check("sh", "-c", mine).split()}

    def files(self) -> set[str]:
        """Every path of the root disk that an installation could leave behind."""
        passed_over = ("/opt/ellar-edge", "/tmp", "/var/tmp", "/var/log", "/root")
        pruned = [word for path in passed_over for word in ("-path", path, "-prune", "-o")]
        return set(self.check("find", "/", "-xdev", *pruned, "-print").splitlines())


class Journal:
    """What the service has said since we last looked: predictions and events as in docs/output.md."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._cursor = ""

    def read(self) -> list[Message]:
        """New messages."""
        after = ["--after-cursor", self._cursor] if self._cursor else []
        # --all: long messages too.
        *entries, last = self._journalctl("--unit", UNIT, "--output", "json", "--all", "--show-cursor", *after) or [""]
        if last.startswith("-- cursor: "):
            self._cursor = last.removeprefix("-- cursor: ")
        return [message for entry in entries if (message := _message(json.loads(entry)))]

    def until(self, what: str, enough: Callable[[Message], bool]) -> list[Message]:
        """Messages up to one that holds, and those that came with it. Raises GuestError."""
        messages: list[Message] = []
        deadline_s = self._machine.clock_s + PATIENCE_S
        while not any(map(enough, messages)):
            if self._machine.clock_s > deadline_s:
                raise GuestError(f"{what}: it was never said; the last lines:\n{self.tail()}")
            time.sleep(POLL_S)
            messages += self.read()
        return messages

    def systemds(self) -> list[str]:
        """What systemd itself has said of the service since the boot."""
        return self._journalctl(f"UNIT={UNIT}", "--output", "cat")

    def tail(self) -> str:
        """For people."""
        return "\n".join(self._journalctl("--unit", UNIT, "--lines", "30"))

    def _journalctl(self, *options: str) -> list[str]:
        """Its lines; where there are none it says so by its exit code."""
        return self._machine.run("journalctl", "--quiet", *options).out.splitlines()


def _message(entry: Message) -> Message | None:
    text = entry.get("MESSAGE")
    return json.loads(text) if isinstance(text, str) and text.startswith("{") else None


def is_prediction(message: Message) -> bool:
    """An answer of the model, be it an abstention."""
    return bool(message["type"] == "prediction")


def is_event(name: str) -> Callable[[Message], bool]:
    """An event of that name."""
    return lambda message: bool(message["type"] == "event" and message["event"] == name)
