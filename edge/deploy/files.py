"""Files and links that an installation consists of: written only where they differ, each whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Entry:
    """One file with its text, or one link with its target."""

    path: Path
    text: str = ""
    link: str = ""

    def describe(self) -> str:
        """For `--dry-run`."""
        return f"link {self.path} -> {self.link}\n" if self.link else f"write {self.path}\n{_indent(self.text)}"

    def is_there(self) -> bool:
        """The same text or target already."""
        if self.link:
            return self.path.is_symlink() and os.readlink(self.path) == self.link  # noqa: PTH115
        return self.path.is_file() and not self.path.is_symlink() and self.path.read_text() == self.text

    def write(self) -> None:
        """Through a name beside it and a rename; a file is readable for all, as everything in /etc."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        staging = staging_of(self.path)
        staging.unlink(missing_ok=True)
        if self.link:
            staging.symlink_to(self.link)
        else:
            staging.write_text(self.text)
            staging.chmod(0o644)
        staging.replace(self.path)


def staging_of(path: Path) -> Path:
    """Where a file is written before it gets its name; a killed installation may leave it there."""
    return path.with_name(f".{path.name}.new")


def write_changed(entries: Iterable[Entry]) -> list[Path]:
    """Write what differs; returns those paths."""
    changed = [entry for entry in entries if not entry.is_there()]
    for entry in changed:
        entry.write()
    return [entry.path for entry in changed]


def remove(paths: Iterable[Path]) -> list[Path]:
    """Remove files, links and whole directories, never what a link points to; returns those that were there."""
    removed = []
    for path in paths:
        if path.is_symlink() or path.is_file():
            path.unlink()
        elif path.is_dir():
            shutil.rmtree(path)
        else:
            continue
        removed.append(path)
    return removed


def _indent(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())
