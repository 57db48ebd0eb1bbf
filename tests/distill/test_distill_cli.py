"""distill as a user runs it: a small recipe on rendered clips, to a bundle that the device's chain runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from distill.cli import main
from edge.bundles.bundle import Bundle
from edge.picture.frame import Frame
from edge.recognition.recogniser import Recogniser

RECIPE = """
name: tiny
labels: [jump, run, sit, stand, turn, walk]
sources:
  - {set: synthetic_train, licence: ours, limit: 12, share: 1.0, pretrain: true}
schedule: {pretrain_steps: 2, steps: 3, batch: 4, ticks: 12}
student: {stages: [[8, 8], [16, 16]], embedding: 16, history: 4}
gate: {steps: 4, batch: 8}
reversed: {sit: stand, stand: sit}
smoothing: {window_ms: 1500.0, minimum_confidence: 0.4, warm_up_ms: 500.0}
folds: {source: 0, actors: [[%s], [nobody]]}
"""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tensors")


def write(folder: Path, text: str) -> Path:
    path = folder / "tiny.yaml"
    path.write_text(text)
    return path


def distill(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def test_train_writes_a_bundle_that_runs(tmp_path: Path, cache: Path) -> None:
    recipe = write(tmp_path, RECIPE % "train_00")
    assert distill("pretrain", recipe, "--out", tmp_path, "--cache", cache, "--workers", 1) == 0
    start = tmp_path / "pretrained.safetensors"
    assert distill("train", recipe, "--out", tmp_path, "--cache", cache, "--workers", 1, "--start", start) == 0
    bundle = Bundle.load(tmp_path / "bundle")
    assert bundle.manifest.labels == ("jump", "run", "sit", "stand", "turn", "walk")
    assert [source.name for source in bundle.manifest.provenance.data] == ["synthetic_train: our own renderer"]
    recogniser = Recogniser(bundle)
    pictures = np.random.default_rng(0).integers(0, 40, (3, 240, 320, 3), dtype=np.uint8)
    ticks = [recogniser.tick(Frame(picture, i, i / 15)) for i, picture in enumerate(pictures)]
    assert ticks[0] is None
    assert ticks[2] is not None
    assert np.isfinite(ticks[2].all_logits).all()
    assert ticks[2].all_logits.shape == (5, 6)


def test_folds_leave_the_actor_out(tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from calibration.sets import open_set

    clips = open_set("synthetic_train", limit=12).clips
    actor = clips[0].actor
    recipe = write(tmp_path, RECIPE % actor)
    assert distill("folds", recipe, "--out", tmp_path, "--cache", cache, "--workers", 1) == 0
    left_out = (tmp_path / "0" / "clips.txt").read_text().split()
    assert left_out == [clip.name for clip in clips if clip.actor == actor]
    assert (tmp_path / "1" / "clips.txt").read_text() == ""
    assert Bundle.load(tmp_path / "0" / "bundle").manifest.precision == "float32"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("schedule:", "scedule:"), "did you mean 'schedule'"),
        (("stand: sit}", "stand: fly}"), "fly not among the labels"),
        (("set: synthetic_train", "set: 'folder:{data}/none'"), "--data-root"),
        (("limit: 12", "limit: many"), "expected a whole number"),
        (("student: {", "student: {size: l, "), "student: size: expected one of s, m, found l"),
    ],
)
def test_a_wrong_recipe_says_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: tuple[str, str], message: str
) -> None:
    recipe = write(tmp_path, (RECIPE % "train_00").replace(*change))
    assert distill("train", recipe, "--out", tmp_path / "out") == 78
    assert message in capsys.readouterr().err


def test_weights_of_another_shape_are_refused(tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = write(tmp_path, RECIPE % "train_00")
    start = tmp_path / "pretrained.safetensors"
    start.write_bytes(b"nothing of the kind")
    assert distill("train", recipe, "--out", tmp_path, "--cache", cache, "--workers", 1, "--start", start) == 2
    assert "distill pretrain" in capsys.readouterr().err
