"""ActLumos: fusion, its two networks, their stages, and learning from a teacher."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from distill.teachers import build_teacher
from distill.teachers.networks.actlumos import ActLumosStudent, ActLumosTeacher, DynamicFeatureFusion
from distill.teachers.networks.views import ViewConfig, two_views

SMALL = {"depths": (1, 1, 1, 1), "width": 8, "heads": 2, "projection": 16}
LABELS = torch.tensor([0, 1, 0, 1])


def numbers(module: Any) -> int:
    """How many its weights are."""
    return sum(weight.numel() for weight in module.parameters())


def clips() -> torch.Tensor:
    """Two classes in the dark: something goes up, or goes down."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(0, 6, (4, 3, 8, 32, 32), generator=generator).float()
    for i, label in enumerate(LABELS.tolist()):
        for tick in range(8):
            row = 3 * (tick if label else 7 - tick)
            x[i, :, tick, row : row + 6, 8 + 4 * i : 14 + 4 * i] += 20
    return x


def test_published_size() -> None:
    with torch.device("meta"):
        student = build_teacher("actlumos_student", 11)
        teacher = build_teacher("actlumos", 11)
    assert numbers(student) / 1e6 == pytest.approx(67, abs=0.5)
    assert numbers(teacher.trunk) == numbers(student.trunk)


def test_fusion_weighs_the_streams_to_one_at_every_place() -> None:
    torch.manual_seed(0)
    fusion = DynamicFeatureFusion(8).eval()
    one = torch.randn(2, 8, 3, 4, 4)
    torch.testing.assert_close(fusion(one, one), one)
    low, high = torch.zeros(2, 8, 3, 4, 4), torch.rand(2, 8, 3, 4, 4)
    share = fusion(low, high) / high
    assert (share > 0).all() and (share < 1).all() and share.std() > 0


def test_teacher_sees_both_streams_through_one_trunk() -> None:
    torch.manual_seed(0)
    teacher = build_teacher("actlumos", 2, **SMALL)
    assert isinstance(teacher, ActLumosTeacher)
    seen: list[torch.Size] = []
    teacher.trunk.register_forward_hook(lambda module, inputs, result: seen.append(inputs[0].shape))
    output = teacher(clips())
    assert seen == [torch.Size((8, 3, 8, 32, 32))]
    assert output.logits.shape == (4, 2) and output.projection is not None and output.projection.shape == (4, 1, 16)
    assert set(teacher.losses(output, LABELS)) == {"classification", "supcon"}


def test_retinex_stream_does_not_see_the_light() -> None:
    teacher = build_teacher("actlumos", 2, **SMALL)
    assert isinstance(teacher, ActLumosTeacher)
    bright = clips() * 5 + 20
    torch.testing.assert_close(teacher._retinex(2 * bright + 1), teacher._retinex(bright), atol=4, rtol=0.05)


def test_teacher_learns() -> None:
    torch.manual_seed(0)
    teacher = build_teacher("actlumos", 2, dropout=0.0, **SMALL)
    optimizer = torch.optim.AdamW(teacher.parameter_groups(2e-3, 1))
    losses = []
    for _ in range(15):
        loss = sum(teacher.losses(teacher(clips()), LABELS).values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]


def test_student_learns_from_views_without_labels() -> None:
    torch.manual_seed(0)
    student = build_teacher("actlumos_student", 2, views=ViewConfig(smallest_crop=0.8), dropout=0.0, **SMALL)
    optimizer = torch.optim.AdamW(student.parameter_groups(1e-3, 0))
    student.train()
    scenes = torch.nn.functional.interpolate(torch.rand(6, 3, 2, 2, 2) * 40, (8, 32, 32))
    losses = []
    for _ in range(40):
        output = student(scenes)
        terms = student.losses(output, torch.full((6,), -100))  # no label that could help
        assert set(terms) == {"two_views"} and output.projection.shape == (6, 2, 16)
        optimizer.zero_grad()
        terms["two_views"].backward()
        optimizer.step()
        losses.append(terms["two_views"].item())
    assert sum(losses[-5:]) < 0.85 * sum(losses[:5])
    assert student.classifier.weight.grad is None


def test_student_learns_from_a_teacher() -> None:
    torch.manual_seed(0)
    student = build_teacher("actlumos_student", 2, feature_weight=0.5, dropout=0.0, **SMALL)
    assert isinstance(student, ActLumosStudent)
    teacher = build_teacher("actlumos", 2, dropout=0.0, **SMALL).eval()
    optimizer = torch.optim.AdamW(student.parameter_groups(2e-3, 1))
    with torch.no_grad():
        target = teacher(clips())
    first: dict[str, torch.Tensor] = {}
    last: dict[str, torch.Tensor] = {}
    for step in range(20):
        last = student.distillation_losses(student(clips()), target)
        first = last if step == 0 else first
        optimizer.zero_grad()
        sum(last.values()).backward()
        optimizer.step()
    assert set(last) == {"distillation", "features"}
    assert all(last[name] < 0.5 * first[name] for name in last)


def test_stages_freeze_what_they_do_not_train() -> None:
    student = build_teacher("actlumos_student", 2, **SMALL)
    student.parameter_groups(1e-3, 1)
    student.train()
    assert not student.projection.training and student.trunk.training
    assert not any(p.requires_grad for p in student.projection.parameters())
    assert student(clips()).projection is None


def test_views_differ_but_stay_levels_and_repeat_with_the_seed() -> None:
    torch.manual_seed(5)
    first, second = two_views(clips(), ViewConfig())
    assert first.shape == clips().shape and not torch.allclose(first, second)
    assert first.min() >= 0 and first.max() <= 255
    torch.manual_seed(5)
    assert torch.equal(two_views(clips(), ViewConfig())[0], first)


def test_a_view_with_no_change_allowed_is_the_clip_or_its_mirror() -> None:
    view, _ = two_views(clips(), ViewConfig(smallest_crop=1.0, gain=1.0, gamma=1.0, noise=0.0))
    for found, x in zip(view, clips(), strict=True):
        assert min((found - x).abs().max(), (found - x.flip(3)).abs().max()) < 1e-2
