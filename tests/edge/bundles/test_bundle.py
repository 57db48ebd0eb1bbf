"""Bundles: round trips, replacement that is whole or not at all, and everything that reading must refuse."""

from __future__ import annotations

import copy
import dataclasses
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.bundles.bundle import Bundle, default_bundle_path, gate_bytes, write_bundle
from edge.bundles.manifest import ExpertSpec, FileDigest, GateSpec, parse_manifest
from edge.errors import EXIT_CONFIG, BundleError, UsageError
from edge.recognition.gate import Gate
from tests.students import LABELS, tiny_files, tiny_gate, tiny_manifest, tiny_student

STUDENT = tiny_student()
MANIFEST, FILES = tiny_manifest(STUDENT), tiny_files(STUDENT)


@pytest.fixture
def bundle_dir(tmp_path: Path) -> Path:
    write_bundle(tmp_path / "bundle", MANIFEST, FILES)
    return tmp_path / "bundle"


def tar_of(members: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for member, data in members:
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return target.getvalue()


def test_directory_and_tar_hold_the_same(tmp_path: Path) -> None:
    write_bundle(tmp_path / "a", MANIFEST, FILES)
    write_bundle(tmp_path / "a.tar", MANIFEST, FILES)
    directory, archive = Bundle.load(tmp_path / "a"), Bundle.load(tmp_path / "a.tar")
    assert directory.manifest == archive.manifest
    assert directory.manifest == dataclasses.replace(MANIFEST, files=directory.manifest.files)
    assert directory.files == archive.files == FILES
    assert directory.digest == archive.digest
    assert directory.student_bytes() == FILES["student.onnx"]


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.tar", "b.tar"):
        write_bundle(tmp_path / name, MANIFEST, tiny_files(tiny_student()))
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()


def test_gate_weights_fit_the_gate(bundle_dir: Path) -> None:
    bundle = Bundle.load(bundle_dir)
    weights = bundle.gate_weights()
    for name, expected in tiny_gate().items():
        np.testing.assert_array_equal(weights[name], expected)
    gate = Gate(weights, bundle.manifest.gate.gammas, bundle.manifest.gate.hold)
    assert gate.window == bundle.manifest.gate.window


@pytest.mark.parametrize("name", ["bundle", "bundle.tar"])
def test_a_bundle_replaces_a_bundle_and_leaves_nothing_beside_it(tmp_path: Path, name: str) -> None:
    write_bundle(tmp_path / name, MANIFEST, FILES)
    write_bundle(tmp_path / name, dataclasses.replace(MANIFEST, name="second"), FILES)
    assert Bundle.load(tmp_path / name).manifest.name == "second"
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def test_what_is_no_bundle_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("years of work")
    (tmp_path / "dir.tar").mkdir()
    (tmp_path / "file").write_text("not a directory")
    for name in ("home", "dir.tar", "file"):
        with pytest.raises(UsageError, match="choose another name"):
            write_bundle(tmp_path / name, MANIFEST, FILES)
    assert (tmp_path / "home" / "thesis.tex").read_text() == "years of work"


@pytest.mark.parametrize("name", ["bundle", "bundle.tar"])
def test_a_kill_while_writing_leaves_the_old_bundle(tmp_path: Path, name: str) -> None:
    write_bundle(tmp_path / name, MANIFEST, FILES)
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from edge.bundles.bundle import write_bundle\n"
        "from tests.edge.bundles.test_bundle import FILES, MANIFEST\n"
        "os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)  # dies with its first file half way out\n"
        "write_bundle(Path(sys.argv[1]), MANIFEST, FILES)\n"
    )
    root = Path(__file__).parents[3]
    run = subprocess.run([sys.executable, "-c", code, str(tmp_path / name)], cwd=root, check=False)
    assert run.returncode == -signal.SIGKILL
    assert Bundle.load(tmp_path / name).files == FILES


def test_a_manifest_that_could_not_be_read_is_not_written(tmp_path: Path) -> None:
    for manifest in (
        dataclasses.replace(MANIFEST, labels=("one",)),
        dataclasses.replace(MANIFEST, smoothing=dataclasses.replace(MANIFEST.smoothing, minimum_confidence=2.0)),
    ):
        with pytest.raises(BundleError):
            write_bundle(tmp_path / "bundle", manifest, FILES)
    with pytest.raises(BundleError, match="plain file name"):
        write_bundle(tmp_path / "bundle", MANIFEST, {**FILES, "../escape": b""})
    assert list(tmp_path.iterdir()) == []


def other_bytes(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def through_a_link(path: Path) -> None:
    path.rename(path.parent.parent / "elsewhere")
    path.symlink_to(path.parent.parent / "elsewhere")


def as_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a flipped bit": (lambda d: other_bytes(d / "student.onnx"), "student.onnx: expected sha256"),
    "a cut file": (lambda d: (d / "gate.npz").write_bytes(b"short"), "gate.npz: expected [0-9]+ bytes, found 5"),
    "a missing file": (lambda d: (d / "gate.npz").unlink(), "gate.npz: the manifest lists it, found nothing"),
    "no manifest": (lambda d: (d / "manifest.json").unlink(), "expected a bundle with manifest.json"),
    "an unlisted file": (lambda d: (d / "extra.bin").write_bytes(b"?"), "extra.bin: expected only files"),
    "a hidden file": (lambda d: (d / ".profile").write_bytes(b"?"), "'.profile': expected plain file names"),
    "a folder": (lambda d: (d / "weights").mkdir(), "weights: expected a regular file, found a directory"),
    "a link": (lambda d: through_a_link(d / "student.onnx"), "student.onnx: expected a readable regular file, .* link"),
    "a pipe": (lambda d: as_a_pipe(d / "gate.npz"), "gate.npz: expected a regular file, found a pipe"),
    "a huge manifest": (lambda d: (d / "manifest.json").write_bytes(b" " * (2 << 20)), "at most 1048576 bytes"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_directory_is_refused(bundle_dir: Path, case: str) -> None:
    damage, message = DAMAGE[case]
    damage(bundle_dir)
    with pytest.raises(BundleError, match=message) as caught:
        Bundle.load(bundle_dir)
    assert caught.value.exit_code == EXIT_CONFIG
    assert "Traceback" not in str(caught.value)


def member(name: str, kind: bytes = tarfile.REGTYPE, linkname: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, linkname
    return info


TARS: dict[str, tuple[Callable[[], bytes], str]] = {
    "a name that climbs": (lambda: tar_of([(member("../student.onnx"), b"")]), "expected plain file names"),
    "an absolute name": (lambda: tar_of([(member("/etc/passwd"), b"")]), "expected plain file names"),
    "a folder's name": (lambda: tar_of([(member("a/manifest.json"), b"")]), "expected plain file names"),
    "a symbolic link": (lambda: tar_of([(member("a", tarfile.SYMTYPE, "/etc/passwd"), b"")]), "another kind"),
    "a hard link": (lambda: tar_of([(member("a", tarfile.LNKTYPE, "b"), b"")]), "another kind"),
    "a device": (lambda: tar_of([(member("a", tarfile.CHRTYPE), b"")]), "another kind"),
    "a directory": (lambda: tar_of([(member("a", tarfile.DIRTYPE), b"")]), "another kind"),
    "a sparse file": (lambda: tar_of([(member("a", tarfile.GNUTYPE_SPARSE), b"")]), "another kind|damaged"),
    "a name twice": (lambda: tar_of([(member("a"), b"1"), (member("a"), b"2")]), "every name once"),
    "no tar": (lambda: b"certainly not a tar", "expected an uncompressed tar"),
    "nothing": (lambda: b"", "expected an uncompressed tar|expected a bundle with"),
    "no manifest": (lambda: tar_of([(member("a"), b"1")]), "expected a bundle with manifest.json"),
}


@pytest.mark.parametrize("case", TARS)
def test_a_wrong_tar_is_refused(tmp_path: Path, case: str) -> None:
    make, message = TARS[case]
    (tmp_path / "b.tar").write_bytes(make())
    with pytest.raises(BundleError, match=message):
        Bundle.load(tmp_path / "b.tar")


def test_a_missing_bundle_is_named(tmp_path: Path) -> None:
    for name in ("nowhere", "nowhere.tar"):
        with pytest.raises(BundleError, match=rf"{name}: expected a bundle.*found nothing; check the path"):
            Bundle.load(tmp_path / name)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_flipped_byte_of_a_tar_is_refused_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("flip")
    write_bundle(folder / "b.tar", MANIFEST, FILES)
    original, raw = Bundle.load(folder / "b.tar"), bytearray((folder / "b.tar").read_bytes())
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    (folder / "b.tar").write_bytes(raw)
    try:
        loaded = Bundle.load(folder / "b.tar")
    except BundleError:
        return
    assert (loaded.files, loaded.manifest.labels) == (original.files, original.manifest.labels)


DOCUMENT: dict[str, Any] = json.loads(
    dataclasses.replace(
        MANIFEST,
        files={name: FileDigest("0" * 64, 1) for name in FILES},
    ).to_json()
)
DOCUMENT["accuracy"] = [
    {"what": "a", "data": "b", "command": "c", "top1": 0.5, "macro": 0.5, "interval95": [0.4, 0.6], "clips": 3}
]


def leaves(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(leaf for key, child in children for leaf in leaves(child, (*path, key)))]


def changed(path: tuple[str | int, ...], value: object) -> bytes:
    document = copy.deepcopy(DOCUMENT)
    place = document
    for key in path[:-1]:
        place = place[key]  # type: ignore[index]
    place[path[-1]] = value  # type: ignore[index]
    return json.dumps(document).encode()


def test_the_document_of_these_tests_is_right() -> None:
    manifest = parse_manifest(json.dumps(DOCUMENT).encode(), "here")
    assert manifest.labels == LABELS
    assert parse_manifest(manifest.to_json().encode(), "here") == manifest


WRONG: dict[tuple[str | int, ...], tuple[object, str]] = {
    ("format",): (3, "format: expected 1 or 2, found 3; update ellar-edge"),
    ("precision",): ("int4", "precision: expected one of float32, int8, found 'int4'"),
    ("labels",): (["a", "a"], "labels: expected two or more, none twice"),
    ("labels", 1): ("", r"labels\[1\]: expected a text that is not empty"),
    ("front_end", "height"): (0, "front_end.height: expected a whole number from 8"),
    ("front_end", "statistics"): ("dgam", "front_end.statistics: expected one of pixel"),
    ("input", "form"): ("video", "input.form: expected one of change_flow, luma_flow, motion, rgb"),
    ("input", "height"): (400, "input: expected at most the front end's"),
    ("input", "levels_per_pixel"): (True, "input.levels_per_pixel: expected a number"),
    ("cadence", "interval_ms"): ("66", "cadence.interval_ms: expected a number"),
    ("cadence", "reset_after_ms"): (5, "cadence.reset_after_ms: expected at least interval_ms"),
    ("gate", "gammas"): ([], "gate.gammas: expected one or more"),
    ("front_end", "fraction_bits"): (3, "front_end.fraction_bits: expected 0 or 4, found 3"),
    ("gate", "experts"): ([{"binning": 1, "accumulation": 1, "stride": 1}], "gate.experts: expected 0, found 1"),
    ("gate", "gammas", 0): (-1, r"gate.gammas\[0\]: expected a number from 0.05"),
    ("smoothing", "minimum_confidence"): (1.5, "smoothing.minimum_confidence: expected a number from 0.0 to 1.0"),
    ("states", 0): ([], r"states\[0\]: expected an object, found a list"),
    ("states", 0, "shape", 1): (0, r"states\[0\].shape\[1\]: expected a whole number from 1"),
    ("states", 0, "output"): ("logits", "states: expected names that differ"),
    ("accuracy", 0, "interval95"): ([0.9, 0.1], r"accuracy\[0\].interval95: expected two fractions"),
    ("provenance",): (None, "provenance: expected an object, found null"),
    ("files", "gate.npz", "sha256"): ("abc", "files.gate.npz.sha256: expected 64 lower-case hexadecimal"),
    ("files", "../gate.npz"): ({}, "expected a plain file name"),
    ("extra",): (1, "extra: expected no such key"),
}


@pytest.mark.parametrize("path", WRONG, ids=lambda path: ".".join(map(str, path)))
def test_a_wrong_field_is_named(path: tuple[str | int, ...]) -> None:
    value, message = WRONG[path]
    with pytest.raises(BundleError, match=message) as caught:
        parse_manifest(changed(path, value), "bundle: manifest.json")
    assert str(caught.value).startswith("bundle: manifest.json: ")


OPTIONAL = [("provenance", "notes"), ("front_end", "fraction_bits"), ("gate", "experts")]


@pytest.mark.parametrize("path", [path for path in leaves(DOCUMENT) if path and isinstance(path[-1], str)], ids=str)
def test_a_missing_field_is_named(path: tuple[str, ...]) -> None:
    document = copy.deepcopy(DOCUMENT)
    place = document
    for key in path[:-1]:
        place = place[key]
    del place[path[-1]]
    if path in OPTIONAL:
        assert parse_manifest(json.dumps(document).encode(), "here") == parse_manifest(
            json.dumps(DOCUMENT).encode(), "here"
        )
        return
    with pytest.raises(BundleError, match=path[-1].replace(".", r"\.")):
        parse_manifest(json.dumps(document).encode(), "here")


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([path for path in leaves(DOCUMENT) if path]), JSON_VALUES)
def test_any_value_anywhere_is_taken_or_refused_cleanly(path: tuple[str | int, ...], value: object) -> None:
    try:
        manifest = parse_manifest(changed(path, value), "here")
    except BundleError:
        return
    assert parse_manifest(manifest.to_json().encode(), "here") == manifest


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"format": NaN}', b"1" * 5000, b"[]"])
def test_what_is_no_json_object_is_refused(text: bytes) -> None:
    with pytest.raises(BundleError, match=r"expected (JSON|an object)"):
        parse_manifest(text, "here")


class Payload:
    """What a pickle would run."""

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return (os.mkdir, ("pickle-was-run",))


def npz(**arrays: object) -> bytes:
    target = io.BytesIO()
    np.savez_compressed(target, **arrays)  # type: ignore[arg-type]
    return target.getvalue()


GATES: dict[str, tuple[Callable[[], bytes], str]] = {
    "no npz": (lambda: b"PK\x03\x04nonsense", "expected arrays in NumPy's npz form"),
    "a name missing": (lambda: npz(**{k: v for k, v in tiny_gate().items() if k != "b3"}), "expected w1, b1"),
    "another window": (lambda: gate_bytes({**tiny_gate(), "w1": np.zeros((9, 128), np.float32)}), r"w1: .*\[12, 128\]"),
    "not a number": (
        lambda: gate_bytes({**tiny_gate(), "b2": np.full(256, np.nan, np.float32)}),
        "b2: expected finite",
    ),
    "another type": (lambda: npz(**{**tiny_gate(), "b1": np.zeros(128)}), "b1: .*found float64"),
    "a pickle": (lambda: npz(**{**tiny_gate(), "b1": np.array([Payload()], object)}), "expected arrays"),
    "a bomb": (lambda: npz(**{**tiny_gate(), "w1": np.zeros(1 << 23, np.float32)}), "at most 16777216 bytes unpacked"),
    "a scalar": (lambda: npz(**{**tiny_gate(), "w2": np.float32(1)}), "w2: expected finite float32"),
}


@pytest.mark.parametrize("case", GATES)
def test_a_wrong_gate_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    make, message = GATES[case]
    monkeypatch.chdir(tmp_path)
    write_bundle(tmp_path / "b", MANIFEST, {**FILES, "gate.npz": make()})
    with pytest.raises(BundleError, match=message):
        Bundle.load(tmp_path / "b").gate_weights()
    assert not (tmp_path / "pickle-was-run").exists()


def test_every_gamma_of_the_change_flow_form_has_its_expert() -> None:
    document = copy.deepcopy(DOCUMENT)
    document["input"]["form"] = "change_flow"
    gammas = len(document["gate"]["gammas"])
    with pytest.raises(BundleError, match=rf"gate.experts: expected {gammas}, found 0"):
        parse_manifest(json.dumps(document).encode(), "here")
    document["gate"]["experts"] = [{"binning": 2, "accumulation": 4, "stride": 1}] * gammas
    assert parse_manifest(json.dumps(document).encode(), "here").gate.experts[0] == ExpertSpec(2, 4, 1)
    document["gate"]["experts"][0]["accumulation"] = 17
    with pytest.raises(BundleError, match="accumulation: expected a whole number from 1 to 16, found 17"):
        parse_manifest(json.dumps(document).encode(), "here")


@pytest.mark.parametrize(
    ("experts", "names"),
    [
        ([(1, 1), (2, 2), (4, 4)], ["light x1", "medium x8", "heavy x64"]),
        ([(1, 1), (1, 1), (1, 2)], ["light x1", "light x1", "heavy x2"]),
        ([(2, 1)] * 3, ["heavy x4"] * 3),
        ([(1, 1)] * 3, ["light x1"] * 3),
        ([], [""] * 3),
    ],
)
def test_an_expert_is_named_by_how_many_values_it_averages(experts: list[tuple[int, int]], names: list[str]) -> None:
    gate = GateSpec((1.5, 2.0, 3.0), 16, 4, tuple(ExpertSpec(*expert) for expert in experts))
    assert list(gate.expert_names) == names


def test_the_default_bundle_is_whole() -> None:
    if not default_bundle_path().exists():
        pytest.skip("edge/data/bundle is not made yet: make bundle")
    bundle = Bundle.load(default_bundle_path())
    assert bundle.manifest.precision == "int8"
    assert bundle.manifest.accuracy and bundle.manifest.provenance.data
    assert set(bundle.gate_weights()) == {"w1", "b1", "w2", "b2", "w3", "b3"}
