"""`calibration check`: walks a data set and says how many clips there are of what, and everything that is wrong."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TypeVar

from calibration.clip_sets.listing import Problem
from calibration.clip_sets.survey import Survey, SurveyClip, survey
from calibration.jobs.parallel import WorkerError, in_order
from calibration.jobs.progress import Progress
from edge.cameras.recordings.decoding import VideoDecoder
from edge.errors import CameraError
from edge.paths import shown

CHUNK = 16  # files per task of a worker
BLOCK = 1 << 20  # bytes read at once
UNKNOWN = "unknown"
T = TypeVar("T")


@dataclass
class SetReport:
    """counts: (what, which, split) -> clips, such as ("camera", "brio", "train"). notes: worth knowing, not wrong."""

    name: str
    where: Path
    splits: Sequence[str]
    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        verdict = f"{len(self.problems)} problems" if self.problems else "nothing is wrong"
        return "\n".join([*self._table(), *self.notes, *map(str, self.problems), f"{verdict} in {self.where}"])

    def _table(self) -> Iterator[str]:
        order = ("clips", "class", "camera", "light")
        rows = sorted(
            {(what, which) for what, which, _ in self.counts},
            key=lambda row: (order.index(row[0]), row[1] == UNKNOWN, row),
        )
        titles = [self.name, *(" ".join(row).strip() for row in rows)]
        width = max(map(len, titles))
        counts = ([str(self.counts[what, which, split] or "-") for split in self.splits] for what, which in rows)
        cells = [list(self.splits), *counts]
        for title, values in zip(titles, cells, strict=True):
            columns = (f"{value:>{max(len(split), 5) + 2}}" for value, split in zip(values, self.splits, strict=True))
            yield f"{title:{width}}{''.join(columns)}"


def check(
    name: str, data_root: Path | None, workers: int = 1, full: bool = False, progress: Progress | None = None
) -> SetReport:
    """Look at every line of every list and at every file that they name.

    name: a data set (`ellar`), one of its splits (`ellar_val`) or `folder:DIR`. full: decode every frame, not the first
    alone. progress: called with (files looked at, all). Raises UsageError, DataError where there is nothing to check.
    """
    found = survey(name, data_root)
    report = SetReport(name, found.videos, found.splits, problems=found.problems, notes=found.notes)
    for listed in found.listed:
        _count(report, listed)
    report.problems += _listed_twice(found)
    report.problems += _files(found, workers, full, progress)
    return report


def _count(report: SetReport, listed: SurveyClip) -> None:
    report.counts["clips", "", listed.split] += 1
    report.counts["class", listed.label, listed.split] += 1
    for what in ("camera", "light"):
        report.counts[what, listed.known[what] or UNKNOWN, listed.split] += 1


def _listed_twice(found: Survey) -> Iterator[Problem]:
    """A clip twice in a list, or in two of the lists that should share none (split1_train and split1_test)."""
    seen: dict[tuple[str, str], SurveyClip] = {}
    for listed in found.listed:
        key = listed.split.rpartition("_")[0], PurePosixPath(listed.file).as_posix()
        first = seen.setdefault(key, listed)
        if first is not listed:
            yield Problem(listed.place, f"{listed.file} is listed twice, see {first.place}")


def _files(found: Survey, workers: int, full: bool, progress: Progress | None) -> Iterator[Problem]:
    """Every file once, however many lists name it."""
    places = {found.videos / listed.file: listed.place for listed in reversed(found.listed)}
    paths = list(reversed(places))
    by_size: dict[int, list[Path]] = {}
    for done, (path, probed) in enumerate(_each(partial(probe, full=full), paths, workers), start=1):
        size, wrong = probed or (0, "is damaged: it crashes the decoder")
        if wrong:
            yield Problem(places[path], f"{shown(path)} {wrong}")
        else:
            by_size.setdefault(size, []).append(path)
        if progress is not None:
            progress(done, len(paths))
    alike = [path for group in by_size.values() if len(group) > 1 for path in group]
    first: dict[str, Path] = {}
    for path, digest in _each(content, alike, workers):
        if digest and (other := first.setdefault(digest, path)) is not path:
            yield Problem(places[path], f"{shown(path)} has the same content as {shown(other)}, see {places[other]}")


def _each(
    work: Callable[[Path], T], paths: Sequence[Path], workers: int, size: int = CHUNK
) -> Iterator[tuple[Path, T | None]]:
    """Every path with its result, None where it kills the process that works on it."""
    chunks = (paths[start : start + size] for start in range(0, len(paths), size))
    for chunk, future in in_order(partial(_chunk, work), chunks, workers):
        if not isinstance(future.exception(), WorkerError):
            yield from zip(chunk, future.result(), strict=True)
        elif len(chunk) > 1:
            yield from _each(work, chunk, 1, size=1)
        else:
            yield chunk[0], None


def _chunk(work: Callable[[Path], T], paths: Sequence[Path]) -> list[T]:
    return [work(path) for path in paths]


def probe(path: Path, full: bool = False) -> tuple[int, str | None]:
    """A file's size in bytes, and what is wrong with it."""
    if not path.is_file():
        return 0, "does not exist"
    size = path.stat().st_size
    if size == 0:
        return 0, "is empty (0 bytes)"
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        return size, f"cannot be read: {error.strerror}"
    try:
        return size, _undecodable(path, full)
    except CameraError as error:
        return size, f"is damaged: {str(error).removeprefix(shown(path) + ': ')}"


def _undecodable(path: Path, full: bool) -> str | None:
    decoder = VideoDecoder(path)
    try:
        decoded = sum(1 for _ in iter(decoder.next, None)) if full else 1
        if full and decoded < decoder.promised:
            return f"is damaged: {decoded} of {decoder.promised} frames can be decoded"
    finally:
        decoder.close()
    return None


def content(path: Path) -> str:
    """SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
