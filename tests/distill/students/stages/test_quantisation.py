"""Quantisation-aware training: the integer kernels compute what was trained; it resumes, and quantize takes it."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
import torch
from onnx import numpy_helper

from distill.cli import main
from distill.students.network.export import to_onnx
from distill.students.network.quantisers import LEVELS, QuantisedStudent, Quantiser
from distill.students.network.student import StudentConfig, StudentNetwork
from distill.training.checkpoint import read_tensors
from distill.training.losses import distillation_loss
from edge.bundles.bundle import Bundle
from edge.bundles.manifest import StateSpec
from edge.engines.onnxruntime import OnnxRuntimeSession
from quantize.cli import main as quantize
from quantize.judging.check import is_quantised
from quantize.judging.execution import executed
from quantize.rewriting.as_trained import as_trained
from tests.clips import write_square_folder
from tests.distill.students.stages.test_training import (
    STUDENT,
    assert_same_weights,
    losses,
    stop_after,
    train,
    without_clock,
)
from tests.students import tiny_files, tiny_manifest, tiny_student

HEIGHT, WIDTH, TICKS = 30, 40, 12
U8 = npt.NDArray[np.uint8]
F32 = npt.NDArray[np.float32]


def clip(seed: int, count: int = 1) -> torch.Tensor:
    """Blobs that move, mostly near mid-grey, as motion in the dark is: float32 [count,T,3,H,W] in levels."""
    rng = np.random.default_rng(seed)
    coarse = torch.from_numpy(rng.normal(0, 1, (count * TICKS, 3, 6, 8))).float()
    smooth = torch.nn.functional.interpolate(coarse, (HEIGHT, WIDTH), mode="bilinear")
    return (128 + 25 * smooth).round().clamp(0, 255).view(count, TICKS, 3, HEIGHT, WIDTH)


@pytest.fixture(scope="module", params=[False, True], ids=["heads", "shared head"])
def student(request: pytest.FixtureRequest) -> StudentNetwork:
    """A small student whose batch norms have seen something; some channels reach ten times as far as others."""
    torch.manual_seed(0)
    config = StudentConfig(4, 3, request.param, stages=((8, 12), (16, 16)), embedding=16, history=5)
    student = StudentNetwork(config)
    for block in (student.halve[0], student.shifted[0], student.embed):
        with torch.no_grad():
            block.norm.weight[::3] *= 10
    student.train()
    student(clip(0, 4))
    return student.eval()


@pytest.fixture(scope="module")
def quantised(student: StudentNetwork) -> QuantisedStudent:
    made = QuantisedStudent(student)
    made.observe([clip(seed, 2) for seed in range(3)])
    return made.eval()


def trained(quantised: QuantisedStudent, student: StudentNetwork, steps: int) -> list[float]:
    """Divergences from the float student, step by step."""
    optimizer = torch.optim.AdamW(quantised.parameters(), 1e-3, weight_decay=0.0)
    found = []
    for seed in range(steps):
        x = clip(seed, 2)
        with torch.no_grad():
            wanted = student(x).flatten(0, 2)
        loss = distillation_loss(quantised(x).flatten(0, 2), wanted, temperature=1.0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found


def streamed(model: bytes, states: tuple[StateSpec, ...], pictures: U8) -> F32:
    """Logits [T,experts,classes] of onnxruntime."""
    tiny = tiny_student()
    manifest = tiny_manifest(tiny)
    manifest = dataclasses.replace(
        manifest,
        labels=("a", "b", "c", "d"),
        states=states,
        input=dataclasses.replace(manifest.input, height=HEIGHT, width=WIDTH),
        gate=dataclasses.replace(manifest.gate, gammas=(1.0, 2.0, 3.0)),
    )
    runner = OnnxRuntimeSession(Bundle("student", "", manifest, {**tiny_files(tiny), "student.onnx": model}))
    return np.stack([runner.step(x[np.newaxis]) for x in pictures])


def bundle_of(model: bytes, states: tuple[StateSpec, ...]) -> Bundle:
    tiny = tiny_student()
    return Bundle("student", "", dataclasses.replace(tiny_manifest(tiny), states=states), {"student.onnx": model})


def logits_scale(quantised: QuantisedStudent) -> float:
    assert isinstance(quantised.heads, torch.nn.Sequential)
    return float(quantised.heads[1].scale.detach())


def assert_alike(found: F32, wanted: F32, scale: float) -> None:
    """To the level, but for ties: sums in another order round one of them the other way, and what hangs on it follows.

    torch adds up in an order that hangs on its threads.
    """
    apart = np.abs(found - wanted) / scale
    assert apart.max() < 3.01 and np.mean(apart > 1.01) < 0.05, apart.max()


def test_a_quantiser_rounds_to_the_nearest_level_and_is_a_relu() -> None:
    one, x = Quantiser(), torch.linspace(-1, 3, 2001)
    one.watch()
    one(x.view(1, 1, 1, -1))
    one.settle()
    found, top = one(x).detach(), LEVELS * float(one.scale.detach())
    assert torch.equal(found[x <= 0], torch.zeros_like(found[x <= 0]))
    inside = (x > 0) & (x < top)
    assert float((found - x)[inside].abs().max()) <= float(one.scale.detach()) / 2 * 1.001
    levels = found / one.scale.detach()
    torch.testing.assert_close(levels, levels.round(), atol=1e-4, rtol=0)
    assert 2.9 < top <= 3.0001


def test_equalising_and_balancing_are_nothing_in_float(student: StudentNetwork) -> None:
    made, x = QuantisedStudent(student), clip(9)
    made._watch([clip(0)])
    made._equalise()
    made._watch([])  # they let values pass
    with torch.inference_mode():
        torch.testing.assert_close(made(x), student(x), atol=1e-4, rtol=1e-4)


def test_channels_of_one_scale_reach_alike(student: StudentNetwork) -> None:
    made = QuantisedStudent(student)

    def spread() -> float:
        made._watch([clip(seed, 2) for seed in range(3)])
        reach = made.halve[0][2].reach()
        return float(reach.max() / reach.median())

    before = spread()
    made._equalise()
    assert spread() < 0.6 * before


def test_stream_equals_clip(quantised: QuantisedStudent) -> None:
    x = clip(5)
    states = [torch.zeros(shape) for shape in quantised.state_shapes(HEIGHT, WIDTH)]
    with torch.inference_mode():
        whole = quantised(x)[0]
        streamed_logits = []
        for tick in range(TICKS):
            logits, states = quantised.step(x[:, tick], states)
            streamed_logits.append(logits[0].numpy())
    assert_alike(np.stack(streamed_logits), whole.numpy(), logits_scale(quantised))


def test_every_gradient_arrives_and_the_divergence_falls(quantised: QuantisedStudent, student: StudentNetwork) -> None:
    made = copy.deepcopy(quantised).train()
    fallen = trained(made, student, 40)
    for name, parameter in made.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name
            assert parameter.grad.any(), name
    assert np.mean(fallen[-5:]) < 0.7 * np.mean(fallen[:5])


def test_integer_kernels_answer_as_the_trained_student(quantised: QuantisedStudent, student: StudentNetwork) -> None:
    made = copy.deepcopy(quantised).train()
    trained(made, student, 3)  # scales have moved
    model, states = to_onnx(made.eval(), HEIGHT, WIDTH)
    taken, levels = as_trained(model, states)
    x = clip(7)
    with torch.inference_mode():
        wanted = made(x)[0].numpy()
    pictures = x[0].permute(0, 2, 3, 1).numpy().astype(np.uint8)
    assert_alike(streamed(model, states, pictures), wanted, logits_scale(made))
    assert_alike(streamed(taken, levels, pictures), wanted, logits_scale(made))
    assert {state.dtype for state in states} == {"float32"} and {state.dtype for state in levels} == {"uint8"}
    execution = executed(bundle_of(taken, levels), "onnxruntime")
    assert (execution.integer, execution.floats) == (7, ())
    assert [island.split()[0] for island in execution.islands if "ReduceMax" not in island] == ["ReduceMean"]
    for file in (model, taken):
        weights = [numpy_helper.to_array(t) for t in onnx.load_from_string(file).graph.initializer]
        assert {weight.dtype for weight in weights if weight.ndim == 4} == {np.dtype(np.int8)}
        assert max(int(np.abs(weight).max()) for weight in weights if weight.dtype == np.int8) == 127


def test_a_state_that_is_no_level_stays_as_it_is(quantised: QuantisedStudent) -> None:
    model, states = to_onnx(quantised, HEIGHT, WIDTH)
    graph = onnx.load_from_string(model)
    maker = next(node for node in graph.graph.node if "t0" in node.output)
    maker.output[0] = "t0_inside"
    graph.graph.node.append(onnx.helper.make_node("Sin", ["t0_inside"], ["t0"], "sin"))
    changed = graph.SerializeToString()
    taken, levels = as_trained(changed, states)
    assert [state.dtype for state in levels] == ["float32", "uint8", "uint8"]
    pictures = clip(7)[0].permute(0, 2, 3, 1).numpy().astype(np.uint8)
    before, after = (streamed(file, specs, pictures) for file, specs in ((changed, states), (taken, levels)))
    assert_alike(after, before, logits_scale(quantised))


QUANTISED = (
    *STUDENT,
    "schedule={pretrain_steps: 0, steps: 30, batch: 6, ticks: 12}",
    "quantisation={steps: 55, batches: 2}",
)


def test_it_resumes_bit_for_bit_and_quantize_takes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clips = f"folder:{write_square_folder(tmp_path / 'squares', 12)}"
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert train("student", whole, clips, *QUANTISED) == 0
    assert len(losses(whole, "quantisation")) == 2
    with monkeypatch.context() as patch:
        stop_after(30 + 53, patch)  # between the first checkpoint of this stage and its end
        assert train("student", killed, clips, *QUANTISED) == 1
    assert not (killed / "quantised.safetensors").exists()
    assert main(["resume", str(killed), "--workers", "1"]) == 0
    for name in ("student", "quantised", "gate"):
        assert_same_weights(whole / f"{name}.safetensors", killed / f"{name}.safetensors")
    assert without_clock(whole) == without_clock(killed)
    first, again = read_tensors(whole / "quantised.safetensors")[0], tmp_path / "again"
    assert any("change" in name and value.any() for name, value in first.items())  # scales were learned
    assert main(["export", str(killed), "--out", str(again)]) == 0
    files = [(folder / "student.onnx").read_bytes() for folder in (again, whole / "bundle", killed / "bundle")]
    assert files[0] == files[1] == files[2]

    options = ["--calib", clips, "--model", str(whole / "bundle"), "--out", str(tmp_path / "int8"), "--workers=1"]
    # Twelve clips say nothing about accuracy, and a student this small is not faster in INT8.
    assert quantize([*options, "--max-drop=100", "--force"]) == 0
    taken = Bundle.load(tmp_path / "int8")
    assert {state.dtype for state in taken.manifest.states} == {"uint8"}
    assert not executed(taken, "onnxruntime").floats


def test_folds_go_on_from_earlier_folds(tmp_path: Path) -> None:
    clips = f"folder:{write_square_folder(tmp_path / 'squares')}"
    changes = (*STUDENT[:-1], "folds={source: 0, actors: [[nobody]]}")
    begun, quantised = tmp_path / "begun", tmp_path / "quantised"
    first = "schedule={pretrain_steps: 0, steps: 4, batch: 6, ticks: 12}"
    assert train("student", begun, clips, *changes, first, command="folds") == 0
    more = (first, "schedule.steps=0", "quantisation={steps: 2, batches: 1}")
    assert train("student", quantised, clips, *changes, *more, options=("--start", begun), command="folds") == 0
    assert_same_weights(begun / "0" / "student.safetensors", quantised / "0" / "student.safetensors")
    assert is_quantised(onnx.load(quantised / "0" / "bundle" / "student.onnx"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("quantisation.steps=0", "steps: expected 1 or more, found 0"),
        ("quantisation.rate=0", "rate: expected more than 0 and less than 1, found 0"),
        ("quantisation.scale_rate=2", "scale_rate: expected more than 0 and less than 1, found 2"),
        ("quantisation.batches=0", "batches: expected 1 or more, found 0"),
        ("quantisation.bits=4", "unknown key 'bits'"),
    ],
)
def test_a_value_that_cannot_be_trained_with_is_refused(
    change: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("student", tmp_path / "out", "synthetic_val", *QUANTISED, change) == 78
    assert message in capsys.readouterr().err
