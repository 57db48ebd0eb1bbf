"""Logits that become probabilities that hold: a scale and a bias for each label, fitted to what really went on.

Vector scaling: Guo et al., On Calibration of Modern Neural Networks, ICML 2017. The loss is convex, so that Newton's
method finds the one answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
MOST_STEPS, SMALLEST_STEP = 50, 1e-7
SMALLEST_SCALE = 1e-3  # a label whose logit says nothing, or says the contrary, is left to its bias


@dataclass(frozen=True)
class Scaling:
    """scale, bias: float64 [classes]; probabilities are the softmax of scale * logit + bias."""

    scale: F64
    bias: F64

    def probabilities(self, logits: F64) -> F64:
        """[N,classes] -> [N,classes]."""
        return _softmax(logits * self.scale + self.bias)


def plain(classes: int) -> Scaling:
    """The softmax as it is."""
    return Scaling(np.ones(classes), np.zeros(classes))


def fit(logits: F64, labels: I64, weights: F64, trust: float = 100.0) -> Scaling:
    """The scaling under which the labels are most likely.

    logits: [N,classes]; labels: [N]; weights: [N], how much each row counts: rows of one event say one thing, and count
    as one. trust: how many rows it takes until they outweigh that the softmax may be right as it is. Raises ValueError
    for shapes that do not fit and numbers that are none.
    """
    count, classes = logits.shape
    if labels.shape != (count,) or weights.shape != (count,) or not count:
        raise ValueError(f"expected a label and a weight for each of the {count} rows of logits, one or more")
    if not np.isfinite(logits).all() or labels.min() < 0 or labels.max() >= classes:
        raise ValueError("logits: expected finite numbers, and labels among their columns")
    at = np.concatenate([np.ones(classes), np.zeros(classes)])
    start = at.copy()
    prior = np.concatenate([np.full(classes, trust), np.full(classes, trust / 10)])
    loss = _loss(at, logits, labels, weights, start, prior)
    for _ in range(MOST_STEPS):
        gradient, curvature = _slopes(at, logits, labels, weights, start, prior)
        step = np.linalg.solve(curvature, gradient)
        part = 1.0
        while (found := _loss(at - part * step, logits, labels, weights, start, prior)) > loss and part > 1e-6:
            part /= 2
        at, loss = at - part * step, min(found, loss)
        if np.abs(part * step).max() < SMALLEST_STEP:
            break
    return Scaling(np.maximum(at[:classes], SMALLEST_SCALE), at[classes:] - at[classes:].mean())


def calibration_error(confidence: F64, right: npt.NDArray[np.bool_], weights: F64, bins: int = 15) -> float:
    """Expected calibration error over bins of equal width: how far confidence is from the share that is right."""
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    whole = weights.sum()
    error = 0.0
    for one in np.unique(place):
        mine = place == one
        share = weights[mine].sum()
        if share > 0:
            said = np.average(confidence[mine], weights=weights[mine])
            error += share / whole * abs(said - np.average(right[mine], weights=weights[mine]))
    return float(error)


def _softmax(values: F64) -> F64:
    exponentials = np.exp(values - values.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))


def _loss(at: F64, logits: F64, labels: I64, weights: F64, start: F64, prior: F64) -> float:
    classes = logits.shape[1]
    values = logits * at[:classes] + at[classes:]
    top = values.max(axis=1, keepdims=True)
    whole = np.log(np.exp(values - top).sum(axis=1)) + top[:, 0]
    said = values[np.arange(len(labels)), labels]
    return float(weights @ (whole - said) + 0.5 * prior @ (at - start) ** 2)


def _slopes(at: F64, logits: F64, labels: I64, weights: F64, start: F64, prior: F64) -> tuple[F64, F64]:
    """Gradient [2*classes] and Hessian [2*classes,2*classes] of the loss."""
    classes = logits.shape[1]
    p = _softmax(logits * at[:classes] + at[classes:])
    off = p.copy()
    off[np.arange(len(labels)), labels] -= 1
    off *= weights[:, None]
    gradient = np.concatenate([(off * logits).sum(0), off.sum(0)]) + prior * (at - start)
    inputs = np.concatenate([logits, np.ones_like(logits)], axis=1)  # of every parameter
    doubled = np.concatenate([p, p], axis=1)
    weighted = inputs * doubled * weights[:, None]
    curvature = -(weighted.T @ (inputs * doubled))
    own = (logits * p * weights[:, None]).sum(0)
    blocks = (
        (slice(0, classes), slice(0, classes), (logits**2 * p * weights[:, None]).sum(0)),
        (slice(classes, None), slice(classes, None), (p * weights[:, None]).sum(0)),
        (slice(0, classes), slice(classes, None), own),
        (slice(classes, None), slice(0, classes), own),
    )
    for rows, columns, values in blocks:
        curvature[rows, columns] += np.diag(values)
    return gradient, curvature + np.diag(prior)
