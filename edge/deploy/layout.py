"""Where everything of the service lies on a machine, or in an image of one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge.deploy.files import staging_of
from edge.files import within

UNIT = "edge-run.service"
SLICE = "edge.slice"
STORE = "/var/lib/ellar-edge/bundles"
CONFIG = "/etc/ellar-edge/edge.yaml"


@dataclass(frozen=True)
class Layout:
    """root: `/`, or the directory of an image."""

    root: Path = Path("/")

    @property
    def live(self) -> bool:
        """This machine, not an image."""
        return self.root == Path("/")

    def at(self, path: str) -> Path:
        """A path of the target as a path of this machine; links on the way lead no further than `root`.

        What lies there may be a link itself: this is the name to write, or to remove.
        """
        return within(self.root, path, follow=False)

    def found(self, path: str) -> Path:
        """What the target finds there: the last name is followed, too. This is the file to read."""
        return within(self.root, path)

    @property
    def unit(self) -> Path:
        return self.at(f"/etc/systemd/system/{UNIT}")

    @property
    def drop_ins(self) -> Path:
        return self.at(f"/etc/systemd/system/{UNIT}.d")

    @property
    def slice(self) -> Path:
        return self.at(f"/etc/systemd/system/{SLICE}")

    @property
    def wanted(self) -> Path:
        """The link that starts the service at boot."""
        return self.at(f"/etc/systemd/system/multi-user.target.wants/{UNIT}")

    @property
    def udev_rule(self) -> Path:
        return self.at("/etc/udev/rules.d/70-edge-run.rules")

    @property
    def config(self) -> Path:
        """The user's own; where it is a link, what it leads to is read and written."""
        return self.found(CONFIG)

    @property
    def store(self) -> Path:
        return self.found(STORE)

    @property
    def running(self) -> Path:
        """What the service says of the bundle that it runs (edge/outputs/service_status.py)."""
        return self.at("/run/ellar-edge/bundle.json")

    def everything(self) -> tuple[Path, ...]:
        """Files and directories that exist only because of the service; nobody else's lie in them."""
        made_by_systemd = (
            "/var/cache/ellar-edge",
            "/var/cache/private/ellar-edge",
            "/run/ellar-edge",
            "/run/private/ellar-edge",
        )
        return (
            self.wanted,
            self.drop_ins,
            self.unit,
            self.slice.with_name(f"{SLICE}.d"),
            self.slice,
            self.udev_rule,
            self.at(str(Path(CONFIG).parent)),
            self.at(str(Path(STORE).parent)),
            *(self.at(path) for path in made_by_systemd),
            *map(staging_of, (self.wanted, self.unit, self.slice, self.udev_rule)),
        )
