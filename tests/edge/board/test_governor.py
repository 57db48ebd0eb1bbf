"""Less work on a board in trouble: at once; back again after a calm time; and never with a state that means nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from edge.board import governor as adaptive
from edge.board.governor import CALM_S, SAMPLE_S, Governor, Level
from edge.board.profile import board_profile
from edge.board.state import BoardWatch
from edge.bundles.bundle import Bundle
from edge.cameras.source import camera_source
from edge.messages import Event, Prediction
from edge.outputs import Output
from edge.run.pipeline import Pipeline
from tests.edge.board_trees import orin_nano, pi5

INTERVAL_MS, TOLERANCE_MS = 1000 / 15, 33.0


class Story:
    """A governor on a tree, and the events that it tells as time goes on."""

    def __init__(self, root: Path, bundle: Bundle) -> None:
        self.governor = Governor(BoardWatch(board_profile(root=root), root), bundle.manifest)
        self.now_s = 1000.0

    def after(self, seconds: float) -> list[Event]:
        """Step as frames come, twenty a second, and collect."""
        events: list[Event] = []
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            self.now_s += 0.05
            events += self.governor.step(self.now_s)
        return events


@pytest.fixture
def story(tmp_path: Path, loaded_bundle: Bundle) -> Story:
    return Story(pi5(tmp_path), loaded_bundle)


def names(events: list[Event]) -> list[str]:
    return [event.name for event in events]


def test_a_healthy_board_does_all_ticks(story: Story) -> None:
    assert story.after(120) == []
    assert (story.governor.interval_ms, story.governor.resting) == (INTERVAL_MS, False)


def test_heat_spaces_the_ticks_out_within_the_tolerance(story: Story, tmp_path: Path) -> None:
    story.after(1)
    pi5(tmp_path, celsius=76)
    (event,) = story.after(SAMPLE_S + 0.1)
    assert (event.name, event.details["level"]) == ("throttled", "slow")
    assert event.details["reasons"] == ["cpu-thermal 76 degrees"]
    assert story.governor.interval_ms == pytest.approx(INTERVAL_MS + TOLERANCE_MS)
    assert story.after(120) == []  # it is said once


def test_it_recovers_only_when_it_is_cooler_for_a_while(story: Story, tmp_path: Path) -> None:
    pi5(tmp_path, celsius=76)
    story.after(SAMPLE_S + 0.1)
    pi5(tmp_path, celsius=72)  # below the limit, but not by the margin
    assert story.after(3 * CALM_S) == []
    pi5(tmp_path, celsius=69)
    assert story.after(CALM_S - 2 * SAMPLE_S) == []
    assert names(story.after(3 * SAMPLE_S)) == ["unthrottled"]
    assert story.governor.interval_ms == INTERVAL_MS


def test_a_temperature_that_swings_around_the_limit_is_not_told_again_and_again(story: Story, tmp_path: Path) -> None:
    events = []
    for turn in range(100):
        pi5(tmp_path, celsius=74.5 if turn % 2 else 75.5)
        events += story.after(SAMPLE_S + 0.05)
    assert names(events) == ["throttled"]


@pytest.mark.parametrize(
    ("trouble", "level", "reason"),
    [
        ({"flags": 0x1}, "bursts", "under-voltage"),
        ({"flags": 0x2}, "slow", "frequency capped"),
        ({"flags": 0x4}, "bursts", "throttled"),
        ({"flags": 0x8}, "slow", "soft temperature limit"),
        ({"alarm": 1}, "bursts", "under-voltage"),
        ({"celsius": 83.0}, "bursts", "cpu-thermal 83 degrees"),
        ({"celsius": 83.0, "flags": 0x2}, "bursts", "cpu-thermal 83 degrees"),
    ],
)
def test_every_trouble_of_a_pi_has_its_level(
    story: Story, tmp_path: Path, trouble: dict[str, int], level: str, reason: str
) -> None:
    pi5(tmp_path, **trouble)
    events = story.after(SAMPLE_S + 0.1)
    assert (events[0].name, events[0].details["level"]) == ("throttled", level)
    assert events[0].details["reasons"][0] == reason  # type: ignore[index]


def test_what_was_since_the_boot_is_no_trouble_now(story: Story, tmp_path: Path) -> None:
    pi5(tmp_path, flags=0xF0000)
    assert story.after(10) == []


def test_a_jetson_whose_supply_is_too_weak(tmp_path: Path, loaded_bundle: Bundle) -> None:
    story = Story(orin_nano(tmp_path, events=7), loaded_bundle)
    assert story.after(10) == []  # old events
    orin_nano(tmp_path, events=8)
    (event, *_) = story.after(SAMPLE_S + 0.1)
    assert event.details["reasons"] == ["over-current"]


def test_bursts_watch_long_enough_to_answer_then_rest(story: Story, tmp_path: Path, loaded_bundle: Bundle) -> None:
    pi5(tmp_path, flags=0x4)
    story.after(0.05)
    governor, smoothing = story.governor, loaded_bundle.manifest.smoothing
    assert governor.interval_ms == INTERVAL_MS  # the interval that it was trained for
    assert governor.watch_s * 1e3 >= smoothing.warm_up_ms + smoothing.window_ms
    watched = rested = 0
    events = []
    for _ in range(400):
        events += story.after(0.05)
        watched, rested = watched + (not governor.resting), rested + governor.resting
    assert watched == pytest.approx(rested, rel=0.1)
    assert set(names(events)) == {"resting"}
    assert len(events) == pytest.approx(20 / (governor.watch_s + governor.rest_s), abs=1)


def test_it_comes_back_level_by_level(story: Story, tmp_path: Path) -> None:
    pi5(tmp_path, flags=0x4)
    story.after(SAMPLE_S + 0.1)
    pi5(tmp_path)
    events = [event for event in story.after(3 * CALM_S) if event.name != "resting"]
    assert [event.details["level"] for event in events] == ["slow", "full"]
    assert not story.governor.resting


def test_levels_are_in_order() -> None:
    assert Level.FULL < Level.SLOW < Level.BURSTS


class Recorder(Output):
    def __init__(self) -> None:
        self.predictions: list[Prediction] = []
        self.events: list[Event] = []
        self.waits = 0

    def prediction(self, prediction: Prediction) -> None:
        self.predictions.append(prediction)

    def event(self, event: Event) -> None:
        self.events.append(event)

    def waiting(self) -> None:
        self.waits += 1


def test_a_pipeline_rests_and_comes_back_without_a_gap(
    tmp_path: Path, loaded_bundle: Bundle, write_clip: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clip is read as fast as it goes, so a second of the governor's time is made of a few frames."""
    clock = iter(index / 30 for index in range(100_000))
    monkeypatch.setattr(adaptive, "SAMPLE_S", 0.5)
    monkeypatch.setattr("edge.run.pipeline.time", _Clock(lambda: next(clock)))
    recorder = Recorder()
    tree = pi5(tmp_path / "tree", flags=0x4)
    pipeline = Pipeline(loaded_bundle, [recorder], watch=BoardWatch(board_profile(root=tree), tree))
    clip = write_clip("rest.avi", frames=240)
    summary = pipeline.run(camera_source(f"file:{clip}"), threading.Event())
    rests = names(recorder.events).count("resting")
    assert rests >= 2 and "stream_gap" not in names(recorder.events)
    assert summary.counts.frames == 240 and recorder.waits == pytest.approx(summary.counts.skipped / 1.5, rel=0.35)
    after = [
        later
        for before, later in zip(recorder.predictions, recorder.predictions[1:], strict=False)
        if later.capture_time_s - before.capture_time_s > 0.5
    ]
    assert after and all(prediction.reason == "warming_up" for prediction in after)


class _Clock:
    """The module `time`, its monotonic clock replaced."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.monotonic, self.perf_counter = monotonic, time.perf_counter


def test_another_bundle_keeps_the_level(story: Story, tmp_path: Path, loaded_bundle: Bundle) -> None:
    pi5(tmp_path, celsius=76)
    story.after(SAMPLE_S + 0.1)
    manifest = loaded_bundle.manifest
    story.governor.serve(replace(manifest, cadence=replace(manifest.cadence, interval_ms=50.0, tolerance_ms=10.0)))
    assert story.governor.interval_ms == 60.0
