"""Which people are learnt from, chosen by, tested on."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest

from calibration.people import SOURCES, SPLITS, People, people_of, split_from
from calibration.sets import open_set, public_name
from distill.students.recipe import Recipe, load_recipe
from edge.errors import DataError, UsageError
from tests.calibration.synthetic.real.recordings import write_recording

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
LISTINGS = sorted(DATA.glob("*/labels.csv"))
RECIPES = ROOT / "distill" / "recipes" / "students"


@pytest.mark.parametrize("source", SOURCES)
def test_nobody_is_in_two_splits(source: str) -> None:
    people = SOURCES[source]
    splits = [set(getattr(people, split)) for split in SPLITS]
    assert all(not a & b for a, b in combinations(splits, 2))
    assert len(people.everybody) == len(set(people.everybody))


@pytest.mark.parametrize("source", SOURCES)
def test_folds_leave_everybody_out_once(source: str) -> None:
    people = SOURCES[source]
    left_out = [one for fold in people.folds for one in fold]
    assert not left_out or sorted(left_out) == sorted(people.everybody)


@pytest.mark.parametrize("source", ["7-Scenes", "Intel IoT DevKit sample-videos"])
def test_films_of_one_room_are_in_one_split(source: str) -> None:
    rooms = [{film.rstrip("_0123456789") for film in getattr(SOURCES[source], split)} for split in SPLITS]
    assert all(not a & b for a, b in combinations(rooms, 2))


@pytest.mark.skipif(not (DATA / "real_rooms").is_dir(), reason="the data are not here")
def test_real_rooms_have_splits() -> None:
    rooms = {split: open_set(f"rooms:{DATA / 'real_rooms'}@{split}").clips for split in SPLITS}
    found = {split: {clip.location for clip in clips} for split, clips in rooms.items()}
    assert found == {
        "train": {f"bottles_{number}" for number in range(6)},
        "val": {"car_park"},
        "test": {"kitchen_handheld"},
    }


def test_no_source_begins_as_another_does() -> None:
    assert all(not a.startswith(b) and not b.startswith(a) for a, b in combinations(SOURCES, 2))


def test_recipes_fold_as_the_table_says() -> None:
    recipes: dict[str, Recipe] = {path.stem: load_recipe(path) for path in sorted(RECIPES.glob("*.yaml"))}
    assert recipes["student"].folds.actors == SOURCES["ARID"].folds
    assert set(recipes["relit12"].folds.actors) < set(SOURCES["UTD-MHAD"].folds)


def rows_of(listing: Path) -> Iterator[tuple[People, str, str]]:
    """The people of the source, who it is, and the class."""
    with listing.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["class"] == "people":  # the films that rooms:DIR leaves alone
                continue
            people = people_of(row["source"])
            assert people is not None, f"{listing}: {row['source']} has no row in calibration/people.py"
            yield people, row.get("actor") or Path(row["file"]).stem, row["class"]


@pytest.mark.skipif(not LISTINGS, reason="the data are not here")
@pytest.mark.parametrize("listing", LISTINGS, ids=lambda path: path.parent.name)
def test_everybody_recorded_is_in_a_split_and_the_classes_are_spread(listing: Path) -> None:
    actors: dict[tuple[int, str], set[str]] = defaultdict(set)
    tables: dict[int, People] = {}
    for people, actor, label in rows_of(listing):
        assert actor in people.everybody, f"{actor} is in no split"
        tables[id(people)] = people
        actors[id(people), label].add(actor)
    for (table, label), who in actors.items():
        people = tables[table]
        found = {split for split in SPLITS if who & set(getattr(people, split))}
        if people.test and people.train and label != "nobody":
            wanted = {"train", "test"} if len(who) > 1 else set()
            assert wanted <= found, f"{label} of {sorted(who)}: {found}"
            # With six people and more who do it, somebody is left to choose by.
            assert len(who) < 6 or found == set(SPLITS), f"{label} of {sorted(who)}: {found}"
    everybody = set().union(*actors.values())
    for people in tables.values():
        for split in SPLITS:
            named = set(getattr(people, split))
            assert not named or named & everybody, f"{split} is empty"


SOURCE = "UTD-MHAD (Chen et al. 2015)"


def write_set(folder: Path, actors: tuple[str, ...], source: str = SOURCE) -> str:
    folder.mkdir(exist_ok=True)
    lines = ["file,class,actor,fps,source"]
    for number, actor in enumerate(actors):
        write_recording(folder / f"{number}.npz")
        lines.append(f"{number}.npz,{('wave', 'clap')[number % 2]},{actor},19,{source}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return f"relit:{folder}"


def test_a_set_gives_the_people_of_a_split(tmp_path: Path) -> None:
    name = write_set(tmp_path, ("s1", "s4", "s8", "s3"))
    split = {one: open_set(f"{name}@{one}") for one in (*SPLITS, "fold0")}
    assert {one: {clip.actor for clip in clips.clips} for one, clips in split.items()} == {
        "train": {"s1", "s3"},
        "val": {"s4"},
        "test": {"s8"},
        "fold0": {"s1"},
    }
    assert all(clips.labels == ("clap", "wave") for clips in split.values()), "labels do not hang on the split"
    whole = {clip.name: clip.identity for clip in open_set(name).clips}
    assert all(whole[clip.name] == clip.identity for clips in split.values() for clip in clips.clips)


def test_splits_join_with_other_sets(tmp_path: Path) -> None:
    name = write_set(tmp_path / "a+b", ("s1", "s4", "s8"))
    both = open_set(f"{name}@val+synthetic_nobody_val+{name}@test")
    assert {clip.actor for clip in both.clips} == {"s4", "s8", None}
    assert public_name(f"{name}@val+synthetic_nobody_val") == "relit:a+b@val+synthetic_nobody_val"


def test_a_name_without_a_split_is_left_alone() -> None:
    assert split_from("relit:DIR@test") == ("relit:DIR", "test")
    assert split_from("folder:me@home") == ("folder:me@home", "")
    assert split_from("folder:DIR@fold12") == ("folder:DIR", "fold12")
    assert split_from("folder:DIR@test/") == ("folder:DIR@test/", "")


@pytest.mark.parametrize(
    ("actors", "source", "split", "error", "message"),
    [
        (("s1",), "Somewhere else", "test", DataError, "source is Somewhere else"),
        (("s1", "me"), SOURCE, "train", DataError, "me of UTD-MHAD .* is in no split"),
        (("s1",), SOURCE, "test", DataError, "none of its 6 clips is in test"),
        (("s1",), SOURCE, "fold8", UsageError, "fold0 to fold7"),
        (("cmu_unknown",), "CMU Graphics Lab", "fold0", UsageError, "no folds, only train"),
    ],
)
def test_what_is_in_no_split_is_said(
    tmp_path: Path, actors: tuple[str, ...], source: str, split: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        open_set(f"{write_set(tmp_path, actors, source)}@{split}")


def test_a_set_without_a_source_has_no_splits() -> None:
    with pytest.raises(DataError, match="expected a source with fixed splits"):
        open_set("synthetic_val@test")
