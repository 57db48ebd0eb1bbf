"""YAML into dataclasses: every wrong thing has its own message."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import pytest

from edge.errors import BundleError, ConfigError
from edge.fields import (
    NOT_EMPTY,
    REQUIRED,
    YAML,
    AtMost,
    Between,
    Contradiction,
    Matching,
    OneOf,
    build,
    read_yaml,
)


@dataclass(frozen=True)
class Inner:
    number: int


@dataclass(frozen=True)
class Outer:
    text: str
    ratio: float = 0.5
    flag: bool = False
    limit: int | None = None
    items: tuple[Inner, ...] = ()
    rules: tuple[dict[str, str], ...] = ()


def test_every_kind_of_value_is_converted() -> None:
    data = {"text": "a", "ratio": 1, "limit": 3, "items": [{"number": 2}], "rules": [{"k": "v"}]}
    assert build(Outer, data, "x.yaml") == Outer("a", 1.0, False, 3, (Inner(2),), ({"k": "v"},))
    assert build(Outer, {"text": "a", "limit": None}, "x.yaml") == Outer("a")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"text": "a", "raito": 1}, "x.yaml: unknown key 'raito'; did you mean 'ratio'?"),
        ({"text": "a", "zzz": 1}, "x.yaml: unknown key 'zzz'; known are text, ratio, flag, limit, items, rules"),
        ({}, "x.yaml: key 'text' is missing"),
        ({"text": 5}, "x.yaml: text: expected a text (in quotes if it looks like a number), found 5"),
        ({"text": "a", "flag": 1}, "x.yaml: flag: expected true or false, found 1"),
        ({"text": "a", "ratio": True}, "x.yaml: ratio: expected a number, found True"),
        ({"text": "a", "limit": 1.5}, "x.yaml: limit: expected a whole number, found 1.5"),
        ({"text": "a", "items": {}}, "x.yaml: items: expected a list, found a mapping"),
        ({"text": "a", "items": [3]}, "x.yaml: items[0]: expected a mapping, found 3"),
        (
            {"text": "a", "items": [{"number": None}]},
            "x.yaml: items[0]: number: expected a whole number, found nothing",
        ),
        ({"text": "a", "rules": [{"vendor": 46}]}, "x.yaml: rules[0].vendor: expected a text"),
    ],
)
def test_what_is_wrong_is_named(data: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        build(Outer, data, "x.yaml")
    assert message in str(raised.value) and raised.value.exit_code == 78


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"- a\n- b\n", "expected `key: value` lines, found a list"),
        (b"a: [1, 2", "is not YAML"),
        (b"a: !!python/object/apply:os.system [ls]", "is not YAML"),
        (b"\xff\xfe\x00", "line 1: expected UTF-8, found UTF-16"),
    ],
)
def test_a_file_that_is_no_mapping_says_so(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as raised:
        read_yaml(path)
    assert message in str(raised.value) and str(path) in str(raised.value) and "\n" not in str(raised.value)


def test_an_empty_file_is_an_empty_mapping(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("# nothing\n")
    assert read_yaml(path) == {}


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_yaml(tmp_path / "x.yaml")


@dataclass(frozen=True)
class Limited:
    share: Annotated[float, Between(0.0, 1.0)]
    kind: Annotated[str, OneOf(("a", "b"))] = "a"
    name: Annotated[str, NOT_EMPTY, AtMost(5)] = "x"
    pair: tuple[float, float] = (0.0, 1.0)
    sizes: dict[Annotated[str, Matching("[a-z]+", "small letters")], int] = field(default_factory=dict)
    level: Annotated[int, Between(1, 9)] | None = None
    said: Annotated[bool, REQUIRED] = False

    def contradictions(self) -> Iterator[Contradiction]:
        if self.pair[0] > self.pair[1]:
            yield Contradiction("pair", "the lower first", list(self.pair))


JSON = replace(
    YAML,
    error=BundleError,
    joint=".",
    mend="; mend it",
    terse=False,
    printable=True,
    names={**YAML.names, str: "a text"},
)


def test_limits_hold_and_whole_numbers_become_real_ones() -> None:
    data = {"share": 1, "kind": "b", "name": "five5", "pair": [1, 2], "sizes": {"ab": 3}, "level": 9, "said": True}
    for language in (YAML, JSON):
        made = build(Limited, data, "f", language)
        assert made == Limited(1.0, "b", "five5", (1.0, 2.0), {"ab": 3}, 9, True) and type(made.share) is float


@pytest.mark.parametrize(
    ("change", "yaml", "json"),
    [
        ({"share": 2}, "f: share: expected 0 to 1, found 2", "f: share: expected a number from 0.0 to 1.0, found 2"),
        (
            {"share": "x"},
            "f: share: expected a number, found 'x'",
            "f: share: expected a number from 0.0 to 1.0, found",
        ),
        ({"share": math.nan}, "f: share: expected 0 to 1, found nan", "expected a number from 0.0 to 1.0, found nan"),
        ({"kind": "c"}, "f: kind: expected a, b, found 'c'", "f: kind: expected one of a, b, found 'c'"),
        ({"name": " "}, "f: name: is empty", "f: name: expected a text that is not empty, found ' '"),
        ({"name": "sixsix"}, "f: name: expected at most 5 letters", "f: name: expected at most 5 letters"),
        ({"pair": [1]}, "f: pair: expected 2 values, found 1", "f: pair: expected 2 values, found 1"),
        ({"pair": [2, 1]}, "f: pair: expected the lower first, found [2.0, 1.0]", "f: pair: expected the lower first"),
        ({"pair": [10**400, 1]}, "f: pair[0]: expected a number, found 1000", "f: pair[0]: expected a number, found"),
        (
            {"pair": [math.inf, 1]},
            "f: pair[0]: expected a number, found inf",
            "f: pair[0]: expected a number, found inf",
        ),
        ({"sizes": {"A": 1}}, "f: sizes.A: expected small letters", "f: sizes.A: expected small letters, found 'A'"),
        ({"sizes": {"a": "1"}}, "f: sizes.a: expected a whole number", "f: sizes.a: expected a whole number"),
        ({"level": 0}, "f: level: expected 1 to 9, found 0", "f: level: expected a whole number from 1 to 9, found 0"),
        ({"other": 1}, "f: unknown key 'other'", "f: other: expected no such key (known here: share, kind,"),
        ({"said": None}, "f: said: expected true or false, found nothing", "f: said: expected true or false"),
    ],
)
def test_one_declaration_speaks_for_yaml_and_for_json(change: dict[str, Any], yaml: str, json: str) -> None:
    for language, message in ((YAML, yaml), (JSON, json)):
        with pytest.raises(language.error) as raised:
            build(Limited, {"share": 0.5, "said": True, **change}, "f", language)
        assert message in str(raised.value) and str(raised.value).endswith(language.mend)
        assert len(str(raised.value)) < 400


def test_what_a_file_must_say_is_missed_in_spite_of_its_default() -> None:
    with pytest.raises(ConfigError, match="f: key 'said' is missing"):
        build(Limited, {"share": 0.5}, "f")
    with pytest.raises(BundleError, match="f: said: expected a value, found nothing; mend it"):
        build(Limited, {"share": 0.5}, "f", JSON)
