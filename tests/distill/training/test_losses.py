"""Losses: against their formulas, written out."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from distill.training.losses import (
    consistency_loss,
    contrastive_loss,
    distillation_loss,
    focal_loss,
    maximum_mean_discrepancy,
)


@pytest.fixture
def logits() -> torch.Tensor:
    return torch.randn(6, 4, generator=torch.Generator().manual_seed(0)) * 3


LABELS = torch.tensor([0, 1, 2, 3, 0, 1])


def test_focal_loss_is_its_formula_and_cross_entropy_without_focus(logits: torch.Tensor) -> None:
    p = torch.softmax(logits, 1)[torch.arange(6), LABELS]
    torch.testing.assert_close(focal_loss(logits, LABELS, 2), -((1 - p) ** 2 * p.log()).mean())
    torch.testing.assert_close(focal_loss(logits, LABELS, 0), functional.cross_entropy(logits, LABELS))


def supcon_by_loops(views: torch.Tensor, labels: list[int], temperature: float) -> float:
    """Eq. 2 of Khosla et al., term by term."""
    flat = [v / v.norm() for clip in views.double() for v in clip]
    group = [label for label in labels for _ in range(views.shape[1])]
    losses = []
    for i, anchor in enumerate(flat):
        others = [j for j in range(len(flat)) if j != i]
        positives = [j for j in others if group[j] == group[i]]
        if positives:
            total = sum(math.exp(float(anchor @ flat[j]) / temperature) for j in others)
            losses.append(
                -sum(float(anchor @ flat[j]) / temperature - math.log(total) for j in positives) / len(positives)
            )
    return float(np.mean(losses))


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("temperature", [0.07, 0.5])
def test_contrastive_loss_is_its_formula(count: int, temperature: float) -> None:
    views = torch.randn(5, count, 8, generator=torch.Generator().manual_seed(count))
    labels = [0, 1, 0, 2, 1]
    found = contrastive_loss(views, torch.tensor(labels), temperature)
    assert found.item() == pytest.approx(supcon_by_loops(views, labels, temperature), rel=1e-5)
    if count > 1:
        found = contrastive_loss(views, None, temperature)
        assert found.item() == pytest.approx(supcon_by_loops(views, list(range(5)), temperature), rel=1e-5)


def test_contrastive_loss_without_any_positive_is_zero_and_has_a_gradient() -> None:
    views = torch.randn(3, 1, 4, requires_grad=True)
    loss = contrastive_loss(views, torch.tensor([0, 1, 2]))
    loss.backward()
    assert loss.item() == 0 and views.grad is not None and not views.grad.isnan().any()


def test_contrastive_loss_does_not_change_in_mixed_precision() -> None:
    views, labels = torch.randn(6, 2, 32), torch.arange(6)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = contrastive_loss(views, labels, 0.05)
    torch.testing.assert_close(mixed, contrastive_loss(views, labels, 0.05))


def test_contrastive_gradient_is_finite_for_equal_views() -> None:
    views = torch.ones(3, 2, 4, requires_grad=True)
    contrastive_loss(views, torch.tensor([0, 0, 1]), 0.05).backward()
    assert views.grad is not None and views.grad.isfinite().all()


def test_distillation_is_zero_for_equals_and_ignores_a_constant(logits: torch.Tensor) -> None:
    assert distillation_loss(logits, logits + 7).item() == pytest.approx(0, abs=1e-6)


def test_distillation_is_its_formula_and_reaches_the_student_only(logits: torch.Tensor) -> None:
    student, teacher = torch.zeros_like(logits, requires_grad=True), logits.clone().requires_grad_()
    loss = distillation_loss(student, teacher, 3.0)
    p, q = torch.softmax(logits / 3, 1), torch.full_like(logits, 0.25)
    torch.testing.assert_close(loss.detach(), 9 * (p * (p / q).log()).sum(1).mean())
    loss.backward()
    assert student.grad is not None and teacher.grad is None


def test_gradient_of_hot_distillation_is_that_of_matched_logits(logits: torch.Tensor) -> None:
    """Hinton et al., eq. 4: at high temperatures it is (z - v) / N for zero-mean logits."""
    student = torch.zeros_like(logits, requires_grad=True)
    distillation_loss(student, logits, 1000.0).backward()
    centred = logits - logits.mean(1, keepdim=True)
    assert student.grad is not None
    torch.testing.assert_close(student.grad, -centred / 4 / len(logits), atol=1e-3, rtol=1e-2)


def test_consistency_is_a_squared_distance_of_unit_vectors() -> None:
    one, two = torch.randn(4, 8), torch.randn(4, 8)
    expected = (functional.normalize(one, dim=1) - functional.normalize(two, dim=1)).square().sum(1).mean()
    torch.testing.assert_close(consistency_loss(one, two), expected)
    assert consistency_loss(one, 3 * one).item() == pytest.approx(0, abs=1e-6)


def test_mmd_tells_distributions_apart_and_does_not_see_scale() -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(80, 6, generator=generator), torch.randn(60, 6, generator=generator)
    same, shifted = maximum_mean_discrepancy(a, b), maximum_mean_discrepancy(a, b + 2)
    assert 0 <= same < 0.1 * shifted
    torch.testing.assert_close(maximum_mean_discrepancy(100 * a, 100 * (b + 2)), shifted)
    assert maximum_mean_discrepancy(a, a).item() == pytest.approx(0, abs=1e-6)


def test_mmd_of_points_that_are_all_equal_is_zero_and_has_a_gradient() -> None:
    a = torch.ones(3, 2, requires_grad=True)
    loss = maximum_mean_discrepancy(a, torch.ones(2, 2))
    loss.backward()
    assert loss.item() == pytest.approx(0) and a.grad is not None and a.grad.isfinite().all()


def test_mmd_pulls_features_together() -> None:
    torch.manual_seed(0)
    shift, a, b = torch.zeros(4, requires_grad=True), torch.randn(40, 4), torch.randn(40, 4) + 2
    optimizer = torch.optim.Adam([shift], 0.1)
    for _ in range(60):
        optimizer.zero_grad()
        maximum_mean_discrepancy(a + shift, b).backward()
        optimizer.step()
    assert shift.detach().numpy() == pytest.approx(np.full(4, 2), abs=0.6)
