"""Which files of the target the service can read: its sandbox hides some places, its user may not enter others."""

from __future__ import annotations

import stat
from pathlib import Path

from edge.deploy.layout import Layout

# ProtectHome= and PrivateTmp= hide these from the service.
HIDDEN = ("/home/", "/root/", "/run/user/", "/tmp/", "/var/tmp/")


def can_reach(path: str, layout: Layout) -> bool:
    """It lies where the service sees it, and others may enter every directory on the way. path: of the target."""
    parents = (layout.found(str(parent)) for parent in Path(path).parents if str(parent) != "/")
    may_enter = all(stat.S_IXOTH & parent.stat().st_mode for parent in parents if parent.exists())
    return may_enter and not path.startswith(HIDDEN)


def can_read(path: str, layout: Layout) -> bool:
    """The same, and others may read it."""
    return can_reach(path, layout) and bool(stat.S_IROTH & layout.found(path).stat().st_mode)
