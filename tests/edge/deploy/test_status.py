"""How the service is told to be: running, stopped, in an image; in words and as JSON. And its journal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edge.bundles.store import BundleStore
from edge.deploy.layout import Layout
from edge.deploy.logs import as_json, in_words
from edge.deploy.status import service_state, to_text
from edge.messages import Event, Prediction
from edge.outputs.jsonl import event_line, prediction_line
from edge.outputs.service_status import ServiceStatus
from tests.edge.deploy.test_cli import root, service  # noqa: F401  (a fixture)

RUNNING = {
    "ActiveState": "active",
    "SubState": "running",
    "StatusText": "walk (47%), 15.0 ticks/s",
    "Result": "success",
    "NRestarts": "1",
    "CPUUsageNSec": "2500000000",
    "MemoryCurrent": "90000000",
}
STOPPED = {**RUNNING, "ActiveState": "failed", "SubState": "failed", "Result": "watchdog"}
STARTED = {"bundle": "tiny", "digest": "d" * 64, "camera": "arducam", "labels": ["left", "right"], "engine": "x"}


@pytest.fixture
def layout(root: Path) -> Layout:  # noqa: F811
    """Installed, and the service has said what it runs."""
    service(root, "install", "--camera", "brio")
    layout = Layout(root)
    layout.running.parent.mkdir(parents=True)
    ServiceStatus({"RUNTIME_DIRECTORY": str(layout.running.parent)}).event(Event("started", "started", STARTED))
    return layout


def test_of_a_running_service_camera_board_bundle_and_labels_are_named(layout: Layout) -> None:
    text = to_text(service_state(layout, RUNNING, BundleStore(layout.store)))
    lines = dict(line.split(maxsplit=1) for line in text.splitlines())
    assert lines["service"] == "active (running), restarts 1" and lines["says"] == "walk (47%), 15.0 ticks/s"
    assert (lines["camera"], lines["labels"], lines["runs"]) == ("arducam", "left, right", f"tiny {'d' * 16}")
    assert lines["board"].startswith("Raspberry Pi 5") and lines["used"] == "2.5 s of processor time, 90 MB"
    assert lines["current"] == "the bundle of the package"


def test_of_a_stopped_service_nothing_is_shown_as_current(layout: Layout) -> None:
    state = service_state(layout, STOPPED, BundleStore(layout.store))
    text = to_text(state)
    assert "failed (failed)" in text and "ended     watchdog; edge-service logs" in text
    assert "walk" not in text and "tiny" not in text and "current" not in text and "left" not in text
    assert "starts    with the bundle of the package" in text and "camera    brio" in text  # the configuration's
    assert (state.says, state.bundle, state.labels, state.memory_mb, state.running) == (None, None, None, None, False)


def test_as_json_it_is_one_object(root: Path, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: F811
    assert service(root, "status", "--json") == 3
    assert json.loads(capsys.readouterr().out)["installed"] is False
    service(root, "install", "--camera", "brio")
    capsys.readouterr()
    assert service(root, "status", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["installed"], found["running"], found["state"], found["camera"]) == (True, False, None, "brio")
    assert found["temperature_c"] is None  # this machine's heat says nothing of an image


def test_a_password_of_the_camera_is_not_shown(layout: Layout) -> None:
    layout.config.write_text("camera: rtsp://eve:hush@robot/eye\n")
    assert "rtsp://***@robot/eye" in to_text(service_state(layout, STOPPED, BundleStore(layout.store)))


def test_a_configuration_that_cannot_be_read_is_told(layout: Layout) -> None:
    layout.config.write_text("camra: demo\n")
    assert "unknown key 'camra'" in to_text(service_state(layout, STOPPED, BundleStore(layout.store)))


PREDICTION = Prediction(1, 1.0, 1.0, "walk", None, 0.47, {"walk": 0.47}, 1.5, 12.0, 1.0)
ENTRIES: list[dict[str, Any]] = [
    {"__REALTIME_TIMESTAMP": "1700000000000000", "MESSAGE": "Started edge-run.service."},
    {"__REALTIME_TIMESTAMP": "1700000001000000", "MESSAGE": prediction_line(PREDICTION)},
    {"__REALTIME_TIMESTAMP": "1700000002000000", "MESSAGE": event_line(Event("camera_lost", "camera lost: gone"))},
    {"__REALTIME_TIMESTAMP": "x", "MESSAGE": list(b"\xff\x1b[2J")},
    {"MESSAGE": None},
]


def test_the_journal_in_words() -> None:
    lines = [line.partition("  ")[2] for line in in_words(ENTRIES)]
    assert lines[0] == "Started edge-run.service." and lines[2] == "camera lost: gone"
    assert lines[1].split() == ["walk", "47%", "gamma", "1.5"]
    assert "\x1b" not in lines[3] and lines[4] == ""
    assert len({line.partition("  ")[0] for line in in_words(ENTRIES[:3])}) == 3


def test_the_journal_as_json_is_json_in_every_line() -> None:
    lines = [json.loads(line) for line in as_json(ENTRIES)]
    assert [line["type"] for line in lines] == ["systemd", "prediction", "event", "systemd", "systemd"]
    assert lines[1]["label"] == "walk" and lines[0]["message"] == "Started edge-run.service."


def test_an_empty_journal_is_said(root: Path, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: F811
    (root / "var/log/journal").mkdir(parents=True)
    assert service(root, "logs") == 0
    assert capsys.readouterr().out == "nothing in the journal of edge-run.service; is it running? edge-service status\n"
    assert service(root, "logs", "--json") == 0 and capsys.readouterr().out == ""
