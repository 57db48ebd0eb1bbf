"""A bundle's other forms of its student: each is read as a bundle of its own, and a wrong list of them is refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from edge.bundles.bundle import GATE_FILE, STUDENT_FILE, Bundle, Manifest, ModelSpec, StateSpec, write_bundle
from edge.errors import BundleError
from tests.students import tiny_files, tiny_manifest, tiny_student

FILES = {**tiny_files(tiny_student()), "student-s8s8.onnx": b"", "student.xml": b"<net/>", "student.bin": b"w"}
STATES = (StateSpec("s0", "t0", (1, 12, 16, 4), "int8", -128),)
S8S8 = ModelSpec("S8S8", "onnxruntime", ("student-s8s8.onnx",), STATES)
IR = ModelSpec("NNCF", "openvino", ("student.xml", "student.bin"), STATES)


def manifest(*alternatives: ModelSpec) -> Manifest:
    return dataclasses.replace(tiny_manifest(tiny_student()), alternatives=alternatives)


def test_every_form_is_a_bundle_of_its_own(tmp_path: Path) -> None:
    write_bundle(tmp_path / "bundle", manifest(S8S8, IR), FILES)
    first, s8s8, ir = Bundle.load(tmp_path / "bundle").builds()
    assert first.student_bytes() == FILES[STUDENT_FILE] and first.manifest.states == tiny_student().states()
    assert s8s8.student_bytes() == b"" and s8s8.manifest.states == STATES
    assert sorted(ir.files) == [GATE_FILE, "student.bin", "student.xml"]
    assert s8s8.builds() == (s8s8,)


def test_a_bundle_without_alternatives_says_nothing_of_them() -> None:
    assert "alternatives" not in manifest().to_json()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (dataclasses.replace(S8S8, files=("none.onnx",)), "S8S8: expected files that the manifest lists"),
        (dataclasses.replace(S8S8, files=("student.xml",)), r"for onnxruntime one file of each kind, .onnx"),
        (dataclasses.replace(IR, files=("student.xml",)), r".xml and .bin"),
        (dataclasses.replace(S8S8, engine="abacus"), "engine: expected one of onnxruntime, openvino"),
        (dataclasses.replace(S8S8, states=(dataclasses.replace(STATES[0], start=128),)), "from -128 to 127"),
    ],
)
def test_a_wrong_alternative_is_refused(tmp_path: Path, model: ModelSpec, message: str) -> None:
    with pytest.raises(BundleError, match=message):
        write_bundle(tmp_path / "bundle", manifest(model), FILES)
    assert not (tmp_path / "bundle").exists()
