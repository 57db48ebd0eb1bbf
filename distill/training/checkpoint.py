"""Everything that a training step changes, in one safetensors file: weights, optimiser, random generators.

Tensors are stored as they are, everything else (rates, counters, NumPy's generator) as JSON in the file's metadata,
whose floats come back bit for bit. Nothing is pickled.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from distill.training.parallel import TrainingTeam
from edge.errors import DataError
from edge.files import file_in_one_step

Scheduler = torch.optim.lr_scheduler.LRScheduler
FORMAT = 1


@dataclass
class Trainee:
    """What a step changes. rng: draws the batches, equal in every process; None where batches need no memory."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    scheduler: Scheduler
    rng: np.random.Generator | None = None


@dataclass(frozen=True)
class Checkpoint:
    """Where a training stands: `step` steps of `stage` are done."""

    stage: str
    step: int
    elapsed_s: float
    tensors: dict[str, Tensor]
    state: dict[str, Any]


def write_tensors(path: Path, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
    """In one step, so that a kill leaves the old file or the new one."""
    # Copies: safetensors refuses tensors that share memory, as tied weights do.
    copies = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
    with file_in_one_step(path) as aside:
        save_file(copies, aside, {"format": str(FORMAT), "state": json.dumps(state)})


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and state. Raises DataError for a file that `write_tensors` did not write."""
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path}: expected a checkpoint in safetensors; {error}") from error
    if metadata.get("format") != str(FORMAT):
        raise DataError(f"{path}: expected format {FORMAT}, written by `distill train`; found {metadata.get('format')}")
    return tensors, json.loads(metadata["state"])


def save(path: Path, stage: str, step: int, elapsed_s: float, trainee: Trainee, team: TrainingTeam) -> None:
    """The first process writes; all must call it, because everyone's random state is kept."""
    tensors = {f"model.{name}": tensor for name, tensor in trainee.model.state_dict().items()}
    optimizer = trainee.optimizer.state_dict()
    numbers: dict[str, dict[str, Any]] = {}
    for index, entries in optimizer["state"].items():
        for name, value in entries.items():
            if isinstance(value, Tensor):
                tensors[f"optimizer.{index}.{name}"] = value
            else:
                numbers.setdefault(str(index), {})[name] = value
    tensors["random.cpu"] = team.rows(torch.get_rng_state())
    if team.device.type == "cuda":
        tensors["random.cuda"] = team.rows(torch.cuda.get_rng_state(team.device))
    state = {
        "stage": stage,
        "step": step,
        "elapsed_s": elapsed_s,
        "groups": optimizer["param_groups"],
        "numbers": numbers,
        "scheduler": trainee.scheduler.state_dict(),
        "rng": trainee.rng.bit_generator.state if trainee.rng else None,
    }
    if team.first:
        write_tensors(path, tensors, state)
    team.wait()


def read(path: Path) -> Checkpoint:
    """Raises DataError."""
    tensors, state = read_tensors(path)
    return Checkpoint(state["stage"], state["step"], state["elapsed_s"], tensors, state)


def restore(checkpoint: Checkpoint, trainee: Trainee, team: TrainingTeam) -> None:
    """Continue as if nothing had happened. Raises DataError where model or team are not those of the checkpoint."""
    random = checkpoint.tensors["random.cpu"]
    if len(random) != team.size:
        raise DataError(f"the checkpoint is of {len(random)} processes, now there are {team.size}; start as many")
    load_model(trainee.model, _under("model.", checkpoint.tensors), "the checkpoint")
    state: dict[int, dict[str, Any]] = {int(i): dict(entries) for i, entries in checkpoint.state["numbers"].items()}
    for key, tensor in _under("optimizer.", checkpoint.tensors).items():
        index, _, name = key.partition(".")
        state.setdefault(int(index), {})[name] = tensor
    trainee.optimizer.load_state_dict({"state": state, "param_groups": checkpoint.state["groups"]})
    trainee.scheduler.load_state_dict(checkpoint.state["scheduler"])
    if trainee.rng is not None:
        trainee.rng.bit_generator.state = checkpoint.state["rng"]
    # Copies: PyTorch reads a generator's state from the start of the storage, not of the row.
    torch.set_rng_state(random[team.rank].clone())
    if "random.cuda" in checkpoint.tensors and team.device.type == "cuda":
        torch.cuda.set_rng_state(checkpoint.tensors["random.cuda"][team.rank].clone(), team.device)


def model_tensors(checkpoint: Checkpoint) -> dict[str, Tensor]:
    """The weights alone."""
    return _under("model.", checkpoint.tensors)


def load_model(model: nn.Module, tensors: Mapping[str, Tensor], where: str) -> None:
    """Raises DataError where the weights are not those of this model."""
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise DataError(f"{where}: these weights are of another model; {error}") from error


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
