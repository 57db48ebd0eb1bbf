"""The student in every engine that runs here: streaming equals the clip, states start anew, others are refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.bundles.bundle import Bundle, write_bundle
from edge.bundles.manifest import Manifest
from edge.engines.base import StudentSession
from edge.engines.catalogue import ENGINES, open_with
from edge.errors import BundleError
from tests.students import GAMMAS, HEIGHT, LABELS, WIDTH, edit_onnx, tiny_files, tiny_manifest, tiny_student

TINY = tiny_student()
INSTALLED = [name for name in ("onnxruntime", "openvino") if ENGINES[name].version()]
pytestmark = pytest.mark.parametrize("engine", INSTALLED)


def opened(engine: str, bundle: Bundle, threads: int = 1) -> StudentSession:
    return open_with(engine, bundle, threads, print)


def in_memory(manifest: Manifest, student: bytes) -> Bundle:
    return Bundle("here", "", manifest, {**tiny_files(TINY), "student.onnx": student})


TINY_BUNDLE = in_memory(tiny_manifest(TINY), TINY.streaming_onnx())


def random_clip(seed: int, ticks: int = 10) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(seed).integers(0, 256, (ticks, HEIGHT, WIDTH, 3), np.uint8)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), ticks=st.integers(1, 12))
def test_streaming_equals_the_clip(engine: str, seed: int, ticks: int) -> None:
    tiny = tiny_student(seed)
    student = opened(engine, in_memory(tiny_manifest(tiny), tiny.streaming_onnx()))
    clip = random_clip(seed, ticks)
    streamed = np.stack([student.step(x[np.newaxis]) for x in clip])
    assert streamed.shape == (ticks, len(GAMMAS), len(LABELS)) and streamed.dtype == np.float32
    np.testing.assert_allclose(streamed, tiny.clip_logits(clip), rtol=1e-5, atol=1e-5)


def test_reset_forgets_the_stream(engine: str) -> None:
    student = opened(engine, TINY_BUNDLE)
    clip = random_clip(0, 5)
    first = [student.step(x[np.newaxis]) for x in clip]
    again = [student.step(x[np.newaxis]) for x in clip]
    assert not np.array_equal(first[0], again[0])
    for _ in range(2):  # after an odd and after an even number of ticks
        student.reset()
        np.testing.assert_array_equal([student.step(x[np.newaxis]) for x in clip], first)


def test_two_streams_do_not_meet(engine: str) -> None:
    clips = random_clip(1, 6), random_clip(2, 6)
    alone = [np.stack([s.step(x[np.newaxis]) for x in clip]) for clip in clips for s in [opened(engine, TINY_BUNDLE)]]
    apart = [opened(engine, TINY_BUNDLE), opened(engine, TINY_BUNDLE)]
    together = np.array(
        [[s.step(x[np.newaxis]) for s, x in zip(apart, pair, strict=True)] for pair in zip(*clips, strict=True)]
    )
    np.testing.assert_array_equal(together.swapaxes(0, 1), alone)


def test_logits_are_the_callers_to_keep(engine: str) -> None:
    student = opened(engine, TINY_BUNDLE)
    first = student.step(random_clip(0, 1))
    kept = first.copy()
    student.step(random_clip(1, 1))
    np.testing.assert_array_equal(first, kept)


def test_states_start_where_the_manifest_says(engine: str) -> None:
    manifest = tiny_manifest(TINY)
    states = tuple(dataclasses.replace(state, start=0.5) for state in manifest.states)
    x = random_clip(3, 1)
    elsewhere = opened(engine, in_memory(dataclasses.replace(manifest, states=states), TINY.streaming_onnx())).step(x)
    assert not np.allclose(elsewhere, opened(engine, TINY_BUNDLE).step(x))


@pytest.mark.parametrize(
    "x",
    [
        np.zeros((HEIGHT, WIDTH, 3), np.uint8),
        np.zeros((1, WIDTH, HEIGHT, 3), np.uint8),
        np.zeros((1, HEIGHT, WIDTH, 3), np.float32),
    ],
)
def test_another_picture_is_refused(engine: str, x: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
    with pytest.raises(ValueError, match=rf"x: expected uint8 \[1, {HEIGHT}, {WIDTH}, 3\], found"):
        opened(engine, TINY_BUNDLE).step(x)


def test_a_model_that_is_none_is_refused(engine: str) -> None:
    for student in (b"", b"not a model", TINY.streaming_onnx()[:-100]):
        with pytest.raises(BundleError, match=rf"here: student\.onnx: {engine} .* cannot load it"):
            opened(engine, in_memory(tiny_manifest(TINY), student))


MANIFEST = tiny_manifest(TINY)
MISMATCHES = {
    "an input of another name": (edit_onnx(TINY.streaming_onnx(), x="image"), MANIFEST, "input image"),
    "an output of another name": (edit_onnx(TINY.streaming_onnx(), logits="scores"), MANIFEST, "output logits"),
    "another size": (
        None,
        dataclasses.replace(MANIFEST, input=dataclasses.replace(MANIFEST.input, height=16)),
        "input x",
    ),
    "another label": (None, dataclasses.replace(MANIFEST, labels=(*LABELS, "more")), "output logits"),
    "another gamma": (
        None,
        dataclasses.replace(MANIFEST, gate=dataclasses.replace(MANIFEST.gate, gammas=(1.0,))),
        "logits",
    ),
    "a state not listed": (None, dataclasses.replace(MANIFEST, states=MANIFEST.states[:1]), "input s1"),
    "another state type": (
        None,
        dataclasses.replace(MANIFEST, states=tuple(dataclasses.replace(s, dtype="uint8") for s in MANIFEST.states)),
        "input s0: expected uint8",
    ),
}


@pytest.mark.parametrize("case", MISMATCHES)
def test_a_model_that_is_not_the_manifests_is_refused(engine: str, case: str) -> None:
    student, manifest, message = MISMATCHES[case]
    with pytest.raises(BundleError, match=message):
        opened(engine, in_memory(manifest, student or TINY.streaming_onnx()))


def test_a_bundle_on_disk_runs(engine: str, tmp_path: Path) -> None:
    write_bundle(tmp_path / "b.tar", MANIFEST, tiny_files(TINY))
    x = random_clip(4, 1)
    logits = opened(engine, Bundle.load(tmp_path / "b.tar"), threads=2).step(x)
    np.testing.assert_allclose(logits, TINY.clip_logits(x)[0], rtol=1e-5, atol=1e-5)
