"""Data sets that are lists beside a folder of videos, each described by a row: ELLAR, ARID 1.0, 1.5 and UG2, Dark48."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath

from calibration.clip_sets import video
from calibration.clip_sets.clips import VIDEO, Clip, ClipSet
from calibration.clip_sets.listing import Entry, ListReader, Problem, columns, numbered, pairs, pairs_or_counted
from calibration.clip_sets.side import Side, read_side
from edge.errors import DataError

LIGHTS = ("LL", "ELL")
ARID_LABELS = ("Drink", "Jump", "Pick", "Pour", "Push", "Run", "Sit", "Stand", "Turn", "Walk", "Wave")
ARID_LISTS = {
    f"split{number}_{part}": f"list_cvt/*split{number}_{part}*.txt"
    for number in (1, 2, 3)
    for part in ("train", "test", "other")
}


@dataclass(frozen=True)
class PublishedSet:
    """One data set. Its sets are called <name>_<split>, its files lie in DIR/<folder>.

    lists: split -> its list, a glob with one match. videos: what the lists' paths are relative to. classes: how many
    labels there are. labels: their names where the authors publish them; otherwise they are the folders' names.
    by_light: whether there are sets of one light. aliases: what the set alone calls so -> what others call it.
    """

    name: str
    title: str
    folder: str
    lists: Mapping[str, str]
    videos: str
    read_list: ListReader
    classes: int
    labels: tuple[str, ...] | None = None
    by_light: bool = False
    aliases: Mapping[str, str] = field(default_factory=dict)

    @property
    def layout(self) -> str:
        """What DIR must hold, line by line."""
        rows = [(f"DIR/{self.folder}/{pattern}", f"the list of {split}") for split, pattern in self.lists.items()]
        rows.append((f"DIR/{self.folder}/{self.videos}/<Class>/*.avi", "or mp4, mkv, mov, ..."))
        rows.append((f"DIR/{self.folder}/{self.folder}_clips.csv", "optional: file,camera,light,actor,location"))
        rows.append((f"DIR/{self.folder}/{self.folder}_pattern.txt", "optional: a regular expression for the same"))
        width = max(len(path) for path, _ in rows)
        return "\n".join(f"  {path:{width}}  {what}" for path, what in rows)

    def root(self, name: str, data_root: Path | None) -> Path:
        """DIR/<folder>. Raises DataError that says what to put where."""
        if data_root is None:
            raise DataError(
                f"{name}: needs {self.title}; name the folder DIR that holds it with --data-root DIR, EDGE_DATA or "
                f"data_root in ~/.config/ellar-edge/data.yaml:\n{self.layout}"
            )
        return data_root / self.folder

    def listing(self, root: Path, split: str) -> Path | None:
        """The list of a split, None where it is missing. Raises DataError where there are several."""
        found = sorted(path for path in root.glob(self.lists[split]) if not path.name.startswith("."))
        if len(found) > 1:
            raise DataError(f"{root}: expected one list {self.lists[split]}, found {', '.join(p.name for p in found)}")
        return found[0] if found else None

    def entries(self, listing: Path) -> Iterator[Entry | Problem]:
        """The list's lines; labels out of range and folders of another label are problems, too."""
        for entry in self.read_list(listing):
            wrong = self._label_problem(entry) if isinstance(entry, Entry) else None
            yield Problem(entry.place, wrong) if wrong else entry

    def side(self, root: Path) -> Side:
        """Camera, light, actor, location, as far as anybody has written them down."""
        return read_side(root / f"{self.folder}_clips.csv", root / f"{self.folder}_pattern.txt")

    def _label_problem(self, entry: Entry) -> str | None:
        if entry.label >= self.classes:
            return (
                f"label {entry.label} is out of range: {self.title} has {self.classes} classes, 0 to {self.classes - 1}"
            )
        folders = PurePosixPath(entry.file).parts[:-1]
        if self.labels is None and not folders:
            return f"{entry.file!r} is not a path of the form <Class>/<clip>.avi"
        if self.labels and folders and folders[-1] in self.labels and folders[-1] != self.labels[entry.label]:
            return f"label {entry.label} is {self.labels[entry.label]}, the folder says {folders[-1]}"
        return None


ELLAR = PublishedSet(
    "ellar",
    "the ELLAR data set (ACCV 2024)",
    "ELLAR",
    {split: f"ELLAR_label_{split}.txt" for split in ("train", "val", "test")},
    "videos",
    pairs,
    12,
    by_light=True,
    # `Stertching` is a folder's name in the release. Its actions are movements, not postures.
    aliases={"Stertching": "stretch", "Sitting": "sit", "Standing": "stand"},
)
ARID = PublishedSet("arid", "ARID 1.0", "ARID", ARID_LISTS, "data", numbered, 11, ARID_LABELS)
ARID15 = PublishedSet("arid15", "ARID 1.5", "ARID_v1.5", ARID_LISTS, "data", numbered, 11, ARID_LABELS)
UG2 = PublishedSet(
    "ug2",
    "ARID of the UG2 challenge",
    "ARID_UG2",
    {split: f"*{split}*.csv" for split in ("train", "val", "test")},
    "videos",
    columns,
    11,
    ARID_LABELS,
)
DARK48 = PublishedSet(
    "dark48",
    "Dark48",
    "Dark48",
    {split: f"*{split}*.txt" for split in ("train", "val", "test")},
    "videos",
    pairs_or_counted,
    48,
)
PUBLISHED = (ELLAR, ARID, ARID15, UG2, DARK48)


def open_published(
    published: PublishedSet, name: str, split: str, light: str | None, data_root: Path | None
) -> ClipSet:
    """One split, or its clips of one light. Raises DataError: missing or damaged, with the place and what to do."""
    root = published.root(name, data_root)
    listing = published.listing(root, split)
    videos = root / published.videos
    for needed, there in ((root / published.lists[split], listing is not None), (videos, videos.is_dir())):
        if not there:
            raise DataError(
                f"{name}: {needed} is missing; it comes from the authors of {published.title}; "
                f"DIR = {data_root} should hold\n{published.layout}"
            )
    assert listing is not None
    entries = _sound(published, listing)
    if not entries:
        raise DataError(f"{listing}: lists no clip")
    side = published.side(root)
    clips = [_clip(videos, entry, side) for entry in entries]
    labels = published.labels or _folder_names(published, name, root)
    chosen = clips if light is None else _of_light(published, name, clips, light)
    return ClipSet(name, labels, chosen, published.aliases)


def _sound(published: PublishedSet, listing: Path) -> list[Entry]:
    entries = []
    for entry in published.entries(listing):
        if isinstance(entry, Problem):
            raise DataError(f"{entry}; `calibration check {published.name}` lists everything that is wrong")
        entries.append(entry)
    return entries


def _folder_names(published: PublishedSet, name: str, root: Path) -> tuple[str, ...]:
    """Names by number, from the folders of every split's clips, so that all splits agree."""
    names: dict[int, str] = {}
    for listing in filter(None, (published.listing(root, split) for split in published.lists)):
        for entry in _sound(published, listing):
            folder = folder_of(entry.file)
            if names.setdefault(entry.label, folder) != folder:
                raise DataError(
                    f"{name}: label {entry.label} is both {names[entry.label]!r} and {folder!r} ({entry.place})"
                )
    gaps = sorted(set(range(max(names) + 1)) - set(names))
    if gaps:
        raise DataError(f"{name}: labels {gaps} have no clip; the lists in {root} are not complete")
    return tuple(names[i] for i in range(len(names)))


def folder_of(file: str) -> str:
    """The class as a clip's folder names it."""
    return PurePosixPath(file).parent.name


def _clip(videos: Path, entry: Entry, side: Side) -> Clip:
    path = videos / entry.file
    if not path.is_file():
        raise DataError(f"{entry.place}: {path} does not exist")
    known = side.of(entry.file)
    return Clip(
        name=entry.file,
        label=entry.label,
        source=partial(video.read, path),
        made_by=VIDEO,
        file=path,
        actor=known["actor"],
        camera=known["camera"],
        light=known["light"],
        location=known["location"],
    )


def _of_light(published: PublishedSet, name: str, clips: list[Clip], light: str) -> list[Clip]:
    dumb = [clip.name for clip in clips if clip.light is None]
    if dumb:
        raise DataError(
            f"{name}: the light of {len(dumb)} of {len(clips)} clips is not known, the first is {dumb[0]}; say it in "
            f"{published.folder}_clips.csv (file,light: {' or '.join(LIGHTS)}) or {published.folder}_pattern.txt"
        )
    chosen = [clip for clip in clips if str(clip.light).upper() == light]
    if not chosen:
        raise DataError(f"{name}: none of {len(clips)} clips is {light}; expected {' or '.join(LIGHTS)}")
    return chosen
