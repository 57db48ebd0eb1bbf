"""`ellar_*`: the ELLAR data set (ACCV 2024) as its authors lay it out."""

from __future__ import annotations

import csv
from functools import partial
from pathlib import Path, PurePosixPath

from calibration import video
from calibration.clips import Clip, ClipSet
from edge.errors import DataError

SPLITS = ("train", "val", "test")
LAYOUT = """\
  DIR/ELLAR/ELLAR_label_train.txt   one "<Class>/<clip>.avi <number>" per line
  DIR/ELLAR/ELLAR_label_val.txt
  DIR/ELLAR/ELLAR_label_test.txt
  DIR/ELLAR/videos/<Class>/*.avi
  DIR/ELLAR/ELLAR_clips.csv         optional: file,camera,light,actor"""


def open_ellar(name: str, split: str, data_root: Path | None) -> ClipSet:
    """One split; class names come from the folders' names. Raises DataError that says what to put where."""
    if data_root is None:
        raise DataError(
            f"{name}: needs the ELLAR data set; name its folder with --data-root DIR, laid out as\n{LAYOUT}"
        )
    root = data_root / "ELLAR"
    listing = root / f"ELLAR_label_{split}.txt"
    for needed in (listing, root / "videos"):
        if not needed.exists():
            raise DataError(
                f"{name}: {needed} is missing; ELLAR comes from its authors; DIR = {data_root} should hold\n{LAYOUT}"
            )
    entries = _entries(listing)
    labels = _labels(root, name)
    table = _side_table(root / "ELLAR_clips.csv")
    return ClipSet(name, labels, [_clip(root / "videos", file, label, table.get(file, {})) for file, label in entries])


def _entries(listing: Path) -> list[tuple[str, int]]:
    entries = []
    for number, line in enumerate(listing.read_text(encoding="utf-8").splitlines(), start=1):
        fields = line.split()
        if not fields:
            continue
        where = f"{listing}: line {number}"
        if len(fields) != 2 or not fields[1].isdecimal():
            raise DataError(
                f'{where}: expected "<Class>/<clip>.avi <number>", without a space in the path, found {line!r}'
            )
        inside = PurePosixPath(fields[0])
        if inside.is_absolute() or ".." in inside.parts or len(inside.parts) < 2:
            raise DataError(f"{where}: {fields[0]!r} is not a path of the form <Class>/<clip>.avi")
        if not (listing.parent / "videos" / inside).is_file():
            raise DataError(f"{where}: {listing.parent / 'videos' / inside} does not exist")
        entries.append((fields[0], int(fields[1])))
    if not entries:
        raise DataError(f"{listing}: lists no clip")
    return entries


def _labels(root: Path, name: str) -> tuple[str, ...]:
    """Names by number, from the folders of every split's clips, so that all splits agree."""
    names: dict[int, str] = {}
    for split in SPLITS:
        listing = root / f"ELLAR_label_{split}.txt"
        for file, label in _entries(listing) if listing.is_file() else ():
            folder = PurePosixPath(file).parts[0]
            if names.setdefault(label, folder) != folder:
                raise DataError(f"{name}: label {label} is both {names[label]!r} and {folder!r} ({listing}: {file})")
    gaps = sorted(set(range(max(names) + 1)) - set(names))
    if gaps:
        raise DataError(f"{name}: labels {gaps} have no clip; the lists in {root} are not complete")
    return tuple(names[i] for i in range(len(names)))


def _side_table(path: Path) -> dict[str, dict[str, str]]:
    """Camera, light and actor by file: file names of ELLAR are not known to tell them."""
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as text:
        reader = csv.DictReader(text)
        if "file" not in (reader.fieldnames or ()):
            raise DataError(f"{path}: line 1: no column file; found {reader.fieldnames}")
        return {row["file"]: row for row in reader}


def _clip(videos: Path, file: str, label: int, side: dict[str, str]) -> Clip:
    path = videos / file
    return Clip(
        name=file,
        label=label,
        source=partial(video.read, path),
        identity=video.identity(path),
        actor=side.get("actor") or None,
        camera=side.get("camera") or None,
        light=side.get("light") or None,
    )
