"""Reads a YAML file that anybody may have written: bounded in size and depth, every key once, or one ConfigError."""

from __future__ import annotations

import os
import stat
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from edge.errors import ConfigError
from edge.utf8 import NotUtf8Error, decoded

MAX_BYTES = 1 << 16  # the largest of ours has a twentieth; PyYAML takes seconds for a megabyte
MAX_DEPTH = 20
MAX_INT = 1 << 63
ALLOWED_CONTROLS = "\t\n\r"


class _UnfitError(Exception):
    """YAML, but nothing that a setting can hold."""


class _Loader(yaml.SafeLoader):
    """PyYAML's safe types, without keys that come twice and without what no setting can hold."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                name = (key.tag, key.value)
                if name in seen:
                    raise _wrong(f"key {key.value[:40]!r} comes twice; remove one", key)
                seen.add(name)
        return super().construct_mapping(node, deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            value = super().construct_object(node, deep)
        except (ValueError, OverflowError, TypeError, IndexError, KeyError, AttributeError) as error:
            raise _wrong(f"cannot be read as {node.tag.rpartition(':')[2]} ({str(error)[:80]})", node) from error
        if type(value) is int and not -MAX_INT <= value < MAX_INT:
            raise _wrong(f"expected a number, found one of {len(node.value)} digits", node)
        if isinstance(value, str) and (bad := next((c for c in value if not _printable(c)), None)):
            raise _wrong(f"expected a text without control characters, found {bad!a} in it", node)
        return value


def load_yaml(path: Path) -> dict[Any, Any]:
    """The mapping in a file; an empty file is an empty one. Raises ConfigError."""
    return parse_yaml(read_text(path), str(path))


def read_text(path: Path) -> str:
    """A file of settings as text. Raises ConfigError."""
    try:
        return decoded(_read(path), path)
    except ConfigError:
        raise
    except NotUtf8Error as error:
        raise ConfigError(str(error)) from error
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error


def parse_yaml(text: str, where: str) -> dict[Any, Any]:
    """The same of a text. where: for errors. Raises ConfigError."""
    try:
        _check_shape(text)
        data = yaml.load(text, _Loader)
    except _UnfitError as error:
        raise ConfigError(f"{where}, {error}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{where}: is not YAML: {' '.join(str(error).split())}") from error
    if data is None:
        return {}
    if not isinstance(data, dict):
        found = "a list" if isinstance(data, list) else repr(data)[:80]
        raise ConfigError(f"{where}: expected `key: value` lines, found {found}")
    return data


def _read(path: Path) -> bytes:
    """Of a regular file: a pipe would be waited for, and a device has no end."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise ConfigError(f"{path}: cannot be read: it is a folder; expected a YAML file")
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError(f"{path}: cannot be read: expected a regular file, found a pipe or a device")
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read(MAX_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{path}: expected at most {MAX_BYTES} bytes, found more; is this the right file?")
    return data


def _check_shape(text: str) -> None:
    """Before anything is built of it: a few bytes of aliases can mean gigabytes, and deep nesting ends the stack."""
    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise _wrong(f"an alias (*{event.anchor}) is not allowed here; write the value itself", event)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise _wrong(f"expected at most {MAX_DEPTH} levels, found more", event)


def _printable(character: str) -> bool:
    code = ord(character)
    return (code >= 0x20 or character in ALLOWED_CONTROLS) and not 0x7F <= code <= 0x9F and not 0xD800 <= code <= 0xDFFF


def _wrong(message: str, at: Any) -> _UnfitError:
    return _UnfitError(f"line {at.start_mark.line + 1}: {message}")
