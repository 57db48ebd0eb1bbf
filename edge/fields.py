"""YAML files as frozen dataclasses: every key known, every value of its type, or one ConfigError that says where."""

from __future__ import annotations

import types
from dataclasses import MISSING, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from edge.errors import ConfigError
from edge.yaml_files import load_yaml

T = TypeVar("T")


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file; an empty file is an empty one. Raises ConfigError."""
    return load_yaml(path)


def build(cls: type[T], data: dict[str, Any], where: str) -> T:
    """A dataclass from a mapping.

    Understands str, int, float, bool, X | None, tuple[X, ...], dict[str, X] and dataclasses. Raises ConfigError for an
    unknown key (and names the nearest one), a missing key, a value of another type.
    """
    types_ = get_type_hints(cls)
    for key in data:
        if key not in types_:
            raise ConfigError(f"{where}: unknown key {key!r}; {_nearest(str(key), list(types_))}")
    for field in fields(cls):  # type: ignore[arg-type]
        if field.name not in data and field.default is MISSING and field.default_factory is MISSING:
            raise ConfigError(f"{where}: key {field.name!r} is missing")
    return cls(**{key: _convert(types_[key], value, f"{where}: {key}") for key, value in data.items()})


def _convert(kind: Any, value: Any, where: str) -> Any:
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return None if value is None else _convert(inner[0], value, where)
    if origin is tuple and isinstance(value, list):
        return tuple(_convert(inner[0], item, f"{where}[{index}]") for index, item in enumerate(value))
    if origin is dict and isinstance(value, dict):
        return {str(key): _convert(inner[1], item, f"{where}.{key}") for key, item in value.items()}
    if hasattr(kind, "__dataclass_fields__") and isinstance(value, dict):
        return build(kind, value, where)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is kind:
        return value
    raise ConfigError(f"{where}: expected {_expected(origin or kind)}, found {_describe(value)}")


def _expected(kind: Any) -> str:
    names = {str: "a text (in quotes if it looks like a number)", int: "a whole number", float: "a number"}
    return names.get(kind) or {bool: "true or false", tuple: "a list"}.get(kind, "a mapping")


def _describe(value: object) -> str:
    return {list: "a list", dict: "a mapping", type(None): "nothing"}.get(type(value), repr(value))


def _nearest(key: str, known: list[str]) -> str:
    near = get_close_matches(key, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
