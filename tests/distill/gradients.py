"""The gradients of one step, in one process or several: what test_parallel.py compares."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from distill.teachers.networks.video_swin import SwinConfig, VideoSwin
from distill.training.parallel import TrainingTeam, training_team

BATCH = 4


def gradients(processes: TrainingTeam) -> dict[str, Tensor]:
    """By parameter, of the mean loss over 4 clips, each with its own head; heads 0 and 1 have clips, head 2 has none.

    With two processes one has clips for head 0 only, the other for head 1 only.
    """
    torch.manual_seed(0)
    backbone = VideoSwin(SwinConfig(embed=8, depths=(1, 1), heads=(1, 2), drop_path=0.0, window=(2, 2, 2)))
    model = nn.ModuleDict({"backbone": backbone, "heads": nn.ModuleList(nn.Linear(16, 3) for _ in range(3))})
    clips, labels, heads = torch.randn(BATCH, 3, 4, 16, 16), torch.tensor([0, 1, 2, 0]), torch.tensor([0, 1, 0, 1])
    share = processes.share(BATCH)
    features = model["backbone"](clips[share])
    logits = [model["heads"][head](row) for head, row in zip(heads[share].tolist(), features, strict=True)]
    functional.cross_entropy(torch.stack(logits), labels[share]).backward()
    processes.average_gradients(model.parameters())
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


if __name__ == "__main__":
    torch.set_num_threads(1)
    with training_team("cpu") as processes:
        found = gradients(processes)
        if processes.first:
            save_file({name: gradient.contiguous() for name, gradient in found.items()}, Path(sys.argv[1]))
