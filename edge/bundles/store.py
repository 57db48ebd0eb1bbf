"""Bundles on a device: numbered, one of them current; an update that is interrupted leaves the old or the new one.

```
versions/000007-3f9a.../   or versions/000007-3f9a....tar
current -> versions/000007-3f9a...
```

`current` is the only pointer, and renaming it is the only step that matters. The nearest older version is the previous
one; what is newer was never current or was rolled back, and the next update removes it.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.bundles.bundle import Bundle
from edge.bundles.manifest import REMAKE
from edge.bundles.writing import tar_bytes, write_file
from edge.errors import BundleError
from edge.files import sync

VERSION = re.compile(r"([0-9]{6})-([0-9a-f]{16})(\.tar)?")
READABLE = 0o644  # for the service's user, whatever the umask of the one who updates


class BundleStore:
    """A directory of bundles; reading needs no lock, changing takes one (`changing`)."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._versions = root / "versions"
        self._current = root / "current"

    def current(self) -> Path | None:
        """The bundle to run; None before the first update."""
        try:
            name = os.readlink(self._current)  # noqa: PTH115
        except FileNotFoundError:
            return None
        except OSError as error:
            raise BundleError(f"{self._current}: expected a link to a bundle ({error.strerror}); remove it") from error
        folder, _, version = name.partition("/")
        if folder != self._versions.name or not VERSION.fullmatch(version):
            raise BundleError(f"{self._current}: expected a link to a version, found one to {name!a}; remove it")
        return self._versions / version

    def previous(self) -> Path | None:
        """The bundle that was current before; None where there is no older one."""
        current = self.current()
        older = [path for path in self._all() if current is not None and path.name < current.name]
        return older[-1] if older else None

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Only one process changes a store at a time; others wait."""
        for directory in (self.root, self._versions):
            _make_directory(directory)
        lock = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def add(self, source: Path | Bundle) -> Path:
        """Copy a bundle into the store, verified after the copy, safe from a loss of power; not yet current.

        What is written is what was read and verified: its source is not opened again. A tar stays one. Raises
        BundleError. Within `changing`.
        """
        bundle = source if isinstance(source, Bundle) else Bundle.load(source)
        suffix = ".tar" if bundle.where.endswith(".tar") else ""
        self._remove_rubbish()
        number = max((int(path.name[:6]) for path in self._all()), default=0) + 1
        name = f"{number:06d}-{bundle.digest[:16]}{suffix}"
        # Hidden until it is whole; the suffix stays, a bundle's form is read from it.
        staging, target = self._versions / f".{name}", self._versions / name
        if suffix:
            write_file(staging, tar_bytes(bundle.contents), READABLE)
        else:
            _make_directory(staging)
            for file, data in bundle.contents.items():
                write_file(staging / file, data, READABLE)
            sync(staging)
        if Bundle.load(staging).digest != bundle.digest:
            raise BundleError(f"{staging}: is not what was written; look at the disk (dmesg), then try again")
        staging.rename(target)
        sync(self._versions)
        return target

    def switch(self, version: Path | None) -> None:
        """Make a version of this store current, in one step that a loss of power does not undo halfway; None: none."""
        if version is None:
            self._current.unlink(missing_ok=True)
        else:
            staging = self.root / ".current"
            staging.unlink(missing_ok=True)
            staging.symlink_to(version.relative_to(self.root))
            staging.replace(self._current)
        sync(self.root)

    def discard(self, version: Path) -> None:
        """Remove a version that is not current; it is out of sight before the first of its files goes."""
        hidden = version.with_name(f".{version.name}.old")
        version.rename(hidden)
        _remove(hidden)

    def prune(self) -> None:
        """Keep the current version and the previous one."""
        kept = {self.current(), self.previous()}
        for version in self._all():
            if version not in kept:
                self.discard(version)

    def _all(self) -> list[Path]:
        """Every whole version, the oldest first."""
        try:
            return sorted(path for path in self._versions.iterdir() if VERSION.fullmatch(path.name))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise BundleError(
                f"{self._versions}: cannot be read: {error.strerror}; look at the disk (dmesg)"
            ) from error

    def _remove_rubbish(self) -> None:
        """What an interrupted change left behind."""
        current = self.current()
        for path in self._versions.iterdir():
            whole = VERSION.fullmatch(path.name)
            if not whole:
                _remove(path)
            elif current is None or path.name > current.name:
                self.discard(path)


def load_bundle(path: Path) -> Bundle:
    """A bundle; one of a store must be the one that its name says. Raises BundleError."""
    bundle = Bundle.load(path)
    version = VERSION.fullmatch(path.name) if path.parent.name == "versions" else None
    if version is not None and bundle.digest[:16] != version[2]:
        raise BundleError(
            f"{path}: expected the manifest with the digest {version[2]}..., as its name says, found "
            f"{bundle.digest[:16]}...; {REMAKE}"
        )
    return bundle


def _make_directory(path: Path) -> None:
    """Readable for the service's user, whatever the umask of the one who updates."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o755)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
