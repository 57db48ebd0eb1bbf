"""The rooms as an SVG: whoever stands higher imports from below; one arrow for each import that no other implies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.rooms.floors import INIT, Graph, direct, entries_of, floors
from tests.rooms.reading import House

GROUND = "the ground"  # the files of `edge/` itself, one box
STYLE = (
    "text{font:13px sans-serif;fill:#1b2733} .title{font-weight:600;font-size:14px} .file{font-size:12px;fill:#52606d}"
    " .package{fill:#f4f6f8;stroke:#c5ced6} .room{fill:#fff;stroke:#3d6b99} .leaf{fill:#fff;stroke:#c5ced6}"
    " path{fill:none;stroke:#8296a9} .whole{stroke:#3d6b99;stroke-width:2.5}"
)
BOX, HEIGHT, GAP, RISE, PAD, TITLE = 104, 28, 18, 58, 18, 34
# What stands where, the top row first.
ROWS = (("distill", "quantize"), ("calibration",), ("edge",))


@dataclass(frozen=True)
class Panel:
    """A package with its rooms: their places from its upper left corner, and its size."""

    name: str
    graph: Graph
    rooms: frozenset[str]
    places: Mapping[str, tuple[float, float]]
    width: float
    height: float


def drawing(house: House) -> str:
    """The whole picture as the text of an SVG file."""
    rows = [[_panel(house, name) for name in row] for row in ROWS]
    width = max(sum(panel.width for panel in row) + GAP * (len(row) - 1) for row in rows) + 2 * PAD
    body: list[str] = []
    corners: dict[str, tuple[float, float, Panel]] = {}
    top = float(PAD)
    for row in rows:
        taken = sum(panel.width for panel in row) + GAP * (len(row) - 1)
        left = (width - taken) / 2
        for panel in row:
            corners[panel.name] = (left, top, panel)
            body += [f'<g transform="translate({left:.0f} {top:.0f})">', *_draw(panel), "</g>"]
            left += panel.width + GAP
        top += max(panel.height for panel in row) + RISE
    packages = direct({name: entries_of(house, "").get(name, frozenset()) & set(corners) for name in corners})
    for name, imports in packages.items():
        for other in sorted(imports):
            body.append(_between(corners[name], corners[other]))
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {top - RISE + PAD:.0f}" role="img">',
            "<title>The rooms: an arrow points to what is imported, always downwards</title>",
            f"<style>{STYLE}</style>",
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
            'orient="auto" markerUnits="userSpaceOnUse"><path d="M0 0L8 4L0 8z" style="fill:#8296a9;stroke:none"/>'
            "</marker></defs>",
            *body,
            "</svg>\n",
        ]
    )


def _panel(house: House, name: str) -> Panel:
    graph = _with_one_ground(entries_of(house, name), house, name)
    where = _rows(graph)
    wide = max(len(row) for row in where)
    width = wide * (BOX + GAP) - GAP + 2 * PAD
    height = TITLE + len(where) * RISE - (RISE - HEIGHT) + PAD
    places = {}
    for floor, row in enumerate(where):
        left = (width - (len(row) * (BOX + GAP) - GAP)) / 2
        y = TITLE + (len(where) - 1 - floor) * RISE
        places.update({entry: (left + place * (BOX + GAP), float(y)) for place, entry in enumerate(row)})
    return Panel(name, graph, frozenset(house.rooms[name].rooms), places, width, height)


def _with_one_ground(graph: Graph, house: House, name: str) -> Graph:
    """Without `__init__`; the files of `edge` itself as one box."""
    files = set(house.rooms[name].modules) if name == "edge" else set()

    def box(entry: str) -> str:
        return GROUND if entry in files or (files and entry == INIT) else entry

    found: dict[str, set[str]] = {}
    for entry, imports in graph.items():
        found.setdefault(box(entry), set()).update(box(other) for other in imports)
    return {entry: frozenset(imports - {entry, INIT}) for entry, imports in found.items() if entry != INIT}


def _rows(graph: Graph) -> list[list[str]]:
    """The entries of every floor, from the ground up; each nearly above those that it imports."""
    floor, arrows = floors(graph), direct(graph)
    rows = [sorted(entry for entry in graph if floor[entry] == height) for height in range(max(floor.values()) + 1)]
    place = {entry: (at + 0.5) / len(row) for row in rows for at, entry in enumerate(row)}
    importers = {entry: [other for other in graph if entry in arrows[other]] for entry in graph}
    for _ in range(8):
        for row in rows:
            for entry in row:
                near = [place[other] for other in (*sorted(arrows[entry]), *importers[entry])]
                place[entry] = sum(near) / len(near) if near else place[entry]
            row.sort(key=lambda entry: (round(place[entry], 9), entry))
            place.update({entry: (at + 0.5) / len(row) for at, entry in enumerate(row)})
    return rows


def _draw(panel: Panel) -> Iterator[str]:
    yield f'<rect class="package" width="{panel.width:.0f}" height="{panel.height:.0f}" rx="8"/>'
    yield f'<text class="title" x="{PAD}" y="22">{panel.name}/</text>'
    for entry, imports in sorted(direct(panel.graph).items()):
        for other in sorted(imports):
            yield _arrow(panel.places[entry], panel.places[other])
    for entry, (x, y) in sorted(panel.places.items()):
        room = entry in panel.rooms
        kind, label = ("room", f"{entry}/") if room else ("leaf", entry)
        yield f'<rect class="{kind}" x="{x:.0f}" y="{y:.0f}" width="{BOX}" height="{HEIGHT}" rx="5"/>'
        style = "" if room else ' class="file"'
        yield f'<text{style} text-anchor="middle" x="{x + BOX / 2:.0f}" y="{y + 18.5:.1f}">{label}</text>'


def _arrow(start: tuple[float, float], end: tuple[float, float]) -> str:
    """From the lower edge of a box to the upper edge of another."""
    x1, y1, x2, y2 = start[0] + BOX / 2, start[1] + HEIGHT, end[0] + BOX / 2, end[1]
    bend = (y2 - y1) / 2
    return (
        f'<path marker-end="url(#tip)" d="M{x1:.0f} {y1:.0f}C{x1:.0f} {y1 + bend:.0f} {x2:.0f} {y2 - bend:.0f} '
        f'{x2:.0f} {y2:.0f}"/>'
    )


def _between(upper: tuple[float, float, Panel], lower: tuple[float, float, Panel]) -> str:
    x1, y1 = upper[0] + upper[2].width / 2, upper[1] + upper[2].height
    x2, y2 = lower[0] + lower[2].width / 2, lower[1]
    x2 = min(max(x1, lower[0] + PAD), lower[0] + lower[2].width - PAD) if abs(x1 - x2) > 1 else x2
    return f'<path class="whole" marker-end="url(#tip)" d="M{x1:.0f} {y1:.0f}L{x2:.0f} {y2:.0f}"/>'
