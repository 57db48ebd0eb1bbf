"""Where downloaded data sets lie: --data-root, else EDGE_DATA, else a file of the user."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge.fields import build, read_yaml
from edge.paths import settings_folder, user_path


@dataclass(frozen=True)
class _Settings:
    data_root: str


def data_root(option: Path | None, environment: Mapping[str, str] = os.environ) -> Path | None:
    """The folder, or None where nothing names one.

    The file is `ellar-edge/data.yaml` under XDG_CONFIG_HOME (~/.config), its one key data_root. Raises ConfigError.
    """
    if option is not None:
        return option
    if environment.get("EDGE_DATA"):
        return user_path(environment["EDGE_DATA"])
    folder = settings_folder(environment)
    settings = None if folder is None else folder / "data.yaml"
    if settings is None or not settings.is_file():
        return None
    return user_path(build(_Settings, read_yaml(settings), str(settings)).data_root)
