"""Files and links that an installation consists of: written only where they differ, each whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from edge.files import make_folders, replace_file, sweep, sync


@dataclass(frozen=True)
class Entry:
    """One file with its text, or one link with its target.

    mode, owner (user, group): of a file; as a rule it is readable for all, as everything in /etc.
    """

    path: Path
    text: str = ""
    link: str = ""
    mode: int = 0o644
    owner: tuple[int, int] | None = None

    def describe(self) -> str:
        """For `--dry-run`: without the passwords of cameras."""
        return f"link {self.path} -> {self.link}\n" if self.link else f"write {self.path}\n{_indent(masked(self.text))}"

    def is_there(self) -> bool:
        """The same text or target already."""
        if self.link:
            return self.path.is_symlink() and os.readlink(self.path) == self.link  # noqa: PTH115
        return self.path.is_file() and not self.path.is_symlink() and self.path.read_text() == self.text

    def write(self) -> None:
        """In one step that a loss of power does not undo. Raises OSError."""
        make_folders(self.path.parent)
        if not self.link:
            replace_file(self.path, self.text.encode(), self.mode, self.owner)
            return
        staging = staging_of(self.path)
        staging.unlink(missing_ok=True)
        staging.symlink_to(self.link)
        staging.replace(self.path)
        sync(self.path.parent)


def staging_of(path: Path) -> Path:
    """Where a link is made before it gets its name; a killed installation may leave it there."""
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
        sweep(path)
        if path.is_symlink() or path.is_file():
            path.unlink()
        elif path.is_dir():
            shutil.rmtree(path)
        else:
            continue
        removed.append(path)
    return removed


def masked(text: str) -> str:
    """Lines as they may be shown: of an address neither user, password nor query, of a pipeline no password."""
    without = re.sub(r"(?m)(://)[^\n]*@", r"\1***@", text)
    without = re.sub(r"(?m)(://[^\n?]*)\?[^\s'\"]*", r"\1?***", without)
    return re.sub(r"(?i)((?:password|passwd|user-pw|token|secret)\s*=\s*)(\"[^\"\n]*\"|[^\s'\"]+)", r"\1***", without)


def _indent(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())
