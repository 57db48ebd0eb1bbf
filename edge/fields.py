"""Mappings of YAML and JSON as frozen dataclasses: every key known, every value of its type and in its limits, or one
error that says where.

A field says once what it may hold: its type, and as `Annotated[type, ...]` its limits (`Between`, `OneOf`, `Matching`,
`AtMost`, `NOT_EMPTY`). One with a default may be missing, unless it is REQUIRED. What no field can tell alone, a
dataclass says in a method `contradictions`.
"""

from __future__ import annotations

import math
import re
import types
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

from edge.errors import ConfigError, EdgeError
from edge.printable import is_printable, one_line
from edge.yaml_files import load_yaml

LONGEST_TOLD = 200  # characters of a wrong value that a message repeats

T = TypeVar("T")


@dataclass(frozen=True)
class Between:
    """The lowest and the highest number, both allowed."""

    low: float
    high: float


@dataclass(frozen=True)
class OneOf:
    """The texts that there are."""

    choices: tuple[str, ...]


@dataclass(frozen=True)
class Matching:
    """A regular expression for the whole text. expected: the same in words."""

    pattern: str
    expected: str


@dataclass(frozen=True)
class AtMost:
    """The longest text or list: letters, or values."""

    length: int


class _Mark(NamedTuple):
    name: str


NOT_EMPTY = _Mark("not empty")  # more than spaces
EMPTY = "a text that is not empty"
REQUIRED = _Mark("required")  # a default is for those who make one in Python; a file must say it


class Contradiction(NamedTuple):
    """Two fields that do not go together. key: the path of the one to mend, below the dataclass."""

    key: str
    expected: str
    found: object


@dataclass(frozen=True)
class Language:
    """How errors speak of a kind of file. error: their class. names: of kinds of values. mend: how to mend a file.

    terse: a key that is missing or unknown has a sentence of its own, and limits are told without the type.
    joint: stands between the path of a mapping and its key. printable: texts hold nothing that a terminal would obey.
    """

    error: type[EdgeError]
    names: Mapping[type, str]
    joint: str
    mend: str = ""
    terse: bool = True
    printable: bool = False

    def wrong(self, where: str, expected: str, found: str) -> EdgeError:
        """The error for a value; the caller raises it."""
        return self.error(f"{where}: expected {expected}, found {found}{self.mend}")

    def missing(self, where: str, path: str, key: str) -> EdgeError:
        if self.terse:
            return self.error(f"{_place(where, path)}: key {key!r} is missing{self.mend}")
        return self.wrong(_place(where, self.at(path, key)), "a value", "nothing")

    def unknown(self, where: str, path: str, key: str, value: object, known: list[str]) -> EdgeError:
        if self.terse:
            return self.error(f"{_place(where, path)}: unknown key {key!r}; {_nearest(key, known)}{self.mend}")
        place = _place(where, self.at(path, one_line(key)))
        return self.wrong(place, f"no such key (known here: {', '.join(known)})", self.describe(value))

    def empty(self, where: str, value: str) -> EdgeError:
        if self.terse:
            return self.error(f"{where}: is empty; expected a text{self.mend}")
        return self.wrong(where, EMPTY, repr(value))

    def at(self, path: str, key: str) -> str:
        return f"{path}{self.joint}{key}" if path else key

    def describe(self, value: object) -> str:
        told = self.names[type(value)] if isinstance(value, list | dict | None) else repr(value)
        return told if len(told) <= LONGEST_TOLD else f"{told[:LONGEST_TOLD]}..."

    def kind(self, kind: Any, limits: tuple[Any, ...]) -> str:
        """What a value of another type should have been."""
        if not self.terse:
            for limit in limits:
                if not isinstance(limit, AtMost) and (told := self.limit(kind, limit)) is not None:
                    return told  # it says the type, too; a number of letters or values alone would not
        return self.names[kind]

    def limit(self, kind: Any, limit: Any) -> str | None:
        """What a value of the right type should have been."""
        match limit:
            case Between(low, high):
                return f"{low:g} to {high:g}" if self.terse else f"{self.names[kind]} from {low} to {high}"
            case OneOf(choices):
                return ("" if self.terse else "one of ") + ", ".join(choices)
            case Matching(_, expected):
                return expected
            case AtMost(length):
                return f"at most {length} {'letters' if kind is str else 'values'}"
            case _:
                return EMPTY if limit is NOT_EMPTY else None


YAML = Language(
    ConfigError,
    {
        str: "a text (in quotes if it looks like a number)",
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        list: "a list",
        dict: "a mapping",
        type(None): "nothing",
    },
    ": ",
)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file; an empty file is an empty one. Raises ConfigError."""
    return load_yaml(path)


def build(cls: type[T], data: Mapping[Any, Any], where: str, language: Language = YAML, path: str = "") -> T:
    """A dataclass from a mapping.

    Understands str, int, float (finite), bool, X | None, tuple[X, ...], tuple[X, Y], dict[str, X], dataclasses, and
    limits. where: the file, for messages; path: the mapping's place in it. Raises the language's error for an unknown
    key (and names those there are), a missing one, a value of another type or beyond its limits, contradictions.
    """
    kinds = get_type_hints(cls, include_extras=True)
    known = [field for field in fields(cls) if field.init]  # type: ignore[arg-type]
    names = [field.name for field in known]
    for key, value in data.items():
        if key not in names:
            raise language.unknown(where, path, str(key), value, names)
    for field in known:
        optional = field.default is not MISSING or field.default_factory is not MISSING
        if field.name not in data and not (optional and REQUIRED not in get_args(kinds[field.name])):
            raise language.missing(where, path, field.name)
    reader = _Reader(where, language)
    made = cls(
        **{name: reader.read(kinds[name], data[name], language.at(path, name)) for name in names if name in data}
    )
    tell = getattr(made, "contradictions", tuple)
    for wrong in tell():
        raise language.wrong(f"{where}: {language.at(path, wrong.key)}", wrong.expected, str(wrong.found))
    return made


class _Reader:
    """Reads the values of one file."""

    def __init__(self, where: str, language: Language) -> None:
        self._where, self._language = where, language

    def read(self, kind: Any, value: Any, path: str) -> Any:
        limits: tuple[Any, ...] = ()
        if get_origin(kind) is Annotated:
            kind, *more = get_args(kind)
            limits = tuple(limit for limit in more if limit is not REQUIRED)
        if get_origin(kind) in (Union, types.UnionType):
            return None if value is None else self.read(get_args(kind)[0], value, path)
        plain = get_origin(kind) or kind
        read: Any = value
        if plain is tuple and isinstance(value, list):
            read = self._list(get_args(kind), value, path)
        elif plain is dict and isinstance(value, dict):
            read = self._mapping(get_args(kind), value, path)
        elif hasattr(kind, "__dataclass_fields__") and isinstance(value, dict):
            return build(kind, value, self._where, self._language, path)
        elif plain is not type(value) and not (plain is float and type(value) is int):
            named = plain if plain in (str, int, float, bool) else list if plain is tuple else dict
            raise self._wrong(path, self._language.kind(named, limits), value)
        return self._limited(plain, limits, read, value, path)

    def _list(self, kinds: tuple[Any, ...], value: list[Any], path: str) -> tuple[Any, ...]:
        if kinds[-1] is Ellipsis:
            kinds = (kinds[0],) * len(value)
        elif len(kinds) != len(value):
            raise self._wrong(path, f"{len(kinds)} values", len(value))
        return tuple(self.read(kind, value[i], f"{path}[{i}]") for i, kind in enumerate(kinds))

    def _mapping(self, kinds: tuple[Any, ...], value: dict[Any, Any], path: str) -> dict[str, Any]:
        read: dict[str, Any] = {}
        for key, item in value.items():
            name = self.read(kinds[0], key if get_origin(kinds[0]) is Annotated else str(key), f"{path}.{_shown(key)}")
            read[name] = self.read(kinds[1], item, f"{path}.{name}")
        return read

    def _limited(self, kind: Any, limits: tuple[Any, ...], read: Any, value: Any, path: str) -> Any:
        for limit in limits:
            if not _holds(limit, read):
                if limit is NOT_EMPTY:
                    raise self._language.empty(f"{self._where}: {path}", value)
                raise self._wrong(path, self._language.limit(kind, limit) or "", value)
        if kind is str and self._language.printable and not is_printable(read):
            raise self._wrong(path, "a text without control characters", read)
        if kind is not float:
            return read
        if not _is_finite(read):
            raise self._wrong(path, self._language.kind(float, ()), value)
        return float(read)

    def _wrong(self, path: str, expected: str, found: object) -> EdgeError:
        return self._language.wrong(f"{self._where}: {path}", expected, self._language.describe(found))


def _holds(limit: Any, value: Any) -> bool:
    match limit:
        case Between(low, high):
            return bool(low <= value <= high)
        case OneOf(choices):
            return value in choices
        case Matching(pattern, _):
            return re.fullmatch(pattern, value) is not None
        case AtMost(length):
            return len(value) <= length
        case _:
            return limit is not NOT_EMPTY or bool(value.strip())


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond every float
        return False


def _shown(key: object) -> str:
    return one_line(str(key))


def _place(where: str, path: str) -> str:
    return f"{where}: {path}" if path else where


def _nearest(key: str, known: list[str]) -> str:
    near = get_close_matches(key, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
