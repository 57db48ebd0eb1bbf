"""A student with all that it learns from: labels, a teacher's word, and what WiiD asks of its features."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from distill.students.network.student import StudentNetwork
from distill.students.recipe import Recipe, ScheduleConfig
from distill.students.sources import IGNORED, NOBODY, Batch
from distill.students.wiid import Consistency, RegionErasing, target_map
from distill.training.loop import Losses
from distill.training.losses import consistency_loss, distillation_loss, maximum_mean_discrepancy


class Learner(nn.Module):
    """Modules that only training needs stand beside the student. lesson_width: of the teacher's features, or None."""

    def __init__(self, student: StudentNetwork, recipe: Recipe, lesson_width: int | None = None) -> None:
        super().__init__()
        self.student, self._recipe = student, recipe
        width, wiid, distillation = 2 * student.config.embedding, recipe.wiid, recipe.distillation
        self.erase = RegionErasing(wiid) if wiid and (wiid.background_share or wiid.target_share) else None
        self.consistency = Consistency(Encoder(student), width, wiid) if wiid and wiid.consistency_weight else None
        teaches_features = lesson_width is not None and distillation is not None and distillation.feature_weight > 0
        self.project = nn.Linear(width, lesson_width) if teaches_features and lesson_width else None

    def losses(self, batch: Batch) -> Losses:
        """The losses that the recipe asks for, by name, weighted."""
        schedule, wiid = self._recipe.schedule, self._recipe.wiid
        with torch.autocast(batch.x.device.type, torch.bfloat16):
            seen = batch.x if self.erase is None else self.erase(batch.x, targets_of(batch.x))
            features = self.student.features(seen)
            logits = self.student.score(features)
        scored = batch.own(logits)[:, schedule.warm_up :].float()
        losses = {"classification": classification_loss(scored, batch.labels[:, schedule.warm_up :], schedule)}
        pooled = features[:, schedule.warm_up :].float().mean(1)
        losses |= self._taught(scored.mean(1), pooled, batch)
        if self.consistency is not None and wiid is not None:
            with torch.autocast(batch.x.device.type, torch.bfloat16):
                losses["consistency"] = wiid.consistency_weight * self.consistency(batch.x, seen)
        if wiid is not None and wiid.mmd_weight:
            first = batch.sources == batch.sources.min()
            if not first.all():
                losses["mmd"] = wiid.mmd_weight * maximum_mean_discrepancy(pooled[first], pooled[~first])
        return losses

    def follow(self) -> None:
        """After every step: the slow copy of the encoder moves."""
        if self.consistency is not None:
            self.consistency.follow()

    def _taught(self, logits: Tensor, features: Tensor, batch: Batch) -> Losses:
        config, lessons = self._recipe.distillation, batch.lessons
        if config is None or lessons is None or not len(batch.taught):
            return {}
        # A clip without a lesson counts as zero, so that processes with few of them weigh as much as they should.
        share = len(batch.taught) / len(batch.labels)
        soft = distillation_loss(logits[batch.taught], lessons.logits, config.temperature)
        losses = {"distillation": config.weight * share * soft}
        if self.project is not None:
            distance = consistency_loss(self.project(features[batch.taught]), lessons.features)
            losses["features"] = config.feature_weight * share * distance
        return losses


class Encoder(nn.Module):
    """A student up to its heads, mean over the clip: [B,T,3,h,w] -> [B,2 * embedding]."""

    def __init__(self, student: StudentNetwork) -> None:
        super().__init__()
        self.student = student

    def forward(self, clip: Tensor) -> Tensor:
        return self.student.features(clip).mean(1)


def classification_loss(scored: Tensor, labels: Tensor, schedule: ScheduleConfig) -> Tensor:
    """Cross entropy of the mean logits of pieces in which one thing goes on, plus a share of that of every tick.

    Of a piece in which several go on, every tick counts as much as a whole piece does: it has no mean. scored:
    [B,T,classes]; labels: int64 [B,T].
    """
    smoothing, classes = schedule.label_smoothing, scored.shape[2]
    whole = (labels == labels[:, :1]).all(1) & (labels[:, 0] != IGNORED)
    weights = torch.where(whole, schedule.tick_weight, 1 + schedule.tick_weight).unsqueeze(1)
    weights = weights * (labels != IGNORED) / labels.shape[1]
    each = functional.cross_entropy(
        scored.flatten(0, 1), wanted(labels.flatten(), classes, 2 * smoothing), reduction="none"
    )
    loss = (weights.flatten() * each).sum()
    if whole.any():
        means = scored[whole].mean(1)
        loss = loss + functional.cross_entropy(means, wanted(labels[whole, 0], classes, smoothing), reduction="sum")
    return loss / len(labels)


def wanted(labels: Tensor, classes: int, smoothing: float) -> Tensor:
    """What the softmax should be, float32 [B,classes]: the label, smoothed; of nobody, every action alike."""
    somebody = functional.one_hot(labels.clamp(min=0), classes) * (1 - smoothing) + smoothing / classes
    return torch.where((labels == NOBODY).unsqueeze(1), 1 / classes, somebody)


def targets_of(x: Tensor) -> Tensor:
    """Where the actor is, looked for in what the network sees: levels [B,T,3,h,w] -> [B,T,h,w], 0 or 1."""
    clips = np.ascontiguousarray(x.detach().cpu().byte().movedim(2, -1).numpy())
    return torch.from_numpy(np.stack([target_map(clip) for clip in clips])).to(x.device)
