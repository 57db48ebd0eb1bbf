"""Lists of clips as data sets publish them: one line, one clip. What is wrong with a line is an answer, not a crash."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from pathlib import Path, PurePosixPath

from calibration.clip_sets.text import TextError, read_table, read_text
from edge.paths import shown


@dataclass(frozen=True)
class Entry:
    """place: the list and its line, for people. file: as it is written, relative to the videos."""

    place: str
    file: str
    label: int


@dataclass(frozen=True)
class Problem:
    """What is wrong, and where."""

    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}"


LONGEST_LABEL = 9  # characters; Python refuses to read numbers of thousands of digits
ListReader = Callable[[Path], Iterator[Entry | Problem]]


def _answering(reader: ListReader) -> ListReader:
    """That a list cannot be read is an answer, too."""

    @wraps(reader)
    def read(listing: Path) -> Iterator[Entry | Problem]:
        try:
            yield from reader(listing)
        except TextError as error:
            yield Problem(error.place, error.what)

    return read


@_answering
def pairs(listing: Path) -> Iterator[Entry | Problem]:
    """ELLAR, mmaction's VideoDataset: `<Class>/<clip>.avi <number>`, split at white space."""
    for place, line in _lines(listing):
        fields = line.split()
        if len(fields) == 2:
            yield _entry(place, fields[0], fields[1], line)
        else:
            expected = '"<Class>/<clip>.avi <number>", without a space in the path'
            yield Problem(place, f"expected {expected}, found {line!r}")


@_answering
def numbered(listing: Path) -> Iterator[Entry | Problem]:
    """ARID: `index<TAB>label<TAB><Class>/<clip>.mp4`."""
    for place, line in _lines(listing):
        fields = line.split("\t")
        if len(fields) == 3 and fields[0].strip().isdecimal():
            yield _entry(place, fields[2].strip(), fields[1], line)
        else:
            yield Problem(place, f'expected "<index> TAB <label> TAB <Class>/<clip>.mp4", found {line!r}')


@_answering
def pairs_or_counted(listing: Path) -> Iterator[Entry | Problem]:
    """Dark48: `<class>/<clip>.mp4 <label>`, or `<class>/<clip> <number of frames> <label>`."""
    for place, line in _lines(listing):
        fields = line.split()
        if len(fields) == 2 or (len(fields) == 3 and fields[1].isdecimal()):
            yield _entry(place, fields[0], fields[-1], line)
        else:
            expected = '"<class>/<clip>.mp4 [<frames>] <label>", without a space in the path'
            yield Problem(place, f"expected {expected}, found {line!r}")


@_answering
def columns(listing: Path) -> Iterator[Entry | Problem]:
    """The UG2 challenge: a CSV table with the columns VideoID, Video, ClassID."""
    for place, row in read_table(listing, ("ClassID", "Video")):
        yield _entry(place, row["Video"], row["ClassID"], ",".join(row.values()))


def path_problem(file: str) -> str | None:
    """What is wrong with a path inside a data set; None where nothing is."""
    inside = PurePosixPath(file)
    if not file or inside.is_absolute() or ".." in inside.parts or "\\" in file:
        return f"{file!r} is not a path of the form <Class>/<clip>.avi, inside the folder of videos"
    if len(file.split()) != 1 or file != file.strip():
        return f"{file!r} has a space in its path, which mmaction's lists cannot hold; rename it"
    return None


def _entry(place: str, file: str, label: str, line: str) -> Entry | Problem:
    if not label.strip().isdecimal() or len(label) > LONGEST_LABEL:
        return Problem(place, f"expected a label, a whole number from 0, found {label!r} in {line!r}")
    wrong = path_problem(file)
    return Problem(place, wrong) if wrong else Entry(place, file, int(label))


def _lines(listing: Path) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(io.StringIO(read_text(listing)), start=1):
        if line.strip():
            yield f"{shown(listing)}: line {number}", line.rstrip("\r\n")
