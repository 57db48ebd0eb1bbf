"""Every command ends the same way: one line, and an exit code that says whose fault it was."""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.command import run_command
from edge.errors import EXIT_CONFIG, EXIT_FAILURE, EXIT_STOPPED, EXIT_USAGE, CameraError, ConfigError, DataError

ROOT = Path(__file__).parents[2]
COMMANDS = re.findall(r'"([a-z-]+) = ([a-z._]+):main"', (ROOT / "setup.py").read_text())


TWINS = {"edge-data": "calibration", "edge-train": "distill"}  # the same under a name that is not so general


def raising(error: BaseException) -> Callable[[], int]:
    def work() -> int:
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ConfigError("engine: found 7"), EXIT_CONFIG, "engine: found 7"),
        (DataError("no clips in DIR"), EXIT_USAGE, "no clips in DIR"),
        (CameraError("camera 0 is gone"), EXIT_FAILURE, "camera 0 is gone"),
        (KeyboardInterrupt(), EXIT_FAILURE, "stopped, nothing written"),
        (OSError(errno.ENOSPC, "No space left on device", "out/a"), EXIT_FAILURE, "out/a: No space left on device"),
        (OSError(errno.EPIPE, "Broken pipe"), EXIT_FAILURE, "the system: Broken pipe"),  # not stdout's: it is told
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_what_ends_a_command_is_told_in_one_line(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command("edge-thing", raising(error), stopped="stopped, nothing written") == code
    assert capsys.readouterr().err == f"edge-thing: {said}\n"


def test_a_command_that_did_its_work_returns_its_own_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("edge-thing", lambda: 3) == 3
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("error", [ValueError("x"), OSError("a library's, without a reason of the system")])
def test_a_fault_of_the_program_is_not_hidden(error: Exception) -> None:
    with pytest.raises(type(error)):
        run_command("edge-thing", raising(error))


@pytest.mark.parametrize(("live", "code_at_end"), [(True, EXIT_STOPPED), (False, 3)])
def test_a_reader_that_leaves_early_is_no_complaint(live: bool, code_at_end: int) -> None:
    """A live command ends; what another one prints is dropped, and its work goes on."""
    code = """
import sys
from edge.command import run_command
from edge.streams import holding_streams
def work():
    for number in range(100_000): print('line')
    return 3
@holding_streams('edge-thing', live=LIVE)
def main(): return run_command('edge-thing', work)
sys.exit(main())
""".replace("LIVE", str(live))
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == code_at_end


def test_an_interrupt_is_a_line_and_no_traceback() -> None:
    code = "import sys, time; from edge.command import run_command\n"
    code += "def work():\n    print('here', flush=True)\n    time.sleep(60)\n"
    command = [sys.executable, "-c", f"{code}sys.exit(run_command('edge-thing', work))"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        os.kill(process.pid, signal.SIGINT)
        assert process.stderr.read() == b"edge-thing: stopped\n"
    assert process.returncode == EXIT_FAILURE


@pytest.mark.parametrize(("command", "module"), COMMANDS, ids=[command for command, _ in COMMANDS])
def test_every_installed_command_ends_by_it(command: str, module: str) -> None:
    source = (ROOT / f"{module.replace('.', '/')}.py").read_text()
    command = TWINS.get(command, command)
    assert f'run_command("{command}", ' in source and f'@holding_streams("{command}"' in source


def test_the_installed_commands_are_found() -> None:
    assert len(COMMANDS) >= 8


@pytest.mark.parametrize(("command", "module"), COMMANDS, ids=[command for command, _ in COMMANDS])
def test_every_installed_command_goes_by_the_name_that_was_typed(command: str, module: str) -> None:
    done = subprocess.run(as_typed(command, module), cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == EXIT_STOPPED and done.stdout.startswith(f"usage: {command} "), done.stderr
    wrong = [*as_typed(command, module)[:-1], "--no-such"]
    done = subprocess.run(wrong, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == EXIT_USAGE and f"\n{command}: error: " in done.stderr


@pytest.mark.parametrize(("command", "module"), COMMANDS, ids=[command for command, _ in COMMANDS])
def test_every_installed_command_ends_quietly_when_nobody_reads_it(command: str, module: str) -> None:
    """`| head`, which has gone before the first line."""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        as_typed(command, module), cwd=ROOT, stdout=write, stderr=subprocess.PIPE, check=False, timeout=60
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (EXIT_STOPPED, b"")


@pytest.mark.parametrize(
    "words",
    [
        "edge-run demo",
        "edge-run --list-cameras json",
        "edge-doctor --camera demo",
        "edge-service install --dry-run",
        "edge-service status --json",
        "edge-service logs",
        "edge-data list",
    ],
)
def test_what_a_command_prints_may_be_cut_off(words: str) -> None:
    command, *arguments = words.split()
    with subprocess.Popen(
        [*as_typed(command, dict(COMMANDS)[command])[:-1], *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read().decode()
    assert "Traceback" not in errors and "roken pipe" not in errors and process.returncode in (0, 1, 3, 78), errors


def as_typed(command: str, module: str) -> list[str]:
    """With --help at the end, as the script that pip writes for it runs it."""
    code = f"import sys; sys.argv[0] = '/usr/bin/{command}'; from {module} import main; sys.exit(main())"
    return [sys.executable, "-c", code, "--help"]
