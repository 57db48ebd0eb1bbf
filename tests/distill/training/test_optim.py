"""Ranger: each of its three ideas, and that it goes on exactly where it stopped."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from distill.training.optim import Ranger, centralise


def test_gradients_of_every_unit_sum_to_zero() -> None:
    for shape in ((4, 6), (4, 3, 2, 3, 3)):
        gradient = torch.randn(shape)
        centralise(gradient)
        torch.testing.assert_close(gradient.flatten(1).sum(1), torch.zeros(4), atol=1e-5, rtol=0)
    bias = torch.randn(5)
    before = bias.clone()
    centralise(bias)
    assert torch.equal(bias, before)


def trained(optimizer: torch.optim.Optimizer, weight: nn.Parameter, steps: int) -> list[torch.Tensor]:
    seen = []
    for step in range(steps):
        weight.grad = torch.sin(torch.arange(weight.numel()) + step).view_as(weight)
        optimizer.step()
        seen.append(weight.detach().clone())
    return seen


def test_every_period_the_weights_go_back_to_the_slow_ones() -> None:
    start = torch.randn(4)
    fast, both = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    plain = trained(torch.optim.RAdam([fast], 0.1, (0.95, 0.999), decoupled_weight_decay=True), fast, 6)
    ranger = trained(Ranger([both], 0.1, period=6), both, 6)
    torch.testing.assert_close(ranger[:5], plain[:5])
    torch.testing.assert_close(ranger[5], start + 0.5 * (plain[5] - start))


@pytest.mark.parametrize("stop", [0, 3, 6, 8])
def test_it_resumes_bit_exactly(stop: int) -> None:
    weight = nn.Parameter(torch.arange(6.0).view(2, 3))
    whole = trained(Ranger([copy.deepcopy(weight)], 0.05), first := copy.deepcopy(weight), 0)
    assert whole == [] and torch.equal(first, weight)
    straight = copy.deepcopy(weight)
    optimizer = Ranger([straight], 0.05)
    halves = copy.deepcopy(weight)
    before = Ranger([halves], 0.05)

    def step(optimizer: Ranger, weight: nn.Parameter, number: int) -> None:
        weight.grad = torch.sin(torch.arange(6) * 0.3 + number).view(2, 3)
        optimizer.step()

    for number in range(14):
        step(optimizer, straight, number)
    for number in range(stop):
        step(before, halves, number)
    after = Ranger([halves], 0.05)
    after.load_state_dict(copy.deepcopy(before.state_dict()))
    for number in range(stop, 14):
        step(after, halves, number)
    assert torch.equal(halves, straight)


def test_it_learns_and_leaves_frozen_weights_alone() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 1))
    network[0].bias.requires_grad_(False)
    frozen = network[0].bias.clone()
    x = torch.randn(64, 4)
    y = x[:, :1] * x[:, 1:2]
    optimizer = Ranger(network.parameters(), 3e-2, weight_decay=1e-4)
    losses = []
    for _ in range(250):
        loss = (network(x) - y).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]
    assert torch.equal(network[0].bias, frozen)
