"""What a person sees of `edge-run` in a terminal, a real one: a pseudo-terminal that a small emulator reads."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.edge.conftest import ROOT, edge_run_command

WriteClip = Callable[..., Path]
STATUS = re.compile(r"\r\x1b\[K +[\d.]+ s  (\S+): ([a-z ]+) \d+%, \d+ ticks/s, brightness \d+ of 255 \(Ctrl-C ends\)")


class Seen:
    """What a program wrote to a terminal of `columns`, raw, and what is left on the screen."""

    def __init__(self, command: list[str], columns: int = 100, term: str = "xterm", stop_at: str = "") -> None:
        master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (30, columns))  # type: ignore[attr-defined, unused-ignore]
        environment = {**os.environ, "TERM": term}
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=slave, stdout=slave, stderr=slave)
        os.close(slave)
        self.raw = ""
        while data := self._read(master):
            self.raw += data
            if stop_at and stop_at in self.raw:
                process.send_signal(signal.SIGINT)
                stop_at = ""
        os.close(master)
        self.code = process.wait(60)

    @staticmethod
    def _read(master: int) -> str:
        try:
            return os.read(master, 65536).decode()
        except OSError:  # the last process with this terminal has ended
            return ""

    @property
    def lines(self) -> list[str]:
        """An erased line is gone; what is written after a carriage return begins at the first column."""
        return [line.rpartition("\x1b[K")[2].rstrip("\r") for line in self.raw.replace("\r\n", "\n").split("\n")]


@pytest.fixture(scope="module")
def clip(write_clip: WriteClip) -> Path:
    return write_clip("seen.avi", frames=60)


def test_it_speaks_to_people_and_not_in_json(clip: Path, tiny_bundle: Path) -> None:
    seen = Seen(edge_run_command(clip, "--realtime", "--bundle", tiny_bundle))
    assert seen.code == 0 and "{" not in seen.raw
    assert seen.lines[0].startswith(f"tiny (float32) on {clip}"), seen.lines[0]
    assert any(re.fullmatch(r" +[\d.]+ s  right +\d+%  gamma 2", line) for line in seen.lines), seen.lines
    assert any(line.startswith("frames 60") or line.startswith("frames 5") for line in seen.lines)


def test_a_line_says_how_it_goes_and_is_gone_in_the_end(clip: Path, tiny_bundle: Path) -> None:
    seen = Seen(edge_run_command("--camera", f"file:{clip}", "--realtime", "--bundle", tiny_bundle), columns=250)
    assert len(STATUS.findall(seen.raw)) >= 3
    assert {answer for _, answer in STATUS.findall(seen.raw)} <= {"warming up", "right", "low confidence"}
    assert not [line for line in seen.lines if "Ctrl-C" in line]


def test_in_a_narrow_window_it_does_not_wrap(clip: Path, tiny_bundle: Path) -> None:
    seen = Seen(edge_run_command(clip, "--realtime", "--bundle", tiny_bundle), columns=30)
    moving = re.findall(r"\x1b\[K([^\r\n\x1b]+)(?=\r\x1b)", seen.raw)
    assert moving and max(map(len, moving)) == 29


def test_a_terminal_that_cannot_erase_gets_lines_alone(clip: Path, tiny_bundle: Path) -> None:
    seen = Seen(edge_run_command(clip, "--realtime", "--bundle", tiny_bundle), term="dumb")
    assert seen.code == 0 and "\x1b" not in seen.raw and "right" in seen.raw


def test_quiet_in_a_terminal_is_labels_alone(clip: Path, tiny_bundle: Path) -> None:
    seen = Seen(edge_run_command(clip, "--quiet", "--bundle", tiny_bundle))
    assert seen.code == 0 and [line.split()[2] for line in seen.lines if line] == ["right"]


def test_json_in_a_terminal_is_whole_lines_and_nothing_between_them(clip: Path, tiny_bundle: Path) -> None:
    seen = Seen(edge_run_command(clip, "--json", "--bundle", tiny_bundle), columns=4000)
    lines = [json.loads(line) for line in seen.raw.splitlines()]
    assert (lines[0]["event"], lines[-1]["event"]) == ("started", "stopped")
    assert len([line for line in lines if line["type"] == "prediction"]) == 29


def test_ctrl_c_ends_with_the_summary(write_clip: WriteClip, tiny_bundle: Path) -> None:
    clip = write_clip("long.avi", frames=300)
    seen = Seen(edge_run_command(clip, "--realtime", "--bundle", tiny_bundle), stop_at="Ctrl-C ends")
    assert seen.code == 0 and any(line.startswith("total ") for line in seen.lines)


def test_an_error_on_the_way_has_a_line_of_its_own(tmp_path: Path, write_clip: WriteClip, tiny_bundle: Path) -> None:
    (tmp_path / "1.avi").write_bytes(write_clip("first.avi", frames=20).read_bytes())
    (tmp_path / "2.avi").write_text("no video")
    seen = Seen(edge_run_command(tmp_path, "--realtime", "--bundle", tiny_bundle), columns=400)
    assert seen.code == 1 and STATUS.search(seen.raw)
    assert [line for line in seen.lines if line][-1].startswith("edge-run: ") and "2.avi: no video" in seen.raw


def test_a_lost_camera_is_waited_for_in_the_same_line(tiny_bundle: Path) -> None:
    start_s = time.monotonic()
    seen = Seen(edge_run_command("--camera", "/dev/video98", "--duration", 1.5, "--bundle", tiny_bundle))
    assert seen.code == 0 and time.monotonic() - start_s < 50
    assert "/dev/video98: waiting (Ctrl-C ends)" in seen.raw and not [line for line in seen.lines if "Ctrl-C" in line]
