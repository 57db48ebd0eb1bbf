"""What is shipped beside the code: firmware_configs, and its YAML files as profiles by name."""

from __future__ import annotations

from functools import cache
from importlib import resources
from pathlib import Path
from typing import Protocol, TypeVar

from edge.errors import ConfigError
from edge.fields import build, read_yaml


class Named(Protocol):
    """A profile: a dataclass with a name."""

    @property
    def name(self) -> str: ...


P = TypeVar("P", bound=Named)


@cache
def load_profiles(folder: str, cls: type[P]) -> dict[str, P]:
    """The profiles of a folder of firmware_configs, by name. Raises ConfigError."""
    directory = shipped(folder)
    profiles = [build(cls, read_yaml(path), str(path)) for path in sorted(directory.glob("*.yaml"))]
    if not profiles:
        raise ConfigError(
            f"{directory}: no profiles; the installation is incomplete: pip install --force-reinstall ellar-edge"
        )
    return {profile.name: profile for profile in profiles}


def shipped(name: str) -> Path:
    """A file or folder of firmware_configs on this machine."""
    return Path(str(resources.files("firmware_configs"))) / name
