"""What a student learns from can be switched term by term, and each term reaches its weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from distill.students.recipe import DistillationConfig, Recipe, load_recipe
from distill.students.sources import IGNORED, NOBODY, Batch, Lesson
from distill.students.stages.learner import Learner, classification_loss, wanted
from distill.students.stages.training import new_student
from distill.students.wiid import WiidConfig
from distill.training.loop import total

RECIPE = Path(__file__).parents[4] / "distill" / "recipes" / "students" / "student.yaml"
CLASSES = len(load_recipe(RECIPE).labels)
OFF = WiidConfig(background_share=0.0, target_share=0.0, consistency_weight=0.0, mmd_weight=0.0)
WIDTH = 5


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    plain = load_recipe(RECIPE)
    return replace(plain, student=replace(plain.student, stages=((8, 8), (16, 16)), embedding=16, history=4))


def batch() -> Batch:
    """Four clips of two sources; the teacher has seen the second and the last."""
    torch.manual_seed(1)
    x = torch.randint(0, 256, (4, 8, 3, 30, 40)).float()
    lessons = Lesson(torch.randn(2, CLASSES), torch.randn(2, WIDTH))
    sources = torch.tensor([0, 1, 0, 1])
    experts = torch.tensor([0, 1, 2, 2])[:, None].expand(-1, x.shape[1])
    labels = torch.tensor([0, 1, 2, 3])[:, None].expand(-1, x.shape[1])
    return Batch(x, labels, experts, sources, torch.tensor([1, 3]), lessons)


def learner(recipe: Recipe, wiid: WiidConfig | None = None, distillation: DistillationConfig | None = None) -> Learner:
    changed = replace(recipe, wiid=wiid, distillation=distillation)
    return Learner(new_student(changed), changed, WIDTH)


@pytest.mark.parametrize(
    ("wiid", "distillation", "terms"),
    [
        (None, None, set()),
        (OFF, None, set()),
        (replace(OFF, background_share=0.3), None, set()),
        (replace(OFF, consistency_weight=0.13), None, {"consistency"}),
        (replace(OFF, mmd_weight=0.1), None, {"mmd"}),
        (WiidConfig(), None, {"consistency", "mmd"}),
        (None, DistillationConfig(), {"distillation"}),
        (None, DistillationConfig(feature_weight=0.5), {"distillation", "features"}),
    ],
)
def test_every_term_is_an_option(
    recipe: Recipe, wiid: WiidConfig | None, distillation: DistillationConfig | None, terms: set[str]
) -> None:
    one = learner(recipe, wiid, distillation)
    losses = one.losses(batch())
    assert set(losses) == {"classification"} | terms
    for name in terms:
        one.zero_grad()
        losses[name].backward(retain_graph=True)
        gradient = one.student.embed.convolution.weight.grad
        assert gradient is not None and gradient.abs().max() > 0, name


def test_masks_change_what_is_classified(recipe: Recipe) -> None:
    plain, masked = learner(recipe).eval(), learner(recipe, replace(OFF, background_share=0.9)).eval()
    with torch.no_grad():
        assert total(plain.losses(batch())) != total(masked.losses(batch()))


def test_the_slow_encoder_follows(recipe: Recipe) -> None:
    one = learner(recipe, replace(OFF, consistency_weight=0.1))
    assert one.consistency is not None
    slow, fast = (next(iter(m.parameters())) for m in (one.consistency.slow, one.consistency.online))
    with torch.no_grad():
        fast.add_(1)
    before = slow.clone()
    one.follow()
    torch.testing.assert_close(slow, before + 0.01)


def test_a_share_of_the_batch_keeps_its_lessons() -> None:
    whole = batch()
    part = whole.part(slice(1, 4, 2), torch.device("cpu"))
    assert part.labels[:, 0].tolist() == [1, 3]
    assert part.taught.tolist() == [0, 1]
    assert part.lessons is not None and whole.lessons is not None
    assert torch.equal(part.lessons.logits, whole.lessons.logits)
    other = whole.part(slice(0, 4, 2), torch.device("cpu"))
    assert other.taught.tolist() == [] and other.lessons is not None and len(other.lessons.logits) == 0


def test_of_nobody_every_action_is_wanted_alike() -> None:
    target = wanted(torch.tensor([2, NOBODY]), 4, 0.2)
    assert target[0].tolist() == pytest.approx([0.05, 0.05, 0.85, 0.05])
    assert target[1].tolist() == pytest.approx([0.25] * 4)


def test_where_there_is_nobody_being_sure_costs(recipe: Recipe) -> None:
    sure, undecided = torch.zeros(1, 6, 6), torch.zeros(1, 6, 6)
    sure[..., 1] = 8.0
    labels = torch.full((1, 6), NOBODY)
    assert classification_loss(sure, labels, recipe.schedule) > 2 * classification_loss(
        undecided, labels, recipe.schedule
    )


def test_ticks_between_two_things_teach_nothing(recipe: Recipe) -> None:
    torch.manual_seed(0)
    scored = torch.randn(2, 6, 4, requires_grad=True)
    labels = torch.tensor([[0, 0, IGNORED, IGNORED, 2, 2], [IGNORED] * 6])
    classification_loss(scored, labels, recipe.schedule).backward()
    assert scored.grad is not None
    taught = scored.grad.abs().amax(2) > 0
    assert taught.tolist() == [[True, True, False, False, True, True], [False] * 6]


def test_a_piece_of_one_thing_weighs_what_it_did_before_there_were_stretches(recipe: Recipe) -> None:
    torch.manual_seed(0)
    scored, label = torch.randn(3, 6, 4), torch.tensor([0, 3, 1])
    smoothing, weight = recipe.schedule.label_smoothing, recipe.schedule.tick_weight
    clip = functional.cross_entropy(scored.mean(1), wanted(label, 4, smoothing))
    tick = functional.cross_entropy(scored.flatten(0, 1), wanted(label.repeat_interleave(6), 4, 2 * smoothing))
    found = classification_loss(scored, label[:, None].expand(-1, 6), recipe.schedule)
    torch.testing.assert_close(found, clip + weight * tick)
