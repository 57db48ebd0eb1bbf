"""`folder:DIR`: a plain folder of videos, labelled by a table or by its sub-folders."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath

from calibration.clip_sets import video
from calibration.clip_sets.clips import VIDEO, Clip, ClipSet, Terms
from calibration.clip_sets.side import Side, read_side
from calibration.clip_sets.text import read_table
from edge.errors import DataError
from edge.paths import shown

LAYOUT = (
    "DIR/labels.csv with the columns file,class[,actor,camera,light,location], or DIR/<class>/*.mp4 (avi, mkv, mov, "
    "...); optionally DIR/pattern.txt, a regular expression for file names"
)

NEEDED = ("class", "file")
PRODUCT_OK = ("", "yes", "no", "ask")


def open_folder(name: str, folder: Path) -> ClipSet:
    """A set from a folder; labels are the class names in alphabetical order. Raises DataError."""
    if not folder.is_dir():
        raise DataError(f"{name}: there is no folder {folder}; expected {LAYOUT}")
    rows = table(folder / "labels.csv") if (folder / "labels.csv").is_file() else _tree(folder)
    if not rows:
        raise DataError(f"{name}: no clips in {folder}; expected {LAYOUT}")
    labels = tuple(sorted({row["class"] for row in rows}))
    side = read_side(None, folder / "pattern.txt")
    return ClipSet(name, labels, [_clip(folder, row, labels, side) for row in rows])


def table(path: Path) -> list[dict[str, str]]:
    """The rows of a labels.csv; every one has a class and a file that lies inside the folder. Raises DataError."""
    rows = []
    for place, row in read_table(path, NEEDED):
        _check(path, place, row)
        rows.append(row)
    return rows


def with_terms(clips: ClipSet, folder: Path) -> ClipSet:
    """The same clips with what DIR/labels.csv says in `source`, `licence` and `product_ok`. Raises DataError."""
    listing = folder / "labels.csv"
    if not listing.is_file():
        return clips
    told = {folder / row["file"]: _terms(place, row) for place, row in read_table(listing, NEEDED)}
    return replace(
        clips, clips=[replace(clip, terms=told.get(clip.file or folder, clip.terms)) for clip in clips.clips]
    )


def _terms(where: str, row: dict[str, str]) -> Terms:
    product_ok = row.get("product_ok") or ""
    if product_ok not in PRODUCT_OK:
        raise DataError(f"{where}: product_ok: expected {', '.join(PRODUCT_OK[1:])} or nothing, found {product_ok!r}")
    return Terms(row.get("source") or "", row.get("licence") or "", product_ok)


def _check(path: Path, where: str, row: dict[str, str]) -> None:
    if not row["file"] or not row["class"]:
        raise DataError(f"{where}: file and class must not be empty")
    inside = PurePosixPath(row["file"])
    if inside.is_absolute() or ".." in inside.parts:
        raise DataError(f"{where}: {row['file']!r} leaves the folder; give a path inside it")
    if not (path.parent / inside).is_file():
        raise DataError(f"{where}: {path.parent / inside} does not exist")


def _tree(folder: Path) -> list[dict[str, str]]:
    videos = sorted(p for p in folder.glob("*/*") if video.is_video(p))
    return [{"file": p.relative_to(folder).as_posix(), "class": shown(p.parent.name)} for p in videos]


def _clip(folder: Path, row: dict[str, str], labels: tuple[str, ...], side: Side) -> Clip:
    path, told = folder / row["file"], side.of(row["file"])
    return Clip(
        name=shown(row["file"]),
        label=labels.index(row["class"]),
        source=partial(video.read, path),
        made_by=VIDEO,
        file=video.existing(path),
        actor=row.get("actor") or told["actor"],
        camera=row.get("camera") or told["camera"],
        light=row.get("light") or told["light"],
        location=row.get("location") or told["location"],
    )
