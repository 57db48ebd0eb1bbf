"""What the service says of the bundle that it runs: a file in a folder of its user's, whom root does not trust."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edge.printable import one_line

KEYS = ("bundle", "digest", "rejected", "error", "camera")
MAX_BYTES = 1 << 16
MAX_LETTERS = 500


@dataclass(frozen=True)
class Record:
    """said: the texts by their keys, none where it has not spoken. written_ns: when it did, by the wall clock.

    labels: of the bundle.
    """

    said: Mapping[str, str] = field(default_factory=dict)
    written_ns: int = 0
    labels: tuple[str, ...] = ()


def read_record(path: Path) -> Record:
    """No link is followed, no pipe waited for, nothing but a small file of texts believed; else it has not spoken."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return Record()
    try:
        status = os.fstat(descriptor)
        data = os.read(descriptor, MAX_BYTES + 1) if stat.S_ISREG(status.st_mode) else b""
        found = json.loads(data) if len(data) <= MAX_BYTES else None
    except (OSError, ValueError, RecursionError):
        return Record()
    finally:
        os.close(descriptor)
    if not isinstance(found, dict):
        return Record()
    texts = {key: found[key] for key in KEYS if isinstance(found.get(key), str)}
    labels = found.get("labels")
    shown = tuple(printable(label) for label in labels if isinstance(label, str)) if isinstance(labels, list) else ()
    return Record({key: printable(text) for key, text in texts.items()}, status.st_mtime_ns, shown)


def printable(text: str) -> str:
    """One short line that does nothing to a terminal."""
    line = one_line(text)
    return line if len(line) <= MAX_LETTERS else f"{line[:MAX_LETTERS]}..."
