"""`make rooms`: entries, floors and circles of every room, printed; the rooms drawn into docs/rooms.svg.

`python -m tests.rooms --at REVISION` prints another revision's, read from git, and draws nothing.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.rooms.floors import circles, entries_of, floors
from tests.rooms.order import PACKAGES
from tests.rooms.picture import drawing
from tests.rooms.reading import House, read_house

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "rooms.svg"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.rooms", description=__doc__)
    parser.add_argument("--at", metavar="REVISION", help="print the rooms of this revision; draw nothing")
    options = parser.parse_args()
    if options.at:
        with tempfile.TemporaryDirectory() as folder:
            archive = subprocess.run(
                ["git", "archive", options.at], cwd=ROOT, check=True, stdout=subprocess.PIPE
            ).stdout
            subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
            print(*table(read_house(Path(folder), PACKAGES)), sep="\n")
        return
    house = read_house(ROOT, PACKAGES)
    print(*table(house), sep="\n")
    PICTURE.write_text(drawing(house))


def table(house: House) -> Iterator[str]:
    """A line for every room, its own folder's numbers alone; then the sums."""
    yield f"{'room':28} files  C files  rooms  entries  floors  circles"
    levels = {name: entries_of(house, name) for name in ("", *house.rooms)}
    groups = {name: circles(graph) for name, graph in levels.items()}
    height = {name: max(floors(graph).values(), default=-1) + 1 for name, graph in levels.items()}
    for name, room in house.rooms.items():
        counts = f"{len(room.modules):5}  {len(room.c_files):7}  {len(room.rooms):5}  {room.entries:7}"
        yield f"{name:28} {counts}  {height[name]:6}  {len(groups[name]):7}"
    rooms = house.rooms.values()
    largest = max(rooms, key=lambda room: room.entries)
    yield f"{len(rooms)} rooms, {len(house.modules)} modules; most entries: {largest.entries} in {largest.name}"
    for name, found in groups.items():
        for group in found:
            yield f"circle in {name or 'the house'}: {' <-> '.join(group)}"


if __name__ == "__main__":
    main()
