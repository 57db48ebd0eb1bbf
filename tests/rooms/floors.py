"""Imports between the entries of one room: which floor each stands on, and which run in a circle."""

from __future__ import annotations

from collections.abc import Mapping

from tests.rooms.reading import House

Graph = Mapping[str, frozenset[str]]
INIT = "__init__"


def entries_of(house: House, room: str) -> Graph:
    """A room's entries and which of its other entries each imports; a room inside counts as one entry.

    `room` "" is the house: its entries are the packages. The room's own `__init__` is an entry of it.
    """
    prefix = f"{room}." if room else ""

    def entry(name: str) -> str | None:
        if name == room:
            return INIT
        return name[len(prefix) :].partition(".")[0] if name.startswith(prefix) else None

    graph: dict[str, set[str]] = {}
    for module in house.inside(room):
        importer = entry(module.name)
        assert importer is not None
        imported = {entry(name) for name in module.imports} - {None, importer}
        graph.setdefault(importer, set()).update(name for name in imported if name)
    for name in house.rooms[room].rooms if room else ():
        graph.setdefault(name, set())  # a room of C files has no module
    return {name: frozenset(imports) for name, imports in graph.items()}


def circles(graph: Graph) -> list[tuple[str, ...]]:
    """Groups of entries each of which reaches all others of its group by imports."""
    reached = {name: _reached(graph, name) for name in graph}
    groups = {tuple(sorted(other for other in reached[name] if name in reached[other])) for name in graph}
    return sorted(group for group in groups if len(group) > 1)


def floors(graph: Graph) -> dict[str, int]:
    """The floor of every entry: 0 imports no other entry, others stand one above the highest that they import.

    Those of a circle share a floor.
    """
    reached = {name: _reached(graph, name) for name in graph}

    def below(name: str) -> set[str]:
        circle = {other for other in reached[name] if name in reached[other]} | {name}
        return set().union(*(graph[one] for one in circle)) - circle

    found: dict[str, int] = {}

    def floor(name: str) -> int:
        if name not in found:
            found[name] = max((floor(other) + 1 for other in below(name)), default=0)
        return found[name]

    return {name: floor(name) for name in graph}


def direct(graph: Graph) -> Graph:
    """The imports that say something: without those that another import leads to anyway."""
    reached = {name: _reached(graph, name) for name in graph}
    return {
        name: frozenset(other for other in imports if not any(other in reached[way] for way in imports - {other}))
        for name, imports in graph.items()
    }


def _reached(graph: Graph, start: str) -> set[str]:
    """What `start` imports, what that imports, and so on."""
    found: set[str] = set()
    left = list(graph.get(start, ()))
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += graph.get(name, ())
    return found
