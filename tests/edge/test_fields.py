"""YAML into dataclasses: every wrong thing has its own message."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from edge.errors import ConfigError
from edge.fields import build, read_yaml


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
