"""`--model`: a bundle, or a bare ONNX file that is given a manifest by what it says, a file beside it, or a bundle."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from edge.bundles.bundle import GATE_FILE, Bundle, write_bundle
from edge.engines.onnxruntime import OnnxRuntimeSession
from edge.errors import BundleError, UsageError
from quantize.source import load_source
from tests.students import GAMMAS, HEIGHT, LABELS, WIDTH, tiny_files, tiny_manifest, tiny_student

SIDECAR = {"labels": list(LABELS), "gate": {"gammas": list(GAMMAS), "window": 4}}


@pytest.fixture
def student(tmp_path: Path) -> Path:
    path = tmp_path / "mine.onnx"
    path.write_bytes(tiny_student().streaming_onnx())
    path.with_suffix(".json").write_text(json.dumps(SIDECAR))
    path.with_suffix(".npz").write_bytes(tiny_files(tiny_student())[GATE_FILE])
    return path


def test_a_bare_file_says_its_picture_and_states(student: Path) -> None:
    manifest = load_source(student).manifest
    assert manifest.states == tiny_student().states()
    assert (manifest.input.form, manifest.input.height, manifest.input.width) == ("rgb", HEIGHT, WIDTH)
    assert (manifest.front_end.height, manifest.front_end.width) == (HEIGHT, WIDTH)
    assert (manifest.name, manifest.precision, manifest.labels) == ("mine", "float32", LABELS)
    assert manifest.gate.gammas == GAMMAS and manifest.gate.hold == 4
    OnnxRuntimeSession(load_source(student))


def test_like_takes_the_rest_from_a_bundle(student: Path, tmp_path: Path) -> None:
    tiny = tiny_student()
    write_bundle(tmp_path / "like", tiny_manifest(tiny), tiny_files(tiny))
    student.with_suffix(".json").unlink()
    student.with_suffix(".npz").unlink()
    found, like = load_source(student, tmp_path / "like"), Bundle.load(tmp_path / "like")
    for part in ("labels", "front_end", "input", "cadence", "gate", "smoothing", "states"):
        assert getattr(found.manifest, part) == getattr(like.manifest, part), part
    assert found.files[GATE_FILE] == like.files[GATE_FILE]


def test_a_single_gamma_needs_no_gate(student: Path) -> None:
    model = onnx.load_from_string(student.read_bytes())
    reshape = next(node for node in model.graph.node if "logits" in node.output)
    reshape.output[0] = "all_heads"
    nodes = [
        helper.make_node("Constant", [], ["zero"], value=helper.make_tensor("z", TensorProto.INT64, [1], [0])),
        helper.make_node("Gather", ["all_heads", "zero"], ["logits"], "one_head", axis=1),
    ]
    model.graph.node.extend(nodes)
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 1
    student.write_bytes(model.SerializeToString())
    student.with_suffix(".json").write_text(json.dumps({"labels": list(LABELS)}))
    student.with_suffix(".npz").unlink()
    bundle = load_source(student)
    assert bundle.manifest.gate.gammas == (1.0,)
    assert set(bundle.gate_weights()) == {"w1", "b1", "w2", "b2", "w3", "b3"}
    OnnxRuntimeSession(bundle)


def rewrite(student: Path, **fields: object) -> None:
    student.with_suffix(".json").write_text(json.dumps({**SIDECAR, **fields}))


def test_missing_states_are_named(student: Path) -> None:
    model = onnx.load_from_string(student.read_bytes())
    gone = next(value for value in model.graph.output if value.name == "t1")
    model.graph.output.remove(gone)
    student.write_bytes(model.SerializeToString())
    with pytest.raises(BundleError, match=r"s0 \[1, 12, 16, 4\], s1 .* and the outputs t0 \[1, 12, 16, 4\]; "):
        load_source(student)


def test_wrong_labels_are_told(student: Path) -> None:
    rewrite(student, labels=["left", "right"])
    with pytest.raises(BundleError, match="one column per label, 3 x 2, found 3 x 3; correct labels or gammas"):
        load_source(student)


def test_wrong_gammas_are_told(student: Path) -> None:
    rewrite(student, gate={"gammas": [1.0, 2.0], "window": 4})
    with pytest.raises(BundleError, match=r"one row per expert .* 2 x 3, found 3 x 3"):
        load_source(student)


def test_a_gate_of_another_window_is_told(student: Path) -> None:
    rewrite(student, gate={"gammas": list(GAMMAS), "window": 16})
    with pytest.raises(
        BundleError, match=r'mine\.npz: expected a gate with a window of 16 ticks .* w1: .* "gate" in mine'
    ):
        load_source(student)


def test_several_gammas_need_a_gate(student: Path) -> None:
    student.with_suffix(".npz").unlink()
    with pytest.raises(UsageError, match=r"with 3 experts expected a gate, mine\.npz beside it"):
        load_source(student)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "expected JSON"),
        ("[]", "expected an object with keys of a manifest.json, found list"),
        ('{"labels": ["a", "b", "c"], "cadense": {}}', "cadense"),
        ('{"labels": "abc"}', "labels: expected a list"),
    ],
)
def test_a_wrong_sidecar_is_told(student: Path, text: str, message: str) -> None:
    student.with_suffix(".json").write_text(text)
    with pytest.raises((BundleError, UsageError), match=message):
        load_source(student)


def test_without_a_sidecar_it_says_what_to_write(student: Path) -> None:
    student.with_suffix(".json").unlink()
    with pytest.raises(UsageError, match=r'needs mine.json beside it with at least {"labels": \[...\]}'):
        load_source(student)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="expected an ONNX file, found nothing"):
        load_source(tmp_path / "none.onnx")
