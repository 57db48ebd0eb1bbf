"""The configuration: YAML file and command line become one frozen, checked dataclass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any

import yaml

from edge.bundles.manifest import NORMAL, SENSITIVITIES
from edge.engines import AUTO, NAMES
from edge.errors import UsageError
from edge.fields import NOT_EMPTY, YAML, Between, OneOf, build, read_yaml
from edge.printable import one_line

COMMAND_LINE = "command line"
OPTIONS = replace(YAML, error=UsageError)


@dataclass(frozen=True)
class Config:
    """What `edge-run` shall do. The keys of the YAML file are these names; the options, these names with dashes.

    camera: as `edge-run --help` lists them. bundle: None is the one in the package. store: of `edge-service update`;
    where no bundle is named, its current one runs. board: a profile or auto. engine: one of `edge.engines.NAMES` or
    auto; threads: of it; None leaves them to the board. gamma: None leaves it to the gate. average: every expert
    answers, and the mean counts. sensitivity: one of the bundle's operating points, where it has them. realtime: play a
    recording at its own pace. fps: of a recording; None takes the times that it tells (of a folder, in the names), or
    30. json: JSON Lines on stdout, also where that is a terminal. socket: a path at which readers find the same.
    max_frames: camera frames; duration: seconds of running; None is endless.
    """

    camera: Annotated[str, NOT_EMPTY] = "demo"
    bundle: str | None = None
    store: str | None = None
    board: Annotated[str, NOT_EMPTY] = "auto"
    engine: Annotated[str, OneOf((AUTO, *NAMES))] | None = None
    threads: Annotated[int, Between(1, 64)] | None = None
    gamma: Annotated[float, Between(0.1, 10.0)] | None = None
    average: bool = False
    sensitivity: Annotated[str, OneOf(SENSITIVITIES)] = NORMAL
    realtime: bool = False
    fps: Annotated[float, Between(0.01, 1000.0)] | None = None
    quiet: bool = False
    json: bool = False
    socket: Annotated[str, NOT_EMPTY] | None = None
    max_frames: Annotated[int, Between(1, 2**53)] | None = None
    duration: Annotated[float, Between(0.001, 1e9)] | None = None


@dataclass(frozen=True)
class Settings:
    """A configuration and, for every key, where its value comes from."""

    config: Config
    origins: Mapping[str, str]

    def to_yaml(self) -> str:
        """The configuration as a file that `--config` reads back, each line with its origin."""
        keys = [field.name for field in fields(Config)]
        lines = [yaml.safe_dump({key: getattr(self.config, key)}).strip() for key in keys]
        return "".join(f"{line:<24}  # {one_line(self.origins[key])}\n" for key, line in zip(keys, lines, strict=True))


def load_settings(path: Path | None, options: Mapping[str, Any]) -> Settings:
    """Defaults, then the file, then the command line's options that are not None.

    Raises ConfigError for the file, UsageError for the options.
    """
    data = {} if path is None else read_yaml(path)
    build(Config, data, str(path))
    given = {key: value for key, value in options.items() if value is not None}
    config = build(Config, {**data, **given}, COMMAND_LINE, OPTIONS)
    origins = {field.name: "default" for field in fields(Config)}
    origins |= dict.fromkeys(data, str(path)) | dict.fromkeys(given, COMMAND_LINE)
    return Settings(config, origins)
