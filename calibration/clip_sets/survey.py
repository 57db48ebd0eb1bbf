"""What a data set's lists name, without stopping at the first thing that is wrong; `calibration check` starts here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath

from calibration.clip_sets import video
from calibration.clip_sets.folder import LAYOUT, NEEDED
from calibration.clip_sets.listing import Entry, Problem, path_problem
from calibration.clip_sets.published import PUBLISHED, PublishedSet, folder_of
from calibration.clip_sets.side import Side, read_side
from calibration.clip_sets.text import TextError, read_table
from edge.errors import DataError, UsageError
from edge.paths import shown, user_path


@dataclass(frozen=True)
class SurveyClip:
    """A clip as a list names it. place: the list and its line. file: relative to the survey's videos."""

    split: str
    place: str
    file: str
    label: str
    known: dict[str, str | None]


@dataclass
class Survey:
    """videos: the folder that files are relative to. whole: every list of the data set was read."""

    name: str
    videos: Path
    splits: list[str]
    whole: bool = True
    listed: list[SurveyClip] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def survey(name: str, data_root: Path | None) -> Survey:
    """A data set (`ellar`), one of its splits (`ellar_val`), or `folder:DIR`. Raises UsageError, DataError."""
    kind, colon, rest = name.partition(":")
    if kind == "folder" and rest:
        return _folder(name, user_path(rest))
    key, _, split = name.partition("_")
    for published in PUBLISHED:
        if published.name == key and not colon and (not split or split in published.lists):
            return _published(published, name, [split] if split else list(published.lists), data_root)
    names = ", ".join(
        f"{published.name}, {published.name}_{next(iter(published.lists))} ..." for published in PUBLISHED
    )
    raise UsageError(f"{name!r} cannot be checked; there are: {names}, folder:DIR")


def _side(found: Survey, read: Callable[[], Side]) -> Side:
    """What is told about clips; nothing where the table or the expression is wrong, which is a problem."""
    try:
        return read()
    except TextError as error:
        found.problems.append(Problem(error.place, error.what))
        return Side()


def _published(published: PublishedSet, name: str, splits: Sequence[str], data_root: Path | None) -> Survey:
    root = published.root(name, data_root)
    if not root.is_dir():
        raise DataError(f"{name}: there is no folder {root}; DIR = {data_root} should hold\n{published.layout}")
    found = Survey(name, root / published.videos, list(splits), whole=len(splits) == len(published.lists))
    side = _side(found, partial(published.side, root))
    names: dict[int, Entry] = {}
    for split in splits:
        listing = published.listing(root, split)
        if listing is None:
            found.problems.append(Problem(str(root / published.lists[split]), f"the list of {split} is missing"))
            continue
        for entry in published.entries(listing):
            if isinstance(entry, Problem):
                found.problems.append(entry)
                continue
            label = published.labels[entry.label] if published.labels else folder_of(entry.file)
            first = names.setdefault(entry.label, entry)
            if published.labels is None and folder_of(first.file) != label:
                what = f"label {entry.label} is {label!r} here and {folder_of(first.file)!r} in {first.place}"
                found.problems.append(Problem(entry.place, what))
            found.listed.append(SurveyClip(split, entry.place, entry.file, label, side.of(entry.file)))
    if found.whole:
        _complete(found, published, root, names, side)
    return found


def _complete(found: Survey, published: PublishedSet, root: Path, names: dict[int, Entry], side: Side) -> None:
    """What only the whole data set can tell: labels without a clip, rows of the side table without one, spare files."""
    gaps = [label for label in range(published.classes) if label not in names]
    if gaps and names:
        if published.labels is None and min(gaps) < max(names):
            inner = [label for label in gaps if label < max(names)]
            found.problems.append(Problem(str(root), f"labels {inner} have no clip; the lists are not complete"))
        found.notes.append(f"{len(gaps)} of {published.classes} classes have no clip")
    files = {listed.file for listed in found.listed}
    found.problems += [Problem(at, f"{file} is in no list") for file, at in side.places.items() if file not in files]
    if spare := [file for file in _videos(found.videos) if file not in files]:
        found.notes.append(f"{len(spare)} videos are in no list, the first is {shown(spare[0])}")


def _folder(name: str, root: Path) -> Survey:
    if not root.is_dir():
        raise DataError(f"{name}: there is no folder {root}; expected {LAYOUT}")
    found = Survey(name, root, ["all"])
    side = _side(found, partial(read_side, None, root / "pattern.txt"))
    table = root / "labels.csv"
    for row in _table(table) if table.is_file() else _tree(root):
        if isinstance(row, Problem):
            found.problems.append(row)
            continue
        place, cells = row
        known = {key: cells.get(key) or value for key, value in side.of(cells["file"]).items()}
        found.listed.append(SurveyClip("all", place, cells["file"], cells["class"], known))
    if not found.listed and not found.problems:
        found.problems.append(Problem(str(root), f"no clips; expected {LAYOUT}"))
    files = {listed.file for listed in found.listed}
    if table.is_file() and (spare := [file for file in _videos(root) if file not in files]):
        found.notes.append(f"{len(spare)} videos are not in labels.csv, the first is {shown(spare[0])}")
    others = sorted(
        shown(p.name) for p in root.glob("*/*") if p.is_file() and p.name[0] != "." and not video.is_video(p)
    )
    if others and not table.is_file():
        found.notes.append(f"{len(others)} files are no videos, the first is {others[0]}")
    return found


Row = tuple[str, dict[str, str]]


def _table(path: Path) -> Iterator[Row | Problem]:
    try:
        for place, row in read_table(path, NEEDED):
            if not row["file"] or not row["class"]:
                yield Problem(place, "file and class must not be empty")
            elif wrong := path_problem(row["file"]):
                yield Problem(place, wrong)
            else:
                yield place, row
    except TextError as error:
        yield Problem(error.place, error.what)


def _tree(root: Path) -> Iterator[Row | Problem]:
    for path in sorted(root.glob("*/*")):
        if video.is_video(path):
            file = path.relative_to(root).as_posix()
            wrong = path_problem(file)
            yield (
                Problem(shown(path), wrong)
                if wrong
                else (shown(path), {"file": file, "class": shown(path.parent.name)})
            )


def _videos(folder: Path) -> list[str]:
    found = (path.relative_to(folder) for path in folder.rglob("*") if video.is_video(path))
    return sorted(PurePosixPath(path).as_posix() for path in found)
