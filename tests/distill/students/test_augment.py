"""Augmentation keeps a clip's motion consistent with its picture."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from distill.students.augment import AugmentConfig, augment, piece_of, reverse_time, window
from edge.recognition.inputs.base import ZERO

NOTHING = AugmentConfig(
    tempo=1, scale=1, stretch=1, gain=1, shift_x=0, shift_y=0, luma_gamma=1, luma_drop=0, flow_noise=0, reverse=0,
    change_gain=1, late=0, switch=0,
)  # fmt: skip
LEVELS = 8.0


def moving_right(ticks: int = 10, pixels_per_tick: float = 2.0) -> np.ndarray:
    x = np.full((ticks, 30, 40, 3), ZERO, np.uint8)
    x[:, :, :20, 1] = ZERO + int(pixels_per_tick * LEVELS)
    return x


def piece(
    clip: np.ndarray, config: AugmentConfig, rng: np.random.Generator, ticks: int = 10
) -> tuple[torch.Tensor, torch.Tensor]:
    return window(clip[None], np.zeros(ticks, np.int64), *piece_of(len(clip), 0, len(clip), ticks, config, rng), LEVELS)


def test_a_window_is_the_clip_in_pixels_per_tick() -> None:
    luma, velocity = piece(moving_right(), NOTHING, np.random.default_rng(0))
    assert luma.shape == (10, 30, 40)
    assert torch.equal(velocity[:, 0, :, :20], torch.full((10, 30, 20), 2.0))
    assert velocity[:, 1].abs().max() == 0


def test_past_the_end_nothing_moves() -> None:
    _, velocity = piece(moving_right(ticks=4), NOTHING, np.random.default_rng(0))
    assert velocity[:4].abs().max() == 2
    assert velocity[4:].abs().max() == 0


def test_a_faster_tempo_gives_larger_velocities() -> None:
    rng = np.random.default_rng(0)
    config = dataclasses.replace(NOTHING, tempo=2)
    drawn = [piece(moving_right(40), config, rng)[1].max().item() for _ in range(20)]
    assert 1.0 <= min(drawn) < 1.5
    assert 2.5 < max(drawn) <= 4.0


def test_reversing_twice_is_the_clip_again() -> None:
    luma, velocity = piece(moving_right(), NOTHING, np.random.default_rng(0))
    once = reverse_time(luma, velocity)
    assert torch.equal(once[1], -velocity.flip(0))
    twice = reverse_time(*once)
    assert torch.equal(twice[0], luma)
    assert torch.equal(twice[1], velocity)


@pytest.mark.parametrize("form", ["luma_flow", "change_flow"])
def test_a_mirrored_clip_has_mirrored_velocities(form: str) -> None:
    luma, velocity = piece(moving_right(), NOTHING, np.random.default_rng(0))
    seen = set()
    for seed in range(12):
        x = augment(luma[None], velocity[None], NOTHING, form, LEVELS, np.random.default_rng(seed))
        left, right = x[0, 0, 1, 15, 5].item() - ZERO, x[0, 0, 1, 15, 35].item() - ZERO
        seen.add((left, right))
    assert seen == {(16.0, 0.0), (0.0, -16.0)}


@pytest.mark.parametrize("form", ["luma_flow", "change_flow"])
def test_what_comes_out_are_levels(form: str) -> None:
    luma, velocity = piece(moving_right(pixels_per_tick=12), AugmentConfig(), np.random.default_rng(0))
    x = augment(luma[None], velocity[None], AugmentConfig(gain=3.0), form, LEVELS, np.random.default_rng(1))
    assert x.shape == (1, 10, 3, 30, 40)
    assert torch.equal(x, x.round().clamp(0, 255))


def test_a_late_tick_spans_two_and_moves_twice_as_far() -> None:
    config = dataclasses.replace(NOTHING, late=1.0)
    _, velocity = piece(moving_right(20), config, np.random.default_rng(0))
    assert torch.equal(velocity[:, 0, :, :20], torch.full((10, 30, 20), 4.0))


def test_every_tick_is_seen_by_its_own_expert() -> None:
    x = np.stack([moving_right(10, speed) for speed in (1.0, 3.0)])
    experts = np.array([0] * 4 + [1] * 6)
    _, velocity = window(x, experts, np.arange(10), np.ones(10), LEVELS)
    assert velocity[:, 0, 0, 0].tolist() == [1.0] * 4 + [3.0] * 6


@pytest.mark.parametrize(("first", "end"), [(0, 12), (40, 60), (90, 100), (0, 100), (50, 52)])
def test_a_piece_holds_half_of_its_stretch_and_lies_in_the_clip(first: int, end: int) -> None:
    rng, starts = np.random.default_rng(0), set()
    for _ in range(300):
        index, _ = piece_of(100, first, end, 20, NOTHING, rng)
        assert index[0] >= 0 and index[-1] < 100
        assert (np.isin(index, np.arange(first, end))).sum() >= min(end - first, 20) // 2
        starts.add(int(index[0]))
    assert len(starts) > 5  # what goes on before and after is seen, too


def test_no_change_stays_no_change_where_a_person_becomes_smaller() -> None:
    config = dataclasses.replace(NOTHING, scale=2.0, shift_x=0.5)
    plane, velocity = piece(np.full((10, 30, 40, 3), ZERO, np.uint8), NOTHING, np.random.default_rng(0))
    x = augment(plane[None], velocity[None], config, "change_flow", LEVELS, np.random.default_rng(1))
    assert torch.equal(x, torch.full_like(x, ZERO))
