"""Enhancers: dark frames made visible, for teachers and as baselines of an ablation.

curves    one curve a frame or tile: GIC, equalisation
retinex   what differs from its surroundings stays
zero_dce  a small network that learns the curves

Each is callable on a clip, uint8 [T,H,W,3] BGR, and gives a new one of that shape and type.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.errors import ConfigError

__all__ = ["ENHANCERS", "Enhancer", "build_enhancer"]

Enhancer = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.uint8]]

# Imported when asked for: histograms need no PyTorch.
ENHANCERS = {
    "gic": ("distill.enhance.curves", "FixedGic"),
    "histogram": ("distill.enhance.curves", "HistogramEqualisation"),
    "clahe": ("distill.enhance.curves", "Clahe"),
    "retinex": ("distill.enhance.retinex", "Retinex"),
    "zero_dce": ("distill.enhance.zero_dce", "ZeroDceEnhancer"),
}


def build_enhancer(name: str, **options: Any) -> Enhancer:
    """An enhancer by its name. options: keyword arguments of its class. Raises ConfigError."""
    if name not in ENHANCERS:
        raise ConfigError(f"enhancer: expected one of {', '.join(ENHANCERS)}, found {name!r}")
    module, attribute = ENHANCERS[name]
    enhancer_class = getattr(importlib.import_module(module), attribute)
    signature = inspect.signature(enhancer_class)
    try:
        signature.bind(**options)
    except TypeError as error:
        raise ConfigError(f"enhancer {name}: options: expected {signature}, found {options}: {error}") from error
    enhancer: Enhancer = enhancer_class(**options)
    return enhancer
