"""Another bundle while the camera goes on: taken when it is good, refused with a reason when it is not."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import numpy_helper

from edge.bundles.bundle import Bundle, default_bundle_path, write_bundle
from edge.bundles.store import BundleStore
from edge.cameras.source import camera_source
from edge.errors import BundleError
from edge.messages import Event, Prediction
from edge.outputs import Output
from edge.run.pipeline import Pipeline
from edge.run.renewal import bundle_path, start_with
from tests.edge.conftest import ROOT, edge_run_command

needs_default_bundle = pytest.mark.skipif(not default_bundle_path().exists(), reason="no default bundle in this tree")


def with_student(bundle: Bundle, path: Path, name: str, **constants: float) -> Path:
    """A copy under another name, some constants of its network replaced."""
    model = onnx.load_from_string(bundle.student_bytes())
    for initializer in model.graph.initializer:
        if initializer.name in constants:
            array = numpy_helper.to_array(initializer).copy()
            array[...] = constants[initializer.name]
            initializer.CopyFrom(numpy_helper.from_array(array, initializer.name))
    files = {**bundle.files, "student.onnx": model.SerializeToString()}
    write_bundle(path, replace(bundle.manifest, name=name), files)
    return path


@pytest.fixture
def other_bundle(loaded_bundle: Bundle, tmp_path: Path) -> Path:
    """It says left where the first one says right."""
    return with_student(loaded_bundle, tmp_path / "other", "other", half=-0.5)


@pytest.fixture
def blind_bundle(loaded_bundle: Bundle, tmp_path: Path) -> Path:
    return with_student(loaded_bundle, tmp_path / "blind", "blind", weight=float("nan"))


class Recorder(Output):
    """Keeps everything, and asks for a renewal at the third prediction."""

    def __init__(self) -> None:
        self.told: list[Event | Prediction] = []
        self.ask: Callable[[], None] | None = None

    def prediction(self, prediction: Prediction) -> None:
        self.told.append(prediction)
        if self.ask and len(self.predictions()) == 3:
            self.ask()

    def event(self, event: Event) -> None:
        self.told.append(event)

    def predictions(self) -> list[Prediction]:
        return [told for told in self.told if isinstance(told, Prediction)]

    def events(self) -> list[Event]:
        return [told for told in self.told if isinstance(told, Event)]


def run(loaded_bundle: Bundle, renew: Callable[[], Path], clip: Path) -> Recorder:
    """A clip in real time; the renewal is asked for in the middle of it."""
    recorder = Recorder()
    pipeline = Pipeline(loaded_bundle, [recorder], renew=renew)
    recorder.ask = pipeline.renewal.request
    stop = threading.Event()

    class StopWhenAnswered(Output):
        def prediction(self, prediction: Prediction) -> None:
            answered = [event for event in recorder.events() if event.name.startswith("bundle_")]
            last = recorder.told.index(answered[0]) if answered else len(recorder.told)
            if len(recorder.told) > last + 12:
                stop.set()

    pipeline._outputs = [recorder, StopWhenAnswered()]
    pipeline.run(camera_source(f"file:{clip}", realtime=True), stop)
    return recorder


def test_a_good_bundle_takes_over_between_two_frames(
    loaded_bundle: Bundle, other_bundle: Path, write_clip: Callable[..., Path]
) -> None:
    recorder = run(loaded_bundle, lambda: other_bundle, write_clip("renewed.avi", frames=600))
    names = [event.name for event in recorder.events()]
    assert names[0] == "started" and names.count("bundle_changed") == 1 and "bundle_rolled_back" not in names
    changed = next(event for event in recorder.events() if event.name == "bundle_changed")
    assert (changed.details["bundle"], changed.details["digest"]) == ("other", Bundle.load(other_bundle).digest)
    at = recorder.told.index(changed)
    before, after = recorder.told[:at], [told for told in recorder.told[at:] if isinstance(told, Prediction)]
    last = [told for told in before if isinstance(told, Prediction)][-1]
    assert after[0].sequence > last.sequence  # the same camera, its count goes on
    assert after[0].reason == "warming_up"  # nothing of the old state is left
    assert all(told.label in (None, "right") for told in before if isinstance(told, Prediction))
    assert after[-1].label != "right"


@pytest.mark.parametrize("kind", ["blind", "missing", "broken"])
def test_a_bad_bundle_is_refused_and_the_old_one_goes_on(
    kind: str, loaded_bundle: Bundle, blind_bundle: Path, tmp_path: Path, write_clip: Callable[..., Path]
) -> None:
    if kind == "broken":
        (blind_bundle / "gate.npz").write_bytes(b"")
    path = tmp_path / "missing" if kind == "missing" else blind_bundle
    recorder = run(loaded_bundle, lambda: path, write_clip("refused.avi", frames=600))
    (refused,) = [event for event in recorder.events() if event.name.startswith("bundle_")]
    assert refused.name == "bundle_rolled_back"
    assert (refused.details["bundle"], refused.details["digest"]) == ("tiny", loaded_bundle.digest)
    assert refused.details["rejected"] == (Bundle.load(path).digest if kind == "blind" else "")
    words = {"blind": "finite logits", "missing": "expected a bundle", "broken": "gate.npz"}
    assert words[kind] in str(refused.details["error"])
    assert recorder.predictions()[-1].label == "right"


def test_the_bundle_that_shall_run(tiny_bundle: Path, tmp_path: Path) -> None:
    store = BundleStore(tmp_path)
    assert bundle_path(None, None) == bundle_path(None, str(tmp_path)) == default_bundle_path()
    with store.changing():
        store.switch(store.add(tiny_bundle))
    assert bundle_path(None, str(tmp_path)) == store.current()
    assert bundle_path("mine", str(tmp_path)) == Path("mine")


def test_a_start_with_a_broken_current_bundle_takes_the_previous_one(
    tiny_bundle: Path, other_bundle: Path, tmp_path: Path
) -> None:
    store = BundleStore(tmp_path / "store")
    for bundle in (tiny_bundle, other_bundle):
        with store.changing():
            store.switch(store.add(bundle))
    current = store.current()
    assert current is not None
    (current / "student.onnx").write_bytes(b"damaged by the memory card")
    loaded, (event,) = start_with(None, str(store.root), lambda bundle: bundle)
    assert (loaded.manifest.name, event.name) == ("tiny", "bundle_rolled_back")
    assert "student.onnx" in event.message


@needs_default_bundle
def test_a_start_with_nothing_but_broken_bundles_takes_the_packages(tiny_bundle: Path, tmp_path: Path) -> None:
    store = BundleStore(tmp_path / "store")
    with store.changing():
        store.switch(store.add(tiny_bundle))

    def refuse_tiny(bundle: Bundle) -> Bundle:
        if bundle.manifest.name == "tiny":
            raise BundleError("the engine cannot load it")
        return bundle

    loaded, (event,) = start_with(None, str(store.root), refuse_tiny)
    assert loaded.digest == Bundle.load(default_bundle_path()).digest and "cannot load" in event.message


def test_a_named_bundle_is_not_replaced_by_another_one(tmp_path: Path) -> None:
    with pytest.raises(BundleError):
        start_with(str(tmp_path / "none"), str(tmp_path), lambda bundle: bundle)


def test_edge_run_takes_the_current_bundle_at_sighup(
    tiny_bundle: Path, other_bundle: Path, blind_bundle: Path, write_clip: Callable[..., Path], tmp_path: Path
) -> None:
    """The real process, as systemd would reload it: good bundle, bad bundle; it never stops predicting."""
    store = BundleStore(tmp_path / "store")
    with store.changing():
        store.switch(store.add(tiny_bundle))
    clip = write_clip("hangup.avi", frames=900, fps=15.0)
    command = edge_run_command("--quiet", "--realtime", "--camera", f"file:{clip}", "--store", store.root)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        messages = _Messages(systemd)
        environment = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify"), "RUNTIME_DIRECTORY": str(tmp_path)}
        with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
            lines = _Lines(process)
            lines.until("prediction")
            for bundle, event in ((other_bundle, "bundle_changed"), (blind_bundle, "bundle_rolled_back")):
                with store.changing():
                    store.switch(store.add(bundle))
                process.send_signal(signal.SIGHUP)
                lines.until(event)
                lines.until("prediction")
            record = json.loads((tmp_path / "bundle.json").read_text())
            process.send_signal(signal.SIGTERM)
            lines.until("stopped")
            assert process.wait(30) == 0
        assert (record["bundle"], record["rejected"]) == ("other", Bundle.load(blind_bundle).digest)
        told = messages.until(b"STOPPING=1")
    assert told[0].startswith(b"READY=1\nWATCHDOG=1\n") and all(b"READY" not in message for message in told[1:])
    assert any(message.startswith(b"STATUS=bundle rolled back to other") for message in told)


@needs_default_bundle
def test_a_stop_cuts_the_test_of_a_bundle_off(write_clip: Callable[..., Path]) -> None:
    """The engine still works in another thread while the process ends."""
    clip = write_clip("cut.avi", frames=900, fps=15.0)
    command = edge_run_command("--quiet", "--realtime", "--camera", f"file:{clip}")
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        lines = _Lines(process)
        lines.until("prediction")
        process.send_signal(signal.SIGHUP)
        lines.until("prediction")
        process.send_signal(signal.SIGTERM)
        lines.until("stopped")
        assert process.wait(30) == 0


class _Messages:
    """What systemd is told, read as it comes: it would be dropped where the socket is full."""

    def __init__(self, systemd: socket.socket) -> None:
        self._systemd, self._told = systemd, list[bytes]()
        self._systemd.settimeout(120)
        threading.Thread(target=self._read, daemon=True).start()

    def until(self, last: bytes) -> list[bytes]:
        end_s = time.monotonic() + 30
        while last not in self._told and time.monotonic() < end_s:
            time.sleep(0.02)
        assert last in self._told
        return self._told

    def _read(self) -> None:
        while b"STOPPING=1" not in self._told:
            self._told.append(self._systemd.recv(4096))


class _Lines:
    """The JSON lines of a process, read until one comes; a process that ends or is silent too long fails the test."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self._stdout = process.stdout
        self._end_s = time.monotonic() + 120

    def until(self, name: str) -> dict[str, Any]:
        for text in self._stdout:
            line: dict[str, Any] = json.loads(text)
            if name in (line["type"], line.get("event")):
                return line
            assert time.monotonic() < self._end_s, f"no {name}"
        raise AssertionError(f"ended before {name}")
