"""Bundles: read with names, sizes and digests verified before any parser, and held in memory."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge.bundles.gate_file import gate_bytes, read_gate
from edge.bundles.manifest import (
    FORMAT,
    GATE_FILE,
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
from edge.bundles.reading import BundleFiles, open_files
from edge.bundles.student_file import check_self_contained
from edge.bundles.writing import MANIFEST_FILE, check_target, write_bundle
from edge.errors import BundleError

__all__ = [
    "FORMAT",
    "GATE_FILE",
    "MANIFEST_FILE",
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

MAX_MANIFEST_BYTES = 1 << 20
MAX_BUNDLE_BYTES = 1 << 28  # of all files together: the largest of ours has 2 MB, and a small board 1 GB of memory


@dataclass(frozen=True)
class Bundle:
    """A verified bundle, held in memory, so that what was verified is what is parsed.

    where: its path, for messages. digest: SHA-256 of the manifest, which names every other file's.
    text: the manifest as it was read.
    """

    where: str
    digest: str
    manifest: Manifest
    files: Mapping[str, bytes]

    text: bytes = b""

    @staticmethod
    def load(path: Path) -> Bundle:
        """Read a bundle, a directory or a `.tar`: its manifest, then what that lists.

        Raises BundleError: missing, a name or file kind that a bundle may not hold, a wrong size or digest, a wrong
        manifest, too large, a model that is not all in its file.
        """
        with open_files(path) as found:
            text = _manifest_text(found, path)
            manifest = parse_manifest(text, f"{path}: {MANIFEST_FILE}")
            _check_sizes(found.sizes, manifest.files, path)
            files = {
                name: _verified(found.read(name), manifest.files[name], f"{path}: {name}") for name in manifest.files
            }
        check_self_contained(files, str(path))
        return Bundle(str(path), hashlib.sha256(text).hexdigest(), manifest, files, text)

    @property
    def contents(self) -> dict[str, bytes]:
        """All files of a bundle that was loaded, as they were read and verified."""
        return {MANIFEST_FILE: self.text, **self.files}

    def student_bytes(self) -> bytes:
        """The model as an ONNX file."""
        return self.files[STUDENT_FILE]

    def builds(self) -> tuple[Bundle, ...]:
        """This bundle and its alternatives, each as a bundle of its own: the same gate, its own model and states.

        One for onnxruntime has its model as `student.onnx`; one for OpenVINO has an `.xml` and a `.bin` instead.
        """
        return (self, *(self._build(model) for model in self.manifest.alternatives))

    def _build(self, model: ModelSpec) -> Bundle:
        named = {STUDENT_FILE: self.files[model.files[0]]} if model.engine == "onnxruntime" else {}
        own = named or {name: self.files[name] for name in model.files}
        models = {STUDENT_FILE, *(name for other in self.manifest.alternatives for name in other.files)}
        rest = {name: data for name, data in self.files.items() if name not in models}
        manifest = dataclasses.replace(self.manifest, states=model.states, alternatives=())
        return Bundle(f"{self.where}: {model.name}", self.digest, manifest, {**rest, **own})

    def gate_weights(self) -> dict[str, npt.NDArray[np.float32]]:
        """float32 w1 [3T,128] b1 w2 [128,256] b2 w3 [256,heads] b3, ready for `Gate`. Raises BundleError."""
        gate = self.manifest.gate
        return read_gate(self.files[GATE_FILE], f"{self.where}: {GATE_FILE}", gate.window, len(gate.gammas))


def default_bundle_path() -> Path:
    """The bundle that comes with the package."""
    return Path(str(resources.files("edge"))) / "data" / "bundle"


def _manifest_text(found: BundleFiles, path: Path) -> bytes:
    size = found.sizes.get(MANIFEST_FILE)
    if size is None:
        raise BundleError(f"{path}: expected a bundle with {MANIFEST_FILE}, found none; name the bundle itself")
    if size > MAX_MANIFEST_BYTES:
        raise BundleError(
            f"{path}: {MANIFEST_FILE}: expected at most {MAX_MANIFEST_BYTES} bytes, found {size}; {REMAKE}"
        )
    return found.read(MANIFEST_FILE)


def _check_sizes(found: Mapping[str, int], expected: Mapping[str, FileDigest], path: Path) -> None:
    """Exactly the files that the manifest lists, of its sizes, and together not too large to be read."""
    for name in sorted(set(found) - {MANIFEST_FILE} | set(expected)):
        if name not in expected:
            raise BundleError(f"{path}: {name}: expected only files that the manifest lists; remove it")
        if name not in found or name == MANIFEST_FILE:
            raise BundleError(f"{path}: {name}: the manifest lists it, found nothing; {REMAKE}")
        if found[name] != expected[name].bytes:
            raise BundleError(f"{path}: {name}: expected {expected[name].bytes} bytes, found {found[name]}; {REMAKE}")
    if (total := sum(listed.bytes for listed in expected.values())) > MAX_BUNDLE_BYTES:
        raise BundleError(f"{path}: expected at most {MAX_BUNDLE_BYTES} bytes in all, found {total}; {REMAKE}")


def _verified(data: bytes, expected: FileDigest, where: str) -> bytes:
    sha256 = hashlib.sha256(data).hexdigest()
    if sha256 != expected.sha256:
        raise BundleError(f"{where}: expected sha256 {expected.sha256}, found {sha256}; {REMAKE}")
    return data
