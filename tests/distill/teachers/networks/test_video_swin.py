"""Video Swin: published sizes, windows that shift without wrapping, clips of any size."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from distill.teachers import build_teacher
from distill.teachers.networks.video_swin import SIZES, SwinBlock, SwinConfig, VideoSwin, VideoSwinClassifier

SMALL = SwinConfig(8, (2, 2), (2, 4), drop_path=0.5, window=(2, 3, 3))


@pytest.mark.parametrize(("size", "parameters", "gmacs"), [("tiny", 28_158_070, 88), ("base", 88_048_984, 282)])
def test_published_sizes_with_the_head_of_kinetics(size: str, parameters: int, gmacs: float) -> None:
    """Video Swin paper, table 1: 28.2 and 88.1 M, 88 and 282 "GFLOPs" (multiply-adds) per 32x224x224 view."""
    with torch.device("meta"):
        teacher = build_teacher("video_swin", 400, backbone=size).eval()
        clip = torch.zeros(1, 3, 32, 224, 224)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        teacher(clip)
    assert sum(p.numel() for p in teacher.parameters()) == parameters
    assert counter.get_total_flops() / 2 / 1e9 == pytest.approx(gmacs, abs=1)


def test_ellar_heads_of_the_base_see_1024_features() -> None:
    with torch.device("meta"):
        assert VideoSwin(SIZES["base"]).channels == 1024


def seen_from(block: SwinBlock, size: tuple[int, int, int], place: tuple[int, int, int]) -> set[tuple[int, ...]]:
    """Which patches the result at `place` depends on, by its gradient."""
    x = torch.randn(1, *size, 4, requires_grad=True)
    block(x)[(0, *place)].sum().backward()
    assert x.grad is not None
    return {tuple(index) for index in x.grad[0].abs().sum(-1).nonzero().tolist()}


@pytest.mark.parametrize("place", [(0, 0, 0), (3, 5, 5), (1, 2, 4), (2, 1, 0)])
@pytest.mark.parametrize("shifted", [False, True])
def test_a_patch_sees_its_window_and_never_the_other_end(place: tuple[int, int, int], shifted: bool) -> None:
    window, size = (2, 3, 3), (4, 6, 6)
    torch.manual_seed(0)
    block = SwinBlock(4, window, 2, shifted, drop_path=0)

    def window_of(index: tuple[int, ...]) -> tuple[int, ...]:
        return tuple((i + (side - side // 2 if shifted else 0)) // side for i, side in zip(index, window, strict=True))

    every = {(t, h, w) for t in range(size[0]) for h in range(size[1]) for w in range(size[2])}
    assert seen_from(block, size, place) == {index for index in every if window_of(index) == window_of(place)}


def test_relative_position_bias_is_looked_up_by_offset() -> None:
    attention = SwinBlock(4, (2, 3, 3), 1, False, 0).attn
    with torch.no_grad():
        attention.relative_position_bias_table.copy_(torch.arange(3 * 5 * 5).view(-1, 1))
    table = attention.relative_position_bias_table.view(3, 5, 5)
    for window in ((2, 3, 3), (1, 3, 2)):
        bias = attention._bias(window)[0, 0].view(*window, *window)
        for query, key in [((0, 0, 0), (0, 2, 1)), ((0, 2, 1), (0, 0, 1)), ((0, 1, 1), (0, 1, 1))]:
            t, h, w = (q - k for q, k in zip(query, key, strict=True))
            assert bias[(*query, *key)] == table[t + 1, h + 2, w + 2]


@pytest.mark.parametrize("shape", [(4, 48, 48), (3, 30, 37), (1, 8, 8), (9, 16, 60)])
def test_clips_of_any_size_go_through_and_every_frame_counts(shape: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    teacher = VideoSwinClassifier(5, SMALL).eval()
    clip = (torch.rand(2, 3, *shape) * 255).requires_grad_()
    output = teacher(clip)
    assert output.logits.shape == (2, 5) and output.features.shape == (2, 16)
    output.scores.sum().backward()
    assert clip.grad is not None and (clip.grad.abs().sum((1, 3, 4)) > 0).all()


def test_evaluation_first_then_training() -> None:
    """Masks are kept between calls: those made in inference mode must serve training too."""
    teacher = VideoSwinClassifier(5, SMALL)
    clip = torch.rand(2, 3, 8, 56, 56) * 255
    with torch.inference_mode():
        teacher.eval()(clip)
    sum(teacher.train().losses(teacher(clip), torch.tensor([0, 1])).values()).backward()


def test_stochastic_depth_keeps_the_mean() -> None:
    torch.manual_seed(0)
    block = SwinBlock(4, (2, 3, 3), 2, False, drop_path=0.25).train()
    ones = torch.ones(4000, 1, 1, 1, 1)
    dropped = block._drop(ones)
    assert dropped.unique().tolist() == pytest.approx([0, 4 / 3])
    assert dropped.mean().item() == pytest.approx(1, abs=0.05)
    assert torch.equal(block.eval()._drop(ones), ones)
