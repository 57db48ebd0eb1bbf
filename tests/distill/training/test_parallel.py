"""Two processes do what one does: the same gradients, one checkpoint, every clip evaluated once."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from distill.training.parallel import TrainingTeam
from edge.errors import ConfigError
from tests.clips import write_square_folder
from tests.distill.gradients import gradients

ROOT = Path(__file__).parents[3]


def torchrun(*arguments: object) -> None:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    subprocess.run([*launcher, *map(str, arguments)], cwd=ROOT, check=True, timeout=120)


def test_two_processes_have_the_gradients_of_one(tmp_path: Path) -> None:
    torchrun("tests.distill.gradients", tmp_path / "two.safetensors")
    two, one = load_file(tmp_path / "two.safetensors"), gradients(TrainingTeam())
    assert two.keys() == one.keys()
    # A head that no clip of the batch has used keeps no gradient, in both.
    assert "heads.0.weight" in one and "heads.2.weight" not in one
    for name, gradient in one.items():
        torch.testing.assert_close(two[name], gradient, atol=1e-6, rtol=1e-4)


def test_two_processes_go_on_bit_for_bit(tmp_path: Path) -> None:
    clips = write_square_folder(tmp_path / "clips")
    changes = {
        "sources": f"[{{set: 'folder:{clips}', licence: ours}}]",
        "options": "{backbone: {embed: 8, depths: [1, 1], heads: [1, 2], drop_path: 0.1, window: [2, 2, 2]}}",
        "clip": "{frames: 4, size: 32, shorter: 36}",
        "stages": "[{stage: 1, rate: 0.01, batch: 4, steps: 4, schedule: constant}]",
    }
    recipe = ROOT / "distill" / "recipes" / "teachers" / "video_swin_b.yaml"
    options = ["--device", "cpu", "--workers", "1"]

    def train(out: Path, **other: str) -> None:
        pairs = [f"{key}={value}" for key, value in {**changes, **other}.items()]
        torchrun(
            "distill.cli", "train", recipe, "--out", out, *options, *(x for pair in pairs for x in ("--with", pair))
        )

    train(tmp_path / "whole")
    train(tmp_path / "half", stages=changes["stages"].replace("steps: 4", "steps: 2"))
    shutil.copy(tmp_path / "whole" / "recipe.yaml", tmp_path / "half" / "recipe.yaml")
    torchrun("distill.cli", "resume", tmp_path / "half", *options)
    whole, half = (load_file(tmp_path / run / "teacher.safetensors") for run in ("whole", "half"))
    assert whole.keys() == half.keys()
    assert all(torch.equal(whole[name], half[name]) for name in whole)


def test_a_share_is_equally_large_for_everyone() -> None:
    assert list(range(8))[TrainingTeam(1, 2).share(8)] == [1, 3, 5, 7]
    with pytest.raises(ConfigError, match="cannot be shared by 3 processes"):
        TrainingTeam(0, 3).share(8)
