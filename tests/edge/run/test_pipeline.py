"""The whole way of a frame, on scripted cameras: answers, events, abstentions, what is counted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from edge.bundles.bundle import Bundle
from edge.cameras.base import Camera, CameraSource
from edge.errors import CameraError
from edge.messages import Event, Prediction
from edge.outputs import Output, OutputClosedError
from edge.outputs.summary import Summary
from edge.picture.frame import Frame
from edge.run.actions import ENDED, STARTED
from edge.run.pipeline import Pipeline
from tests.edge.conftest import square

Script = list[Frame | CameraError]


class Recorder(Output):
    """Keeps what it is told; `closes_after` predictions its reader goes away."""

    def __init__(self, closes_after: int | None = None) -> None:
        self.predictions: list[Prediction] = []
        self.events: list[Event] = []
        self.waits = 0
        self.summaries: list[Summary] = []
        self._closes_after = closes_after

    def prediction(self, prediction: Prediction) -> None:
        self.predictions.append(prediction)
        if len(self.predictions) == self._closes_after:
            raise OutputClosedError("gone")

    def event(self, event: Event) -> None:
        self.events.append(event)

    def waiting(self) -> None:
        self.waits += 1

    def stopped(self, summary: Summary) -> None:
        self.summaries.append(summary)

    def names(self) -> list[str]:
        return [event.name for event in self.events if event.name not in ("gamma_changed", STARTED, ENDED)]


class ScriptedCamera(Camera):
    """Plays frames and errors; the end of the script is the end of the stream."""

    live = True

    def __init__(self, script: Iterator[Frame | CameraError]) -> None:
        super().__init__("scripted")
        self._script = script

    def read(self, timeout_s: float) -> Frame | None:
        item = next(self._script, None)
        if isinstance(item, CameraError):
            raise item
        return item

    def close(self) -> None:
        pass


def source(script: Script) -> CameraSource:
    items = iter(script)
    return CameraSource("scripted", True, lambda: ScriptedCamera(items))


def moving(count: int, fps: float = 30.0, start_s: float = 0.0, step: int = 3) -> list[Frame]:
    return [Frame(image, index, start_s + index / fps) for index, image in enumerate(square(step, count))]


Run = Callable[..., tuple[Recorder, Summary]]


@pytest.fixture
def run(loaded_bundle: Bundle) -> Run:
    def play(script: Script, closes_after: int | None = None, **limits: Any) -> tuple[Recorder, Summary]:
        recorder = Recorder(closes_after)
        summary = Pipeline(loaded_bundle, [recorder]).run(source(script), threading.Event(), **limits)
        return recorder, summary

    return play


def test_it_warms_up_and_then_names_the_movement(run: Run) -> None:
    recorder, summary = run(moving(60))
    answers = [prediction.label or prediction.reason for prediction in recorder.predictions]
    assert answers == ["warming_up"] * answers.count("warming_up") + ["right"] * answers.count("right")
    assert answers.count("warming_up") == 5  # 300 ms at 15 Hz, the first tick has no motion
    assert [span.label or span.reason for span in summary.timeline] == ["warming_up", "right"]
    assert recorder.names() == ["started"] and recorder.summaries == [summary]


def test_every_frame_is_accounted_for(run: Run) -> None:
    _, summary = run(moving(60))
    counts = summary.counts
    assert (counts.frames, counts.ticks, counts.skipped, counts.lost, counts.late) == (60, 30, 30, 0, 0)
    assert summary.gammas == {"2": 29}
    stages = {name: stage.count for name, stage in summary.stages.items()}
    assert stages == {
        "measure": 30, "health": 30, "gate": 30, "input": 30, "student": 29,
        "smoothing": 29, "output": 29, "total": 29, "age": 29,
    }  # fmt: skip


def test_a_gap_starts_anew(run: Run) -> None:
    recorder, summary = run(moving(40) + moving(40, start_s=10.0, step=-3))
    assert recorder.names() == ["started", "stream_gap"]
    answers = [span.label or span.reason for span in summary.timeline]
    assert answers == ["warming_up", "right", "warming_up", "left"]
    assert summary.counts.gaps == 1


def test_a_slow_camera_is_reported_once_and_still_answered(run: Run) -> None:
    recorder, summary = run(moving(30, fps=5.0))
    assert recorder.names() == ["started", "cadence_degraded"]
    assert recorder.predictions[-1].label == "right" and summary.counts.late == 29


def test_a_lost_camera_is_waited_for(run: Run) -> None:
    recorder, summary = run([*moving(30), CameraError("unplugged"), *moving(30, start_s=5.0)])
    assert recorder.names() == ["started", "camera_lost", "camera_back", "stream_gap"]
    assert recorder.waits == 1 and summary.counts.frames == 60


@pytest.mark.parametrize(("level", "reason"), [(0, "black"), (255, "saturated"), (40, "frozen")])
def test_bad_pictures_lead_to_an_abstention(run: Run, level: int, reason: str) -> None:
    picture = np.full((240, 320, 3), level, np.uint8)
    bad = [Frame(picture, 30 + i, 1.0 + i / 30) for i in range(30)]
    recorder, _ = run(moving(30) + bad + [Frame(f.image, 60 + f.sequence, 2.0 + f.capture_time_s) for f in moving(30)])
    during = [p for p in recorder.predictions if 1.6 <= p.capture_time_s < 1.99]
    assert {(p.label, p.reason, p.confidence) for p in during} == {(None, reason, 0.0)}
    assert recorder.predictions[-1].label == "right"


def standing_still(bursts: int, looks: int, pause_s: float) -> list[Frame]:
    """One picture over and over, in bursts at 15 Hz with nothing between them."""
    (image,) = square(0, 1)
    times_s = [burst * (looks / 15 + pause_s) + look / 15 for burst in range(bursts) for look in range(looks)]
    return [Frame(image, number, time_s) for number, time_s in enumerate(times_s)]


def test_a_scene_that_stands_still_before_and_after_a_gap_is_not_frozen(run: Run) -> None:
    recorder, summary = run(standing_still(bursts=2, looks=4, pause_s=10.0))
    assert summary.counts.gaps == 1 and len(recorder.predictions) == 6
    assert {prediction.reason for prediction in recorder.predictions} == {"warming_up"}


def test_a_camera_that_froze_and_delivers_with_gaps_is_frozen_nevertheless(run: Run) -> None:
    recorder, summary = run(standing_still(bursts=6, looks=4, pause_s=1.0))
    assert [(span.label, span.reason) for span in summary.timeline] == [(None, "warming_up"), (None, "frozen")]
    assert len([prediction for prediction in recorder.predictions if prediction.reason == "warming_up"]) == 6
    assert [event.details["reason"] for event in recorder.events if event.name == "picture_bad"] == ["frozen"]


def test_a_picture_that_never_becomes_a_prediction_is_watched_as_well(run: Run) -> None:
    """A frame every two seconds: every one follows a gap, and the form needs two for its motion."""
    recorder, _ = run(standing_still(bursts=20, looks=1, pause_s=2.0))
    assert not recorder.predictions
    assert [event.details["reason"] for event in recorder.events if event.name == "picture_bad"] == ["frozen"]


def test_the_gate_changes_the_gamma_and_says_so(run: Run) -> None:
    bright = [Frame(f.image + 60, 30 + f.sequence, 1.0 + f.capture_time_s) for f in moving(30)]
    recorder, summary = run(moving(30) + bright)
    change = next(event for event in recorder.events if event.name == "gamma_changed")
    assert change.details == {"from": 2.0, "to": 1.0} and change.message == "gamma 2 -> gamma 1"
    assert set(summary.gammas) == {"1", "2"}


def test_limits_and_stop(run: Run, loaded_bundle: Bundle) -> None:
    assert run(moving(60), max_frames=7)[1].counts.frames == 7
    assert run(moving(60), duration_s=1e-6)[1].counts.frames == 0
    stop = threading.Event()
    stop.set()
    recorder = Recorder()
    summary = Pipeline(loaded_bundle, [recorder]).run(source([*moving(60)]), stop)
    assert summary.counts.frames == 0 and recorder.summaries == [summary]


def test_when_the_reader_goes_the_run_ends_with_its_summary(run: Run) -> None:
    recorder, summary = run(moving(60), closes_after=3)
    assert len(recorder.predictions) == 3 and recorder.summaries == [summary]


def test_stream_time_starts_with_the_first_frame(run: Run) -> None:
    recorder, _ = run(moving(20, start_s=5000.0))
    first = recorder.predictions[0]
    assert first.capture_time_s == pytest.approx(5000.0667, abs=1e-3)
    assert first.stream_time_s == pytest.approx(0.0667, abs=1e-3)
