"""What a student begins from, `--start`: weights of a file, of a bundle, of a finished training; heads by label.

A bundle's student.onnx holds convolutions without batch norms (network/batch_norms.py): they become weights again, and
the batch norms are settled on the first batches.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from calibration.clip_sets.labels import counterparts
from calibration.learnt import LearntClips
from calibration.tensors import Geometry
from distill.students.network.batch_norms import blocks, unfold
from distill.students.network.student import StudentNetwork
from distill.students.recipe import ANY, FOR_PRODUCTS, PRODUCT, Recipe
from distill.students.stages.training import new_student
from edge.bundles.bundle import Bundle
from edge.bundles.manifest import Manifest
from edge.errors import DataError
from edge.files import file_in_one_step

STUDENT = "student.safetensors"  # in the folder of a training, written by `save_start`
MANIFEST = "manifest.json"
PASSING = ("DequantizeLinear", "QuantizeLinear", "Transpose")
HEADS = ("heads.weight", "heads.bias")


@dataclass(frozen=True)
class Start:
    """A student with the weights that a training begins from. learnt: what these have been trained on.

    folded: they come without batch norms, which stand for nothing until they are settled. licences: as of the recipe
    that they were trained by.
    """

    student: StudentNetwork
    learnt: LearntClips = field(default_factory=LearntClips)
    folded: bool = False
    licences: str = ANY


def save_start(student: StudentNetwork, path: Path, recipe: Recipe, learnt: LearntClips) -> None:
    """Weights as safetensors, with their labels and what they were trained on; in one step, so that a kill leaves the
    old file or the new.
    """
    about = {"labels": json.dumps(recipe.labels), "learnt": learnt.to_bytes().decode(), "licences": recipe.licences}
    with file_in_one_step(path) as aside:
        save_file(student.state_dict(), aside, about)


def load_weights(recipe: Recipe, path: Path) -> StudentNetwork:
    """The student of a .safetensors file. Raises as `load_start`."""
    return _of_file(recipe, path).student


def load_start(recipe: Recipe, path: Path) -> Start:
    """A student of the recipe's shape with the weights of a .safetensors file, a bundle (directory or .tar, float or
    INT8), or the folder of a finished `distill train`.

    Its heads keep the rows of the labels that both know, whatever they are called (calibration/clip_sets/labels.py);
    rows of other labels, and heads of other experts, start anew. Raises DataError, BundleError where it does not fit,
    or has learnt from what the recipe's `licences` leave out.
    """
    start = _loaded(recipe, path)
    if recipe.licences == PRODUCT and start.licences != PRODUCT:
        raise DataError(
            f"--start {path}: the recipe says `licences: {PRODUCT}`, and this has learnt, as far as it tells, from "
            f"recordings of which no products may be made; begin from a training by `licences: {PRODUCT}`, too"
        )
    return start


def _loaded(recipe: Recipe, path: Path) -> Start:
    if not path.exists():
        raise DataError(
            f"--start {path}: there is no such file; expected weights that `distill pretrain` or `distill train` wrote "
            "(.safetensors), a bundle (a directory or a .tar), or the folder of a training"
        )
    if path.suffix == ".tar" or (path / MANIFEST).is_file():
        return _of_bundle(recipe, Bundle.load(path))
    if path.is_dir():
        if not (path / STUDENT).is_file():
            raise DataError(
                f"--start {path}: expected a bundle or a finished training, found neither {MANIFEST} "
                f"nor {STUDENT} in it"
            )
        path = path / STUDENT
    return _of_file(recipe, path)


def _of_file(recipe: Recipe, path: Path) -> Start:
    student = new_student(recipe)
    try:
        weights = load_file(path)
        with safe_open(path, "pt") as file:
            about = file.metadata() or {}
        labels = tuple(json.loads(about["labels"])) if "labels" in about else None
        learnt = LearntClips.of_bytes(about["learnt"].encode(), str(path)) if "learnt" in about else LearntClips()
        student.load_state_dict(weights | _heads(weights, student.state_dict(), labels, recipe.labels))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise DataError(
            f"{path}: expected weights of the recipe's student, written by `distill pretrain` with this recipe; {error}"
        ) from error
    return Start(student, learnt, licences=about.get("licences", ANY))


def _of_bundle(recipe: Recipe, bundle: Bundle) -> Start:
    manifest = bundle.manifest
    _check_sight(recipe, manifest, bundle.where)
    student = new_student(recipe)
    folded = _convolutions(bundle)
    heads = {"heads.weight": folded[-1][0], "heads.bias": folded[-1][1]}
    found = [tuple(weight.shape) for weight, _ in folded[:-1]]
    wanted = [tuple(block.convolution.weight.shape) for block in blocks(student)]
    if found != wanted:
        raise DataError(
            f"{bundle.where}: its student is of another shape than the recipe's: convolutions {found}, the recipe's "
            f"are {wanted}; change student.size or student.stages in the recipe"
        )
    unfold(student, folded[:-1])
    state = student.state_dict()
    student.load_state_dict(state | _heads(heads, state, manifest.labels, recipe.labels))
    licences = PRODUCT if all(row.licence.endswith(FOR_PRODUCTS) for row in manifest.provenance.data) else ANY
    return Start(student, LearntClips.of(bundle), folded=True, licences=licences)


def _check_sight(recipe: Recipe, manifest: Manifest, where: str) -> None:
    """Weights mean something only for pictures of the form that they were trained on."""
    theirs, ours = Geometry.of(manifest), recipe.geometry
    for name in ("form", "levels_per_pixel", "height", "width", "input_height", "input_width", "interval_ms"):
        if getattr(theirs, name) != getattr(ours, name):
            raise DataError(
                f"{where}: its student sees other pictures than the recipe's: geometry: {name} is "
                f"{getattr(theirs, name)}, the recipe says {getattr(ours, name)}; give the recipe the bundle's"
            )


def _heads(
    stored: Mapping[str, Tensor], fresh: Mapping[str, Tensor], theirs: Sequence[str] | None, ours: Sequence[str]
) -> dict[str, Tensor]:
    """Heads for our labels: rows of labels that they know, too, are taken; the rest is fresh.

    theirs: None where they are not known; then heads of the same shape are taken as they are.
    """
    if not all(name in stored for name in HEADS):
        return {}  # load_state_dict says what is missing
    if theirs is None or tuple(theirs) == tuple(ours):
        fits = all(stored[name].shape == fresh[name].shape for name in HEADS)
        if fits or theirs is None:
            return {name: (stored if fits else fresh)[name] for name in HEADS}
    meant = counterparts(ours, theirs)
    same = [(i, j) for i, j in enumerate(meant) if j is not None and (theirs[j] != "other" or ours[i] == "other")]
    heads = {}
    for name in HEADS:
        new = fresh[name].clone().unflatten(0, (-1, len(ours)))
        old = stored[name].unflatten(0, (-1, len(theirs)))
        if len(new) != len(old):
            old = old.mean(0, keepdim=True) if len(new) == 1 else old
        if len(old) in (1, len(new)):
            for i, j in same:
                new[:, i] = old[:, j]
        heads[name] = new.flatten(0, 1)
    return heads


def _convolutions(bundle: Bundle) -> list[tuple[Tensor, Tensor]]:
    """(weight, bias) of every convolution of a bundle's student, in the order in which they run, dequantised.

    Raises DataError where the graph is not one of our students.
    """
    graph = onnx.load_from_string(bundle.student_bytes()).graph
    values = {one.name: torch.from_numpy(numpy_helper.to_array(one).copy()) for one in graph.initializer}
    makers = {output: node for node in graph.node for output in node.output}

    def value(name: str) -> Tensor:
        if name in values:
            return values[name].float()
        node = makers[name]
        if node.op_type != "DequantizeLinear":
            raise KeyError(name)
        levels, scale = values[node.input[0]].float(), values[node.input[1]].float()
        zero = values[node.input[2]].float() if len(node.input) > 2 else torch.zeros_like(scale)
        along = (-1, *(1,) * (levels.ndim - 1)) if scale.ndim else ()
        return (levels - zero.reshape(along)) * scale.reshape(along)

    def levelled(name: str) -> list[float]:
        """What integer branches that are joined here were multiplied by (quantize balances them)."""
        while (node := makers.get(name)) is not None and node.op_type in PASSING:
            name = node.input[0]
        if node is None or node.op_type != "Concat":
            return [1.0]
        return [rescaled(branch) for branch in node.input]

    def rescaled(name: str) -> float:
        node = makers.get(name)
        if node is None or node.op_type != "DequantizeLinear":
            return 1.0
        scale, name = values[node.input[1]], node.input[0]
        while (node := makers.get(name)) is not None and node.op_type in ("ReduceMax", "Transpose"):
            name = node.input[0]
        return 1.0 if node is None or node.op_type != "QuantizeLinear" else float(scale / values[node.input[1]])

    def weights(node: onnx.NodeProto) -> tuple[Tensor, Tensor]:
        weight, factors = value(node.input[1]), levelled(node.input[0])
        if any(abs(factor - 1.0) > 1e-6 for factor in factors):
            if weight.shape[1] % len(factors):
                raise KeyError(f"{node.name}: branches of different width")
            each = torch.tensor(factors).repeat_interleave(weight.shape[1] // len(factors))
            weight = weight * each.view(1, -1, 1, 1)
        return weight, value(node.input[2])

    try:
        found = [weights(node) for node in graph.node if node.op_type == "Conv"]
        if len(found) < 3:
            raise KeyError("convolutions")
        return found
    except (KeyError, IndexError) as error:
        raise DataError(
            f"{bundle.where}: expected a student that `distill` trained, whose weights can be taken from its "
            f"student.onnx, found another network ({error}); begin from its .safetensors"
        ) from error


def inherited(start: Start | None, training: frozenset[str]) -> LearntClips:
    """What a student has learnt from that began there and then met these clips."""
    before = LearntClips() if start is None else start.learnt
    return LearntClips(before.training | training, before.calibration - training - before.training)
