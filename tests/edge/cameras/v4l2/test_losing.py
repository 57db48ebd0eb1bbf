"""A camera is lost in every way there is, and comes back: `edge-run` as a process, on the real system calls."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.edge.cameras.v4l2.fake_v4l2 import ARDUCAM, BLACK, WEBCAM, WHITE, FakeMachine, FakeMode, small
from tests.edge.conftest import edge_run_command

CAMERA = replace(ARDUCAM, modes=(FakeMode("YUYV", 320, 240),))
PATIENCE_S = (
    60.0  # of a test on a busy machine; what is asserted is the order, benchmarks/cameras.py measures the times
)


class Run:
    """A running `edge-run`, line by line."""

    def __init__(self, machine: FakeMachine, *arguments: object) -> None:
        self.process = machine.start(edge_run_command("--quiet", *arguments))
        self._killer = threading.Timer(PATIENCE_S, self.process.kill)
        self._killer.start()

    def events(self) -> Iterator[dict[str, Any]]:
        """Everything but predictions, to the end."""
        assert self.process.stdout is not None
        return (line for line in map(json.loads, self.process.stdout) if line["type"] == "event")

    def until(self, event: str, **fields: object) -> dict[str, Any]:
        """Go on to an event with these fields."""
        for line in self.events():
            if line["event"] == event and fields.items() <= line.items():
                return line
        raise AssertionError(f"no {event} {fields}: {self.process.stderr and self.process.stderr.read()}")

    def predicts(self) -> dict[str, Any]:
        """Go on to the next prediction."""
        assert self.process.stdout is not None
        return next(line for line in map(json.loads, self.process.stdout) if line["type"] == "prediction")

    def stop(self) -> dict[str, Any]:
        """Terminate it; returns its summary."""
        self.process.terminate()
        summary = self.until("stopped")
        assert self.process.wait(PATIENCE_S) == 0
        return summary

    def end(self) -> None:
        self._killer.cancel()
        self.process.kill()
        self.process.communicate()


@contextmanager
def running(machine: FakeMachine, bundle: Path, camera: str = "arducam") -> Iterator[Run]:
    run = Run(machine, "--camera", camera, "--bundle", bundle)
    try:
        yield run
    finally:
        run.end()


def test_faults_of_a_driver_are_states_and_pass(machine: FakeMachine, tiny_bundle: Path) -> None:
    faults = (
        "at 20 unplug 2",
        "at 40 eio",
        "at 60 stall",
        "at 70 eintr 250",
        "at 80 eagain 20",
        "at 85 eintr 20",
        "at 90-95 flagged",
        "at 96 empty",
        "at 97 short 100",
    )
    machine.plug(CAMERA, 0, *faults)
    run = Run(machine, "--camera", "arducam", "--bundle", tiny_bundle, "--max-frames", 100)
    try:
        events = list(run.events())
    finally:
        run.end()
    told = [(e["event"], e.get("state")) for e in events if e["event"] in ("camera_lost", "camera_back")]
    lost, back = "camera_lost", ("camera_back", None)
    assert told == [
        *((lost, "unplugged"), (lost, "missing"), back),
        *((lost, "io_error"), back),
        *((lost, "stalled"), back),
        *((lost, "failed"), back),
    ]
    summary = events[-1]
    assert summary["event"] == "stopped" and summary["frames"] == 100
    assert summary["buffers"] == {
        "flagged": 6,
        "empty": 1,
        "short": 1,
        "undecodable": 0,
        "stale": summary["buffers"]["stale"],
    }


def test_it_comes_back_under_another_number_with_another_size(machine: FakeMachine, tiny_bundle: Path) -> None:
    machine.plug(CAMERA)
    machine.plug(WEBCAM, 1)
    with running(machine, tiny_bundle) as run:
        run.predicts()
        machine.unplug(0)
        run.until("camera_lost", state="unplugged")
        run.until("camera_lost", state="missing")
        machine.plug(replace(ARDUCAM, modes=(FakeMode("MJPG", 640, 480),)), 3)
        run.until("camera_back")
        run.predicts()
        run.stop()
    opened = [number for name, number, _ in machine.log() if name == "open"]
    assert opened[0] == 0 and opened[-1] == 3 and 1 not in opened


def test_a_camera_that_another_program_has_is_waited_for(machine: FakeMachine, tiny_bundle: Path) -> None:
    machine.plug(CAMERA, 0, "busy")
    with running(machine, tiny_bundle) as run:
        assert "fuser" in run.until("camera_lost", state="busy")["error"]
        machine.script(0)
        run.until("camera_back")
        run.predicts()
        run.stop()


def test_bad_pictures_are_states_and_the_camera_is_opened_anew(machine: FakeMachine, tiny_bundle: Path) -> None:
    machine.plug(CAMERA)
    with running(machine, tiny_bundle, "0") as run:
        run.predicts()
        for reason, picture in (("black", BLACK), ("saturated", WHITE), ("frozen", 0)):
            machine.script(0, f"at 0-99999999 picture {picture}")
            run.until("picture_bad", reason=reason)
            machine.script(0)
            run.until("picture_good")
        before = [name for name, *_ in machine.log()].count("open")
        machine.script(0, "at 0-99999999 picture 0")
        run.until("picture_bad", reason="frozen")
        while [name for name, *_ in machine.log()].count("open") == before:
            assert run.predicts()["reason"] in ("frozen", "low_confidence", "warming_up")
        run.stop()


def test_pictures_that_cannot_be_decoded_are_counted_and_a_state(machine: FakeMachine, tiny_bundle: Path) -> None:
    camera = replace(ARDUCAM, modes=(FakeMode("MJPG", 640, 480),))
    header = machine.pictures(camera, camera.modes[0])[0].tobytes().index(b"\xff\xda")
    machine.plug(camera)
    with running(machine, tiny_bundle) as run:
        run.predicts()
        # Start and end of a JPEG with nothing between: the capture lets it pass.
        broken = machine.pictures(camera, camera.modes[0])[0][:header].tobytes() + b"\xff\xd9"
        machine.show_bytes(camera, camera.modes[0], [broken])
        machine.script(0, "at 0-99999999 unplug 1")
        run.until("camera_lost")
        machine.script(0)
        run.until("picture_bad", reason="damaged")
        assert run.stop()["buffers"]["undecodable"] > 2


def test_a_rate_that_falls_in_the_dark_is_told_and_is_no_loss(machine: FakeMachine, tiny_bundle: Path) -> None:
    machine.plug(CAMERA)
    with running(machine, tiny_bundle) as run:
        run.predicts()
        told = []
        for fps, event in ((5, "cadence_degraded"), (30, "cadence_restored")):
            machine.script(0, f"at 0-99999999 rate {fps}")
            for line in run.events():
                told.append(line["event"])
                if line["event"] == event:
                    break
        run.predicts()
        run.stop()
    assert "camera_lost" not in told


HELD = """
import json, os, sys, threading, time
from collections import Counter
from edge.cameras.source import camera_source
from edge.cameras.holding import held
from edge.cameras.holding.held import HeldCamera
events, stop = Counter(), threading.Event()
def count(event):
    events[event.name] += 1
camera = HeldCamera(camera_source(sys.argv[1]), count, stop)
"""


def test_a_thousand_losses_leak_nothing(machine: FakeMachine) -> None:
    machine.plug(small(ARDUCAM), 0, "pace free", "every 3 unplug 1", "every 11 eio")
    code = """
held.BACK_OFF_S = (0.0,)
def used():
    resident = int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return len(os.listdir("/proc/self/fd")), threading.active_count(), resident
with camera:
    before = None
    for frame in camera.frames():
        if before is None and events["camera_back"] == 200:
            before = used()
        if events["camera_back"] == 1200:
            break
    print(json.dumps([before, used()]))
frame = None  # the last one still has a driver's buffer
print(json.dumps([threading.active_count(), sum("v4l2_player" in os.readlink(f"/proc/self/fd/{fd}")
    for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{fd}"))]))
"""
    inside, after = map(json.loads, machine.python(HELD + code, "arducam", timeout_s=300).splitlines())
    (descriptors, threads, resident), (descriptors_later, threads_later, resident_later) = inside
    assert (descriptors_later, threads_later) == (descriptors, threads)
    assert resident_later - resident < 1 << 20
    assert after == [1, 0]


@pytest.mark.parametrize("why", ["missing", "busy", "stalled"])
def test_waiting_costs_next_to_nothing(machine: FakeMachine, why: str) -> None:
    if why != "missing":
        machine.plug(CAMERA, 0, "busy" if why == "busy" else "at 0-99999999 stall")
    code = """
with camera:
    frames = camera.frames()
    assert next(frames) is None  # drivers are imported and profiles read once
    threading.Timer(2.0, stop.set).start()
    before_s, cpu_s = time.monotonic(), time.process_time()
    assert all(frame is None for frame in frames)
print(json.dumps((time.process_time() - cpu_s) / (time.monotonic() - before_s)))
"""
    assert json.loads(machine.python(HELD + code, "/dev/video0")) < 0.05


def test_a_stop_does_not_wait_for_a_silent_camera(machine: FakeMachine, tiny_bundle: Path) -> None:
    machine.plug(CAMERA, 0, "at 10 stall 100000")
    with running(machine, tiny_bundle) as run:
        run.until("camera_lost", state="stalled")
        start_s = time.monotonic()
        run.stop()
        assert time.monotonic() - start_s < 10


def test_silence_is_judged_by_the_cameras_own_rate(machine: FakeMachine) -> None:
    """At 5 frames a second, as in the dark, three frame times pass before it counts as lost; two seconds at first."""
    machine.plug(CAMERA, 0, "at 6 rate 5")
    code = """
from edge.cameras.source import open_camera
with open_camera("arducam") as camera:
    limits_s = [(frame.sequence, camera.stall_s) for frame in (camera.read(2.0) for _ in range(10))]
print(json.dumps(limits_s))
"""
    first, *limits_s = json.loads(machine.python(HELD + code, "arducam"))
    assert first[1] == 2.0
    assert all(limit_s == pytest.approx(0.45 if number < 7 else 0.6, abs=0.01) for number, limit_s in limits_s)
    assert limits_s[-1][0] > 7
