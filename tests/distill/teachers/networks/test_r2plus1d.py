"""R(2+1)D-34, the BERT head and R-BERT."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from distill.teachers import build_teacher
from distill.teachers.networks.bert_head import BertHead
from distill.teachers.networks.r2plus1d import R2Plus1D, middle_channels
from distill.teachers.networks.weights import load_start
from edge.errors import ConfigError

SMALL: dict[str, Any] = {"depths": (1, 1, 1, 1), "width": 8, "heads": 2}


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_published_sizes() -> None:
    with torch.device("meta"):
        trunk = R2Plus1D()
        # R(2+1)D-34 with the head of Kinetics: 63.7 M; DarkLight's table calls it 63 M.
        assert (parameters(trunk) + 513 * 400) / 1e6 == pytest.approx(63.7, abs=0.05)
        assert trunk(torch.zeros(1, 3, 64, 112, 112)).shape == (1, 512, 8, 7, 7)


@pytest.mark.parametrize(("inputs", "outputs"), [(64, 64), (64, 128), (128, 128), (256, 512)])
def test_the_pair_has_the_parameters_of_a_3x3x3(inputs: int, outputs: int) -> None:
    middle = middle_channels(inputs, outputs)
    pair = 9 * inputs * middle + 3 * middle * outputs
    assert 27 * inputs * outputs - 9 * inputs - 3 * outputs < pair <= 27 * inputs * outputs


def test_public_key_names() -> None:
    with torch.device("meta"):
        keys = R2Plus1D().state_dict().keys()
    for key in (
        "stem.3.weight",
        "layer1.2.conv2.0.3.weight",
        "layer3.5.conv1.1.running_var",
        "layer4.0.downsample.1.bias",
    ):
        assert key in keys


@pytest.mark.parametrize("name", ["rbert", "actlumos", "actlumos_student"])
def test_public_weights_become_the_trunk(name: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    trunk, teacher, path = (
        R2Plus1D(SMALL["depths"], SMALL["width"]),
        build_teacher(name, 3, **SMALL),
        tmp_path / "r.pth",
    )
    torch.save(trunk.state_dict() | {"fc.weight": torch.zeros(400, 64)}, path)
    report = load_start(teacher, path)
    assert report.unexpected == ("fc.weight",) and not any(key.startswith("trunk.") for key in report.missing)
    for key, value in trunk.state_dict().items():
        torch.testing.assert_close(teacher.trunk.state_dict()[key], value)


def test_bert_head_knows_the_order_of_time() -> None:
    torch.manual_seed(0)
    head = BertHead(16, 2).eval()
    maps = torch.randn(2, 16, 8, 3, 3)
    assert head(maps).shape == (2, 16)
    torch.testing.assert_close(head(maps.flip(3)), head(maps))
    assert not torch.allclose(head(maps.flip(2)), head(maps), atol=1e-3)


def test_bert_head_names_a_clip_that_is_too_long() -> None:
    with pytest.raises(ConfigError, match="longest"):
        BertHead(16, 2, longest=4)(torch.zeros(1, 16, 5, 1, 1))


def test_rbert_overfits_the_order_of_two_events() -> None:
    """Left then right, or right then left: the same frames, so only an order in time tells them apart."""
    torch.manual_seed(0)
    teacher = build_teacher("rbert", 2, focus=2.0, dropout=0.0, **SMALL)
    frames = torch.zeros(2, 3, 16, 32, 32)
    frames[0, :, :8, :, :16] = frames[0, :, 8:, :, 16:] = 40
    frames[1] = frames[0].flip(1)
    labels = torch.tensor([0, 1])
    optimizer = torch.optim.AdamW(teacher.parameter_groups(2e-3, 1))
    teacher.train()
    first = None
    for _ in range(25):
        loss = sum(teacher.losses(teacher(frames), labels).values())
        first = first or loss.item()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1 * first
