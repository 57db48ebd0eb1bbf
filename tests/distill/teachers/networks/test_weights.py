"""torchvision's Video Swin weights find their places in ours, name by name and shape by shape."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from distill.teachers import build_teacher
from distill.teachers.networks.video_swin import SIZES, SwinConfig
from distill.teachers.networks.weights import as_published, load_start

SMALL = SwinConfig(8, (2, 2), (2, 4), drop_path=0.1, window=(2, 3, 3))
Shapes = Iterator[tuple[str, tuple[int, ...]]]


def linear(name: str, inputs: int, outputs: int, bias: bool = True) -> Shapes:
    yield f"{name}.weight", (outputs, inputs)
    if bias:
        yield f"{name}.bias", (outputs,)


def norm(name: str, channels: int) -> Shapes:
    yield f"{name}.weight", (channels,)
    yield f"{name}.bias", (channels,)


def torchvision_swin3d(config: SwinConfig, classes: int = 400) -> Shapes:
    """Names and shapes of `torchvision.models.video.swin3d_*` as its module SwinTransformer3d is documented."""
    yield "patch_embed.proj.weight", (config.embed, 3, *config.patch)
    yield "patch_embed.proj.bias", (config.embed,)
    yield from norm("patch_embed.norm", config.embed)
    patches, positions = math.prod(config.window), math.prod(2 * side - 1 for side in config.window)
    for stage, (depth, heads) in enumerate(zip(config.depths, config.heads, strict=True)):
        width = config.embed << stage
        for block in range(depth):
            name = f"features.{2 * stage}.{block}"
            yield from norm(f"{name}.norm1", width)
            yield f"{name}.attn.relative_position_bias_table", (positions, heads)
            yield f"{name}.attn.relative_position_index", (patches, patches)
            yield from linear(f"{name}.attn.qkv", width, 3 * width)
            yield from linear(f"{name}.attn.proj", width, width)
            yield from norm(f"{name}.norm2", width)
            yield from linear(f"{name}.mlp.0", width, 4 * width)
            yield from linear(f"{name}.mlp.3", 4 * width, width)
        if stage < len(config.depths) - 1:
            yield from linear(f"features.{2 * stage + 1}.reduction", 4 * width, 2 * width, bias=False)
            yield from norm(f"features.{2 * stage + 1}.norm", 4 * width)
    yield from norm("norm", width)
    yield from linear("head", width, classes)


def state(config: SwinConfig) -> dict[str, Tensor]:
    """Every tensor with values of its own; the index, which is no weight, as ours has it."""
    torch.manual_seed(0)
    return {name: torch.randn(shape) for name, shape in torchvision_swin3d(config)}


@pytest.mark.parametrize("size", ["tiny", "base"])
def test_every_name_and_shape_of_kinetics_400_fits(size: str) -> None:
    with torch.device("meta"):
        teacher = build_teacher("video_swin", 400, backbone=size)
    theirs = {name: torch.empty(shape, device="meta") for name, shape in torchvision_swin3d(SIZES[size])}
    weights = teacher.adapt(as_published(theirs))
    own = teacher.state_dict()
    assert weights.keys() == own.keys()
    assert {name: value.shape for name, value in weights.items()} == {name: one.shape for name, one in own.items()}


def test_weights_land_where_they_belong_and_only_the_head_of_other_classes_is_new(tmp_path: Path) -> None:
    theirs = state(SMALL)
    torch.save(theirs, tmp_path / "swin3d.pth")
    teacher = build_teacher("video_swin", 12, backbone=SMALL)
    index = teacher.state_dict()["backbone.layers.0.blocks.0.attn.relative_position_index"]
    report = load_start(teacher, tmp_path / "swin3d.pth")
    assert (report.missing, report.unexpected) == ((), ())
    assert report.other_shape == ("head.bias", "head.weight")
    own = teacher.state_dict()
    pairs = {
        "backbone.layers.0.blocks.1.mlp.fc1.weight": "features.0.1.mlp.0.weight",
        "backbone.layers.1.blocks.0.mlp.fc2.bias": "features.2.0.mlp.3.bias",
        "backbone.layers.0.downsample.reduction.weight": "features.1.reduction.weight",
        "backbone.patch_embed.norm.bias": "patch_embed.norm.bias",
        "backbone.norm.weight": "norm.weight",
    }
    for ours, name in pairs.items():
        assert torch.equal(own[ours], theirs[name]), ours
    assert index.shape == own["backbone.layers.0.blocks.0.attn.relative_position_index"].shape


def test_the_gate_starts_from_them_too(tmp_path: Path) -> None:
    torch.save(state(SMALL), tmp_path / "swin3d.pth")
    report = load_start(build_teacher("dgam", 12, backbone=SMALL, frames=4), tmp_path / "swin3d.pth")
    assert all(key.startswith("gate.") for key in report.missing)
    assert all(key.startswith("heads.") for key in report.other_shape)
