"""The model's tick by capture times: fast, slow, jittering, interrupted cameras."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.bundles.manifest import CadenceSpec
from edge.picture.frame import Frame
from edge.recognition.cadence import Cadence, Step, at_cadence

IMAGE = np.zeros((2, 2, 3), np.uint8)
INTERVAL_MS, TOLERANCE_MS, RESET_AFTER_MS = 1000 / 15, 33.0, 500.0


def cadence() -> Cadence:
    return Cadence(CadenceSpec(INTERVAL_MS, TOLERANCE_MS, RESET_AFTER_MS))


def never() -> None:
    raise AssertionError("there is no gap to forget anything after")


def frames(times_s: list[float]) -> list[Frame]:
    return [Frame(IMAGE, index, time_s) for index, time_s in enumerate(times_s)]


@pytest.mark.parametrize("fps", [15, 25, 30, 50, 60, 120])
def test_a_faster_camera_gives_ticks_at_the_models_rate(fps: int) -> None:
    ticks = list(at_cadence(frames([i / fps for i in range(10 * fps)]), cadence(), never))
    assert len(ticks) == pytest.approx(150, abs=1)


@pytest.mark.parametrize("fps", [10, 7.5, 5, 3])
def test_a_slower_camera_gives_a_tick_per_frame_and_is_degraded(fps: float) -> None:
    pace = cadence()
    steps = [pace.offer(frame) for frame in frames([i / fps for i in range(40)])]
    assert set(steps) == {Step.TICK}
    assert pace.degraded == (1000 / fps > INTERVAL_MS + TOLERANCE_MS)
    assert pace.measured_interval_ms == pytest.approx(1000 / fps, rel=0.05)


def test_a_camera_that_slows_down_and_recovers_is_degraded_in_between_only() -> None:
    pace, now_s = cadence(), 0.0
    seen: list[Any] = []
    for interval_s in [1 / 30] * 60 + [1 / 5] * 30 + [1 / 30] * 120:
        now_s += interval_s
        pace.offer(Frame(IMAGE, len(seen), now_s))
        seen.append(pace.degraded)
    changes = sum(before != after for before, after in pairwise(seen))
    assert changes == 2 and not seen[0] and seen[85] and not seen[-1]


@given(st.lists(st.floats(-0.008, 0.008), min_size=31, max_size=200))
def test_jitter_changes_no_tick_of_a_30_fps_camera(jitter_s: list[float]) -> None:
    pace = cadence()
    steps = [pace.offer(frame) for frame in frames([i / 30 + j for i, j in enumerate([0.0, *jitter_s])])]
    assert steps == [Step.TICK if i % 2 == 0 else Step.SKIP for i in range(len(steps))]
    assert pace.counts.late == 0


@given(st.lists(st.floats(0.0, 0.4), min_size=1, max_size=200))
def test_every_frame_is_counted_once_and_ticks_never_come_too_soon(intervals_s: list[float]) -> None:
    pace = cadence()
    offered = frames(np.cumsum([0.0, *intervals_s]).tolist())
    ticks = list(at_cadence(offered, pace, never))
    counts = pace.counts
    assert counts.frames == len(offered) == counts.ticks + counts.skipped
    assert len(ticks) == counts.ticks and counts.gaps == 0
    times_s = [frame.capture_time_s for frame in ticks]
    # Never more than the grid's share of ticks in any stretch, give or take the tolerance and one late tick.
    assert len(times_s) <= times_s[-1] / (INTERVAL_MS / 1e3) + 2.5


@pytest.mark.parametrize(("jump_s", "gap_ms"), [(0.6, 600.0), (3600.0, 3600e3), (-1.0, -1000.0)])
def test_a_gap_and_a_clock_that_goes_back_are_gaps(jump_s: float, gap_ms: float) -> None:
    pace = cadence()
    for i in range(31):
        pace.offer(Frame(IMAGE, i, i / 30))
    assert pace.offer(Frame(IMAGE, 31, 1.0 + jump_s)) is Step.GAP
    assert pace.gap_ms == pytest.approx(gap_ms)
    assert pace.offer(Frame(IMAGE, 32, 1.0 + jump_s + 1 / 30)) is Step.SKIP
    assert pace.offer(Frame(IMAGE, 33, 1.0 + jump_s + 2 / 30)) is Step.TICK


@pytest.mark.parametrize("fps", [30, 15, 7.5, 5])
@pytest.mark.parametrize("seed", range(20))
def test_jitter_of_a_camera_of_any_rate_costs_no_tick(fps: float, seed: int) -> None:
    """Up to an eighth of the frame time or 8 ms: every frame is a tick, at 30 every second one."""
    most_s = min(0.008, 1 / fps / 8)
    jitter_s = np.random.default_rng(seed).uniform(-most_s, most_s, 100)
    pace = cadence()
    steps = [pace.offer(frame) for frame in frames((np.arange(100) / fps + jitter_s).tolist())]
    assert steps == [Step.SKIP if fps == 30 and i % 2 else Step.TICK for i in range(len(steps))]


@pytest.mark.parametrize("fps", [30, 15, 7.5, 5])
@pytest.mark.parametrize("missing_s", [0.15, 0.25, 0.45, 0.7, 3.0])
def test_missing_frames_are_a_gap_only_when_the_silence_is_too_long(fps: float, missing_s: float) -> None:
    pace = cadence()
    times_s = [i / fps for i in range(40)]
    kept = [time_s for time_s in times_s if not 2.0 < time_s < 2.0 + missing_s] if missing_s < 1 else times_s[:20]
    kept += [kept[-1] + missing_s + i / fps for i in range(20)] if missing_s >= 1 else []
    steps = [pace.offer(frame) for frame in frames(kept)]
    ticks_s = [time_s for time_s, step in zip(kept, steps, strict=True) if step is not Step.SKIP]
    silences_ms = [(b - a) * 1e3 for a, b in pairwise(ticks_s)]
    assert steps.count(Step.GAP) == pace.counts.gaps == sum(silence > RESET_AFTER_MS for silence in silences_ms)
    if pace.counts.gaps:
        assert pace.gap_ms == pytest.approx(max(silences_ms))


def test_a_camera_that_slows_down_as_it_gets_dark() -> None:
    """30, 15, 7.5, 5 frames a second and back: one report each way, and the time between ticks is known throughout."""
    pace, now_s = cadence(), 0.0
    seen: list[Any] = []
    for fps in (30, 15, 7.5, 5, 7.5, 15, 30):
        for _ in range(round(6 * fps)):
            now_s += 1 / fps
            assert pace.offer(Frame(IMAGE, len(seen), now_s)) is not Step.GAP
            seen.append((fps, pace.degraded))
        assert pace.measured_interval_ms == pytest.approx(max(1000 / fps, INTERVAL_MS), rel=0.02)
        assert pace.degraded == (fps < 15)
    assert sum(before != after for (_, before), (_, after) in pairwise(seen)) == 2
    assert pace.counts.lost == 0


def test_frames_that_the_camera_lost_are_counted_by_their_numbers() -> None:
    pace = cadence()
    for sequence in (0, 1, 4, 5, 0, 1):  # the last two: the camera was opened again
        pace.offer(Frame(IMAGE, sequence, pace.counts.frames / 30))
    assert pace.counts.lost == 2


def test_before_the_first_tick_after_a_gap_a_recording_is_forgotten() -> None:
    told: list[float | str] = []
    for frame in at_cadence(frames([0.0, 0.03, 0.07, 2.0, 2.03, 2.07]), cadence(), lambda: told.append("forgotten")):
        told.append(frame.capture_time_s)
    assert told == [0.0, 0.07, "forgotten", 2.0, 2.07]
