"""R-BERT with Delta Sampling: R(2+1)D-34, a BERT layer over its eight time steps, focal loss.

Hira et al., Delta Sampling R-BERT for Limited Data and Low-Light Action Recognition, CVPR Workshops 2021. Delta
Sampling and its five draws at test time are `delta` and `delta_views` of calibration/clip_sets/sampling.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from distill.teachers.networks.base import ARID, Normalise, Stage, Teacher, TeacherOutput
from distill.teachers.networks.bert_head import BertHead
from distill.teachers.networks.r2plus1d import DEPTHS_34, R2Plus1D, in_trunk
from distill.training.losses import focal_loss


class RBert(Teacher):
    """Clips of 64 frames at 112x112 in the paper; blank frames are 0. Batch norms of the trunk need 2 clips and more.

    focus: gamma of the focal loss (not published; 2 is that of Lin et al.). trunk_rate: factor on the trunk's learning
    rate (not published: 1). longest: most time steps of the trunk, an eighth of the frames. mean, std: RGB, levels
    (those of ARID). depths, width, heads: of the trunk and the BERT layer.
    """

    def __init__(
        self,
        classes: int,
        focus: float = 2.0,
        trunk_rate: float = 1.0,
        dropout: float = 0.1,
        longest: int = 16,
        mean: Sequence[float] = ARID[0],
        std: Sequence[float] = ARID[1],
        depths: Sequence[int] = DEPTHS_34,
        width: int = 64,
        heads: int = 8,
    ) -> None:
        super().__init__(
            {1: Stage("trunk, BERT and classifier", {"trunk": trunk_rate, "bert": 1.0, "classifier": 1.0})}
        )
        self.focus = focus
        self.normalise = Normalise(mean, std)
        self.trunk = R2Plus1D(depths, width)
        self.bert = BertHead(self.trunk.channels, heads, longest=longest, dropout=dropout)
        self.classifier = nn.Linear(self.trunk.channels, classes)

    def forward(self, clip: Tensor) -> TeacherOutput:
        """float32 [B,3,T,H,W] RGB 0..255 -> logits [B,classes], features [B,channels]."""
        features = self.bert(self.trunk(self.normalise(clip)))
        return TeacherOutput(self.classifier(features), features)

    def losses(self, output: TeacherOutput, labels: Tensor) -> dict[str, Tensor]:
        """The focal loss."""
        return {"focal": focal_loss(output.scores, labels, self.focus)}

    def adapt(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Public weights of an R(2+1)D, or our own."""
        return in_trunk(weights)
