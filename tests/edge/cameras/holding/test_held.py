"""Losing a camera is a state: events, attempts, and frames again; a recording's errors are final."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from edge.cameras.base import Camera, CameraSource, CameraStallError, CameraStateError, DropCounts
from edge.cameras.holding import held
from edge.cameras.holding.held import HeldCamera
from edge.errors import CameraError
from edge.messages import Event
from edge.picture.frame import Frame

FRAME = Frame(np.zeros((2, 2, 3), np.uint8), 0, 0.0)
STALL = CameraStallError("silent")
LOST = CameraError("unplugged")
GONE, BUSY = CameraStateError("unplugged", "gone"), CameraStateError("busy", "another program has it")


class PlayedCamera(Camera):
    """Plays a script of frames and errors; there is no hardware here that could be unplugged."""

    live = True
    stall_s = 0.0

    def __init__(self, script: list[Frame | Exception | None], notes: tuple[str, ...] = ()) -> None:
        super().__init__("played")
        self.notes = notes
        self.script = script
        self.closed = 0

    def read(self, timeout_s: float) -> Frame | None:
        item = self.script.pop(0)
        if isinstance(item, Exception):
            raise item
        return item

    def close(self) -> None:
        self.closed += 1


class PlayedRecording(PlayedCamera):
    live = False


def hold(*attempts: Camera | Exception) -> tuple[list[Frame | None], list[Event]]:
    """What comes of a series of attempts to open."""
    events: list[Event] = []
    upcoming = list(attempts)

    def attempt() -> Camera:
        result = upcoming.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    source = CameraSource("played", attempts[-1].live if isinstance(attempts[-1], Camera) else True, attempt)
    with HeldCamera(source, events.append, threading.Event()) as camera:
        return list(camera.frames()), events


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held, "BACK_OFF_S", (0.0,))


@pytest.mark.parametrize("loss", [LOST, GONE], ids=["error", "state"])
def test_a_lost_camera_comes_back_with_two_events(loss: Exception) -> None:
    first, second = PlayedCamera([FRAME, loss]), PlayedCamera([FRAME, None])
    frames, events = hold(first, loss, loss, second)
    assert frames == [FRAME, None, None, None, FRAME]
    assert [event.name for event in events] == ["camera_lost", "camera_back"]
    assert events[1].details["attempts"] == 3
    assert first.closed == 1 and second.closed == 1


def test_why_it_is_lost_is_told_whenever_it_becomes_another_reason() -> None:
    first, second = PlayedCamera([FRAME, GONE]), PlayedCamera([FRAME, STALL])
    _, events = hold(first, BUSY, GONE, BUSY, second, PlayedCamera([FRAME, None]))
    told = [(event.name, event.details.get("state")) for event in events]
    lost, back = "camera_lost", ("camera_back", None)
    assert told == [(lost, "unplugged"), (lost, "busy"), back, (lost, "stalled"), back]


def test_what_did_not_become_a_frame_is_counted_through_all_losses() -> None:
    cameras = PlayedCamera([FRAME, LOST]), PlayedCamera([FRAME])
    upcoming = list(cameras)
    cameras[0].drops = DropCounts(flagged=3, short=1)
    cameras[1].drops = DropCounts(flagged=2, stale=5)
    source = CameraSource("played", True, lambda: upcoming.pop(0))
    with HeldCamera(source, lambda event: None, threading.Event()) as held_camera:
        stream = held_camera.frames()
        assert [next(stream), next(stream), next(stream)] == [FRAME, None, FRAME]
        held_camera.discard()
        assert held_camera.drops == DropCounts(flagged=5, short=1, stale=5, undecodable=1)
    assert held_camera.drops == DropCounts(flagged=5, short=1, stale=5, undecodable=1)


def test_a_camera_can_be_opened_anew_without_being_lost() -> None:
    events: list[Event] = []
    cameras = PlayedCamera([FRAME]), PlayedCamera([FRAME])
    upcoming = list(cameras)
    source = CameraSource("played", True, lambda: upcoming.pop(0))
    with HeldCamera(source, events.append, threading.Event()) as held_camera:
        stream = held_camera.frames()
        next(stream)
        held_camera.reopen()
        assert next(stream) is None and cameras[0].closed == 1  # a moment for the reader to let go of the last frame
        assert next(stream) == FRAME and not events


def test_a_camera_that_is_missing_at_first_is_waited_for() -> None:
    frames, events = hold(LOST, PlayedCamera([FRAME, None]))
    assert frames == [None, FRAME]
    assert "unplugged; waiting for it" in events[0].message


def test_an_open_camera_without_a_frame_is_not_back() -> None:
    _, events = hold(PlayedCamera([FRAME, LOST]), PlayedCamera([LOST]), PlayedCamera([FRAME, None]))
    assert [event.name for event in events] == ["camera_lost", "camera_back"]


class SilentCamera(PlayedCamera):
    """Silent from its opening; says how long it was waited for."""

    stall_s = 0.3

    def __init__(self) -> None:
        super().__init__([])
        self.waited_s = 0.0

    def read(self, timeout_s: float) -> Frame | None:
        self.waited_s += timeout_s
        threading.Event().wait(timeout_s)
        raise STALL


def test_a_camera_that_hangs_until_it_is_opened_again_is_opened_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once it is known to start quickly; but every eighth time it gets all the time that its driver asks for."""
    monkeypatch.setattr(held, "QUICK_START_S", 0.02)
    silent = [SilentCamera() for _ in range(9)]
    hold(silent[0], PlayedCamera([FRAME, LOST]), *silent[1:], PlayedCamera([FRAME, None]))
    waited_s = [camera.waited_s for camera in silent]
    patient = [seconds > 0.2 for seconds in waited_s]
    assert patient == [True, False, False, False, False, False, False, True, False]


def test_what_a_camera_notes_is_reported_once() -> None:
    notes = ("control gain refused",)
    _, events = hold(PlayedCamera([FRAME, LOST], notes), PlayedCamera([FRAME, None], notes))
    assert [event.name for event in events] == ["camera_note", "camera_lost", "camera_back"]
    assert events[0].message == "played: control gain refused"


def test_a_recording_may_be_silent_but_its_errors_are_final() -> None:
    recording = PlayedRecording([FRAME, STALL, STALL, FRAME, None])
    frames, events = hold(recording)
    assert frames == [FRAME, FRAME] and events == []
    broken = PlayedRecording([FRAME, LOST])
    with pytest.raises(CameraError, match="unplugged"):
        hold(broken)
    assert broken.closed == 1


@pytest.mark.parametrize("state", ["reading", "waiting"])
def test_a_stop_ends_it_in_every_state(state: str) -> None:
    stop = threading.Event()
    camera = PlayedCamera([FRAME] * 10)

    def opens() -> Camera:
        if state == "waiting":
            raise LOST
        return camera

    with HeldCamera(CameraSource("played", True, opens), lambda event: None, stop) as held_camera:
        stream = held_camera.frames()
        assert next(stream) == (FRAME if state == "reading" else None)
        stop.set()
        assert list(stream) == []
    assert camera.closed == (state == "reading")


@pytest.mark.parametrize("camera", [PlayedCamera([FRAME, FRAME]), PlayedRecording([FRAME])], ids=["live", "recording"])
def test_leaving_closes_the_camera(camera: PlayedCamera) -> None:
    source = CameraSource("played", camera.live, lambda: camera)
    with HeldCamera(source, lambda event: None, threading.Event()) as held_camera:
        next(held_camera.frames())
    assert camera.closed == 1


def test_a_recording_that_cannot_be_opened_is_an_error_at_once() -> None:
    def fails() -> Camera:
        raise CameraError("no such video file")

    with pytest.raises(CameraError, match="no such video file"):
        HeldCamera(CameraSource("played", False, fails), lambda event: None, threading.Event()).__enter__()
