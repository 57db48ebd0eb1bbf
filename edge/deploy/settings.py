"""The service's configuration file, which is the user's: checked, and changed only in the keys that were given."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from edge.board.profile import board_profile
from edge.deploy.layout import STORE
from edge.errors import ConfigError
from edge.run.config import Config, load_settings
from edge.yaml_files import parse_yaml, read_text


def read(path: Path) -> Config:
    """What the service would do with it. Raises ConfigError, and UsageError for a board that does not exist."""
    config = load_settings(path, {}).config
    board_profile(config.board)
    return config


def with_keys(path: Path, given: Mapping[str, str]) -> str:
    """Its text with these keys set; everything else, comments too, as it is. Raises ConfigError."""
    text = read_text(path)
    wanted = {**parse_yaml(text, str(path)), **given}
    for key, value in given.items():
        text = _with_key(text, key, quoted(value))
    try:
        found = parse_yaml(text, str(path))
    except ConfigError:
        found = {}
    if found != wanted:
        lines = ", ".join(f"`{key}: {quoted(value)}`" for key, value in given.items())
        raise ConfigError(f"{path}: expected a line for each key, found another form; set it yourself: {lines}")
    return text


def quoted(text: str) -> str:
    """As YAML: a camera named 2 is a text."""
    return text if re.fullmatch(r"[A-Za-z/][\w/.@-]*", text) else "'" + text.replace("'", "''") + "'"


def check_runs_the_store(path: Path) -> None:
    """Whether an update would reach the service. Raises ConfigError."""
    if not path.exists():
        return
    config = read(path)
    if config.bundle is not None:
        raise ConfigError(f"{path}: bundle: names {config.bundle}, which no update changes; remove this line")
    if config.store != STORE:
        raise ConfigError(f"{path}: updates go to {STORE}, found {config.store or 'none'}; write `store: {STORE}`")


def _with_key(text: str, key: str, value: str) -> str:
    line = f"{key}: {value}"
    changed, count = re.subn(rf"(?m)^{key}:.*$", lambda _: line, text, count=1)
    return changed if count else f"{text.rstrip()}\n{line}\n"
