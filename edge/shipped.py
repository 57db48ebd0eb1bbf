"""This installation: what is shipped beside the code, and what pip would install it from again."""

from __future__ import annotations

import json
import shlex
from functools import cache
from importlib import metadata, resources
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import unquote, urlsplit

from edge.errors import ConfigError
from edge.fields import build, read_yaml


class Named(Protocol):
    """A profile: a dataclass with a name."""

    @property
    def name(self) -> str: ...


P = TypeVar("P", bound=Named)
PACKAGE = "ellar-edge"
A_WHEEL = "ellar_edge-*.whl"  # where it is not known which: the one that `make wheel` makes


@cache
def load_profiles(folder: str, cls: type[P]) -> dict[str, P]:
    """The profiles of a folder of firmware_configs, by name. Raises ConfigError."""
    directory = shipped(folder)
    profiles = [build(cls, read_yaml(path), str(path)) for path in sorted(directory.glob("*.yaml"))]
    if not profiles:
        raise ConfigError(f"{directory}: no profiles; the installation is incomplete: {reinstall()}")
    return {profile.name: profile for profile in profiles}


def shipped(name: str) -> Path:
    """A file or folder of firmware_configs on this machine."""
    return Path(str(resources.files("firmware_configs"))) / name


def source_of(extra: str = "") -> str:
    """What to give to pip for this installation, or for it with an extra: the wheel or tree that it came from.

    No index has the package; where its wheel or tree is no longer there, the name of any wheel of it.
    """
    with_extra = f"[{extra}]" if extra else ""
    came_from = _came_from()
    if came_from.startswith("git+"):
        return shlex.quote(f"{PACKAGE}{with_extra} @ {came_from}" if extra else came_from)
    if came_from:
        return shlex.quote(came_from + with_extra)
    return f"'WHEEL{with_extra}' (WHEEL: the file {A_WHEEL} that it came from)" if extra else A_WHEEL


def install_extra(extra: str) -> str:
    """The command that brings an extra into this environment."""
    return f"pip install {source_of(extra)}"


def reinstall() -> str:
    """The command that mends this installation."""
    return f"pip install --force-reinstall {source_of()}"


def _came_from() -> str:
    """A path that exists, or an address for pip; empty where neither is known (PEP 610)."""
    try:
        found: dict[str, Any] = json.loads(metadata.distribution(PACKAGE).read_text("direct_url.json") or "{}")
    except (metadata.PackageNotFoundError, ValueError):
        found = {}
    address = urlsplit(str(found.get("url", "")))
    if "vcs_info" in found:
        return f"git+{found['url']}@{found['vcs_info'].get('commit_id', '')}"
    path = Path(unquote(address.path)) if address.scheme == "file" else None
    if path is not None and path.exists():
        return str(path)
    tree = Path(__file__).parents[1]
    return str(tree) if (tree / "setup.py").is_file() else ""
