"""Whose recordings a student learns from: what a recipe leaves out, and what the bundle's manifest says."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from calibration.clip_sets.clips import OURS
from calibration.sets import open_set
from distill.cli import main
from distill.students.recipe import recipe_of
from distill.students.sources import data_of, load_sources
from edge.bundles.bundle import Bundle
from edge.errors import ConfigError, DataError
from tests.clips import write_square_folder
from tests.distill.students.test_sources import recipe

LABELS = ("left", "right", "still")
TERMS = (("Ours", "CC0", "yes"), ("A university", "research use", ""), ("Somebody", "CC BY-NC", "no"))
RECIPE = """
name: licensed
labels: [left, right, still]
{licences}
sources:
  - {{set: 'folder:{folder}', licence: as its labels.csv says}}
schedule: {{pretrain_steps: 0, steps: 2, batch: 4, ticks: 10, warm_up: 2}}
geometry: {{height: 24, width: 32, input_height: 24, input_width: 32, gammas: [1.0, 2.0]}}
student: {{stages: [[8, 8], [16, 16]], embedding: 16, history: 4}}
gate: {{steps: 2, batch: 4}}
smoothing: {{window_ms: 1000.0, minimum_confidence: 0.4, warm_up_ms: 200.0}}
"""


def write_table(folder: Path, product_ok: tuple[str, ...] = ("yes", "", "no")) -> Path:
    """Squares of three owners in turn; twelve clips, four of each class."""
    videos = sorted(path for path in folder.glob("*/*") if path.is_file())
    with (folder / "labels.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("file", "class", "source", "licence", "product_ok"))
        for number, path in enumerate(videos):
            origin, licence, _ = TERMS[number % 3]
            row = (path.relative_to(folder).as_posix(), path.parent.name, origin, licence, product_ok[number % 3])
            writer.writerow(row)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_table(write_square_folder(tmp_path / "squares", 12))


def licensed(folder: Path, **more: object) -> dict[str, object]:
    return {"sources": [{"set": f"folder:{folder}", "licence": "see there"}], **more}


def test_a_clip_knows_whose_it_is(folder: Path) -> None:
    clips = open_set(f"folder:{folder}").clips
    assert {(c.terms.origin, c.terms.licence, c.terms.product_ok) for c in clips} == set(TERMS)
    assert {clip.terms for clip in open_set("synthetic_nobody_val", limit=2).clips} == {OURS}


def test_what_a_table_may_not_say_is_named(folder: Path) -> None:
    write_table(folder, ("perhaps", "", "no"))
    with pytest.raises(DataError, match=r"labels\.csv: line 2: product_ok: expected yes, no, ask .* 'perhaps'"):
        open_set(f"folder:{folder}")


def test_a_recipe_for_products_gets_nothing_else_and_says_so(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    everything = recipe(LABELS, **licensed(folder))
    products = recipe(LABELS, **licensed(folder, licences="product"))
    (all_of_it,), (kept,) = (load_sources(one, None, tmp_path, 1, lambda _: _silent) for one in (everything, products))
    assert {one.product_ok for one in all_of_it.terms} == {"yes", "", "no"}
    assert {one.product_ok for one in kept.terms} == {"yes"} and len(kept.names) == len(all_of_it.names) // 3
    told = capsys.readouterr().err
    assert "4 clips; left out by `licences: product`: 4 whose product_ok is no, 4 whose product_ok is not told" in told
    assert [row.licence for row in data_of(products, [kept])] == ["CC0; product_ok: yes"]
    assert [(row.name, row.licence) for row in data_of(everything, [all_of_it])] == [
        ("folder:squares: A university", "research use; product_ok: not told"),
        ("folder:squares: Ours", "CC0; product_ok: yes"),
        ("folder:squares: Somebody", "CC BY-NC; product_ok: no"),
    ]


def _silent(done: int, whole: int) -> None:
    pass


def test_a_limit_counts_what_may_be_used(folder: Path, tmp_path: Path) -> None:
    sources = [{"set": f"folder:{folder}", "licence": "see there", "limit": 3}]
    (kept,) = load_sources(recipe(LABELS, sources=sources, licences="product"), None, tmp_path, 1)
    assert len(kept.names) == 3


def test_where_nothing_may_be_used_nothing_is_trained(folder: Path, tmp_path: Path) -> None:
    write_table(folder, ("no", "", "ask"))
    with pytest.raises(DataError, match=r"folder:squares: `licences: product`, and of its 12 clips none"):
        load_sources(recipe(LABELS, **licensed(folder, licences="product")), None, tmp_path, 1)


def test_licences_are_any_or_product() -> None:
    with pytest.raises(ConfigError, match="licences: expected any, product, found 'mine'"):
        recipe_of({**_document(), "licences": "mine"}, "test")


def _document() -> dict[str, object]:
    return {
        "name": "test",
        "labels": ["left", "right"],
        "sources": [{"set": "synthetic_val", "licence": "none"}],
        "schedule": {"pretrain_steps": 0, "steps": 1},
        "smoothing": {"window_ms": 1000.0, "minimum_confidence": 0.4, "warm_up_ms": 200.0},
    }


def test_the_manifest_says_it_and_a_product_begins_from_nothing_else(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for kind in ("any", "product"):
        text = RECIPE.format(licences=f"licences: {kind}", folder=folder)
        (tmp_path / f"{kind}.yaml").write_text(text)

    def train(kind: str, out: str, *start: str) -> int:
        place = ("--out", str(tmp_path / out), "--cache", str(tmp_path / "cache"), "--workers", "1")
        return main(["train", str(tmp_path / f"{kind}.yaml"), *place, *start])

    assert train("any", "any") == train("product", "product") == 0
    said = Bundle.load(tmp_path / "product" / "bundle").manifest.provenance.data
    assert [(row.name, row.licence) for row in said] == [("folder:squares: Ours", "CC0; product_ok: yes")]
    capsys.readouterr()
    for start in ("any", "any/bundle"):
        assert train("product", "refused", "--start", str(tmp_path / start)) == 2
        assert "begin from a training by `licences: product`" in capsys.readouterr().err
    for number, start in enumerate(("product", "product/bundle")):
        assert train("product", f"begun{number}", "--start", str(tmp_path / start)) == 0
