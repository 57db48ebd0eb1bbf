"""Clips of one's own: a recipe is written, trained from a bundle of other labels, and judged by people left out."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from calibration.evaluation.folds_cli import main as edge_folds
from calibration.learnt import LearntClips
from calibration.sets import open_set
from distill.cli import main
from distill.students.recipe import load_recipe
from distill.students.starts import load_start
from distill.training.metrics import read
from edge.bundles.bundle import Bundle, default_bundle_path, write_bundle
from tests.clips import LABELS, write_square_folder

ROOT = Path(__file__).parents[2]
FLOAT = ROOT / "bundles" / "ellar-edge-s-float32"
SHORT = ("schedule.steps=2", "schedule.batch=4", "gate={steps: 2, batch: 4}", "sources.1.limit=2")


def distill(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def short(command: str, recipe: Path, out: Path, *options: object, cache: Path) -> int:
    changes = [word for change in SHORT for word in ("--with", change)]
    return distill(command, recipe, "--out", out, "--cache", cache, "--workers", 1, *options, *changes)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips of squares by two people."""
    folder = write_square_folder(tmp_path_factory.mktemp("own") / "squares")
    videos = sorted(path for path in folder.rglob("*") if path.suffix in (".avi", ".mp4"))
    with (folder / "labels.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("file", "class", "actor"))
        for number, path in enumerate(videos):
            writer.writerow((path.relative_to(folder).as_posix(), path.parent.name, f"P{number % 2}"))
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def recipe(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipes") / "mine.yaml"
    assert distill("init", f"folder:{folder}", "--out", path) == 0
    return path


@pytest.fixture(scope="module")
def trained(recipe: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "mine"
    assert short("train", recipe, out, "--start", FLOAT, cache=cache) == 0
    return out


def test_the_recipe_names_the_clips_and_their_classes(recipe: Path, folder: Path) -> None:
    found = load_recipe(recipe)
    assert found.labels == tuple(sorted(LABELS))
    assert found.sources[0].set == f"folder:{folder.resolve()}"
    assert found.folds.actors == ()


def test_a_recipe_is_never_overwritten(recipe: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = recipe.read_text()
    assert distill("init", f"folder:{folder}", "--out", recipe) == 2
    assert "is there already" in capsys.readouterr().err
    assert recipe.read_text() == before


def test_it_trains_from_a_bundle_of_other_labels_and_leaves_a_model_card(trained: Path, folder: Path) -> None:
    bundle = Bundle.load(trained / "bundle")
    assert bundle.manifest.labels == tuple(sorted(LABELS))
    assert str(folder.parent) not in json.dumps([source.name for source in bundle.manifest.provenance.data])
    card = (trained / "MODEL-CARD.md").read_text()
    assert "ellar-edge-s-float32" in card and "Not measured" in card and "own recordings" in card
    assert str(folder.parent) not in card
    assert "MODEL-CARD.md" not in bundle.manifest.files


def test_what_the_beginning_learnt_is_inherited(recipe: Path, trained: Path, cache: Path, tmp_path: Path) -> None:
    learnt = LearntClips.of(Bundle.load(trained / "bundle")).training
    begun_with = LearntClips.of(Bundle.load(FLOAT)).training
    own = learnt - begun_with
    assert begun_with < learnt and own
    older = LearntClips(frozenset({"ab" * 8}), frozenset({"cd" * 8}))
    bundle = Bundle.load(trained / "bundle")
    write_bundle(tmp_path / "old.tar", bundle.manifest, {**bundle.files, "learnt.json": older.to_bytes()})
    assert short("train", recipe, tmp_path / "out", "--start", tmp_path / "old.tar", cache=cache) == 0
    found = LearntClips.of(Bundle.load(tmp_path / "out" / "bundle"))
    assert own | older.training <= found.training <= learnt | older.training
    assert not begun_with <= found.training  # of the one that it began with, not of the one before
    assert found.calibration == older.calibration
    with safe_open(tmp_path / "out" / "student.safetensors", "pt") as file:
        assert LearntClips.of_bytes(file.metadata()["learnt"].encode(), "") == found


def test_folds_leave_every_person_out_once_and_tell_how_it_goes(
    recipe: Path, folder: Path, cache: Path, tmp_path: Path
) -> None:
    assert short("folds", recipe, tmp_path, "--start", FLOAT, cache=cache) == 0
    actors = {clip.name: clip.actor for clip in open_set(f"folder:{folder}").clips}
    left_out = [(tmp_path / str(number) / "clips.txt").read_text().split() for number in (0, 1)]
    assert sorted(left_out[0] + left_out[1]) == sorted(actors)
    assert [{actors[name] for name in names} for names in left_out] == [{"P0"}, {"P1"}]
    assert not (tmp_path / "2").exists()
    assert all("held_out" in line for line in read(tmp_path / "0" / "metrics.jsonl") if line["phase"] == "train")
    page = tmp_path / "folds.html"
    assert edge_folds(["--folds", str(tmp_path), "--set", f"folder:{folder}", "--html", str(page)]) == 0
    assert "all experts averaged" in page.read_text() and "Confusion" in page.read_text()
    assert "of P0 were left out" in (tmp_path / "0" / "MODEL-CARD.md").read_text()


def test_folds_of_clips_without_people_warn(
    recipe: Path, folder: Path, cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = (folder / "labels.csv").read_text()
    try:
        (folder / "labels.csv").write_text("".join(line.rpartition(",")[0] + "\n" for line in table.splitlines()))
        assert short("folds", recipe, tmp_path, "--with", "schedule.steps=1", cache=cache) == 0
    finally:
        (folder / "labels.csv").write_text(table)
    assert "tells its actor" in capsys.readouterr().err
    assert (tmp_path / "0" / "clips.txt").read_text()


@pytest.mark.parametrize("bundle", [FLOAT, default_bundle_path()], ids=["float", "int8"])
def test_a_bundles_weights_answer_as_the_bundle_does(bundle: Path) -> None:
    from edge.engines.onnxruntime import OnnxRuntimeSession

    loaded = Bundle.load(bundle)
    recipe = load_recipe(ROOT / "distill" / "recipes" / "students" / "student.yaml")
    student = load_start(recipe, bundle).student.eval()
    torch.manual_seed(0)
    pictures = torch.randint(110, 146, (1, 16, 3, 30, 40)).float()
    session = OnnxRuntimeSession(loaded)
    for picture in pictures[0].permute(0, 2, 3, 1).byte().numpy():
        logits = session.step(picture[None])
    with torch.inference_mode():
        mine = student(pictures)[0, -1].numpy()
    limit = 1e-4 if loaded.manifest.precision == "float32" else 0.5
    assert abs(mine - logits.reshape(mine.shape)).max() < limit


def test_labels_that_both_know_keep_their_rows(recipe: Path) -> None:
    import dataclasses

    base = load_recipe(ROOT / "distill" / "recipes" / "students" / "student.yaml")
    whole = load_start(base, FLOAT).student
    other = load_start(dataclasses.replace(base, labels=("dancing", "Walking", "jump"), reversed={}), FLOAT).student
    rows = whole.heads.state_dict()["weight"]
    mine = other.heads.state_dict()["weight"]
    assert torch.equal(mine[1], rows[base.labels.index("walk")])
    assert torch.equal(mine[2], rows[base.labels.index("jump")])
    assert not any(torch.equal(mine[0], row) for row in rows)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (("--start", "nowhere.safetensors"), "there is nothing of this name"),
        (("--start", FLOAT, "--with", "student.size=m"), "of another shape"),
        (
            ("--start", FLOAT, "--with", "geometry.form=luma_flow", "--with", "geometry.experts=[]"),
            "form is change_flow",
        ),
        (("--with", "sources.1.set=folder:nowhere"), "nowhere"),
        (("--with", "sources.0.share=0"), "share: expected more than 0"),
    ],
)
def test_what_cannot_be_trained_is_told_before_a_clip_is_decoded(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: tuple[object, ...], message: str
) -> None:
    assert distill("train", recipe, "--out", tmp_path / "out", "--cache", tmp_path / "cache", *changes) in (2, 78)
    assert message in capsys.readouterr().err
    assert not (tmp_path / "cache").exists()
