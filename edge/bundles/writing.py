"""Bundles on a disk: written beside their place, then renamed, so that they appear whole or not at all."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import tarfile
from collections.abc import Mapping
from pathlib import Path

from edge.bundles.manifest import FileDigest, Manifest, parse_manifest
from edge.bundles.student_file import check_self_contained
from edge.errors import UsageError
from edge.files import folder_in_one_step, replace_file

MANIFEST_FILE = "manifest.json"


def write_bundle(target: Path, manifest: Manifest, files: Mapping[str, bytes]) -> Manifest:
    """Write a bundle to `target`, a directory, or one file if it ends in `.tar`; returns the manifest with digests.

    It appears whole or not at all: everything is written beside the target, then renamed. The same input gives the
    same bytes. A bundle that is there already is replaced. Raises UsageError where the target is something else,
    BundleError where the manifest, a model or a file name is not one that `Bundle.load` would take.
    """
    check_target(target)
    digests = {name: FileDigest(hashlib.sha256(data).hexdigest(), len(data)) for name, data in sorted(files.items())}
    manifest = dataclasses.replace(manifest, files=digests)
    text = manifest.sealed()
    parse_manifest(text, f"{target}: {MANIFEST_FILE}")  # what cannot be read must not be written
    check_self_contained(files, str(target))
    contents = {MANIFEST_FILE: text, **{name: files[name] for name in sorted(files)}}
    if target.suffix == ".tar":
        _write_tar(target, contents)
    else:
        _write_directory(target, contents)
    return manifest


def check_target(target: Path) -> None:
    """Raises UsageError where `write_bundle` would destroy something that is no bundle."""
    if target.suffix == ".tar":
        free = not target.is_dir()
    elif target.is_dir():
        free = (target / MANIFEST_FILE).is_file() or not any(target.iterdir())
    else:
        free = not target.exists()
    if not free:
        raise UsageError(
            f"{target}: expected nothing or a bundle to replace, found something else; choose another name"
        )


def tar_bytes(contents: Mapping[str, bytes]) -> bytes:
    """The files as a plain ustar; the same files give the same bytes."""
    archive_bytes = io.BytesIO()
    with tarfile.open(fileobj=archive_bytes, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in contents.items():
            member = tarfile.TarInfo(name)  # owner 0, time 0, mode 0644: nothing of this machine goes in
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return archive_bytes.getvalue()


def write_file(path: Path, data: bytes, mode: int | None = None) -> None:
    """A file that survives a loss of power once its directory is synced. mode: None leaves it to the umask."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        if mode is not None:
            os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())


def _write_directory(target: Path, contents: Mapping[str, bytes]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with folder_in_one_step(target) as staging:
        for name, data in contents.items():
            write_file(staging / name, data)


def _write_tar(target: Path, contents: Mapping[str, bytes]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    replace_file(target, tar_bytes(contents))
