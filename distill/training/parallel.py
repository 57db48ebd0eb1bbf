"""One process, or many under torchrun: the same training, every process on its share of each batch."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn

from edge.errors import ConfigError, UsageError

DEVICES = ("auto", "cpu", "cuda")
CPU = torch.device("cpu")


@dataclass(frozen=True)
class TrainingTeam:
    """The processes of one training. rank: this one; 0 prints and writes. size: how many there are."""

    rank: int = 0
    size: int = 1
    device: torch.device = CPU

    @property
    def first(self) -> bool:
        return self.rank == 0

    def share(self, batch: int) -> slice:
        """This process's items of a batch. Raises ConfigError where they are not equally many for everyone."""
        if batch % self.size:
            raise ConfigError(f"a batch of {batch} cannot be shared by {self.size} processes; make it a multiple")
        return slice(self.rank, batch, self.size)

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Every process gets the mean gradient: for a loss that is a mean over clips, that of the whole batch.

        One flat reduction. A parameter that no process has used keeps no gradient, so that, as in a single process,
        its weight does not decay either.
        """
        if self.size == 1:
            return
        trained = [parameter for parameter in parameters if parameter.requires_grad]
        used = torch.tensor([float(parameter.grad is not None) for parameter in trained], device=self.device)
        distributed.all_reduce(used, distributed.ReduceOp.MAX)
        chosen = [parameter for parameter, one in zip(trained, used.tolist(), strict=True) if one]
        if not chosen:
            return
        flat = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in chosen])
        distributed.all_reduce(flat)
        for parameter, gradient in zip(chosen, (flat / self.size).split([p.numel() for p in chosen]), strict=True):
            parameter.grad = gradient.view_as(parameter)

    def agree(self, model: nn.Module) -> None:
        """Everyone takes the first process's weights and running statistics."""
        if self.size > 1:
            for tensor in model.state_dict().values():
                distributed.broadcast(tensor, 0)

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum over the processes."""
        if self.size > 1:
            distributed.all_reduce(tensor)
        return tensor

    def rows(self, tensor: Tensor) -> Tensor:
        """Everybody's tensor (CPU, any dtype), stacked by rank: [...] -> [size, ...]."""
        mine = tensor.to(self.device)
        parts = [torch.empty_like(mine) for _ in range(self.size)]
        if self.size > 1:
            distributed.all_gather(parts, mine)
        return torch.stack(parts if self.size > 1 else [mine]).cpu()

    def wait(self) -> None:
        """Until everyone is here."""
        if self.size > 1:
            distributed.barrier()


@contextmanager
def training_team(device: str = "auto") -> Iterator[TrainingTeam]:
    """The team that torchrun started (RANK, WORLD_SIZE, LOCAL_RANK), or this process alone.

    device: cpu, cuda, or auto (a GPU where there is one). Raises UsageError where there is no GPU to use.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: PyTorch finds no GPU here; use --device cpu, or install its CUDA build")
    on_gpu = device != "cpu" and torch.cuda.is_available()
    size = int(os.environ.get("WORLD_SIZE", "1"))
    place = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if on_gpu else CPU
    if on_gpu:
        torch.cuda.set_device(place)
    if size == 1:
        yield TrainingTeam(device=place)
        return
    distributed.init_process_group("nccl" if on_gpu else "gloo")
    try:
        yield TrainingTeam(distributed.get_rank(), size, place)
        distributed.barrier()  # nobody leaves while another still talks to it: gloo would abort the other
    finally:
        distributed.destroy_process_group()
