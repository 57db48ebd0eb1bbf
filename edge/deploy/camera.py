"""What `--camera` names, as the service will meet it: without the user's files, mostly without a network."""

from __future__ import annotations

from pathlib import Path

from edge.cameras.source import ADDRESS, FILE_PREFIXES, PROFILE_SUFFIX, bare_prefix, camera_source, device_path
from edge.deploy.layout import CONFIG, Layout
from edge.deploy.reach import can_read
from edge.errors import ConfigError, UsageError

NETWORKED = "ros2"  # the one variant with a network


def check_camera(spec: str, variant: str, layout: Layout) -> None:
    """Refuse now what would fail at the first start. Raises UsageError, ConfigError."""
    if ADDRESS.match(spec) and variant != NETWORKED:
        camera_source(spec)
        raise UsageError(
            f"camera: an address needs a network, and the service has none; --variant {NETWORKED} opens the local one"
        )
    file = _file_of(spec)
    if file is None:
        camera_source(spec)
        return
    place = f"put it into {Path(CONFIG).parent} and give its whole path"
    if not file.startswith("/"):
        raise UsageError(f"camera {spec}: expected an absolute path, found {file}; {place}")
    here = layout.found(file)
    if not here.exists():
        raise ConfigError(f"camera {spec}: {here}: expected a file or folder, found nothing; {place}")
    if not can_read(file, layout):
        raise ConfigError(f"camera {spec}: {here}: the service's user cannot read it; {place}")
    camera_source(spec.replace(file, str(here), 1))


def _file_of(spec: str) -> str | None:
    """The file or folder of the user's own that a camera is made of; None where it is made of none."""
    for prefix in FILE_PREFIXES:
        if spec.startswith(prefix) and len(spec) > len(prefix):
            return spec[len(prefix) :]
    name = spec.partition("@")[0]
    if name.endswith(PROFILE_SUFFIX) and ":" not in name:
        return name
    is_path = spec.startswith("/") and device_path(spec) is None
    return spec if is_path or bare_prefix(spec) is not None else None
