"""`edge-run` whose readers fail: full disks, readers that went or hang, closed streams, terminals that close."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.errors import EXIT_FAILURE, EXIT_STOPPED
from tests.edge.conftest import ROOT, edge_run_command

WriteClip = Callable[..., Path]
CHANGING = ("time", "latency_ms", "running_s", "fps", "stages")


@pytest.fixture(scope="module")
def command(tiny_bundle: Path, write_clip: WriteClip) -> list[str]:
    return edge_run_command("--camera", f"file:{write_clip('streams.avi')}", "--bundle", tiny_bundle)


@pytest.fixture
def hanging() -> Iterator[int]:
    """The writing end of a pipe that is full and that nobody reads."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    while select.select([], [writer], [], 0)[1]:
        os.write(writer, b"x" * select.PIPE_BUF)
    os.set_blocking(writer, True)
    yield writer
    os.close(reader)
    os.close(writer)


def what_it_saw(output: str) -> list[dict[str, object]]:
    """The lines without what differs between any two runs."""
    lines = [json.loads(line) for line in output.splitlines()]
    return [{key: value for key, value in line.items() if key not in CHANGING} for line in lines]


def quietly(command: list[str]) -> str:
    return subprocess.run([*command, "--quiet"], cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    "redirection", ["2>/dev/full", "2>&-", "2>&1 >&3 | true", "2>&- >&3", "2>&- <&-", "2</dev/null"]
)
def test_stderr_that_fails_changes_nothing(command: list[str], redirection: str) -> None:
    """3 is the output that is looked at; a pipeline's exit code is that of edge-run."""
    shell = ["bash", "-c", f'exec 3>&1; set -o pipefail; "$@" {redirection}', "bash", *command]
    done = subprocess.run(shell, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (EXIT_STOPPED, "")
    assert what_it_saw(done.stdout) == what_it_saw(quietly(command)) != []


def test_a_reader_of_stderr_who_hangs_delays_nothing(command: list[str], hanging: int) -> None:
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=hanging, text=True, timeout=60)
    assert done.returncode == EXIT_STOPPED
    assert what_it_saw(done.stdout) == what_it_saw(quietly(command))


def test_a_reader_of_stderr_who_hangs_does_not_hold_up_a_stop(command: list[str], hanging: int) -> None:
    realtime = [*command, "--realtime"]
    with subprocess.Popen(realtime, cwd=ROOT, stdout=subprocess.PIPE, stderr=hanging, text=True) as process:
        assert process.stdout is not None
        while '"prediction"' not in process.stdout.readline():
            pass
        process.terminate()
        output, _ = process.communicate(timeout=20)
    assert process.returncode == EXIT_STOPPED and json.loads(output.splitlines()[-1])["event"] == "stopped"


def test_a_slow_reader_of_stderr_gets_every_line(command: list[str]) -> None:
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        fcntl.fcntl(process.stderr, fcntl.F_SETPIPE_SZ, 4096)
        told = process.stderr.read()
    assert "on file:" in told and "right" in told and "stage" in told


def test_a_pipe_that_does_not_block_gets_every_line_whole(command: list[str]) -> None:
    """node, for one, makes its children's pipes so."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(writer, False)
    with subprocess.Popen(command, cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, text=True) as process:
        os.close(writer)
        time.sleep(2.0)  # the pipe is full by now
        with os.fdopen(reader, encoding="utf-8") as file:
            output = file.read()
        assert process.wait(60) == EXIT_STOPPED
    assert what_it_saw(output) == what_it_saw(quietly(command))


def test_a_reader_of_stdout_who_hangs_does_not_hold_up_a_stop(command: list[str], hanging: int) -> None:
    with subprocess.Popen(command, cwd=ROOT, stdout=hanging, stderr=subprocess.PIPE, text=True) as process:
        status = Path(f"/proc/{process.pid}/status")
        while not int(status.read_text().partition("SigCgt:")[2].split()[0], 16) >> (signal.SIGTERM - 1) & 1:
            time.sleep(0.05)
        process.terminate()
        assert process.wait(20) == EXIT_STOPPED


@pytest.mark.parametrize(
    "arguments", [[], ["--print-config"], ["--help"], ["--version"], ["--list-cameras"], ["--self-test"]]
)
def test_a_full_disk_is_one_line_and_exit_1(command: list[str], arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*command, "--quiet", *arguments], cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == EXIT_FAILURE
    assert done.stderr.count("\n") == 1 and "No space left on device" in done.stderr


@pytest.mark.parametrize("arguments", [[], ["--help"], ["--print-config"], ["--list-cameras", "json"]])
def test_a_reader_who_has_enough_ends_it_quietly(command: list[str], arguments: list[str]) -> None:
    shell = ["bash", "-c", 'set -o pipefail; "$@" | true', "bash", *command, "--quiet", *arguments]
    done = subprocess.run(shell, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (EXIT_STOPPED, "", "")


def test_a_disk_that_fills_up_keeps_only_whole_lines(command: list[str], tmp_path: Path) -> None:
    """A limit on the size of files is a disk of that size."""
    import resource

    def little_disk() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))

    with (tmp_path / "lines").open("w") as disk:
        done = subprocess.run(command, cwd=ROOT, stdout=disk, stderr=subprocess.PIPE, text=True, preexec_fn=little_disk)
    text = (tmp_path / "lines").read_text()
    assert done.returncode == EXIT_FAILURE and "File too large" in done.stderr.splitlines()[-1]
    assert 3000 < len(text) <= 5000 and text.endswith("}\n") and what_it_saw(text)


IN_TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


@pytest.mark.parametrize("ignoring", [False, True])
def test_a_terminal_that_closes_stops_it_unless_nohup(
    tiny_bundle: Path, write_clip: WriteClip, tmp_path: Path, ignoring: bool
) -> None:
    camera = f"file:{write_clip('terminal.avi', frames=200)}"
    realtime = edge_run_command("--quiet", "--realtime", "--camera", camera, "--bundle", tiny_bundle)
    master, slave = pty.openpty()
    with (tmp_path / "lines").open("w") as lines:
        process = subprocess.Popen(
            [sys.executable, "-c", IN_TERMINAL, *realtime[1:]],
            cwd=ROOT,
            stdin=slave,
            stdout=lines,
            stderr=slave,
            preexec_fn=(lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)) if ignoring else None,
        )
    os.close(slave)
    while '"prediction"' not in (tmp_path / "lines").read_text():
        time.sleep(0.05)
    assert termios.tcgetattr(master)
    os.close(master)  # the terminal is closed: the kernel sends SIGHUP
    assert process.wait(60) == EXIT_STOPPED
    last = json.loads((tmp_path / "lines").read_text().splitlines()[-1])
    assert last["event"] == "stopped" and (last["frames"] == 200 - last["dropped"]) == ignoring


def test_a_service_that_gets_sighup_goes_on(command: list[str]) -> None:
    """It looks for its bundle anew, finds the same one, and says so."""
    with subprocess.Popen(
        [*command, "--realtime"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        while '"prediction"' not in process.stdout.readline():
            pass
        process.send_signal(signal.SIGHUP)
        output = process.stdout.read()
        assert process.wait(60) == EXIT_STOPPED
    last = json.loads(output.splitlines()[-1])
    assert last["event"] == "stopped" and last["frames"] + last["dropped"] == 60
