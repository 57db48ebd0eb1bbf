"""Two processes do what one does: the same gradients, one checkpoint, every clip evaluated once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from distill.parallel import Team
from edge.errors import ConfigError
from tests.distill.gradients import gradients

ROOT = Path(__file__).parents[2]


def torchrun(*arguments: object) -> None:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    subprocess.run([*launcher, *map(str, arguments)], cwd=ROOT, check=True, timeout=120)


def test_two_processes_have_the_gradients_of_one(tmp_path: Path) -> None:
    torchrun("tests.distill.gradients", tmp_path / "two.safetensors")
    two, one = load_file(tmp_path / "two.safetensors"), gradients(Team())
    assert two.keys() == one.keys()
    # A head that no clip of the batch has used keeps no gradient, in both.
    assert "heads.0.weight" in one and "heads.2.weight" not in one
    for name, gradient in one.items():
        torch.testing.assert_close(two[name], gradient, atol=1e-6, rtol=1e-4)


def test_a_share_is_equally_large_for_everyone() -> None:
    assert list(range(8))[Team(1, 2).share(8)] == [1, 3, 5, 7]
    with pytest.raises(ConfigError, match="cannot be shared by 3 processes"):
        Team(0, 3).share(8)
