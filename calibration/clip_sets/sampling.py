"""Which frames of a clip a network sees: uniform, dense, views for a test, and Delta Sampling.

Every function takes the number of frames of a clip and returns frame numbers; `take` fetches them. With an rng the
choice is a draw for training, without one it is fixed, for a test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.picture.frame import Image

Indices = npt.NDArray[np.int64]
Rng = np.random.Generator
BLANK = -1  # stands for a black frame
# Delta Sampling's constants, from its paper.
MAXIMUM_DELTA, MAXIMUM_RATE, DRAWS = 1.5, 4.0, 5


@dataclass(frozen=True)
class View:
    """One of the crops of one of the clips of a test. box: top, left, side in pixels."""

    indices: Indices
    box: tuple[int, int, int]


def uniform(frames: int, count: int, rng: Rng | None = None) -> Indices:
    """One frame of each of `count` equal parts of the clip (TSN, ECCV 2016): its middle, or any. int64 [count]."""
    _check(frames, count)
    within = np.full(count, 0.5) if rng is None else rng.random(count)
    return np.minimum((np.arange(count) + within) * frames / count, frames - 1).astype(np.int64)


def dense(frames: int, count: int, stride: int = 2, rng: Rng | None = None) -> Indices:
    """`count` frames, `stride` apart, from the middle of the clip or from anywhere; a short clip is run again."""
    _check(frames, count, stride)
    room = max(0, frames - count * stride)
    start = room // 2 if rng is None else int(rng.integers(room + 1))
    return _run(frames, count, stride, start)


def multi_view(
    frames: int, count: int, height: int, width: int, stride: int = 2, clips: int = 4, crops: int = 3
) -> list[View]:
    """The test of the DGAM release: `clips` dense clips spread evenly, each in `crops` squares along the longer side.

    Its probabilities are averaged over the views.
    """
    _check(frames, count, stride, clips, crops)
    starts = np.linspace(0, max(0, frames - count * stride), clips).astype(int)
    boxes = squares(height, width, crops)
    return [View(_run(frames, count, stride, int(start)), box) for start in starts for box in boxes]


def squares(height: int, width: int, crops: int) -> list[tuple[int, int, int]]:
    """(top, left, side) of squares as large as the shorter side, from one end of the longer side to the other."""
    _check(height, width, crops)
    side = min(height, width)
    places = np.linspace(0, 1, crops) if crops > 1 else [0.5]
    return [(int(place * (height - side)), int(place * (width - side)), side) for place in places]


def delta(frames: int, count: int, rng: Rng) -> Indices:
    """A draw of Delta Sampling (R-BERT in the dark): frames at a random rate, blank frames around them. int64 [count].

    With N frames and T = count: delta ~ U[0, 1.5], rate S = min((N + T delta) / T, 4), every S-th frame is taken, N / S
    in all; P1 ~ U[0, T - N / S] blank frames go before them, the rest behind. The paper does not say what happens to
    N > 4 T, where N / S exceeds T even at the highest rate: here a run of T of them is kept, from anywhere.
    """
    _check(frames, count)
    rate = min((frames + count * rng.uniform(0, MAXIMUM_DELTA)) / count, MAXIMUM_RATE)
    sampled: Indices = np.minimum(np.arange(max(1, int(frames / rate))) * rate, frames - 1).astype(np.int64)
    if len(sampled) > count:
        start = int(rng.integers(len(sampled) - count + 1))
        return sampled[start : start + count]
    before = int(rng.integers(count - len(sampled) + 1))
    return np.pad(sampled, (before, count - len(sampled) - before), constant_values=BLANK)


def delta_views(frames: int, count: int, rng: Rng, draws: int = DRAWS) -> Indices:
    """The draws of a test: int64 [draws, count]; a prediction is the mean of the draws' probabilities."""
    _check(draws)
    return np.stack([delta(frames, count, rng) for _ in range(draws)])


def take(images: Sequence[Image], indices: Indices) -> npt.NDArray[np.uint8]:
    """uint8 [len(indices), h, w, 3]: the frames of these numbers; black where a number is BLANK."""
    if not len(images) or indices.min() < BLANK or indices.max() >= len(images):
        raise ValueError(f"expected frame numbers from 0 to {len(images) - 1}, or {BLANK}, found {indices.tolist()}")
    black = np.zeros_like(images[0])
    return np.stack([black if index == BLANK else images[index] for index in indices.tolist()])


def _run(frames: int, count: int, stride: int, start: int) -> Indices:
    return np.asarray((start + np.arange(count) * stride) % frames, np.int64)


def _check(*positive: int) -> None:
    if min(positive) < 1:
        raise ValueError(f"frames, counts, strides and sizes must be 1 or more, found {positive}")
