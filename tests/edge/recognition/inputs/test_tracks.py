"""The form `tracks`: a window for everybody, in the body's own measure, and one stream of the student for each."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.synthetic.passing import scene
from edge.bundles.bundle import GATE_FILE, STUDENT_FILE, Bundle, gate_bytes
from edge.bundles.manifest import ExpertSpec, FrontEndSpec, GateSpec, InputSpec
from edge.engines.onnxruntime import OnnxRuntimeSession
from edge.errors import UsageError
from edge.picture.frame import Frame
from edge.recognition.chain import Chain, Tick
from edge.recognition.deciding import NOBODY
from edge.recognition.inputs import network_input
from edge.recognition.inputs.base import ZERO
from edge.recognition.inputs.tracks import Tracks
from edge.recognition.recogniser import Recogniser
from edge.recognition.streams import TrackStreams
from tests.students import tiny_gate, tiny_manifest, tiny_student

GATE = GateSpec((1.5, 2.0, 3.0), 4, 2, (ExpertSpec(), ExpertSpec(2, 2, 1), ExpertSpec(4, 4, 2)))
MEDIUM = 1


def eyes(height: int = 240, width: int = 320) -> Tracks:
    made = network_input(FrontEndSpec(height, width, fraction_bits=4), InputSpec("tracks", 30, 40, 5.0), GATE)
    assert isinstance(made, Tracks)
    return made


def walker(size: int, ticks: int, speed: float = 3.0) -> list[Frame]:
    """A bright body, `size` pixels high, that walks over a dark, noisy wall; its legs swing."""
    rng = np.random.default_rng(7)
    wall = np.full((240, 320, 3), 12.0)
    frames = []
    for tick in range(ticks):
        picture = wall.copy()
        left, top, step = round(20 + speed * size / 100 * tick), 120 - size // 2, round(size / 8 * np.sin(tick))
        picture[top : top + size // 2, left : left + size // 4] = 45
        picture[top + size // 2 : top + size, left + step : left + step + size // 8] = 45
        picture[top + size // 2 : top + size, left + size // 8 - step : left + size // 4 - step] = 45
        frames.append(Frame(np.clip(rng.normal(picture, 1.5), 0, 255).astype(np.uint8), tick, tick / 15))
    return frames


def last_window(frames: list[Frame]) -> np.ndarray:
    mine = eyes()
    for frame in frames:
        mine.take(frame)
        windows = mine.windows(MEDIUM)
    assert windows
    return windows[0].x[0].astype(int) - ZERO


def test_near_and_far_look_the_same() -> None:
    """Twice as large and twice as fast in pixels is the same person at half the distance."""
    far, near = last_window(walker(60, 40)), last_window(walker(120, 40))
    for seen in (far, near):
        rows = np.flatnonzero((seen[..., 0] > 20).any(axis=1))
        assert 15 <= rows[-1] - rows[0] <= 28  # of 30: body-sized
    speeds = [np.median(seen[..., 1][np.abs(seen[..., 1]) > 3]) for seen in (far, near)]
    assert speeds[0] == pytest.approx(speeds[1], rel=0.35) and min(speeds) > 5


def test_an_empty_room_has_no_window_but_training_sees_the_whole_of_it() -> None:
    mine, rng = eyes(), np.random.default_rng(3)
    for i in range(12):
        mine.take(Frame(np.clip(rng.normal(12, 1.5, (240, 320, 3)), 0, 255).astype(np.uint8), i, i / 15))
        windows, whole = mine.windows(MEDIUM), mine.see(MEDIUM)
        assert (windows is None) == (whole is None) == (i == 0)
        assert not windows
    assert whole is not None and whole.shape == (1, 30, 40, 3)


def test_training_may_look_where_the_person_truly_is() -> None:
    mine, frames = eyes(), walker(100, 6)
    mine.watch((0.0, 0.25, 0.25, 0.5))
    for frame in frames:
        mine.take(frame)
        x = mine.see(MEDIUM)
    assert x is not None and (x[0, ..., 0] > ZERO + 20).any()
    mine.watch((0.7, 0.25, 0.25, 0.5))
    for frame in walker(100, 20):
        mine.take(frame)
        x = mine.see(MEDIUM)
    assert x is not None and not (x[0, ..., 0] > ZERO + 40).any()


def test_every_expert_has_eyes_and_one_that_comes_later_knows_who_is_where() -> None:
    one, switching = eyes(), eyes()
    for tick, frame in enumerate(walker(100, 40)):
        one.take(frame)
        switching.take(frame)
        one.windows(0)
        switching.windows(0 if tick < 30 else 1)
    windows = switching.windows(1)
    assert windows and windows[0].track.identity == 1
    assert windows[0].track.age > 25


# ---- With a student ----


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    student = tiny_student()
    files = {STUDENT_FILE: student.streaming_onnx(), GATE_FILE: gate_bytes(tiny_gate())}
    return Bundle("tiny", "", tiny_manifest(student, "tracks"), files)


@pytest.fixture(scope="module")
def crossing() -> list[Frame]:
    return scene("two cross", 0, "LL").frames[:75]


def ticks(chain: Chain, frames: list[Frame]) -> list[Tick]:
    return [tick for frame in frames if (tick := chain.take(frame)) is not None and tick.result is not None]


def test_everybody_has_a_stream_of_the_student_and_a_decision(bundle: Bundle, crossing: list[Frame]) -> None:
    found = ticks(Chain(bundle), crossing)
    told = [tick.tracks for tick in found if tick.tracks]
    assert max(len(tracks) for tracks in told) == 2
    first = next(tick for tick in found if tick.tracks is not None and not tick.tracks)
    assert first.decision is not None and first.decision.reason == NOBODY
    for tick in found:
        if tick.tracks:
            assert tick.decision is tick.tracks[0].decision


def test_a_tracks_answers_are_those_of_a_session_of_its_own(bundle: Bundle, crossing: list[Frame]) -> None:
    recogniser, apart = Recogniser(bundle, gamma=2.0), dict[int, OnnxRuntimeSession]()
    seen = network_input(bundle.manifest.front_end, bundle.manifest.input, bundle.manifest.gate)
    both = 0
    for frame in crossing:
        result = recogniser.tick(frame)
        seen.take(frame)
        windows = seen.windows(1)
        assert (result is None) == (windows is None)
        if result is None or windows is None or result.tracks is None:
            continue
        both += len(windows) > 1
        for window, answer in zip(windows, result.tracks, strict=True):
            session = apart.setdefault(window.track.identity, OnnxRuntimeSession(bundle))
            assert np.array_equal(session.step(window.x)[1], answer.logits)
    assert both > 10


def test_a_track_that_is_forgotten_begins_anew(bundle: Bundle) -> None:
    rng = np.random.default_rng(1)
    xs = rng.integers(0, 256, (3, 1, *OnnxRuntimeSession(bundle)._x.shape[1:])).astype(np.uint8)
    streams = TrackStreams(OnnxRuntimeSession(bundle))
    fresh = streams.step(1, xs[0])
    assert not np.array_equal(streams.step(1, xs[0]), fresh)
    streams.step(2, xs[1])
    streams.keep([2])
    assert np.array_equal(streams.step(1, xs[0]), fresh)


def test_a_reset_forgets_everybody(bundle: Bundle, crossing: list[Frame]) -> None:
    chain = Chain(bundle)
    first = [tick.tracks for tick in ticks(chain, crossing[:40])]
    chain.reset()
    again = [tick.tracks for tick in ticks(chain, crossing[:40])]
    assert [[one.track for one in tracks or ()] for tracks in first] == [
        [one.track for one in tracks or ()] for tracks in again
    ]


def test_every_expert_at_once_is_refused(bundle: Bundle) -> None:
    with pytest.raises(UsageError, match="--average: bundle tiny follows people"):
        Chain(bundle, average=True)
