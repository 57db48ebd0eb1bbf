"""The journal's native protocol against a real socket: the JSON line, fields to search by, priorities."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge.messages import Event, Prediction
from edge.outputs.journal import Journal, goes_to_journal
from edge.outputs.summary import Summary
from edge.recognition.cadence import CadenceCounts

PREDICTION = Prediction(2, 0.1, 0.1, "jump", None, 0.8, {"jump": 0.8, "run": 0.2}, 2.0, 12.0, 5.0)


@pytest.fixture
def journald(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "journal"))
        listener.settimeout(5)
        yield listener


@pytest.fixture
def journal(journald: socket.socket) -> Journal:
    return Journal(journald.getsockname())


def entry(journald: socket.socket) -> dict[str, str]:
    """As journald reads it: a name, a newline, the length in 64 bits, the value, a newline."""
    data, fields = journald.recv(1 << 16), {}
    while data:
        name, _, rest = data.partition(b"\n")
        (length,) = struct.unpack_from("<Q", rest)
        assert rest[8 + length : 9 + length] == b"\n"
        fields[name.decode()], data = rest[8 : 8 + length].decode(), rest[9 + length :]
    return fields


def test_a_prediction_is_its_json_line_with_fields(journal: Journal, journald: socket.socket) -> None:
    journal.prediction(PREDICTION)
    fields = entry(journald)
    assert json.loads(fields.pop("MESSAGE"))["label"] == "jump"
    assert fields == {
        "PRIORITY": "6",
        "SYSLOG_IDENTIFIER": "edge-run",
        "EDGE_TYPE": "prediction",
        "EDGE_LABEL": "jump",
        "EDGE_REASON": "",
        "EDGE_CONFIDENCE": "0.8000",
        "EDGE_GAMMA": "2",
    }


def test_only_a_new_answer_is_more_than_a_debug_message(journal: Journal, journald: socket.socket) -> None:
    abstention = replace(PREDICTION, label=None, reason="low_confidence")
    for prediction in (PREDICTION, PREDICTION, abstention, abstention, PREDICTION):
        journal.prediction(prediction)
    assert [entry(journald)["PRIORITY"] for _ in range(5)] == ["6", "7", "6", "7", "6"]


@pytest.mark.parametrize(("name", "priority"), [("camera_lost", "4"), ("started", "5"), ("gamma_changed", "7")])
def test_an_event_has_its_name_and_priority(
    name: str, priority: str, journal: Journal, journald: socket.socket
) -> None:
    journal.event(Event(name, "two\nlines, and grün"))
    fields = entry(journald)
    assert (fields["EDGE_EVENT"], fields["PRIORITY"]) == (name, priority)
    assert json.loads(fields["MESSAGE"])["message"] == "two\nlines, and grün"


def test_the_summary_is_the_last_entry(journal: Journal, journald: socket.socket) -> None:
    journal.stopped(Summary(CadenceCounts(frames=3), 1.0, {}, [], {}))
    fields = entry(journald)
    assert fields["EDGE_EVENT"] == "stopped" and json.loads(fields["MESSAGE"])["frames"] == 3


def test_a_journal_that_is_away_or_busy_is_not_waited_for(tmp_path: Path) -> None:
    address = tmp_path / "journal"
    journal = Journal(address)
    journal.event(Event("started", "nobody listens"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(address))
        listener.settimeout(5)
        sent = 2000
        for _ in range(sent):  # more than a socket holds
            journal.event(Event("started", "x" * 1000))
        held = []
        listener.setblocking(False)
        while True:
            try:
                held.append(entry(listener))
            except BlockingIOError:
                break
        assert held[0]["EDGE_LOST"] == "1" and 0 < len(held) < sent
        journal.event(Event("started", "room again"))
        assert entry(listener)["EDGE_LOST"] == str(sent - len(held))


def test_stdout_goes_to_the_journal_only_where_systemd_connected_it() -> None:
    program = (
        "import os, sys\n"
        "from edge.outputs.journal import goes_to_journal\n"
        "s = os.fstat(1)\n"
        "print(goes_to_journal(sys.stdout, {'JOURNAL_STREAM': f'{s.st_dev}:{s.st_ino}'}),"
        " goes_to_journal(sys.stdout, {'JOURNAL_STREAM': '1:2'}), goes_to_journal(sys.stdout, {}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["True", "False", "False"]


def test_a_stream_without_a_descriptor_goes_nowhere() -> None:
    with Path(os.devnull).open("w") as stream:
        pass
    assert not goes_to_journal(stream, {"JOURNAL_STREAM": "1:2"})
