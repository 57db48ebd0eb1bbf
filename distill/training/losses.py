"""Losses beyond cross entropy: what teachers are trained with, and what a student learns from them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def focal_loss(logits: Tensor, labels: Tensor, gamma: float = 2.0) -> Tensor:
    """Mean of -(1 - p)^gamma log p, p the probability of the right class (Lin et al., ICCV 2017, eq. 4).

    logits: [B,classes], labels: int64 [B]; gamma 0 is cross entropy.
    """
    log_p = functional.log_softmax(logits, 1).gather(1, labels.unsqueeze(1)).squeeze(1)
    return -((1 - log_p.exp()) ** gamma * log_p).mean()


def contrastive_loss(views: Tensor, labels: Tensor | None = None, temperature: float = 0.07) -> Tensor:
    """SupCon, outside form (Khosla et al., NeurIPS 2020, eq. 2); without labels NT-Xent (Chen et al., SimCLR, 2020).

    views: [B,V,D], any length of vector; labels: int64 [B]; the positives of a view are the other views of its clip
    and, with labels, all views of its class. A view without a positive is left out; 0 if there is none.
    """
    clips, count = views.shape[:2]
    flat = functional.normalize(views.float(), dim=2).flatten(0, 1)
    with torch.autocast(views.device.type, enabled=False):  # a half-precision cosine is coarse beside the temperature
        similarity = flat @ flat.T / temperature
    group = torch.arange(clips, device=views.device) if labels is None else labels
    group = group.repeat_interleave(count)
    itself = torch.eye(len(flat), dtype=torch.bool, device=views.device)
    log_p = functional.log_softmax(similarity.masked_fill(itself, float("-inf")), 1)
    positive = (group.unsqueeze(0) == group.unsqueeze(1)) & ~itself
    each = -log_p.masked_fill(~positive, 0.0).sum(1) / positive.sum(1).clamp(min=1)
    return each.sum() / positive.any(1).sum().clamp(min=1)


def distillation_loss(student: Tensor, teacher: Tensor, temperature: float = 4.0) -> Tensor:
    """Kullback-Leibler divergence of softened probabilities, times temperature^2 (Hinton et al., 2015, section 2).

    student, teacher: logits [B,classes]; no gradient reaches the teacher. Temperature: not published by ActLumos.
    """
    target = functional.log_softmax(teacher.detach() / temperature, 1)
    found = functional.log_softmax(student / temperature, 1)
    return functional.kl_div(found, target, reduction="batchmean", log_target=True) * temperature**2


def consistency_loss(prediction: Tensor, target: Tensor) -> Tensor:
    """2 - 2 cos(prediction, target), mean over the batch (Grill et al., BYOL, 2020, eq. 2); [B,D] each.

    No gradient reaches the target. Also the distillation of features, once a layer has made the widths equal.
    """
    return (2 - 2 * functional.cosine_similarity(prediction, target.detach(), dim=1)).mean()


def maximum_mean_discrepancy(first: Tensor, second: Tensor, widths: tuple[float, ...] = (0.25, 0.5, 1, 2, 4)) -> Tensor:
    """Squared MMD, biased estimate, mean of Gaussian kernels (Gretton et al., JMLR 2012, eq. 5).

    first: [M,D], second: [N,D]. widths: of the kernels, in units of the mean squared distance of all pairs, so that
    the scale of the features does not matter.
    """
    both = torch.cat([first, second]).float()
    square = (both.unsqueeze(0) - both.unsqueeze(1)).square().sum(2)
    unit = square.detach().sum() / max(len(both) * (len(both) - 1), 1)
    kernel = torch.stack([torch.exp(-square / (width * unit).clamp(min=1e-12)) for width in widths]).mean(0)
    count = len(first)
    return kernel[:count, :count].mean() + kernel[count:, count:].mean() - 2 * kernel[:count, count:].mean()
