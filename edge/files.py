"""Files and folders written whole or not at all, safe from a loss of power; what a killed writer left goes next time.

A file gets a name only when it is complete (O_TMPFILE). Where the file system has no such thing, and for folders, the
name is hidden and locked while its writer lives: a name that nobody holds is rubbish.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import shutil
import stat
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edge.errors import ConfigError, UsageError

NAME_BYTES = 200  # of a name, so that what comes around it fits into the 255 of a file system
ATTEMPTS = 5
MAX_LINKS = 40  # as the kernel
AT_FDCWD, RENAME_EXCHANGE = -100, 2  # renameat2(2)


def write_whole(path: Path, data: bytes | str, mode: int | None = None) -> None:
    """Write a file in one step: whoever reads sees the old one or the new one, and so does a loss of power.

    A link is followed; what is no regular file (/dev/stdout, a pipe) is written as it is. mode: of the file; None is
    the one that it has, or the umask's. Raises OSError.
    """
    data = data.encode() if isinstance(data, str) else data
    path = Path(os.path.realpath(path))
    with suppress(FileNotFoundError):
        found = path.stat().st_mode
        if not stat.S_ISREG(found) and not stat.S_ISDIR(found):
            path.write_bytes(data)
            return
        mode = stat.S_IMODE(found) if mode is None else mode
    replace_file(path, data, mode)


def replace_file(path: Path, data: bytes, mode: int | None = None, owner: tuple[int, int] | None = None) -> None:
    """The same for the name itself: a link is replaced, not followed. owner: user and group. Raises OSError."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        sweep(path)
        for attempt in range(1, ATTEMPTS + 1):
            with suppress(FileNotFoundError):  # a sweeper was quicker than our lock
                _replace(folder, path, data, mode, owner)
                break
            if attempt == ATTEMPTS:
                raise OSError(errno.EAGAIN, "others write the same file all the time", str(path))
        os.fsync(folder)
    except OSError as error:
        error.filename = error.filename if isinstance(error.filename, str) and "/" in error.filename else str(path)
        raise
    finally:
        os.close(folder)


def _replace(folder: int, path: Path, data: bytes, mode: int | None, owner: tuple[int, int] | None) -> None:
    staging = _hidden(path)
    descriptor, named = _nameless(folder), False
    if descriptor is None:
        descriptor = os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666, dir_fd=folder)
        named = True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with open(descriptor, "wb", closefd=False) as file:
            file.write(data)
        if owner is not None:
            os.fchown(descriptor, *owner)
        if mode is not None:
            os.fchmod(descriptor, mode)
        os.fsync(descriptor)
        if not named:
            os.link(f"/proc/self/fd/{descriptor}", staging, dst_dir_fd=folder, follow_symlinks=True)
            named = True
        os.rename(staging, path.name, src_dir_fd=folder, dst_dir_fd=folder)
        named = False
    finally:
        if named:
            with suppress(OSError):
                os.unlink(staging, dir_fd=folder)
        os.close(descriptor)


def _nameless(folder: int) -> int | None:
    """A file without a name; None where the file system, or a missing /proc, cannot give it one later."""
    if not Path("/proc/self/fd").is_dir():
        return None
    try:
        return os.open(".", os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o666, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT):
            return None
        raise


@contextmanager
def file_in_one_step(path: Path) -> Iterator[Path]:
    """For a library that writes files itself: a hidden one that takes its name when the block ends without an error."""
    path = Path(os.path.realpath(path))
    sweep(path)
    staging = path.parent / _hidden(path)
    with staging.open("xb") as lock:
        with suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield staging
            sync(staging)
            staging.replace(path)
            sync(path.parent)
        finally:
            staging.unlink(missing_ok=True)


@contextmanager
def folder_in_one_step(target: Path) -> Iterator[Path]:
    """An empty folder beside `target`, which takes its place when the block ends without an error.

    What it replaces (a folder, too) goes only when the new one is there. Raises OSError.
    """
    sweep(target)
    staging = target.parent / _hidden(target)
    staging.mkdir()
    lock = _locked(staging)
    try:
        yield staging
        for path in staging.iterdir():
            sync(path)
        sync(staging)
        if not target.exists():
            staging.rename(target)
        elif not _exchange(staging, target):
            aside = target.parent / _hidden(target)
            target.rename(aside)
            staging.rename(target)
            shutil.rmtree(aside)
        sync(target.parent)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        if lock is not None:
            os.close(lock)


@contextmanager
def scratch_folder(name: str) -> Iterator[Path]:
    """A folder for work in between, gone afterwards; those of the same name whose makers were killed go, too."""
    parent = Path(tempfile.gettempdir())
    sweep(parent / f"ellar-edge-{name}")
    folder = parent / _hidden(parent / f"ellar-edge-{name}")
    folder.mkdir(mode=0o700)
    lock = _locked(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def within(root: Path, path: str, follow: bool = True) -> Path:
    """A path of the system below `root` as a path of this machine that never leads out of `root`.

    Links are followed as the system below would, absolute ones from its root, `..` no higher. follow: the last name,
    too. Raises ConfigError for links that go in a circle.
    """
    if root == Path("/"):
        return Path(os.path.realpath(path)) if follow else Path(path)
    done: list[str] = []
    left = path.split("/")[::-1]
    links = 0
    while left:
        part = left.pop()
        if part == "..":
            del done[-1:]
        elif part not in ("", "."):
            here = root.joinpath(*done, part)
            if here.is_symlink() and (left or follow):
                links += 1
                if links > MAX_LINKS:
                    raise ConfigError(f"{here}: expected a link that leads somewhere, found a circle; remove it")
                target = os.readlink(here)  # noqa: PTH115
                done = [] if target.startswith("/") else done
                left += target.split("/")[::-1]
            else:
                done.append(part)
    return root.joinpath(*done)


def make_folders(path: Path) -> None:
    """`mkdir -p` that a loss of power does not undo. Raises OSError."""
    for place in (*reversed(path.parents), path):
        if not place.is_dir():
            if place.exists():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(place))
            place.mkdir(exist_ok=True)
            sync(place.parent)


def sweep(path: Path) -> None:
    """Remove what killed writers of this path left beside it: hidden names that are ours and that nobody holds."""
    prefix = _hidden(path).rpartition(".new")[0].rpartition(".")[0] + "."
    with suppress(OSError):
        for entry in os.scandir(path.parent):
            if entry.name.startswith(prefix) and entry.name.endswith(".new"):
                with suppress(OSError):
                    _remove_if_free(Path(entry.path))


def check_can_write(path: Path, what: str) -> None:
    """Refuse now what would fail after minutes of work. what: for people, `the report`. Raises UsageError."""
    try:
        target = Path(os.path.realpath(path))
        if target.is_dir():
            raise UsageError(f"{path}: expected the name of a file for {what}, found a folder; name a file in it")
        if not target.parent.is_dir():
            raise UsageError(f"{path}: there is no folder {path.parent} for {what}; make it: mkdir -p {path.parent}")
        special = target.exists() and not target.is_file()
        if not os.access(target if special else target.parent, os.W_OK):
            raise UsageError(f"{path}: cannot be written for {what}; name a file where you may write")
        with suppress(FileNotFoundError):
            target.lstat()  # a name that is too long
    except ValueError as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"{str(path)!r}: cannot be the name of a file for {what} ({error})") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be written for {what} ({error.strerror})") from error


def check_can_make(path: Path, what: str) -> None:
    """The same for a folder, or a bundle, which may be there already. Raises UsageError."""
    try:
        target = Path(os.path.realpath(path))
        there = next(place for place in (target.parent, *target.parent.parents) if place.exists())
        if not there.is_dir() or (target.exists() and not target.is_dir() and target.suffix != ".tar"):
            raise UsageError(f"{path}: expected a folder, found a file there; name another place for {what}")
        if not os.access(there, os.W_OK | os.X_OK):
            raise UsageError(f"{path}: cannot be written for {what}; name a place where you may write")
        with suppress(FileNotFoundError):
            target.lstat()
    except OSError as error:
        raise UsageError(f"{path}: cannot be written for {what} ({error.strerror})") from error


def _hidden(path: Path) -> str:
    name = os.fsencode(path.name)[:NAME_BYTES].decode("utf-8", "ignore")
    return f".{name}.{uuid.uuid4().hex[:12]}.new"


def _locked(folder: Path) -> int | None:
    """Held open until it is closed; None where the file system knows no locks (nobody can sweep it there, either)."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _remove_if_free(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        status = os.fstat(descriptor)
        if status.st_uid == os.geteuid():
            shutil.rmtree(path) if stat.S_ISDIR(status.st_mode) else path.unlink()
    finally:
        os.close(descriptor)


def _exchange(one: Path, other: Path) -> bool:
    """Both names in one step (Linux 3.15, glibc 2.28); False where it cannot be done."""
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    names = os.fsencode(one), os.fsencode(other)
    return renameat2 is not None and renameat2(AT_FDCWD, names[0], AT_FDCWD, names[1], RENAME_EXCHANGE) == 0


def sync(path: Path) -> None:
    """A file or folder survives a loss of power; a new or renamed entry does only when its folder was written, too."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
