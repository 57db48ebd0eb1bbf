"""The configuration: YAML file and command line become one frozen, checked dataclass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from edge.engines import AUTO, NAMES
from edge.errors import ConfigError, EdgeError, UsageError
from edge.fields import build, read_yaml

COMMAND_LINE = "command line"


@dataclass(frozen=True)
class Config:
    """What `edge-run` shall do. The keys of the YAML file are these names; the options, these names with dashes.

    camera: as `edge-run --help` lists them. bundle: None is the one in the package. store: of `edge-service update`;
    where no bundle is named, its current one runs. board: a profile or auto. engine: one of `edge.engines.NAMES` or
    auto; threads: of it; None leaves them to the board. gamma: None leaves it to the gate. average: every expert
    answers, and the mean counts. realtime: play a recording at its own pace. fps: of a recording; None takes the
    times that it tells (of a folder, in the names), or 30. max_frames: camera frames; duration: seconds of running;
    None is endless.
    """

    camera: str = "demo"
    bundle: str | None = None
    store: str | None = None
    board: str = "auto"
    engine: str | None = None
    threads: int | None = None
    gamma: float | None = None
    average: bool = False
    realtime: bool = False
    fps: float | None = None
    quiet: bool = False
    max_frames: int | None = None
    duration: float | None = None


# Lowest and highest value that makes sense.
LIMITS: Mapping[str, tuple[float, float]] = {
    "threads": (1, 64),
    "gamma": (0.1, 10.0),
    "fps": (0.01, 1000.0),
    "max_frames": (1, 2**53),
    "duration": (0.001, 1e9),
}


@dataclass(frozen=True)
class Settings:
    """A configuration and, for every key, where its value comes from."""

    config: Config
    origins: Mapping[str, str]

    def to_yaml(self) -> str:
        """The configuration as a file that `--config` reads back, each line with its origin."""
        keys = [field.name for field in fields(Config)]
        lines = [yaml.safe_dump({key: getattr(self.config, key)}).strip() for key in keys]
        return "".join(f"{line:<24}  # {self.origins[key]}\n" for key, line in zip(keys, lines, strict=True))


def load_settings(path: Path | None, options: Mapping[str, Any]) -> Settings:
    """Defaults, then the file, then the command line's options that are not None.

    Raises ConfigError for the file, UsageError for the options.
    """
    data = {} if path is None else read_yaml(path)
    _check(build(Config, data, str(path)), str(path), ConfigError)
    given = {key: value for key, value in options.items() if value is not None}
    config = build(Config, {**data, **given}, COMMAND_LINE)
    _check(config, COMMAND_LINE, UsageError)
    origins = {field.name: "default" for field in fields(Config)}
    origins |= dict.fromkeys(data, str(path)) | dict.fromkeys(given, COMMAND_LINE)
    return Settings(config, origins)


def _check(config: Config, where: str, error: type[EdgeError]) -> None:
    for key, (low, high) in LIMITS.items():
        value = getattr(config, key)
        if value is not None and not low <= value <= high:
            found = str(value)  # :g would fail on a whole number of 400 digits
            raise error(f"{where}: {key}: expected {low:g} to {high:g}, found {found[:20]}{'...' * (len(found) > 20)}")
    if config.engine not in (None, AUTO, *NAMES):
        raise error(f"{where}: engine: expected {AUTO}, {', '.join(NAMES)}, found {config.engine!r}")
    for key in ("camera", "board"):
        if not getattr(config, key).strip():
            raise error(f"{where}: {key}: is empty; leave it out for the default")
