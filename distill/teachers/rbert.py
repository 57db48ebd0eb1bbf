"""R-BERT with Delta Sampling: R(2+1)D-34, a BERT layer over its eight time steps, focal loss.

Hira et al., Delta Sampling R-BERT for Limited Data and Low-Light Action Recognition, CVPR Workshops 2021.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from distill.losses import focal_loss
from distill.teachers.base import ARID, Normalise, Stage, Teacher, TeacherOutput
from distill.teachers.bert_head import BertHead
from distill.teachers.r2plus1d import DEPTHS_34, R2Plus1D

LENGTH = 64  # frames, at 112x112
LARGEST_DELTA = 1.5
LARGEST_RATE = 4.0
BLANK = -1


class RBert(Teacher):
    """Clips of 64 frames at 112x112 in the paper; blank frames are 0. Batch norms of the trunk need 2 clips and more.

    focus: gamma of the focal loss (not published; 2 is that of Lin et al.). trunk_rate: factor on the trunk's learning
    rate (not published: 1). mean, std: RGB, levels. depths, width, heads: of the trunk and the BERT layer.
    """

    def __init__(
        self,
        classes: int,
        focus: float = 2.0,
        trunk_rate: float = 1.0,
        dropout: float = 0.1,
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
        self.bert = BertHead(self.trunk.channels, heads, dropout=dropout)
        self.classifier = nn.Linear(self.trunk.channels, classes)

    def forward(self, clip: Tensor) -> TeacherOutput:
        """float32 [B,3,T,H,W] RGB 0..255 -> logits [B,classes], features [B,channels]."""
        features = self.bert(self.trunk(self.normalise(clip)))
        return TeacherOutput(self.classifier(features), features)

    def losses(self, output: TeacherOutput, labels: Tensor) -> dict[str, Tensor]:
        """The focal loss."""
        return {"focal": focal_loss(output.scores, labels, self.focus)}


def delta_sampling(frames: int, rng: np.random.Generator, length: int = LENGTH) -> npt.NDArray[np.int64]:
    """Which frame of a clip of `frames` stands at each of `length` places, BLANK for none; int64 [length].

    delta ~ U[0, 1.5], rate S = min((N + T delta) / T, 4); the N / S frames start after P1 ~ U[0, T - N / S] blank ones.
    A drawn rate under 1 repeats frames: a short clip is slowed down.
    """
    rate = min((frames + length * rng.uniform(0, LARGEST_DELTA)) / length, LARGEST_RATE)
    count = min(max(int(frames / rate), 1), length)
    before = int(rng.integers(0, length - count + 1))
    places = np.full(length, BLANK, np.int64)
    places[before : before + count] = np.minimum((np.arange(count) * rate).astype(np.int64), frames - 1)
    return places


def take_frames(video: Tensor, places: npt.NDArray[np.int64]) -> Tensor:
    """The frames of video [3,N,H,W] at these places -> [3,len(places),H,W]; zeros where BLANK."""
    index = torch.from_numpy(places).to(video.device)
    clip = video[:, index.clamp(min=0)]
    return torch.where((index == BLANK).view(1, -1, 1, 1), torch.zeros_like(clip), clip)


def mean_of_draws(
    scores: Callable[[Tensor], Tensor], video: Tensor, rng: np.random.Generator, draws: int = 5, length: int = LENGTH
) -> Tensor:
    """The paper's test: mean probabilities [classes] over `draws` of (delta, P1).

    scores: clips [B,3,T,H,W] -> logits [B,classes]; video: [3,N,H,W].
    """
    clips = [take_frames(video, delta_sampling(video.shape[1], rng, length)) for _ in range(draws)]
    return torch.softmax(scores(torch.stack(clips)), 1).mean(0)
