"""The gate's network is the paper's, and the device computes what training computed."""

from __future__ import annotations

import numpy as np
import torch

from distill.gate_network import GateNetwork
from edge.recognition.gate import Gate


def test_the_papers_size() -> None:
    gate = GateNetwork(window=32, experts=5)
    assert sum(parameter.numel() for parameter in gate.parameters()) == 47_493


def test_folded_weights_give_the_networks_scores() -> None:
    torch.manual_seed(0)
    network = GateNetwork(window=8, experts=5)
    features = torch.rand(64, 24) * torch.tensor([40.0, 20.0, 5.0]).repeat(8)
    network.train()
    for _ in range(5):
        network(features)
    network.eval()
    device = Gate(network.weights(), gammas=(1, 1.5, 2, 2.5, 3))
    with torch.inference_mode():
        expected = network(features).numpy()
    np.testing.assert_allclose(device.scores(features.numpy()), expected, atol=1e-4)
