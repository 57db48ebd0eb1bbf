"""Evaluation: the statistics against known values, the chain against its parts, labels matched by name."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.clip_sets.clips import Clip, ClipSet
from calibration.evaluation.cli import main
from calibration.evaluation.evaluate import evaluate
from calibration.evaluation.scores import compare, mcnemar, wilson
from calibration.tensors import Geometry, clip_tensors
from edge.bundles.bundle import Bundle, write_bundle
from edge.engines import catalogue, choice
from edge.engines.catalogue import ENGINES
from edge.engines.onnxruntime import OnnxRuntimeSession
from edge.errors import EXIT_CONFIG, EXIT_USAGE, DataError, UsageError
from edge.picture.frame import Frame
from edge.recognition.smoothing import softmax
from tests.clips import LABELS, moving_square, square_set, write_square_folder
from tests.students import GAMMAS, tiny_files, tiny_manifest, tiny_student


def tiny_bundle(seed: int = 0, form: str = "luma_flow") -> Bundle:
    student = tiny_student(seed)
    return Bundle(f"tiny {seed}", "", tiny_manifest(student, form), tiny_files(student))


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (50, 100, 0.4038, 0.5962)],
)
def test_wilson_gives_the_published_intervals(successes: int, trials: int, low: float, high: float) -> None:
    assert wilson(successes, trials) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_solves_its_equation(case: tuple[int, int]) -> None:
    successes, trials = case
    p = successes / trials
    for bound in wilson(successes, trials):
        # Its ends are where the score test just rejects: |p - bound| = z * sqrt(bound * (1 - bound) / n).
        assert abs(p - bound) == pytest.approx(1.959964 * math.sqrt(bound * (1 - bound) / trials), abs=1e-6)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_binomial_test(only_first: int, only_second: int) -> None:
    n = only_first + only_second
    observed = abs(only_first - n / 2)
    expected = sum(math.comb(n, k) for k in range(n + 1) if abs(k - n / 2) >= observed) / 2**n
    assert mcnemar(only_first, only_second) == pytest.approx(expected)


@pytest.mark.parametrize("form", ["luma_flow", "rgb"])
@pytest.mark.parametrize("expert", range(len(GAMMAS)))
def test_a_decision_is_what_the_training_tensors_and_the_engine_give(form: str, expert: int) -> None:
    bundle, clips = tiny_bundle(form=form), square_set(2)
    (evaluation,) = evaluate([bundle], clips, gamma=GAMMAS[expert])
    for clip, result in zip(clips.clips, evaluation.results, strict=True):
        stream = clip_tensors(clip.frames(), Geometry.of(bundle.manifest)).x[expert]
        student = OnnxRuntimeSession(bundle)
        expected = np.mean([softmax(student.step(x[np.newaxis])[expert]) for x in stream], axis=0)
        np.testing.assert_allclose(result.probabilities, expected, atol=1e-6)
        assert result.ticks == len(stream) == (20 if form == "rgb" else 19)
        assert result.decision == int(np.argmax(expected))


def test_labels_are_matched_by_name_and_the_unknown_are_counted() -> None:
    here, there = square_set(6), square_set(8, ("still", "swim", "right", "left"))
    (one,) = evaluate([tiny_bundle()], here)
    (other,) = evaluate([tiny_bundle()], there)
    assert other.unknown == {"swim": 2} and one.unknown == {}
    assert [other.labels[r.label] for r in other.results] == ["still", "right", "left"] * 2
    assert {label: count for label, (_, count) in other.per_class.items()} == {"left": 2, "right": 2, "still": 2}
    with pytest.raises(DataError, match=r"none of its 2 clips has a label that the bundle knows.*left, right, still"):
        evaluate([tiny_bundle()], square_set(2, ("swim", "dive")))


def test_accuracy_counts_what_the_results_say() -> None:
    (evaluation,) = evaluate([tiny_bundle()], square_set(5))
    rights = [r.decision == r.label for r in evaluation.results]
    assert evaluation.top1 == sum(rights) / 5
    by_class = [[right for r, right in zip(evaluation.results, rights, strict=True) if r.label == k] for k in range(3)]
    assert evaluation.macro == pytest.approx(np.mean([np.mean(group) for group in by_class]))
    assert evaluation.interval95 == wilson(sum(rights), 5)


def test_a_clip_too_short_for_a_tick_counts_as_wrong() -> None:
    (evaluation,) = evaluate([tiny_bundle()], square_set(3, frames=1))
    assert [r.decision for r in evaluation.results] == [None, None, None]
    assert evaluation.top1 == 0.0


def frames_with_a_gap(label: str, pause_s: float) -> Iterator[Frame]:
    for frame in moving_square(label, 0, 12):
        late_s = pause_s if frame.sequence >= 6 else 0.0
        yield Frame(frame.image, frame.sequence, frame.capture_time_s + late_s)


def second_half(label: str) -> Iterator[Frame]:
    return (frame for frame in moving_square(label, 0, 12) if frame.sequence >= 6)


def test_after_a_gap_the_stream_starts_anew() -> None:
    def clip(name: str, *frames: Frame) -> Clip:
        return Clip(name, 0, lambda: iter(frames), name)

    clips = ClipSet(
        "gaps",
        LABELS,
        [
            clip("whole", *frames_with_a_gap("left", 2.0)),
            clip("first", *list(frames_with_a_gap("left", 2.0))[:6]),
            clip("second", *second_half("left")),
        ],
    )
    whole, first, second = evaluate([tiny_bundle()], clips)[0].results
    assert whole.ticks == first.ticks + second.ticks == 10  # both halves lose the frame that has no motion
    np.testing.assert_allclose(whole.probabilities, (first.probabilities + second.probabilities) / 2, atol=1e-6)


def test_two_bundles_are_compared_clip_by_clip() -> None:
    clips = square_set(9)
    first, second = evaluate([tiny_bundle(0), tiny_bundle(3)], clips)
    (alone,) = evaluate([tiny_bundle(3)], clips)
    for a, b in zip(second.results, alone.results, strict=True):
        np.testing.assert_array_equal(a.probabilities, b.probabilities)  # they do not meet
    comparison = compare(first, second)
    assert comparison.agreement == np.mean(
        [a.decision == b.decision for a, b in zip(first.results, second.results, strict=True)]
    )
    assert comparison.only_first - comparison.only_second == round(9 * (first.top1 - second.top1))
    itself = compare(first, first)
    assert (itself.agreement, itself.only_first, itself.only_second, itself.p_value) == (1.0, 0, 0, 1.0)
    with pytest.raises(ValueError, match="same clips"):
        compare(first, evaluate([tiny_bundle()], square_set(3))[0])


def test_bundles_that_cannot_be_compared_are_refused() -> None:
    bundle = tiny_bundle()
    other = dataclasses.replace(bundle, manifest=dataclasses.replace(bundle.manifest, labels=("a", "b", "c")))
    with pytest.raises(UsageError, match="differ in labels or cadence"):
        evaluate([bundle, other], square_set(3))


def test_progress_counts_the_clips() -> None:
    seen: list[tuple[int, int]] = []
    evaluate([tiny_bundle()], square_set(3), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluate")
    for seed in (0, 3):
        bundle = tiny_bundle(seed)
        write_bundle(folder / f"tiny{seed}", bundle.manifest, bundle.files)
    write_square_folder(folder / "clips", 3)
    return folder


def test_the_command_prints_accuracy_and_comparison(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--bundle", str(workplace / "tiny0"), "--set", f"folder:{workplace / 'clips'}"]
    assert main([*options, "--against", str(workplace / "tiny3"), "--gamma", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith(f"macro, 3 clips of folder:{workplace / 'clips'}") and "% top-1 [" in lines[0]
    assert [line.split()[0] for line in lines[2:5]] == ["left", "right", "still"]
    assert "McNemar" in lines[5]
    assert main([*options, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)["evaluations"][0]
    assert document["clips"] == 3 and len(document["decisions"]) == 3
    assert sum(document["decisions"][0]["probabilities"]) == pytest.approx(1, abs=1e-5)


def test_the_engine_is_that_of_the_bundle_and_not_of_what_it_is_compared_with(
    workplace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if ENGINES["openvino"].version() is None:
        pytest.skip(f"OpenVINO is not installed: {ENGINES['openvino'].install}")
    opened: list[str] = []
    open_student = catalogue.open_with
    monkeypatch.setattr(choice, "open_with", lambda name, *rest: opened.append(name) or open_student(name, *rest))
    same = str(workplace / "tiny0")
    options = ["--bundle", same, "--against", same, "--set", f"folder:{workplace / 'clips'}", "--json"]
    assert main([*options, "--engine=openvino"]) == 0
    assert opened == ["openvino"]  # onnxruntime, the reference, is opened without a choice
    ours, reference = json.loads(capsys.readouterr().out)["evaluations"]
    for one, other in zip(ours["decisions"], reference["decisions"], strict=True):
        assert one["probabilities"] == pytest.approx(other["probabilities"], abs=1e-4)


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--bundle", "{}/nothing"], EXIT_CONFIG, "found nothing; check the path"),
        (["--bundle", "{}/tiny0", "--gamma", "9"], EXIT_USAGE, "gamma 9: no expert of this bundle has it"),
        (["--bundle", "{}/tiny0", "--set", "folder:{}/nowhere"], EXIT_USAGE, "there is no folder"),
    ],
)
def test_wrong_input_gets_one_message(
    workplace: Path, capsys: pytest.CaptureFixture[str], options: list[str], code: int, message: str
) -> None:
    filled = [option.format(workplace) for option in ["--set", "folder:{}/clips", *options]]
    assert main(filled) == code
    error = capsys.readouterr().err
    assert error.startswith("edge-eval: ") and message in error and "Traceback" not in error
