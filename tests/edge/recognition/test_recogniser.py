"""One chain of steps: equal to its parts, blind to a switch of the gamma, the same again after a reset."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.bundles.bundle import GATE_FILE, STUDENT_FILE, Bundle, gate_bytes
from edge.cameras.source import open_camera
from edge.engines.onnxruntime import OnnxRuntimeSession
from edge.errors import UsageError
from edge.picture.frame import Frame
from edge.picture.front_end import FrontEnd
from edge.recognition.inputs import network_input
from edge.recognition.recogniser import Recogniser, TickResult
from edge.recognition.smoothing import softmax
from edge.timing import StageTimer
from tests.students import tiny_gate, tiny_manifest, tiny_student


@pytest.fixture(scope="module")
def frames(write_clip: Callable[..., Path]) -> list[Frame]:
    with open_camera(f"file:{write_clip('recogniser.avi', frames=20)}") as camera:
        return list(iter(lambda: camera.read(1.0), None))


def run(recogniser: Recogniser, frames: list[Frame]) -> list[TickResult]:
    return [result for frame in frames if (result := recogniser.tick(frame)) is not None]


def test_it_is_the_chain_of_its_parts(loaded_bundle: Bundle, frames: list[Frame]) -> None:
    results = run(Recogniser(loaded_bundle, gamma=2.0), frames)
    assert len(results) == len(frames) - 1  # the first frame has no motion
    manifest = loaded_bundle.manifest
    eyes, student = network_input(manifest.front_end, manifest.input, manifest.gate), OnnxRuntimeSession(loaded_bundle)
    expert = manifest.gate.gammas.index(2.0)
    inputs = [x.copy() for frame in frames if eyes.take(frame) and (x := eyes.see(expert)) is not None]
    for x, result in zip(inputs, results, strict=True):
        assert np.array_equal(student.step(x), result.all_logits)
        assert np.array_equal(result.all_logits[result.expert], result.logits)


def test_the_moving_square_is_recognised(loaded_bundle: Bundle, frames: list[Frame]) -> None:
    assert {int(np.argmax(result.logits)) for result in run(Recogniser(loaded_bundle), frames)} == {1}


def test_a_switch_of_the_gamma_is_not_seen_as_motion(loaded_bundle: Bundle) -> None:
    """A still picture that gets brighter switches the gate; corrected under two gammas it would seem to move."""
    random = np.random.default_rng(5)
    dark = random.integers(10, 45, (240, 320, 3), np.uint8)
    frames = [Frame(dark, i, i / 15) for i in range(6)] + [Frame(dark + 40, i, i / 15) for i in range(6, 12)]
    results = run(Recogniser(loaded_bundle), frames)
    assert [result.gamma for result in results].count(1.0) >= 4 and results[0].gamma == 2.0
    switch = next(i for i, result in enumerate(results) if result.gamma == 1.0)
    assert np.array_equal(results[switch].logits, results[-1].logits) or np.argmax(results[switch].logits) == 2


def test_after_a_reset_it_answers_as_at_first(loaded_bundle: Bundle, frames: list[Frame]) -> None:
    recogniser = Recogniser(loaded_bundle)
    first = run(recogniser, frames)
    recogniser.reset()
    again = run(recogniser, frames)
    assert [result.logits.tolist() for result in first] == [result.logits.tolist() for result in again]


def test_results_do_not_change_afterwards(loaded_bundle: Bundle, frames: list[Frame]) -> None:
    recogniser = Recogniser(loaded_bundle)
    results = run(recogniser, frames[:3])
    kept = results[0].logits.tolist()
    run(recogniser, frames[3:])
    assert results[0].logits.tolist() == kept


def test_the_rgb_form_sees_the_corrected_frame(loaded_bundle: Bundle, frames: list[Frame]) -> None:
    manifest = loaded_bundle.manifest
    size = dataclasses.replace(manifest.front_end, height=60, width=80)
    form = dataclasses.replace(manifest.input, form="rgb")
    bundle = dataclasses.replace(loaded_bundle, manifest=dataclasses.replace(manifest, front_end=size, input=form))
    results = run(Recogniser(bundle, gamma=2.0), frames)
    assert len(results) == len(frames)
    front_end, student = FrontEnd(60, 80), OnnxRuntimeSession(bundle)
    for frame, result in zip(frames, results, strict=True):
        corrected = front_end.correct(front_end.measure(frame.image), 2.0)
        assert np.array_equal(student.step(corrected[np.newaxis, ..., ::-1]), result.all_logits)


def test_a_gamma_that_no_expert_has_is_a_usage_error(loaded_bundle: Bundle) -> None:
    with pytest.raises(UsageError, match=r"gamma 1\.7: no expert of this bundle has it; choose one of 1, 2"):
        Recogniser(loaded_bundle, gamma=1.7)


def test_every_stage_is_timed(loaded_bundle: Bundle, frames: list[Frame]) -> None:
    timer = StageTimer()
    run(Recogniser(loaded_bundle, timer=timer), frames)
    counts = {name: stage.count for name, stage in timer.percentiles().items()}
    assert counts == {"measure": 20, "gate": 20, "input": 20, "student": 19}


def test_the_average_is_that_of_every_expert_alone(loaded_bundle: Bundle, frames: list[Frame]) -> None:
    gammas = loaded_bundle.manifest.gate.gammas
    alone = [run(Recogniser(loaded_bundle, gamma=gamma), frames) for gamma in gammas]
    together = run(Recogniser(loaded_bundle, average=True), frames)
    assert len(together) == len(alone[0])
    for result, *singles in zip(together, *alone, strict=True):
        expected = np.mean([softmax(single.logits) for single in singles], axis=0)
        assert softmax(result.logits) == pytest.approx(expected, abs=1e-6)


def walls(shift_px: float, mean: float, count: int = 30) -> list[Frame]:
    """A textured wall before a camera that turns, pixels of a 96x128 picture per tick, with sensor noise."""
    rng = np.random.default_rng(3)
    wall = cv2.GaussianBlur(rng.normal(0, 1, (96, 600)).astype(np.float32), (0, 0), 3)
    wall = mean * (1 + 0.6 * wall / wall.std())
    frames = []
    for t in range(count):
        view = wall[:, round(t * shift_px) :][:, :128] + rng.normal(0, 0.4, (96, 128))
        frames.append(Frame(np.repeat(np.clip(np.rint(view), 0, 255).astype(np.uint8)[..., None], 3, 2), t, t / 15))
    return frames


@pytest.mark.parametrize(
    ("shift_px", "mean", "chosen"),
    [(0.0, 20.0, 3.0), (4.0, 20.0, 1.0), (4.0, 2.0, 3.0)],
    ids=["still", "moving", "dark"],
)
def test_while_the_camera_moves_nothing_is_averaged_unless_it_is_extremely_dark(
    shift_px: float, mean: float, chosen: float
) -> None:
    student = tiny_student()
    gate = {name: np.zeros_like(weight) for name, weight in tiny_gate().items()}
    gate["b3"][2] = 1.0  # this gate always takes the heaviest expert
    files = {STUDENT_FILE: student.streaming_onnx(), GATE_FILE: gate_bytes(gate)}
    bundle = Bundle("tiny", "", tiny_manifest(student, "change_flow"), files)
    assert run(Recogniser(bundle), walls(shift_px, mean))[-1].gamma == chosen
