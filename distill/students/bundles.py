"""A trained student and its gate as a float bundle: what `quantize` takes and `edge-run` runs."""

from __future__ import annotations

import subprocess
from pathlib import Path

from calibration.learnt import LEARNT_FILE, LearntClips
from distill.gate_network import GateNetwork
from distill.students.network.export import to_onnx
from distill.students.network.student import StudentNetwork
from distill.students.recipe import Recipe
from edge.bundles.bundle import GATE_FILE, STUDENT_FILE, gate_bytes, write_bundle
from edge.bundles.manifest import DataSource, Manifest, Provenance


def write_float_bundle(
    target: Path,
    student: StudentNetwork,
    gate: GateNetwork,
    recipe: Recipe,
    recipe_name: str,
    learnt: LearntClips,
    data: tuple[DataSource, ...],
) -> None:
    """Export and write the bundle. learnt: what the student was trained on; data: whose that is.

    Raises BundleError where the directory cannot be written.
    """
    geometry = recipe.geometry
    model, states = to_onnx(student, geometry.input_height, geometry.input_width)
    manifest = Manifest(
        name=recipe.name,
        precision="float32",
        target="any",
        labels=recipe.labels,
        front_end=geometry.front_end,
        input=geometry.input,
        cadence=geometry.cadence,
        gate=geometry.gate(recipe.gate.window, recipe.gate.hold),
        smoothing=recipe.smoothing,
        states=states,
        accuracy=(),
        provenance=Provenance(data, recipe_name, recipe.seed, _revision()),
    )
    files = {STUDENT_FILE: model, GATE_FILE: gate_bytes(gate.weights()), LEARNT_FILE: learnt.to_bytes()}
    write_bundle(target, manifest, files)


def _revision() -> str:
    """The commit that made the bundle; `unknown` outside a checkout."""
    here = Path(__file__).parent
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=here, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found.stdout.strip()
