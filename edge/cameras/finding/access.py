"""Who may open a camera's node, and who has it open now."""

from __future__ import annotations

import grp
import pwd
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

OWNER, GROUP, OTHERS = 0o600, 0o060, 0o006


@dataclass(frozen=True)
class Access:
    """Owner, group and mode of a node."""

    uid: int
    gid: int
    mode: int

    @staticmethod
    def of(node: Path) -> Access:
        """Raises OSError where there is no node."""
        status = node.stat()
        return Access(status.st_uid, status.st_gid, status.st_mode & 0o777)

    @property
    def group(self) -> str:
        """The group that may read and write; empty if none may."""
        return group_name(self.gid) if self.mode & GROUP == GROUP else ""

    def allows(self, uid: int, groups: Collection[int]) -> bool:
        """Whether this user may read and write, as the kernel decides it: only the first class that fits counts."""
        if uid == 0:
            return True
        allowed = OWNER if uid == self.uid else GROUP if self.gid in groups else OTHERS
        return self.mode & allowed == allowed

    def __str__(self) -> str:
        who = ["root"]  # whatever the mode
        who += [user_name(self.uid)] if self.uid and self.mode & OWNER == OWNER else []
        who += [f"group {self.group}"] if self.group else []
        who += ["everybody"] if self.mode & OTHERS == OTHERS else []
        return ", ".join(who)


@dataclass(frozen=True)
class Holder:
    """A process that has a node open."""

    pid: int
    name: str


def holders(node: str, root: Path = Path("/")) -> list[Holder]:
    """The processes that have `node` (/dev/videoN) open; those of other users are seen by root only."""
    found = []
    for process in sorted((root / "proc").glob("[0-9]*"), key=lambda path: int(path.name)):
        with suppress(OSError):  # ended meanwhile, or not ours to look into
            if any(str(link.readlink()) == node for link in (process / "fd").iterdir()):
                found.append(Holder(int(process.name), (process / "comm").read_text().strip()))
    return found


def user_name(uid: int) -> str:
    """Its number where it has no name."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def group_name(gid: int) -> str:
    """Its number where it has no name."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
