"""The files of a bundle, in a directory or a tar: listed, then read one by one, never more than was asked for.

Nothing is believed that was not looked at: no link is followed, no pipe waited for, and nothing is allocated before the
size of a file is known to be the right one.
"""

from __future__ import annotations

import os
import re
import stat
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from edge.bundles.manifest import FILE_NAME, REMAKE
from edge.errors import BundleError

MAX_FILES = 64
BLOCK = 512  # of a tar


class BundleFiles(ABC):
    """The open directory or tar. sizes: of its files in bytes, by name."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path, self._descriptor = path, descriptor
        self.sizes: Mapping[str, int] = {}

    @abstractmethod
    def read(self, name: str) -> bytes:
        """A file of `sizes`, exactly so many bytes. Raises BundleError, OSError."""

    def _read(self, descriptor: int, size: int, start: int, name: str) -> bytes:
        """So many bytes of an open file; a large one is not held twice."""
        parts: list[bytes] = []
        while (left := size - sum(map(len, parts))) > 0:
            part = os.pread(descriptor, left, start + size - left)
            if not part:
                raise BundleError(f"{self._path}: {name}: expected {size} bytes, found {size - left}; {REMAKE}")
            parts.append(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)


@contextmanager
def open_files(path: Path) -> Iterator[BundleFiles]:
    """The files of a bundle. Raises BundleError: missing, unreadable, names or kinds that a bundle may not hold."""
    descriptor = -1
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        mode = os.fstat(descriptor).st_mode
        if path.suffix == ".tar":
            if not stat.S_ISREG(mode):
                raise BundleError(f"{path}: expected an uncompressed tar, found {_kind(mode)}; {REMAKE}")
            yield _Tar(path, descriptor)
        elif stat.S_ISDIR(mode):
            yield _Directory(path, descriptor)
        else:
            found = "a file" if stat.S_ISREG(mode) else _kind(mode)
            raise BundleError(f"{path}: expected a bundle (a directory or a .tar), found {found}; check the path")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BundleError(
            f"{path}: expected a bundle (a directory or a .tar), found nothing; check the path"
        ) from error
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BundleError(f"{path}: expected a bundle that can be read, found: {reason}; {REMAKE}") from error
    except ValueError as error:
        if isinstance(error, BundleError):
            raise
        raise BundleError(f"{str(path)!r}: expected the path of a bundle, found no path ({error})") from error
    finally:
        if descriptor >= 0:
            os.close(descriptor)


class _Directory(BundleFiles):
    def __init__(self, path: Path, descriptor: int) -> None:
        super().__init__(path, descriptor)
        sizes: dict[str, int] = {}
        with os.scandir(descriptor) as entries:
            for entry in entries:
                _check_name(entry.name, len(sizes), path)
                status = entry.stat(follow_symlinks=False)
                self._check_kind(entry.name, status.st_mode)
                sizes[entry.name] = status.st_size
        self.sizes = sizes

    def read(self, name: str) -> bytes:
        size = self.sizes[name]
        try:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            descriptor = os.open(name, flags, dir_fd=self._descriptor)
        except OSError as error:
            raise self._unreadable(name, error.strerror) from error
        try:
            status = os.fstat(descriptor)
            self._check_kind(name, status.st_mode)
            if status.st_size != size:
                raise BundleError(f"{self._path}: {name}: changed while it was read; try again")
            return self._read(descriptor, size, 0, name)
        except OSError as error:
            raise self._unreadable(name, error.strerror) from error
        finally:
            os.close(descriptor)

    def _check_kind(self, name: str, mode: int) -> None:
        if stat.S_ISLNK(mode):
            raise self._unreadable(name, "a link")
        if not stat.S_ISREG(mode):
            raise BundleError(f"{self._path / name}: expected a regular file, found {_kind(mode)}; {REMAKE}")

    def _unreadable(self, name: str, reason: str | None) -> BundleError:
        return BundleError(f"{self._path / name}: expected a readable regular file, found {reason}; {REMAKE}")


class _Tar(BundleFiles):
    """A plain ustar (POSIX.1-1988): headers of one block with names that fit in; no extensions, whose parsers recurse
    and allocate what they are told to."""

    def __init__(self, path: Path, descriptor: int) -> None:
        super().__init__(path, descriptor)
        end = os.fstat(descriptor).st_size
        sizes, self._starts = dict[str, int](), dict[str, int]()
        at = 0
        while (header := os.pread(descriptor, BLOCK, at)) != bytes(BLOCK):
            name, size = self._entry(header)
            _check_name(name, len(sizes), path)
            if name in sizes:
                raise BundleError(f"{path}: {name!r}: expected every name once; {REMAKE}")
            sizes[name], self._starts[name] = size, at + BLOCK
            at += BLOCK + -(-size // BLOCK) * BLOCK
            if at > end:
                raise self._damaged(f"{name} ends beyond the end of the file")
        self.sizes = sizes

    def read(self, name: str) -> bytes:
        return self._read(self._descriptor, self.sizes[name], self._starts[name], name)

    def _entry(self, header: bytes) -> tuple[str, int]:
        """Name and size in a header."""
        if len(header) < BLOCK or header[257:262] != b"ustar":
            raise self._damaged("a header is missing")
        if _octal(header[148:156]) != _sum(header):
            raise self._damaged("a header with a wrong sum")
        name = header[:100].split(b"\0")[0].decode("ascii", "backslashreplace")
        if header[156:157] not in (b"0", b"\0"):
            raise BundleError(f"{self._path}: {name!r}: expected a regular file, found another kind; {REMAKE}")
        size = _octal(header[124:136])
        if size is None or header[345:500].strip(b"\0"):
            raise self._damaged(f"{name!r}: an extension of ustar")
        return name, size

    def _damaged(self, reason: str | None) -> BundleError:
        return BundleError(
            f"{self._path}: expected an uncompressed tar (plain ustar), found a damaged or other file ({reason}); "
            f"{REMAKE}"
        )


def _octal(field: bytes) -> int | None:
    """A number of a header; None: not octal digits."""
    digits = field.strip(b" \0")
    return int(digits, 8) if re.fullmatch(rb"[0-7]+", digits) else None


def _sum(header: bytes) -> int:
    return sum(header[:148]) + 8 * ord(" ") + sum(header[156:])


def _check_name(name: str, count: int, path: Path) -> None:
    if not re.fullmatch(FILE_NAME, name):
        raise BundleError(f"{path}: {name!a}: expected plain file names (letters, digits, . _ -) only; {REMAKE}")
    if count >= MAX_FILES:
        raise BundleError(f"{path}: expected at most {MAX_FILES} files, found more; {REMAKE}")


def _kind(mode: int) -> str:
    kinds = {stat.S_IFDIR: "a directory", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")
