"""ActLumos: a teacher that sees dark and Retinex frames, and a student that sees the dark ones only.

Both have an R(2+1)D-34 trunk and a BERT layer over time. Teacher: one trunk for both streams, Dynamic Feature Fusion,
L = L_ce + supcon_weight * L_SupCon. Student: pre-trained on two views of unlabelled dark clips, then
L = L_ce + distillation_weight * L_KD. The temperatures, the weights and the kind of Retinex are not published: they are
options, and their defaults are those of the papers that the parts come from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from distill.enhance.retinex import SCALES, multi_scale_retinex
from distill.teachers.networks.base import ARID, Normalise, Stage, Teacher, TeacherOutput
from distill.teachers.networks.bert_head import BertHead
from distill.teachers.networks.r2plus1d import DEPTHS_34, R2Plus1D, in_trunk
from distill.teachers.networks.views import ViewConfig, two_views
from distill.training.losses import consistency_loss, contrastive_loss, distillation_loss

KINETICS = (110.2, 100.68, 96.0), (58.15, 56.47, 55.33)  # RGB, levels: bright frames, for the Retinex stream


class DynamicFeatureFusion(nn.Module):
    """Two maps become one: at every place and channel, weights that sum to 1, from what both together show.

    reduction: of the branches' middle layer (not published; 4 in Dai et al., Attentional Feature Fusion, WACV 2021).
    """

    def __init__(self, channels: int, reduction: int = 4) -> None:
        super().__init__()
        self.everywhere = nn.Sequential(nn.AdaptiveAvgPool3d(1), *_branch(channels, reduction))
        self.locally = _branch(channels, reduction)
        self.weigh = nn.Conv3d(channels, 2 * channels, 1)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """[B,C,T,h,w] each -> the same shape. Its batch norms need two clips or more in training."""
        both = first + second
        scores = self.weigh(self.everywhere(both) + self.locally(both))
        weight = torch.softmax(torch.stack(scores.chunk(2, 1)), 0)
        return weight[0] * first + weight[1] * second


class ActLumosTeacher(Teacher):
    """Dark frames and their Retinex, one trunk, fused.

    supcon_weight, temperature, projection: of the supervised contrastive loss (Khosla et al.: 0.1, 128 wide).
    scales: of the Retinex, pixels. longest: most time steps of the trunk, an eighth of the frames. mean, std: of dark
    frames, RGB, levels. depths, width, heads: of the trunk and the BERT layer.
    """

    def __init__(
        self,
        classes: int,
        supcon_weight: float = 0.5,
        temperature: float = 0.1,
        projection: int = 128,
        reduction: int = 4,
        dropout: float = 0.1,
        longest: int = 16,
        scales: Sequence[float] = SCALES,
        mean: Sequence[float] = ARID[0],
        std: Sequence[float] = ARID[1],
        depths: Sequence[int] = DEPTHS_34,
        width: int = 64,
        heads: int = 8,
    ) -> None:
        parts = ("trunk", "fusion", "bert", "projection", "classifier")
        super().__init__({1: Stage("everything", dict.fromkeys(parts, 1.0), least_clips=2)})
        self.supcon_weight, self.temperature, self.scales = supcon_weight, temperature, tuple(scales)
        self.normalise_dark, self.normalise_bright = Normalise(mean, std), Normalise(*KINETICS)
        self.trunk = R2Plus1D(depths, width)
        channels = self.trunk.channels
        self.fusion = DynamicFeatureFusion(channels, reduction)
        self.bert = BertHead(channels, heads, longest=longest, dropout=dropout)
        self.classifier = nn.Linear(channels, classes)
        self.projection = _projection(channels, projection)

    def forward(self, clip: Tensor) -> TeacherOutput:
        """float32 [B,3,T,H,W] RGB 0..255 -> logits [B,classes], features [B,C], projection [B,1,P]."""
        streams = torch.cat([self.normalise_dark(clip), self.normalise_bright(self._retinex(clip))])
        dark, bright = self.trunk(streams).chunk(2)
        features = self.bert(self.fusion(dark, bright))
        return TeacherOutput(self.classifier(features), features, projection=self.projection(features).unsqueeze(1))

    def losses(self, output: TeacherOutput, labels: Tensor) -> dict[str, Tensor]:
        """Cross entropy and SupCon."""
        assert output.projection is not None
        contrast = contrastive_loss(output.projection, labels, self.temperature)
        return super().losses(output, labels) | {"supcon": self.supcon_weight * contrast}

    def adapt(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Public weights of an R(2+1)D, or our own."""
        return in_trunk(weights)

    @torch.no_grad()
    def _retinex(self, clip: Tensor) -> Tensor:
        frames = multi_scale_retinex(clip.transpose(1, 2).flatten(0, 1), self.scales)
        return frames.view(len(clip), -1, *frames.shape[1:]).transpose(1, 2)


class ActLumosStudent(Teacher):
    """Dark frames only. Stage 0 learns from two views without labels, stage 1 from labels and, with one, a teacher.

    pretraining_temperature: NT-Xent's (SimCLR: 0.1). distillation_weight, distillation_temperature: of Hinton et al.'s
    loss on logits; feature_weight: of the loss on features, 0 leaves it out. The rest as in `ActLumosTeacher`.
    """

    def __init__(
        self,
        classes: int,
        pretraining_temperature: float = 0.1,
        distillation_weight: float = 1.0,
        distillation_temperature: float = 4.0,
        feature_weight: float = 0.0,
        projection: int = 128,
        views: ViewConfig | None = None,
        dropout: float = 0.1,
        longest: int = 16,
        mean: Sequence[float] = ARID[0],
        std: Sequence[float] = ARID[1],
        depths: Sequence[int] = DEPTHS_34,
        width: int = 64,
        heads: int = 8,
    ) -> None:
        super().__init__(
            {
                0: Stage("two views, no labels", {"trunk": 1.0, "bert": 1.0, "projection": 1.0}, least_clips=2),
                1: Stage("labels and teacher", {"trunk": 1.0, "bert": 1.0, "classifier": 1.0}),
            }
        )
        self.pretraining_temperature = pretraining_temperature
        self.distillation_weight, self.distillation_temperature = distillation_weight, distillation_temperature
        self.feature_weight, self.views = feature_weight, views or ViewConfig()
        self.normalise = Normalise(mean, std)
        self.trunk = R2Plus1D(depths, width)
        channels = self.trunk.channels
        self.bert = BertHead(channels, heads, longest=longest, dropout=dropout)
        self.classifier = nn.Linear(channels, classes)
        self.projection = _projection(channels, projection)

    def forward(self, clip: Tensor) -> TeacherOutput:
        """float32 [B,3,T,H,W] RGB 0..255 -> logits [B,classes], features [B,C].

        In training at stage 0 the clip is seen as two views: projection [B,2,P], the rest is that of the first view.
        """
        if not (self.training and self.stage == 0):
            features = self._features(clip)
            return TeacherOutput(self.classifier(features), features)
        both = self._features(torch.cat(two_views(clip, self.views)))
        features = both[: len(clip)]
        projection = torch.stack(self.projection(both).chunk(2), 1)
        return TeacherOutput(self.classifier(features), features, projection=projection)

    def losses(self, output: TeacherOutput, labels: Tensor) -> dict[str, Tensor]:
        """Stage 0: a clip's two views against those of the others, labels unused. Stage 1: cross entropy."""
        if output.projection is None:
            return super().losses(output, labels)
        return {"two_views": contrastive_loss(output.projection, None, self.pretraining_temperature)}

    def distillation_losses(self, output: TeacherOutput, teacher: TeacherOutput) -> dict[str, Tensor]:
        """What is added to `losses` where a teacher has seen the same clips; weights included."""
        soft = distillation_loss(output.scores, teacher.scores, self.distillation_temperature)
        terms = {"distillation": self.distillation_weight * soft}
        if self.feature_weight:
            terms["features"] = self.feature_weight * consistency_loss(output.features, teacher.features)
        return terms

    def adapt(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Public weights of an R(2+1)D, or our own."""
        return in_trunk(weights)

    def _features(self, clip: Tensor) -> Tensor:
        return torch.as_tensor(self.bert(self.trunk(self.normalise(clip))))


def _branch(channels: int, reduction: int) -> nn.Sequential:
    middle = max(channels // reduction, 1)
    return nn.Sequential(
        nn.Conv3d(channels, middle, 1, bias=False),
        nn.BatchNorm3d(middle),
        nn.ReLU(),
        nn.Conv3d(middle, channels, 1, bias=False),
        nn.BatchNorm3d(channels),
    )


def _projection(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, width))
