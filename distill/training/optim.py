"""Ranger: RAdam with look-ahead and centralised gradients, the optimizer of R-BERT.

Liu et al., RAdam, ICLR 2020 (torch's); Zhang et al., Lookahead Optimizer, NeurIPS 2019; Yong et al., Gradient
Centralization, ECCV 2020.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT


class Ranger(torch.optim.RAdam):
    """Every `period` steps the weights go back to `pull` of the way from where they were `period` steps ago.

    Its state_dict holds the slow weights, so training goes on exactly where it was stopped. weight_decay is decoupled.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        weight_decay: float = 0.0,
        betas: tuple[float, float] = (0.95, 0.999),
        period: int = 6,
        pull: float = 0.5,
    ) -> None:
        super().__init__(params, lr, betas, weight_decay=weight_decay, decoupled_weight_decay=True)
        self.period, self.pull = period, pull

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step; closure: as in torch.optim. Parameters without a gradient are left alone."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        moving = [p for group in self.param_groups for p in group["params"] if p.grad is not None]
        slow = {p: self.state[p]["slow"] if self.state[p] else p.clone() for p in moving}
        for p in moving:
            centralise(p.grad)
        super().step()
        for p in moving:
            state = self.state[p]
            state["slow"] = slow[p]
            if int(state["step"]) % self.period == 0:
                slow[p].lerp_(p, self.pull)
                p.copy_(slow[p])
        return loss


def centralise(gradient: Tensor | None) -> None:
    """Subtract from every output unit's gradient its mean, in place; vectors are left alone."""
    if gradient is not None and gradient.ndim > 1:
        gradient -= gradient.mean(tuple(range(1, gradient.ndim)), keepdim=True)
