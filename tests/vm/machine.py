"""A running VM: QEMU without hardware help (TCG), spoken to over virtio serial ports.

The guest's clock counts its instructions, one nanosecond each, about what a Raspberry Pi 4's core takes: a busy guest
is as fast by its own clock whatever else this machine has to do, and its timers do not run out because we were slow.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.vm.arch import Arch

DEAD_S = 3600.0  # a guest that says nothing for so long is dead; a busy host can make it very slow
COMMAND_S = 120.0  # by the guest's clock
MEMORY_MB = 1024
NANOSECONDS_SHIFT = 0  # an instruction takes 2^0 ns
COMMAND_LINE = "quiet panic=1 mitigations=off systemd.show_status=0"
PORTS = ("edge.agent", "edge.camera")


class GuestError(AssertionError):
    """The guest did not do what it was asked for."""


@dataclass(frozen=True)
class Done:
    """A command that ran in the guest. clock_s: when it ended, by the guest's clock."""

    code: int
    out: str
    err: str
    clock_s: float


class Channel:
    """One virtio serial port, from the host's side: a question, an answer (see guest/channel.py)."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._socket.settimeout(DEAD_S)
        self._pending = b""

    def greeting(self) -> str:
        """Wait for the guest's program; returns the boot's id."""
        while "boot_id" not in (message := self.line()):
            pass  # an answer that was under way when the guest died
        return str(message["boot_id"])

    def ask(self, **question: Any) -> dict[str, Any]:
        """Raises GuestError for an error's answer or none."""
        self._socket.sendall(json.dumps(question).encode() + b"\n")
        answer = self.line()
        if "error" in answer:
            raise GuestError(f"{question}: {answer['error']}")
        return answer

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def line(self) -> dict[str, Any]:
        """The next message, whatever it is."""
        while b"\n" not in self._pending:
            try:
                piece = self._socket.recv(65536)
            except TimeoutError:
                raise GuestError(f"no answer from the guest for {DEAD_S:g} s") from None
            if not piece:
                raise GuestError("the guest has gone")
            self._pending += piece
        line, self._pending = self._pending.split(b"\n", 1)
        found: dict[str, Any] = json.loads(line)
        return found


class Machine:
    """A VM with an image's root disk and two data disks; what it writes is thrown away.

    agent, camera: its programs' channels. boot_id: changes with every boot. clock_s: the guest's monotonic clock when
    it last answered. console: the file with what it said.
    """

    def __init__(self, arch: Arch, image: Path, disks: Sequence[Path], console: Path) -> None:
        self.console = console
        self._folder = Path(tempfile.mkdtemp(prefix="edge-vm-"))
        console.parent.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            [*arch.qemu, *self._options(arch, image, disks)],
            stdin=subprocess.DEVNULL,
            env={**os.environ, "TMPDIR": str(self._folder)},
        )
        try:
            self._monitor = Monitor(self._connect("monitor"))
            self.agent, self.camera = (Channel(self._connect(name)) for name in PORTS)
            self.boot_id = self.wait_for_boot()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Machine:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def wait_for_boot(self) -> str:
        """Wait until both programs of the guest answer; also after a reset."""
        self.clock_s = 0.0
        self.boot_id = self.agent.greeting()
        self.camera.greeting()
        return self.boot_id

    def run(self, *command: str, stdin: str = "", timeout_s: float = COMMAND_S) -> Done:
        """Run a command as root in the guest; `clock_s` is its clock from now on."""
        done = Done(**self.agent.ask(command=command, stdin=stdin, timeout_s=timeout_s))
        self.clock_s = done.clock_s
        return done

    def check(self, *command: str, stdin: str = "", timeout_s: float = COMMAND_S) -> str:
        """The same; returns its output. Raises GuestError when it fails."""
        done = self.run(*command, stdin=stdin, timeout_s=timeout_s)
        if done.code:
            raise GuestError(f"{' '.join(command)}: exit code {done.code}\n{done.out}{done.err}")
        return done.out

    def wait_for_watchdog(self) -> str:
        """Wait until the watchdog device fires; returns what QEMU does then."""
        return str(self._monitor.wait_for("WATCHDOG")["data"]["action"])

    def close(self) -> None:
        """Pull the mains."""
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder)

    def _options(self, arch: Arch, image: Path, disks: Sequence[Path]) -> list[str]:
        options = ["-accel", "tcg,tb-size=512", "-icount", f"shift={NANOSECONDS_SHIFT}", "-rtc", "clock=vm"]
        options += ["-m", str(MEMORY_MB)]
        options += ["-nodefaults", "-nographic", "-snapshot", "-serial", f"file:{self.console}"]
        options += ["-kernel", str(image / "vmlinuz"), "-initrd", str(image / "initrd.gz")]
        options += ["-append", f"console={arch.console} {COMMAND_LINE}"]
        for disk in (image / "root.img", *disks):
            options += ["-drive", f"file={disk},format=raw,if=none,id={disk.stem}"]
            options += ["-device", f"virtio-blk-pci,drive={disk.stem}"]
        options += ["-device", "virtio-serial-pci"]
        for name in PORTS:
            options += ["-chardev", f"socket,id={name},path={self._folder / name},server=on,wait=off"]
            options += ["-device", f"virtserialport,chardev={name},name={name}"]
        options += ["-device", "i6300esb", "-watchdog-action", "reset"]
        return [*options, "-qmp", f"unix:{self._folder / 'monitor'},server=on,wait=off"]

    def _connect(self, name: str) -> Path:
        """The socket's path, once QEMU has made it."""
        path = self._folder / name
        while not path.exists():
            if self._process.poll() is not None:
                raise GuestError(f"QEMU did not start: {self._process.args!r}")
            time.sleep(0.05)
        return path


class Monitor:
    """QEMU's own channel (QMP): tells of what happens to the machine as a whole."""

    def __init__(self, path: Path) -> None:
        self._channel = Channel(path)
        self._channel.line()
        self._channel.ask(execute="qmp_capabilities")

    def wait_for(self, event: str) -> dict[str, Any]:
        """Wait for an event of this name."""
        while (message := self._channel.line()).get("event") != event:
            pass
        return message
