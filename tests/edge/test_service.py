"""The notify protocol against a real socket: READY once, WATCHDOG for progress only."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge import service
from edge.cadence import CadenceCounts
from edge.messages import Event, Prediction
from edge.service import ServiceStatus
from edge.summary import Summary

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


def test_predictions_feed_the_watchdog_once_a_period(
    systemd: socket.socket, status: ServiceStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    status.prediction(PREDICTION)
    received(systemd)
    status.prediction(PREDICTION)
    monkeypatch.setattr(service, "STATUS_EVERY_S", 0.0)
    status.prediction(PREDICTION)
    lines = received(systemd)
    assert lines[0] == "WATCHDOG=1" and "ticks/s" in lines[1]
    assert silent(systemd)  # the second prediction said nothing


def test_waiting_for_a_camera_is_ready_and_alive(systemd: socket.socket, status: ServiceStatus) -> None:
    status.event(Event("camera_lost", "camera lost: unplugged; waiting for it"))
    assert received(systemd) == ["STATUS=camera lost: unplugged; waiting for it"]
    status.waiting()
    assert received(systemd) == ["READY=1", "WATCHDOG=1"]
    status.waiting()
    assert received(systemd) == ["WATCHDOG=1"]


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
