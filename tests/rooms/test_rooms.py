"""Imports run downwards only, rooms stay small enough to take in, and every room says what is in it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rooms.floors import circles, direct, entries_of, floors
from tests.rooms.order import COUNTED_APART, MOST_ENTRIES, NOT_EACH_OTHER, ORDER, PACKAGES
from tests.rooms.picture import drawing
from tests.rooms.reading import read_house

ROOT = Path(__file__).parents[2]
HOUSE = read_house(ROOT, PACKAGES)
LEVELS = ["", *HOUSE.rooms]
COMMAND_LINE = re.compile(r"(^|[._])cli$")


def test_the_reader_sees_what_is_there() -> None:
    assert set(PACKAGES) <= set(HOUSE.rooms)
    assert "edge.run.pipeline" in HOUSE.modules["edge.run.cli"].imports
    assert "edge.native" in HOUSE.modules["edge.picture.kernels"].imports, "the C core counts as an import of its room"
    assert "module.c" in HOUSE.rooms["edge.native"].c_files


def test_a_circle_is_found_and_has_one_floor() -> None:
    graph = {name: frozenset(imports) for name, imports in {"a": "", "b": "ac", "c": "b", "d": "ab"}.items()}
    assert circles(graph) == [("b", "c")]
    assert floors(graph) == {"a": 0, "b": 1, "c": 1, "d": 2}
    assert direct({name: frozenset(imports) for name, imports in {"a": "", "b": "a", "c": "ab"}.items()})["c"] == {"b"}


def test_a_revision_on_disk_is_read_without_being_imported(tmp_path: Path) -> None:
    (tmp_path / "edge" / "low").mkdir(parents=True)
    (tmp_path / "edge" / "__init__.py").write_text("raise SystemExit('imported')\n")
    (tmp_path / "edge" / "low" / "one.py").write_text("def f():\n    from edge import two\n")
    (tmp_path / "edge" / "two.py").write_text("import edge.low.one\n")
    house = read_house(tmp_path, PACKAGES)
    assert circles(entries_of(house, "edge")) == [("low", "two")]
    assert house.rooms["edge"].entries == 2


@pytest.mark.parametrize("room", LEVELS, ids=lambda room: room or "house")
def test_no_imports_run_in_a_circle(room: str) -> None:
    assert not circles(entries_of(HOUSE, room))


@pytest.mark.parametrize("room", ORDER, ids=lambda room: room or "house")
def test_imports_run_downwards(room: str) -> None:
    order = ORDER[room]
    graph = entries_of(HOUSE, room)
    for entry in order:
        assert entry in graph, f"{entry} stands in the table of tests/rooms/order.py and not in {room or 'the house'}"
    upwards = [
        f"{entry} imports {other}, which stands above it"
        for place, entry in enumerate(order)
        for other in sorted(graph[entry])
        if other in order[place:]
    ]
    assert not upwards


def test_every_room_has_a_place_in_the_table() -> None:
    for name, room in HOUSE.rooms.items():
        assert set(room.rooms) <= set(ORDER.get(name, ())), f"{name}: tests/rooms/order.py places each of {room.rooms}"
    assert set(HOUSE.rooms["edge"].modules) <= set(ORDER["edge"]), "edge's own files are its ground, each with a place"


def test_edge_stands_alone_and_training_and_quantising_meet_in_a_bundle() -> None:
    house = entries_of(HOUSE, "")
    assert not house["edge"]
    for package in NOT_EACH_OTHER:
        assert house[package] <= {"edge", "calibration"}


def test_nothing_imports_from_a_command_line_module() -> None:
    borrowed = [
        f"{module.name} imports {name}"
        for module in HOUSE.modules.values()
        for name in sorted(module.imports)
        if COMMAND_LINE.search(name)
    ]
    assert not borrowed


@pytest.mark.parametrize("name", HOUSE.rooms)
def test_a_room_can_be_taken_in_at_a_glance(name: str) -> None:
    room = HOUSE.rooms[name]
    if name in COUNTED_APART:
        assert max(len(room.modules), len(room.rooms)) <= MOST_ENTRIES
    else:
        assert room.entries <= MOST_ENTRIES


PYTHON_ROOMS = [
    name for name, room in HOUSE.rooms.items() if any(room.path.rglob("*.py"))
]  # C says it in docs/native.md


@pytest.mark.parametrize("name", PYTHON_ROOMS)
def test_a_rooms_first_lines_are_a_map_of_it(name: str) -> None:
    room = HOUSE.rooms[name]
    named = set(mapped(room.path / "__init__.py"))
    assert named >= {*room.modules, *(f"{inner}/" for inner in room.rooms)}, "a line for every file and room"
    assert all((room.path / file).exists() or (room.path / f"{file}.py").exists() for file in named), "nothing else"


def mapped(path: Path) -> Iterator[str]:
    """What the docstring's map names: `name, other, room/  what they are` on every line of it."""
    for line in (ast.get_docstring(ast.parse(path.read_text())) or "").splitlines():
        if found := re.fullmatch(r"([\w./]+(?:, [\w./]+)*) {2,}\S.*", line):
            yield from found[1].split(", ")


def test_the_picture_in_the_docs_is_that_of_the_code() -> None:
    assert (ROOT / "docs" / "rooms.svg").read_text() == drawing(HOUSE), "draw it again: make rooms"
