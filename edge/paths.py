"""Paths as people write them (`~`), may be shown and as a library opens them; where a user's own files lie."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

FOLDER = "ellar-edge"


def user_path(text: str | Path) -> Path:
    """A path with ~ or ~USER at its beginning made whole, wherever it was written.

    A shell does so at the beginning of a word only: not after `--bundle=`, not after `file:`, not in a file. Where
    nobody knows whose home it is, the path stays as it is.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def shown(text: str | Path) -> str:
    r"""A name as it may be printed, written as JSON or into a page: bytes that are no UTF-8 as \xe9, one line."""
    try:
        data = str(text).encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half a character that no file name has, from a YAML or JSON file
        data = str(text).encode("utf-8", "backslashreplace")
    readable = data.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in readable)


@contextmanager
def library_name(path: Path) -> Iterator[str]:
    """A name under which a library that takes UTF-8 text opens this file, as long as the context lasts.

    Absolute, so that a colon in it is not taken for an address (`10:15.mp4`); by a descriptor where the path is no
    UTF-8, which OpenCV's bindings die of. Raises OSError.
    """
    whole = str(path.absolute())
    if shown(whole) == whole:
        yield whole
        return
    descriptor = os.open(whole, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path | None:
    """What can be made again: under XDG_CACHE_HOME, else ~/.cache; None for a uid without an account or a home."""
    return _under(environment, "XDG_CACHE_HOME", ".cache")


def settings_folder(environment: Mapping[str, str] = os.environ) -> Path | None:
    """What the user wrote: under XDG_CONFIG_HOME, else ~/.config; None for a uid without an account or a home."""
    return _under(environment, "XDG_CONFIG_HOME", ".config")


def _under(environment: Mapping[str, str], variable: str, hidden: str) -> Path | None:
    if environment.get(variable):
        return Path(environment[variable]) / FOLDER
    with suppress(RuntimeError):
        return Path.home() / hidden / FOLDER
    return None
