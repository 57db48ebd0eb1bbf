"""What `--model` names: a float bundle, or a bare ONNX file, which is given a manifest.

A bare `student.onnx` says by itself how large its picture is and which states it has. The rest comes from
`student.json` beside it, as much of a manifest.json as differs from the defaults, or from the bundle of `--like`:

    {"labels": ["jump", "run"], "input": {"form": "rgb"}, "gate": {"gammas": [1.0]}}

The gate is `student.npz` beside it, or the other bundle's; with a single expert none is needed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper

from edge.bundles.bundle import GATE_FILE, STUDENT_FILE, Bundle, Manifest, gate_bytes
from edge.bundles.manifest import FORMAT, parse_manifest
from edge.errors import BundleError, UsageError
from quantize.judging.check import CONTRACT, checked

DEFAULTS: Mapping[str, Any] = {
    "input": {"form": "rgb", "levels_per_pixel": 8.0},
    "front_end": {"statistics": "pixel"},
    "cadence": {"interval_ms": 66.7, "tolerance_ms": 33.0, "reset_after_ms": 500.0},
    "gate": {"gammas": [1.0], "window": 16, "hold": 4},
    "smoothing": {"window_ms": 1000.0, "minimum_confidence": 0.4, "warm_up_ms": 500.0},
    "provenance": {"data": [], "seed": 0, "revision": "unknown"},
}
OWN = ("format", "precision", "target", "states", "accuracy", "files", "alternatives")  # the model's, not the sidecar's
GATE_WIDTHS = (128, 256)


def load_source(path: Path, like: Path | None = None) -> Bundle:
    """A float bundle, or a bare ONNX file with its manifest. like: a bundle whose labels, input and gate it has.

    Raises UsageError (`--like` for what is a bundle already), BundleError (a file or a manifest that is wrong).
    """
    if path.suffix != ".onnx":
        if like is not None:
            raise UsageError(f"{path}: is a bundle with a manifest of its own; --like is for a bare .onnx file")
        return Bundle.load(path)
    if not path.is_file():
        raise BundleError(f"{path}: expected an ONNX file, found nothing; check the path")
    student = path.read_bytes()
    model = checked(student, str(path))
    template = None if like is None else Bundle.load(like)
    document = _document(path, model, template)
    gate = _gate(path, document, template)
    digests = {name: {"sha256": "0" * 64, "bytes": 0} for name in (STUDENT_FILE, GATE_FILE)}  # write_bundle's business
    text = json.dumps({**document, "files": digests})
    manifest = parse_manifest(text.encode(), f"{path.with_suffix('.json')}, completed")
    _check_labels(path, model, manifest)
    source = Bundle(str(path), "", manifest, {STUDENT_FILE: student, GATE_FILE: gate})
    _check_gate(path, source)
    return source


def _document(path: Path, model: onnx.ModelProto, template: Bundle | None) -> dict[str, Any]:
    """A manifest as JSON has it: defaults, the other bundle's, the sidecar's, and at last what the model says."""
    document: dict[str, Any] = {key: dict(section) for key, section in DEFAULTS.items()}
    for layer in (json.loads(template.manifest.to_json()) if template else {}, _sidecar(path, template)):
        for key, value in layer.items():
            if key not in OWN:
                document[key] = {**document.get(key, {}), **value} if isinstance(value, dict) else value
    _, height, width, _ = _shape(model, "x", 4, path)
    document["input"] |= {"height": height, "width": width}
    document["front_end"] = {"height": height, "width": width} | document["front_end"]
    document["provenance"] = {"recipe": path.name} | document["provenance"]
    return {
        "name": path.stem,
        **document,
        "format": FORMAT,
        "precision": "float32",
        "target": "any",
        "states": _states(path, model),
        "accuracy": [],
    }


def _sidecar(path: Path, template: Bundle | None) -> dict[str, Any]:
    sidecar = path.with_suffix(".json")
    if not sidecar.is_file():
        if template is not None:
            return {}
        raise UsageError(
            f'{path}: a bare ONNX file needs {sidecar.name} beside it with at least {{"labels": [...]}}, or a bundle '
            "that it is like: --like BUNDLE; docs/quantize.md"
        )
    try:
        found = json.loads(sidecar.read_bytes())
    except ValueError as error:
        raise BundleError(f"{sidecar}: expected JSON, found something else ({error})") from error
    if not isinstance(found, dict):
        raise BundleError(f"{sidecar}: expected an object with keys of a manifest.json, found {type(found).__name__}")
    return found


def _states(path: Path, model: onnx.ModelProto) -> list[dict[str, Any]]:
    """Inputs beside x and outputs beside logits, paired in their order; they start at zero."""
    weights = {tensor.name for tensor in model.graph.initializer}
    entering = [v for v in model.graph.input if v.name != "x" and v.name not in weights]
    leaving = [v for v in model.graph.output if v.name != "logits"]
    kinds = [[_kind(value) for value in values] for values in (entering, leaving)]
    if kinds[0] != kinds[1]:
        listed = [", ".join(f"{v.name} {_kind(v)[1]}" for v in values) or "none" for values in (entering, leaving)]
        raise BundleError(
            f"{path}: expected one output per state, in the order and of the shape of the inputs, found the inputs "
            f"{listed[0]} and the outputs {listed[1]}; {CONTRACT}"
        )
    return [
        {"input": a.name, "output": b.name, "shape": shape, "dtype": dtype, "start": 0}
        for a, b, (dtype, shape) in zip(entering, leaving, kinds[0], strict=True)
    ]


def _kind(value: onnx.ValueInfoProto) -> tuple[str, list[int]]:
    tensor = value.type.tensor_type
    return helper.tensor_dtype_to_np_dtype(tensor.elem_type).name, [d.dim_value for d in tensor.shape.dim]


def _gate(path: Path, document: Mapping[str, Any], template: Bundle | None) -> bytes:
    """The gate's weights: the file beside the student, the other bundle's, or one that knows a single answer."""
    file = path.with_suffix(".npz")
    if file.is_file():
        return file.read_bytes()
    gate = document["gate"]
    if template is not None and gate == json.loads(template.manifest.to_json())["gate"]:
        return template.files[GATE_FILE]
    if len(gate["gammas"]) != 1:
        raise UsageError(
            f"{path}: with {len(gate['gammas'])} experts expected a gate, {file.name} beside it; found none"
        )
    widths = [3 * gate["window"], *GATE_WIDTHS, 1]
    shapes = {f"w{i}": widths[i - 1 : i + 1] for i in (1, 2, 3)} | {f"b{i}": widths[i : i + 1] for i in (1, 2, 3)}
    return gate_bytes({name: np.zeros(shape, np.float32) for name, shape in shapes.items()})


def _shape(model: onnx.ModelProto, name: str, dimensions: int, path: Path) -> list[int]:
    values = {value.name: _kind(value)[1] for value in (*model.graph.input, *model.graph.output)}
    if len(values[name]) != dimensions:
        raise BundleError(f"{path}: {name}: expected {dimensions} dimensions, found {values[name]}; {CONTRACT}")
    return values[name]


def _check_labels(path: Path, model: onnx.ModelProto, manifest: Manifest) -> None:
    _, rows, classes = _shape(model, "logits", 3, path)
    if (rows, classes) != (len(manifest.gate.gammas), len(manifest.labels)):
        raise BundleError(
            f"{path}: logits: expected one row per expert and one column per label, {len(manifest.gate.gammas)} x "
            f"{len(manifest.labels)}, found {rows} x {classes}; correct labels or gammas in {path.stem}.json"
        )


def _check_gate(path: Path, source: Bundle) -> None:
    """The gate fits what the manifest says of it. Raises BundleError."""
    gate = source.manifest.gate
    try:
        source.gate_weights()
    except BundleError as error:
        wrong = str(error).partition(f"{GATE_FILE}: ")[2].partition(";")[0]
        raise BundleError(
            f"{path.with_suffix('.npz')}: expected a gate with a window of {gate.window} ticks for {len(gate.gammas)} "
            f'experts, found another: {wrong}; correct "gate" in {path.stem}.json, or the file'
        ) from error
