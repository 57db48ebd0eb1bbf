"""JSON Lines on a Unix socket: everybody hears the same, who does not keep up is let go, and nothing is waited for."""

from __future__ import annotations

import json
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.cameras.base import DropCounts
from edge.errors import EXIT_STOPPED, ConfigError, EdgeError
from edge.messages import Event, Prediction
from edge.outputs.events_socket import KEPT_BYTES, LOST, MODE, MOST_READERS, EventsSocket, connect
from edge.outputs.summary import RunRecord
from edge.outputs.tail import lines_of
from edge.outputs.tail import main as edge_tail
from edge.recognition.cadence import CadenceCounts

PREDICTION = Prediction(2, 0.1, 0.1, "walk", None, 0.8, {"walk": 0.8, "sit": 0.2}, 2.0, 12.0, 5.0)
STARTED = Event("started", "tiny on demo", {"bundle": "tiny"})
RUN = "import sys; from edge.run.cli import main; sys.exit(main())"
TAIL = "import sys; from edge.outputs.tail import main; sys.exit(main())"
PATIENCE_S = 20.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.sock"


@pytest.fixture
def output(path: Path) -> Iterator[EventsSocket]:
    made = EventsSocket(path)
    yield made
    made.close()


def heard(reader: socket.socket) -> list[dict[str, object]]:
    """What has come so far."""
    reader.setblocking(False)
    data = b""
    try:
        while piece := reader.recv(1 << 16):
            data += piece
    except BlockingIOError:
        pass
    assert data.endswith(b"\n") or not data
    return [json.loads(line) for line in data.splitlines()]


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def names(lines: list[dict[str, object]]) -> list[object]:
    return [line.get("event", "prediction") for line in lines]


def test_every_reader_hears_the_same_and_who_comes_late_is_told_what_runs(output: EventsSocket, path: Path) -> None:
    first = connect(path)
    output.event(STARTED)
    output.prediction(PREDICTION)
    second = connect(path)
    output.prediction(PREDICTION)
    output.stopped(RunRecord().summary(CadenceCounts(), {}, DropCounts()))
    assert names(heard(first)) == ["started", "prediction", "prediction", "stopped"]
    assert names(heard(second)) == ["started", "prediction", "stopped"]


def test_a_reader_who_does_not_read_is_let_go_counted_and_told_of(output: EventsSocket, path: Path) -> None:
    asleep, awake = connect(path), connect(path)
    lines: list[dict[str, object]] = []
    for _ in range(20_000):
        output.prediction(PREDICTION)
        lines += heard(awake)
        if output.lost:
            break
    assert output.lost == 1
    output.prediction(PREDICTION)
    lines += heard(awake)
    (told,) = [line for line in lines if line.get("event") == LOST]
    assert told["lost"] == 1
    assert lines[-1]["type"] == "prediction"
    taken = b""
    while piece := asleep.recv(1 << 20):  # what it could have had, and the end
        taken += piece
    assert len(taken) < KEPT_BYTES + (1 << 20)


def test_who_leaves_is_forgotten(output: EventsSocket, path: Path) -> None:
    before = open_files()
    for _ in range(3 * MOST_READERS):
        connect(path).close()
        output.prediction(PREDICTION)
    output.prediction(PREDICTION)
    assert open_files() == before and output.lost == 0


def test_there_is_room_for_so_many(output: EventsSocket, path: Path) -> None:
    readers = []
    for _ in range(MOST_READERS + 3):
        readers.append(connect(path))
        output.waiting()
    output.event(STARTED)
    assert [names(heard(reader)) for reader in readers] == [["started"]] * MOST_READERS + [[]] * 3


def test_what_a_reader_says_is_not_heard(output: EventsSocket, path: Path) -> None:
    reader = connect(path)
    reader.send(b"GET / HTTP/1.1\r\n\r\n" * 100)
    output.event(STARTED)
    assert names(heard(reader)) == ["started"]


def test_its_owner_and_its_group_alone_may_connect_and_it_goes_with_its_program(path: Path) -> None:
    output = EventsSocket(path)
    assert stat.S_IMODE(path.stat().st_mode) == MODE == 0o660
    output.close()
    assert not path.exists()


def test_what_a_killed_program_left_is_replaced(path: Path) -> None:
    left = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    left.bind(str(path))
    left.close()
    output = EventsSocket(path)
    reader = connect(path)
    output.event(STARTED)
    assert names(heard(reader)) == ["started"]
    output.close()


def test_another_programs_socket_stays(output: EventsSocket, path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot listen at .*another program listens there"):
        EventsSocket(path)
    reader = connect(path)
    output.event(STARTED)
    assert names(heard(reader)) == ["started"]


def test_its_successors_socket_is_not_taken_away(path: Path) -> None:
    first = EventsSocket(path)
    path.unlink()
    second = EventsSocket(path)
    first.close()
    assert path.exists()
    second.close()


@pytest.mark.parametrize("what", ["file", "folder", "no folder", "long"])
def test_a_path_that_cannot_be_is_one_clear_error(what: str, tmp_path: Path) -> None:
    path = tmp_path / ("x" * 120 if what == "long" else "gone/events.sock" if what == "no folder" else "there")
    if what == "file":
        path.write_text("kept")
    elif what == "folder":
        path.mkdir()
    with pytest.raises(ConfigError, match="socket: "):
        EventsSocket(path)
    if what == "file":
        assert path.read_text() == "kept"


def without_time(line: str) -> dict[str, object]:
    """Each output writes its own line, a moment later."""
    return {key: value for key, value in json.loads(line).items() if key != "time"}


def running(path: Path, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", RUN, "demo", "--quiet", "--socket", str(path), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def wait_for(path: Path) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not path.exists():
        assert time.monotonic() < end_s
        time.sleep(0.01)


def test_edge_run_says_on_the_socket_what_it_says_on_stdout_and_waits_for_no_reader(path: Path) -> None:
    program = running(path, "--realtime", "--duration", "6")
    wait_for(path)
    asleep, listening = connect(path), lines_of(path)
    introduction, *over_the_socket = map(without_time, listening)
    stdout, stderr = program.communicate(timeout=PATIENCE_S)
    assert (program.returncode, stderr) == (EXIT_STOPPED, b"")
    written = list(map(without_time, stdout.decode().splitlines()))
    assert introduction["event"] == "started" and introduction in written
    assert len(over_the_socket) > 30
    assert over_the_socket == written[-len(over_the_socket) :]
    assert over_the_socket[-1]["event"] == "stopped"
    asleep.close()


def test_a_path_that_cannot_be_ends_edge_run_as_a_wrong_configuration(tmp_path: Path) -> None:
    program = running(tmp_path / "no" / "events.sock")
    _, stderr = program.communicate(timeout=PATIENCE_S)
    assert program.returncode == 78 and stderr.count(b"\n") == 1 and b"cannot listen at" in stderr


def test_edge_tail_prints_until_the_program_is_killed(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    program = running(path, "--realtime")
    wait_for(path)
    tail = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from edge.outputs.tail import main; sys.exit(main())",
            "--socket",
            str(path),
        ],
        stdout=subprocess.PIPE,
    )
    assert tail.stdout is not None
    first = [json.loads(tail.stdout.readline()) for _ in range(5)]
    assert {line["type"] for line in first} <= {"prediction", "event"}
    program.send_signal(signal.SIGKILL)
    tail.communicate(timeout=PATIENCE_S)
    program.communicate(timeout=PATIENCE_S)
    assert tail.returncode == EXIT_STOPPED
    assert path.exists()  # it had no time to remove it
    with pytest.raises(EdgeError, match="cannot connect"):
        list(lines_of(path))


def test_edge_tail_has_words_for_people(output: EventsSocket, path: Path) -> None:
    tail = subprocess.Popen(
        [sys.executable, "-c", TAIL, "--labels", "--socket", str(path)], stdout=subprocess.PIPE, text=True
    )
    end_s = time.monotonic() + PATIENCE_S
    while not output._readers and time.monotonic() < end_s:
        output.waiting()
        time.sleep(0.01)
    for _ in range(3):
        output.prediction(PREDICTION)
    output.close()
    said, _ = tail.communicate(timeout=PATIENCE_S)
    (line,) = said.splitlines()
    assert line.endswith("walk                  80%")


def test_where_nobody_listens_edge_tail_says_what_it_wants(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert edge_tail(["--socket", str(path)]) == 1
    assert "cannot connect" in capsys.readouterr().err
