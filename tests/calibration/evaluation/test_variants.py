"""Baselines and ablations run the same chain, with exactly one thing changed."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path

import numpy as np
import pytest

from calibration.clip_sets.clips import Clip, ClipSet
from calibration.evaluation.evaluate import contend, evaluate
from calibration.evaluation.scores import LiveTicks
from calibration.evaluation.variants import Variant, ablations, baselines, clahe, equalised
from calibration.sets import open_set
from calibration.tensors import Geometry, clip_tensors
from edge.bundles.bundle import gate_bytes
from edge.cameras.base import Camera, CameraSource
from edge.cameras.source import camera_source
from edge.engines.onnxruntime import OnnxRuntimeSession
from edge.messages import Prediction
from edge.outputs import Output
from edge.picture.frame import Frame
from edge.picture.front_end import FrontEnd
from edge.recognition.gate import Gate
from edge.recognition.smoothing import softmax
from edge.run.pipeline import Pipeline
from tests.calibration.evaluation.test_evaluate import tiny_bundle
from tests.clips import LABELS, moving_square, square_set, write_square_folder
from tests.students import GAMMAS, HEIGHT, WIDTH, tiny_gate

DARK = np.random.default_rng(0).integers(2, 12, (60, 80, 3), np.uint8)


def test_baselines_are_every_gamma_and_two_equalisations() -> None:
    names = [variant.name for variant in baselines(GAMMAS)]
    assert names == ["no correction", "gamma 2", "gamma 3", "CLAHE", "histogram equalisation"]
    assert [variant.gamma for variant in baselines(GAMMAS)] == [1, 2, 3, 1, 1]
    assert next(variant.name for variant in baselines((1.5, 2.0))) == "gamma 1.5"  # no gamma 1, no such claim


def test_gamma_1_is_no_correction() -> None:
    front_end = FrontEnd(30, 40)
    statistics = front_end.measure(DARK)
    assert np.array_equal(front_end.correct(statistics, 1.0), front_end.small)


@pytest.mark.parametrize("equalise", [clahe, equalised])
def test_equalisations_spread_the_levels(equalise: object) -> None:
    before = DARK.copy()
    image = equalise(DARK)  # type: ignore[operator]
    assert image.shape == DARK.shape and image.dtype == np.uint8
    assert image.std() > 1.5 * DARK.std()
    assert np.array_equal(DARK, before)


def test_each_fixed_gamma_is_the_evaluation_with_that_gamma() -> None:
    bundle, clips = tiny_bundle(), square_set(3)
    variants = baselines(GAMMAS)[: len(GAMMAS)]
    for gamma, found in zip(GAMMAS, contend([(bundle, v) for v in variants], clips), strict=True):
        (alone,) = evaluate([bundle], clips, gamma)
        for a, b in zip(found.results, alone.results, strict=True):
            np.testing.assert_array_equal(a.probabilities, b.probabilities)
            assert set(a.gammas) == {gamma}


def test_an_equalised_picture_goes_through_the_chain() -> None:
    bundle, clips = tiny_bundle(), square_set(2)
    with_it, without = contend([(bundle, Variant(gamma=1.0, prepare=equalised)), (bundle, Variant(gamma=1.0))], clips)
    assert not np.allclose(with_it.results[0].probabilities, without.results[0].probabilities, atol=1e-4)


def test_the_ablation_without_heads_asks_one_head_whatever_the_gamma() -> None:
    bundle, clips = tiny_bundle(), square_set(4)
    weights = tiny_gate()
    weights["b3"] = np.array([0, 100, 0], np.float32)  # a gate that takes the second gamma
    bundle = dataclasses.replace(bundle, files={**bundle.files, "gate.npz": gate_bytes(weights)})
    plain, one_head, both = contend([(bundle, variant) for variant in ablations(GAMMAS)], clips)
    for clip, a, b, c in zip(clips.clips, plain.results, one_head.results, both.results, strict=True):
        assert set(a.gammas) == {GAMMAS[0]} and set(b.gammas) == set(c.gammas) == {GAMMAS[1]}
        student = OnnxRuntimeSession(bundle)
        logits = [student.step(x[np.newaxis]) for x in clip_tensors(clip.frames(), Geometry.of(bundle.manifest)).x[1]]
        np.testing.assert_allclose(b.probabilities, np.mean([softmax(row[0]) for row in logits], axis=0), atol=1e-6)
        assert not np.allclose(b.probabilities, c.probabilities, atol=1e-4)


def test_a_whole_clip_has_the_gamma_that_its_own_statistics_choose() -> None:
    bundle, clips = tiny_bundle(), square_set(3)
    (found,) = contend([(bundle, Variant())], clips, whole_clip=True)
    gate = Gate(bundle.gate_weights(), GAMMAS)
    for clip, result in zip(clips.clips, found.results, strict=True):
        front_end = FrontEnd(2 * HEIGHT, 2 * WIDTH)
        seen = [front_end.measure(frame.image) for frame in clip.frames()]  # at 15 a second every frame is a tick
        spread = [seen[i] for i in np.linspace(0, len(seen) - 1, gate.window).round().astype(int)]
        features = np.array([value for s in spread for value in (s.mean, s.std, s.entropy)], np.float32)
        head = int(np.argmax(gate.scores(features)))
        assert result.gammas == {GAMMAS[head]: result.ticks} and result.live is None
        student = OnnxRuntimeSession(bundle)
        stream = clip_tensors(clip.frames(), Geometry.of(bundle.manifest)).x[head]
        expected = np.mean([softmax(student.step(x[np.newaxis])[head]) for x in stream], axis=0)
        np.testing.assert_allclose(result.probabilities, expected, atol=1e-6)


class Kept(Output):
    """Remembers labels and reasons."""

    def __init__(self) -> None:
        self.labels: list[str | None] = []
        self.reasons: list[str | None] = []

    def prediction(self, prediction: Prediction) -> None:
        self.labels.append(prediction.label)
        self.reasons.append(prediction.reason)

    def ticks(self, truth: str) -> LiveTicks:
        """As the evaluation counts them."""
        return LiveTicks(
            right=sum(label == truth for label in self.labels),
            wrong=sum(label not in (truth, None) for label in self.labels),
            silent=sum(label is None for label in self.labels),
        )


class Played(Camera):
    """A clip as a camera."""

    live = False

    def __init__(self, clip: Clip) -> None:
        super().__init__(clip.name)
        self._frames = clip.frames()

    def read(self, timeout_s: float) -> Frame | None:
        return next(iter(self._frames), None)

    def close(self) -> None:
        pass


def test_live_answers_are_those_of_the_device(tmp_path: Path) -> None:
    """The evaluation's smoothed answers, counted, are those that `edge-run` gives on the same file."""
    bundle, clips = tiny_bundle(), open_set(f"folder:{write_square_folder(tmp_path, 3, frames=30)}")
    (found,) = evaluate([bundle], clips)
    for clip, result in zip(clips.clips, found.results, strict=True):
        kept = Kept()
        Pipeline(bundle, [kept]).run(camera_source(f"file:{tmp_path / clip.name}"), threading.Event())
        assert result.live == kept.ticks(found.labels[result.label]) and result.ticks == len(kept.labels) > 20


@pytest.mark.parametrize(
    ("bursts", "still_from", "reasons"),
    [(2, 5, {None, "warming_up"}), (4, 0, {None, "warming_up", "frozen"})],
    ids=["a scene that stands still before and after it", "a camera that froze and delivers with gaps"],
)
def test_a_gap_is_to_the_evaluation_what_it_is_to_the_device(
    bursts: int, still_from: int, reasons: set[str | None]
) -> None:
    bundle = tiny_bundle()
    smoothing = dataclasses.replace(bundle.manifest.smoothing, minimum_confidence=0.0)  # whatever it sees, it answers
    bundle = dataclasses.replace(bundle, manifest=dataclasses.replace(bundle.manifest, smoothing=smoothing))
    images = [frame.image for frame in moving_square("left", 0, still_from + 1)]
    times_s = [2.0 * burst + i / 15 for burst in range(bursts) for i in range(6)]
    frames = [Frame(images[min(number, still_from)], number, time_s) for number, time_s in enumerate(times_s)]
    clip = Clip("gaps", LABELS.index("still"), lambda: iter(frames), "gaps")
    kept = Kept()
    Pipeline(bundle, [kept]).run(CameraSource("gaps", live=False, open=lambda: Played(clip)), threading.Event())
    assert set(kept.reasons) == reasons
    (found,) = evaluate([bundle], ClipSet("gaps", LABELS, [clip]))
    assert found.results[0].live == kept.ticks("still")
