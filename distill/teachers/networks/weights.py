"""Weights of files, published or our own, into a teacher: what fits is taken, what does not is named."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from distill.teachers.networks.base import Teacher
from edge.errors import DataError


@dataclass(frozen=True)
class LoadReport:
    """Keys, sorted. missing: of the teacher, not in the file. unexpected: of the file, not in the teacher.

    other_shape: in both, but not of one shape, such as the head of other classes; these keep their random weights.
    """

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    other_shape: tuple[str, ...]


def load_start(teacher: Teacher, path: Path) -> LoadReport:
    """Load a .safetensors file, or a published .pth (read with weights_only=True: nothing in it is run).

    Video Swin's may be those of its authors or torchvision's `swin3d_t`, `swin3d_b`.

    Raises DataError where the file cannot be read or nothing in it fits.
    """
    weights = teacher.adapt(as_published(_read(path)))
    own = teacher.state_dict()
    other_shape = {key for key in weights.keys() & own.keys() if weights[key].shape != own[key].shape}
    fitting = {key: weights[key] for key in (weights.keys() & own.keys()) - other_shape}
    if not fitting:
        raise DataError(
            f"{path}: expected weights of {type(teacher).__name__}, found none of its keys, "
            f"but {', '.join(sorted(weights)[:3]) or 'nothing'} ..."
        )
    teacher.load_state_dict(fitting, strict=False)
    return LoadReport(
        missing=tuple(sorted(own.keys() - weights.keys())),
        unexpected=tuple(sorted(weights.keys() - own.keys())),
        other_shape=tuple(sorted(other_shape)),
    )


def as_published(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """torchvision's Video Swin under the names of its authors' checkpoints; any other weights as they are.

    torchvision keeps stages and merges in one list, `features`: even numbers are stages, odd ones the merge after them;
    a block's MLP is a list, too, with its two layers at 0 and 3.
    """
    if "features.0.0.attn.qkv.weight" not in weights:
        return weights
    return {_as_published(key): value for key, value in weights.items()}


def _as_published(key: str) -> str:
    if key.startswith("head."):
        return key.replace("head.", "cls_head.fc_cls.", 1)
    found = re.fullmatch(r"features\.(\d+)\.(.+)", key)
    if found is None:
        return f"backbone.{key}"
    number, rest = int(found[1]), found[2]
    if number % 2:
        return f"backbone.layers.{number // 2}.downsample.{rest}"
    rest = rest.replace("mlp.0.", "mlp.fc1.").replace("mlp.3.", "mlp.fc2.")
    return f"backbone.layers.{number // 2}.blocks.{rest}"


def _read(path: Path) -> dict[str, Tensor]:
    try:
        content = load_file(path) if path.suffix == ".safetensors" else _read_pickle(path)
    except (OSError, SafetensorError, RuntimeError, pickle.UnpicklingError, EOFError, ValueError) as error:
        raise DataError(f"{path}: expected weights, .safetensors or .pth; {error}") from error
    # Published files hold the weights themselves or, beside other things, a `state_dict`.
    weights = content.get("state_dict", content)
    if not isinstance(weights, Mapping) or not all(isinstance(value, Tensor) for value in weights.values()):
        raise DataError(f"{path}: expected a table of tensors, found {type(weights).__name__}")
    return dict(weights)


def _read_pickle(path: Path) -> Mapping[str, Tensor]:
    content = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(content, Mapping):
        raise ValueError(f"found {type(content).__name__}")
    return content
