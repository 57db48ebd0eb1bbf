"""Bundles: written whole or not at all; read with names, sizes and digests verified before any parser."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge.bundles.manifest import (
    FILE_NAME,
    FORMAT,
    GATE_FILE,
    GATE_WEIGHTS,
    REMAKE,
    STUDENT_FILE,
    Accuracy,
    CadenceSpec,
    DataSource,
    ExpertSpec,
    FileDigest,
    FrontEndSpec,
    GateSpec,
    InputSpec,
    Manifest,
    ModelSpec,
    Provenance,
    SmoothingSpec,
    StateSpec,
    parse_manifest,
)
from edge.errors import BundleError, UsageError
from edge.files import folder_in_one_step, replace_file

__all__ = [
    "FORMAT",
    "GATE_FILE",
    "STUDENT_FILE",
    "Accuracy",
    "Bundle",
    "CadenceSpec",
    "DataSource",
    "ExpertSpec",
    "FileDigest",
    "FrontEndSpec",
    "GateSpec",
    "InputSpec",
    "Manifest",
    "ModelSpec",
    "Provenance",
    "SmoothingSpec",
    "StateSpec",
    "check_target",
    "default_bundle_path",
    "gate_bytes",
    "write_bundle",
]

MANIFEST_FILE = "manifest.json"
MAX_MANIFEST_BYTES = 1 << 20
MAX_FILE_BYTES = 1 << 29
MAX_GATE_BYTES = 1 << 24  # unpacked; the gate of the paper has 0.2 MB


@dataclass(frozen=True)
class Bundle:
    """A verified bundle, held in memory, so that what was verified is what is parsed.

    where: its path, for messages. digest: SHA-256 of the manifest, which names every other file's.
    """

    where: str
    digest: str
    manifest: Manifest
    files: Mapping[str, bytes]

    @staticmethod
    def load(path: Path) -> Bundle:
        """Read a bundle, a directory or a `.tar`.

        Raises BundleError: missing, a name or file kind that a bundle may not hold, a wrong size or digest, a wrong
        manifest.
        """
        contents = _read_tar(path) if path.suffix == ".tar" else _read_directory(path)
        text = contents.pop(MANIFEST_FILE, None)
        if text is None:
            raise BundleError(f"{path}: expected a bundle with {MANIFEST_FILE}, found none; name the bundle itself")
        manifest = parse_manifest(text, f"{path}: {MANIFEST_FILE}")
        _verify(contents, manifest.files, path)
        return Bundle(str(path), hashlib.sha256(text).hexdigest(), manifest, contents)

    def student_bytes(self) -> bytes:
        """The model as an ONNX file."""
        return self.files[STUDENT_FILE]

    def forms(self) -> tuple[Bundle, ...]:
        """This bundle and its alternatives, each as a bundle of its own: the same gate, its own model and states.

        One for onnxruntime has its model as `student.onnx`; one for OpenVINO has an `.xml` and a `.bin` instead.
        """
        return (self, *(self._form(model) for model in self.manifest.alternatives))

    def _form(self, model: ModelSpec) -> Bundle:
        named = {STUDENT_FILE: self.files[model.files[0]]} if model.engine == "onnxruntime" else {}
        own = named or {name: self.files[name] for name in model.files}
        models = {STUDENT_FILE, *(name for other in self.manifest.alternatives for name in other.files)}
        rest = {name: data for name, data in self.files.items() if name not in models}
        manifest = dataclasses.replace(self.manifest, states=model.states, alternatives=())
        return Bundle(f"{self.where}: {model.name}", self.digest, manifest, {**rest, **own})

    def gate_weights(self) -> dict[str, npt.NDArray[np.float32]]:
        """float32 w1 [3T,128] b1 w2 [128,256] b2 w3 [256,heads] b3, ready for `Gate`. Raises BundleError."""
        where = f"{self.where}: {GATE_FILE}"
        arrays = _read_npz(self.files[GATE_FILE], where)
        if sorted(arrays) != sorted(GATE_WEIGHTS):
            raise BundleError(
                f"{where}: expected {', '.join(GATE_WEIGHTS)}, found {', '.join(sorted(arrays))}; {REMAKE}"
            )
        gate = self.manifest.gate
        widths = [3 * gate.window, arrays["b1"].size, arrays["b2"].size, len(gate.gammas)]
        for name, array in arrays.items():
            layer = int(name[1])
            shape = tuple(widths[layer - 1 : layer + 1] if name[0] == "w" else widths[layer : layer + 1])
            if array.shape != shape or array.dtype != np.float32 or not np.isfinite(array).all():
                found = f"{array.dtype} {list(array.shape)}"
                raise BundleError(f"{where}: {name}: expected finite float32 {list(shape)}, found {found}; {REMAKE}")
        return arrays


def default_bundle_path() -> Path:
    """The bundle that comes with the package."""
    return Path(str(resources.files("edge"))) / "data" / "bundle"


def gate_bytes(weights: Mapping[str, npt.NDArray[np.float32]]) -> bytes:
    """`gate.npz` of these weights; the same weights give the same bytes (NumPy's own writer dates its entries)."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name in GATE_WEIGHTS:
            array = io.BytesIO()
            np.save(array, np.ascontiguousarray(weights[name], np.float32), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), array.getvalue())
    return target.getvalue()


def write_bundle(target: Path, manifest: Manifest, files: Mapping[str, bytes]) -> Manifest:
    """Write a bundle to `target`, a directory, or one file if it ends in `.tar`; returns the manifest with digests.

    It appears whole or not at all: everything is written beside the target, then renamed. The same input gives the
    same bytes. A bundle that is there already is replaced. Raises UsageError where the target is something else,
    BundleError where the manifest or a file name is not one that `Bundle.load` would take.
    """
    check_target(target)
    digests = {name: FileDigest(hashlib.sha256(data).hexdigest(), len(data)) for name, data in sorted(files.items())}
    manifest = dataclasses.replace(manifest, files=digests)
    text = manifest.to_json().encode()
    parse_manifest(text, f"{target}: {MANIFEST_FILE}")  # what cannot be read must not be written
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


def _read_directory(path: Path) -> dict[str, bytes]:
    if not path.is_dir():
        found = "a file" if path.exists() else "nothing"
        raise BundleError(f"{path}: expected a bundle (a directory or a .tar), found {found}; check the path")
    return {
        name: _read_file(path / name) for name in sorted(entry.name for entry in path.iterdir()) if _allowed(name, path)
    }


def _read_file(path: Path) -> bytes:
    """The bytes of a regular file; neither follows a link nor waits on a pipe."""
    limit = MAX_MANIFEST_BYTES if path.name == MANIFEST_FILE else MAX_FILE_BYTES
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        reason = "a link" if path.is_symlink() else error.strerror
        raise BundleError(f"{path}: expected a readable regular file, found {reason}; {REMAKE}") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise BundleError(f"{path}: expected a regular file, found {_file_kind(status.st_mode)}; {REMAKE}")
        _check_size(status.st_size, limit, path)
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(limit)
    finally:
        os.close(descriptor)


def _read_tar(path: Path) -> dict[str, bytes]:
    contents: dict[str, bytes] = {}
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                name = member.name
                if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.issparse():
                    raise BundleError(f"{path}: {name!r}: expected a regular file, found another kind; {REMAKE}")
                if not _allowed(name, path) or name in contents:
                    raise BundleError(f"{path}: {name!r}: expected every name once; {REMAKE}")
                _check_size(member.size, MAX_MANIFEST_BYTES if name == MANIFEST_FILE else MAX_FILE_BYTES, path)
                file = archive.extractfile(member)
                contents[name] = file.read() if file else b""
    except FileNotFoundError as error:
        raise BundleError(f"{path}: expected a bundle, found nothing; check the path") from error
    except (tarfile.TarError, OSError, ValueError) as error:
        if isinstance(error, BundleError):
            raise
        raise BundleError(
            f"{path}: expected an uncompressed tar, found a damaged or other file ({error}); {REMAKE}"
        ) from error
    return contents


def _allowed(name: str, where: Path) -> bool:
    if not FILE_NAME.fullmatch(name):
        raise BundleError(f"{where}: {name!r}: expected plain file names (letters, digits, . _ -) only; {REMAKE}")
    return True


def _check_size(size: int, limit: int, path: Path) -> None:
    if size > limit:
        raise BundleError(f"{path}: expected at most {limit} bytes, found {size}; {REMAKE}")


def _verify(contents: Mapping[str, bytes], expected: Mapping[str, FileDigest], path: Path) -> None:
    """Exactly the files that the manifest lists, of its sizes and digests."""
    for name in sorted(set(contents) | set(expected)):
        if name not in expected:
            raise BundleError(f"{path}: {name}: expected only files that the manifest lists; remove it")
        if name not in contents:
            raise BundleError(f"{path}: {name}: the manifest lists it, found nothing; {REMAKE}")
        size, sha256 = len(contents[name]), hashlib.sha256(contents[name]).hexdigest()
        if size != expected[name].bytes:
            raise BundleError(f"{path}: {name}: expected {expected[name].bytes} bytes, found {size}; {REMAKE}")
        if sha256 != expected[name].sha256:
            raise BundleError(f"{path}: {name}: expected sha256 {expected[name].sha256}, found {sha256}; {REMAKE}")


def _read_npz(data: bytes, where: str) -> dict[str, npt.NDArray[np.float32]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            unpacked = sum(entry.file_size for entry in packed.infolist())
        if unpacked > MAX_GATE_BYTES:
            raise BundleError(f"{where}: expected at most {MAX_GATE_BYTES} bytes unpacked, found {unpacked}; {REMAKE}")
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, KeyError) as error:
        if isinstance(error, BundleError):
            raise
        raise BundleError(
            f"{where}: expected arrays in NumPy's npz form, found something else ({error}); {REMAKE}"
        ) from error


def _write_directory(target: Path, contents: Mapping[str, bytes]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with folder_in_one_step(target) as staging:
        for name, data in contents.items():
            _write_file(staging / name, data)


def _write_tar(target: Path, contents: Mapping[str, bytes]) -> None:
    archive_bytes = io.BytesIO()
    with tarfile.open(fileobj=archive_bytes, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in contents.items():
            member = tarfile.TarInfo(name)  # owner 0, time 0, mode 0644: nothing of this machine goes in
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    target.parent.mkdir(parents=True, exist_ok=True)
    replace_file(target, archive_bytes.getvalue())


def _write_file(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _file_kind(mode: int) -> str:
    kinds = {stat.S_IFDIR: "a directory", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")
