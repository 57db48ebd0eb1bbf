"""The student: one network for clip and stream, and its export."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from distill.students.network.export import to_onnx
from distill.students.network.student import SIZES, StudentConfig, StudentNetwork
from distill.students.recipe import load_recipe
from distill.students.stages.training import new_student

RECIPE = Path(__file__).parents[4] / "distill" / "recipes" / "students" / "student.yaml"
HEIGHT, WIDTH = 30, 40


@pytest.fixture(scope="module")
def student() -> StudentNetwork:
    """A small student whose batch norms have seen something, so that folding them is not trivial."""
    torch.manual_seed(0)
    student = StudentNetwork(StudentConfig(classes=4, stages=((8, 12), (16, 16)), embedding=16, history=5))
    student.train()
    student(torch.rand(4, 9, 3, HEIGHT, WIDTH) * 255)
    return student.eval()


def clip(ticks: int, seed: int) -> torch.Tensor:
    levels = np.random.default_rng(seed).integers(0, 256, (1, ticks, 3, HEIGHT, WIDTH))
    return torch.from_numpy(levels).float()


@settings(max_examples=10, deadline=None)
@given(ticks=st.integers(1, 20), seed=st.integers(0, 2**16))
def test_stream_equals_clip(student: StudentNetwork, ticks: int, seed: int) -> None:
    x = clip(ticks, seed)
    states = [torch.zeros(shape) for shape in student.state_shapes(HEIGHT, WIDTH)]
    with torch.inference_mode():
        whole = student(x)[0]
        for tick in range(ticks):
            logits, states = student.step(x[:, tick], states)
            torch.testing.assert_close(logits[0], whole[tick], atol=1e-5, rtol=0)


def test_m_is_larger_than_s() -> None:
    recipe = load_recipe(RECIPE)
    sizes = {size: replace(recipe, student=replace(recipe.student, size=size)) for size in SIZES}
    weights = {size: sum(p.numel() for p in new_student(one).parameters()) for size, one in sizes.items()}
    assert weights["m"] > 1.5 * weights["s"] > 0
    assert replace(recipe.student, size="m", stages=((8, 8),)).channels == ((8, 8),)


def test_a_tick_does_not_see_the_future(student: StudentNetwork) -> None:
    x, other = clip(12, 0), clip(12, 1)
    other[:, :7] = x[:, :7]
    with torch.inference_mode():
        first, second = student(x)[0], student(other)[0]
    torch.testing.assert_close(first[:7], second[:7])
    assert not torch.allclose(first[7:], second[7:])


def test_a_tick_remembers_the_past(student: StudentNetwork) -> None:
    x, other = clip(6, 0), clip(6, 1)
    other[:, 3:] = x[:, 3:]
    with torch.inference_mode():
        assert not torch.allclose(student(x)[0][-1], student(other)[0][-1])


def test_the_exported_stream_equals_the_clip(student: StudentNetwork) -> None:
    model, states = to_onnx(student, HEIGHT, WIDTH)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    x = clip(15, 3)
    values = {state.input: np.full(state.shape, state.start, state.dtype) for state in states}
    with torch.inference_mode():
        expected = student(x)[0].numpy()
    for tick in range(15):
        picture = x[:, tick].permute(0, 2, 3, 1).numpy().astype(np.uint8)
        logits, *after = session.run(None, {"x": picture, **values})
        values = {state.input: value for state, value in zip(states, after, strict=True)}
        np.testing.assert_allclose(logits[0], expected[tick], atol=1e-5)
