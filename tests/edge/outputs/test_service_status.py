"""The notify protocol against a real socket: READY once, WATCHDOG for progress only."""

from __future__ import annotations

import dataclasses
import json
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge.messages import ROLLED_BACK, Event, Prediction
from edge.outputs import service_status as service
from edge.outputs.service_status import ServiceStatus
from edge.outputs.summary import Summary
from edge.recognition.cadence import CadenceCounts

PREDICTION = Prediction(2, 0.1, 0.1, "jump", None, 0.8, {"jump": 0.8, "run": 0.2}, 2.0, 12.0, 5.0)


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(2)
        yield listener


@pytest.fixture
def status(systemd: socket.socket) -> ServiceStatus:
    return ServiceStatus({"NOTIFY_SOCKET": systemd.getsockname()})


def received(systemd: socket.socket) -> list[str]:
    return systemd.recv(4096).decode().split("\n")


def silent(systemd: socket.socket) -> bool:
    systemd.setblocking(False)
    try:
        systemd.recv(4096)
    except BlockingIOError:
        return True
    return False


def test_the_first_prediction_is_ready(systemd: socket.socket, status: ServiceStatus) -> None:
    status.prediction(PREDICTION)
    assert received(systemd) == ["READY=1", "WATCHDOG=1", "STATUS=jump (80%), gamma 2"]


def test_the_status_names_the_expert_that_looked(systemd: socket.socket, status: ServiceStatus) -> None:
    status.prediction(dataclasses.replace(PREDICTION, expert="heavy x64", gamma=3.0))
    assert received(systemd)[-1] == "STATUS=jump (80%), heavy x64 (gamma 3)"


def test_predictions_feed_the_watchdog_once_a_period(systemd: socket.socket) -> None:
    status = ServiceStatus({"NOTIFY_SOCKET": systemd.getsockname(), "WATCHDOG_USEC": "300000"})
    status.prediction(PREDICTION)
    received(systemd)
    status.prediction(PREDICTION)
    time.sleep(0.11)  # a third of the watchdog's time
    status.prediction(PREDICTION)
    lines = received(systemd)
    assert lines[0] == "WATCHDOG=1" and "ticks/s" in lines[1]
    assert silent(systemd)  # the second prediction said nothing


def test_waiting_for_a_camera_is_ready_and_alive(systemd: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "STATUS_EVERY_S", 0.05)
    status = ServiceStatus({"NOTIFY_SOCKET": systemd.getsockname()})
    status.event(Event("camera_lost", "camera lost: unplugged; waiting for it"))
    assert received(systemd) == ["STATUS=camera lost: unplugged; waiting for it"]
    status.waiting()
    assert received(systemd) == ["READY=1", "WATCHDOG=1"]
    status.waiting()  # it is asked for many times a second
    time.sleep(0.06)
    status.waiting()
    assert received(systemd) == ["WATCHDOG=1"]
    assert silent(systemd)


def test_a_limit_of_the_board_is_in_the_status_until_it_is_over(
    systemd: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "STATUS_EVERY_S", 0.0)
    status = ServiceStatus({"NOTIFY_SOCKET": systemd.getsockname()})
    status.event(Event("throttled", "working less (under-voltage)"))
    status.prediction(PREDICTION)
    assert received(systemd)[-1] == "STATUS=jump (80%), gamma 2; working less (under-voltage)"
    status.event(Event("unthrottled", "the board has recovered"))
    status.prediction(PREDICTION)
    assert received(systemd)[-1].endswith("gamma 2")


def test_a_systemd_that_is_away_is_told_ready_again(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    status = ServiceStatus({"NOTIFY_SOCKET": address})
    status.waiting()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address)
        listener.settimeout(2)
        status.waiting()
        assert received(listener) == ["READY=1", "WATCHDOG=1"]


def test_a_systemd_that_does_not_read_is_not_waited_for(systemd: socket.socket, status: ServiceStatus) -> None:
    for _ in range(1000):  # more than its socket holds
        status.event(Event("camera_lost", "camera lost"))
    assert received(systemd) == ["STATUS=camera lost"]


def test_what_runs_may_be_read_by_everybody(tmp_path: Path) -> None:
    old = os.umask(0o077)  # the unit's
    try:
        ServiceStatus({"RUNTIME_DIRECTORY": str(tmp_path)}).event(Event("started", "", {"bundle": "a", "digest": "1"}))
    finally:
        os.umask(old)
    assert (tmp_path / "bundle.json").stat().st_mode & 0o777 == 0o644


def test_the_bundle_that_runs_is_on_record(tmp_path: Path) -> None:
    status = ServiceStatus({"RUNTIME_DIRECTORY": str(tmp_path)})

    def record() -> dict[str, object]:
        found: dict[str, object] = json.loads((tmp_path / "bundle.json").read_text())
        return found

    status.event(Event("started", "", {"bundle": "a", "digest": "1", "labels": ["x"]}))
    assert record() == {"bundle": "a", "digest": "1", "labels": ["x"]}
    status.event(Event(ROLLED_BACK, "", {"bundle": "a", "digest": "1", "rejected": "2", "error": "bad"}))
    assert record() == {"bundle": "a", "digest": "1", "labels": ["x"], "rejected": "2", "error": "bad"}
    status.event(Event("bundle_changed", "", {"bundle": "b", "digest": "3"}))
    assert record() == {"bundle": "b", "digest": "3"}
    assert [path.name for path in tmp_path.iterdir()] == ["bundle.json"]


def test_events_and_time_are_no_progress(systemd: socket.socket, status: ServiceStatus) -> None:
    for name in ("started", "stream_gap", "gamma_changed"):
        status.event(Event(name, name))
    assert silent(systemd)


def test_the_end_is_announced(systemd: socket.socket, status: ServiceStatus) -> None:
    status.stopped(Summary(CadenceCounts(), 1.0, {}, [], {}))
    assert received(systemd) == ["STOPPING=1"]


def test_an_abstract_socket_works_too() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("")  # the kernel chooses an abstract name
        listener.settimeout(2)
        ServiceStatus({"NOTIFY_SOCKET": "@" + listener.getsockname()[1:].decode()}).waiting()
        assert received(listener)[0] == "READY=1"


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": "/nowhere/notify"}])
def test_without_systemd_nothing_happens(environment: dict[str, str]) -> None:
    status = ServiceStatus(environment)
    status.prediction(PREDICTION)
    status.waiting()


@pytest.mark.parametrize(
    "label", ["walk\nWATCHDOG=trigger\nMAINPID=1", "\ud800", "x" * 500_000], ids=["lines", "half", "long"]
)
def test_no_label_is_more_than_a_status(systemd: socket.socket, status: ServiceStatus, label: str) -> None:
    """systemd would take the lines of a label for assignments; a message too long never arrives, READY with it."""
    status.prediction(replace(PREDICTION, label=label))
    told = received(systemd)
    assert told[:2] == ["READY=1", "WATCHDOG=1"] and len(told) == 3
    assert told[2].startswith("STATUS=") and told[2].isprintable() and len(told[2]) < 600
    status.event(Event("camera_lost", f"camera {label} is gone", {}))
    assert [line.partition("=")[0] for line in received(systemd)] == ["STATUS"]
