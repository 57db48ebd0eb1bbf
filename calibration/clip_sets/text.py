"""Tables and lists of data sets, as people wrote them; what is wrong has a file and a line."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from edge import utf8
from edge.errors import DataError
from edge.paths import shown


class TextError(DataError):
    """place: the file and its line. what: is wrong there."""

    def __init__(self, place: str, what: str) -> None:
        super().__init__(f"{place}: {what}")
        self.place, self.what = place, what


def read_text(path: Path) -> str:
    """The whole file, which is UTF-8. Raises TextError."""
    try:
        return utf8.read_text(path)
    except utf8.NotUtf8Error as error:
        raise TextError(error.place, error.what) from error
    except OSError as error:
        raise TextError(shown(path), f"cannot be read: {error.strerror}") from error


def read_table(path: Path, columns: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Place and cells of every row of a CSV table; a cell that is not there is empty. columns: it must have these.

    Raises TextError.
    """
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""))
    place = f"{shown(path)}: line 1"
    try:
        missing = [column for column in columns if column not in (reader.fieldnames or ())]
        if missing:
            raise TextError(place, f"no column {' and '.join(missing)}; found {reader.fieldnames}")
        for row in reader:
            place = f"{shown(path)}: line {reader.line_num}"
            yield place, {key: value or "" for key, value in row.items() if key is not None}
    except csv.Error as error:
        raise TextError(f"{shown(path)}: line {reader.line_num}", f"is no CSV: {error}") from error
