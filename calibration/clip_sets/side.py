"""What a table or the files' names tell about clips: camera, light, actor, location."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from calibration.clip_sets.text import TextError, read_table, read_text

FIELDS = ("camera", "light", "actor", "location")


@dataclass(frozen=True)
class Side:
    """table: fields by file. places: the table's line of every file. pattern: searched in a file's path."""

    table: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)
    pattern: re.Pattern[str] | None = None

    def of(self, file: str) -> dict[str, str | None]:
        """Every field of a file, None where not known; the table has the last word."""
        match = self.pattern.search(file) if self.pattern else None
        named = match.groupdict() if match else {}
        row = self.table.get(file, {})
        return {name: row.get(name) or named.get(name) or None for name in FIELDS}


def read_side(table: Path | None, pattern: Path) -> Side:
    """Both are optional. table: CSV with the column file and some of FIELDS. pattern: a regular expression with named
    groups of FIELDS, such as `_(?P<light>LL|ELL)_(?P<camera>[a-z0-9]+)_`, in a text file, `#` before comments.

    Raises TextError.
    """
    rows, places = _table(table) if table and table.is_file() else ({}, {})
    return Side(rows, places, _pattern(pattern) if pattern.is_file() else None)


def _table(path: Path) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    rows: dict[str, dict[str, str]] = {}
    places: dict[str, str] = {}
    for place, row in read_table(path, ("file",)):
        if row["file"] in rows:
            raise TextError(place, f"{row['file']} again, see {places[row['file']]}; keep one of the two")
        rows[row["file"]] = {name: row.get(name) or "" for name in FIELDS}
        places[row["file"]] = place
    return rows, places


def _pattern(path: Path) -> re.Pattern[str] | None:
    lines = read_text(path).splitlines()
    told = [(number, line.strip()) for number, line in enumerate(lines, start=1) if line.strip()]
    told = [(number, line) for number, line in told if not line.startswith("#")]
    if len(told) != 1:
        raise TextError(str(path), f"expected one regular expression, found {len(told)} lines")
    number, expression = told[0]
    try:
        pattern = re.compile(expression)
    except re.error as error:
        raise TextError(f"{path}: line {number}", f"not a regular expression: {error}") from error
    unknown = sorted(set(pattern.groupindex) - set(FIELDS))
    if unknown or not pattern.groupindex:
        expected = f"expected groups (?P<name>...) named {', '.join(FIELDS)}"
        raise TextError(f"{path}: line {number}", f"{expected}, found {', '.join(unknown) or 'none'}")
    return pattern
