"""Augmentation keeps a clip's motion consistent with its picture."""

from __future__ import annotations

import numpy as np
import torch

from distill.augment import AugmentConfig, augment, reverse_time, window
from edge.inputs.base import ZERO

NOTHING = AugmentConfig(1, 1, 1, 1, 0, 0, 1, 0, 0, 0)
LEVELS = 8.0


def moving_right(ticks: int = 10, pixels_per_tick: float = 2.0) -> np.ndarray:
    x = np.full((ticks, 30, 40, 3), ZERO, np.uint8)
    x[:, :, :20, 1] = ZERO + int(pixels_per_tick * LEVELS)
    return x


def test_a_window_is_the_clip_in_pixels_per_tick() -> None:
    luma, velocity = window(moving_right(), 10, NOTHING, LEVELS, np.random.default_rng(0))
    assert luma.shape == (10, 30, 40)
    assert torch.equal(velocity[:, 0, :, :20], torch.full((10, 30, 20), 2.0))
    assert velocity[:, 1].abs().max() == 0


def test_past_the_end_nothing_moves() -> None:
    _, velocity = window(moving_right(ticks=4), 10, NOTHING, LEVELS, np.random.default_rng(0))
    assert velocity[:4].abs().max() == 2
    assert velocity[4:].abs().max() == 0


def test_a_faster_tempo_gives_larger_velocities() -> None:
    rng = np.random.default_rng(0)
    config = AugmentConfig(2, 1, 1, 1, 0, 0, 1, 0, 0, 0)
    drawn = [window(moving_right(40), 10, config, LEVELS, rng)[1].max().item() for _ in range(20)]
    assert 1.0 <= min(drawn) < 1.5
    assert 2.5 < max(drawn) <= 4.0


def test_reversing_twice_is_the_clip_again() -> None:
    luma, velocity = window(moving_right(), 10, NOTHING, LEVELS, np.random.default_rng(0))
    once = reverse_time(luma, velocity)
    assert torch.equal(once[1], -velocity.flip(0))
    twice = reverse_time(*once)
    assert torch.equal(twice[0], luma)
    assert torch.equal(twice[1], velocity)


def test_a_mirrored_clip_has_mirrored_velocities() -> None:
    luma, velocity = window(moving_right(), 10, NOTHING, LEVELS, np.random.default_rng(0))
    seen = set()
    for seed in range(12):
        x = augment(luma[None], velocity[None], NOTHING, LEVELS, np.random.default_rng(seed))
        left, right = x[0, 0, 1, 15, 5].item() - ZERO, x[0, 0, 1, 15, 35].item() - ZERO
        seen.add((left, right))
    assert seen == {(16.0, 0.0), (0.0, -16.0)}


def test_what_comes_out_are_levels() -> None:
    luma, velocity = window(moving_right(pixels_per_tick=12), 10, AugmentConfig(), LEVELS, np.random.default_rng(0))
    x = augment(luma[None], velocity[None], AugmentConfig(gain=3.0), LEVELS, np.random.default_rng(1))
    assert x.shape == (1, 10, 3, 30, 40)
    assert torch.equal(x, x.round().clamp(0, 255))
