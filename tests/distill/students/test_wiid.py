"""WiiD: targets are where the actor is, backgrounds are masked, two views agree, shares of zero switch parts off."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from distill.students.wiid import Consistency, RegionErasing, WiidConfig, saliency, target_map

CONFIG = WiidConfig(patch=4)


def walking_clip() -> np.ndarray:
    """A dark box walks over a textured, noisy background; uint8 [24,48,64,3]."""
    rng = np.random.default_rng(0)
    frames = np.tile(rng.integers(10, 18, (1, 48, 64, 1)), (24, 1, 1, 3)) + rng.integers(-1, 2, (24, 48, 64, 3))
    for tick, frame in enumerate(frames):
        frame[16:34, 4 + 2 * tick : 12 + 2 * tick] += 40
    return frames.clip(0, 255).astype(np.uint8)


def test_saliency_peaks_at_the_odd_one_out() -> None:
    frame = np.full((60, 80, 3), 20, np.uint8)
    frame[30:38, 52:60] = 90
    found = saliency(frame)
    assert found.shape == (60, 80) and found.dtype == np.float32
    assert found.min() == 0 and found.max() == pytest.approx(1)
    row, column = np.unravel_index(found.argmax(), found.shape)
    assert 26 <= row <= 42 and 48 <= column <= 64


def test_saliency_of_an_even_frame_is_finite() -> None:
    assert np.isfinite(saliency(np.zeros((20, 30, 3), np.uint8))).all()


def test_targets_are_where_something_moves() -> None:
    found = target_map(walking_clip(), threshold=2.0)  # motion alone
    assert found.shape == (24, 48, 64) and set(np.unique(found)) <= {0.0, 1.0}
    for tick in range(2, 24):
        box = np.zeros((48, 64), bool)
        box[16:34, 4 + 2 * tick : 12 + 2 * tick] = True
        assert found[tick][box].mean() > 0.8
        assert found[tick][~box].mean() < 0.1


def test_salience_adds_what_stands_still() -> None:
    still = np.full((8, 60, 80, 3), 20, np.uint8)
    still[:, 30:38, 52:60] = 90
    assert target_map(still, threshold=2.0).sum() == 0
    assert target_map(still)[:, 30:38, 52:60].mean() > 0.2


def test_background_is_masked_by_its_share_and_the_target_is_not() -> None:
    torch.manual_seed(0)
    erase = RegionErasing(CONFIG)
    clip = torch.rand(8, 3, 3, 48, 64)
    target = torch.zeros(8, 3, 48, 64)
    target[:, :, 8:32, 16:40] = 1
    erased = (erase(clip, target) == 128).all(2)
    assert not erased[target > 0].any()
    assert erased[target == 0].float().mean().item() == pytest.approx(0.3, abs=0.04)
    assert torch.equal(erased[:, 0], erased[:, 2])  # no frame gives away what another hides


def test_shares_of_zero_switch_erasing_off() -> None:
    clip = torch.rand(2, 3, 3, 21, 30)
    erase = RegionErasing(WiidConfig(background_share=0, patch=8))
    assert torch.equal(erase(clip, torch.zeros(2, 3, 21, 30)), clip)


def test_mask_token_learns_from_what_was_masked_only() -> None:
    erase = RegionErasing(WiidConfig(background_share=1.0, patch=4))
    clip = torch.zeros(1, 2, 3, 8, 8, requires_grad=True)
    target = torch.zeros(1, 2, 8, 8)
    target[..., :4] = 1
    erase(clip, target).sum().backward()
    assert erase.token.grad is not None and clip.grad is not None
    assert erase.token.grad.tolist() == [64.0] * 3
    torch.testing.assert_close(clip.grad, target.unsqueeze(2).expand_as(clip))


def encoder() -> nn.Module:
    return nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 12))


def test_consistency_makes_views_agree_and_the_copy_follows_slowly() -> None:
    torch.manual_seed(0)
    loss = Consistency(encoder(), 12, CONFIG)
    slow = [p.clone() for p in loss.slow.parameters()]
    optimizer = torch.optim.Adam([p for p in loss.parameters() if p.requires_grad], 3e-3)
    clean = torch.randn(32, 10)
    values = []
    for _ in range(60):
        value = loss(clean + 0.1 * torch.randn_like(clean), clean + 0.1 * torch.randn_like(clean))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        values.append(value.item())
    assert values[-1] < 0.5 * values[0]
    assert all(torch.equal(p, before) for p, before in zip(loss.slow.parameters(), slow, strict=True))
    loss.follow()
    for p, before, fast in zip(loss.slow.parameters(), slow, loss.online.parameters(), strict=True):
        torch.testing.assert_close(p, 0.99 * before + 0.01 * fast)


def test_heads_have_the_published_width() -> None:
    loss = Consistency(encoder(), 12, WiidConfig())
    assert loss.predictor[-1].out_features == loss.predictor[0].in_features == 128
