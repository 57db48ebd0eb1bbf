"""A small classifier that tells two kinds of clips apart by their features, and which features tell it.

Logistic regression on every feature and its square, by Newton's method; judged on groups that it has not learnt from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from calibration.evaluation.scores import Estimate

F64 = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
FOLDS = 5
STEPS = 12  # of Newton's method
RIDGE = 2.0  # weight of the squared coefficients: few clips, many features
FARTHEST = 3.0  # quartile distances from the median: what lies farther counts as that
TELLING = 3


@dataclass(frozen=True)
class Verdict:
    """How well the two kinds are told apart on groups never learnt from; half is chance.

    telling: the features that tell most, each added to those before it, with what they reach together.
    """

    accuracy: Estimate
    telling: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Model:
    """middle, spread [F] of what it learnt from; weights [2F + 1]."""

    middle: F64
    spread: F64
    weights: F64

    @staticmethod
    def learnt(x: F64, is_real: Bools) -> Model:
        """From x [N,F], NaN where a feature is missing, and what each one is."""
        known = np.where(np.isnan(x).all(axis=0), 0.0, x)
        low, middle, high = np.nanpercentile(known, (25, 50, 75), axis=0)
        model = Model(middle, np.maximum(high - low, 1e-3), np.zeros(2 * x.shape[1] + 1))
        z = model._terms(x)
        # Both kinds weigh the same, however many there are of each.
        share = np.where(is_real, 0.5 / max(is_real.mean(), 1e-9), 0.5 / max(1 - is_real.mean(), 1e-9))
        ridge = RIDGE * np.eye(z.shape[1])
        ridge[-1, -1] = 1e-6
        weights = model.weights
        for _ in range(STEPS):
            p = 1 / (1 + np.exp(-np.clip(z @ weights, -30, 30)))
            slope = z.T @ (share * (is_real - p)) - ridge @ weights
            curvature = (z * (share * np.maximum(p * (1 - p), 1e-4))[:, np.newaxis]).T @ z + ridge
            weights = weights + np.linalg.solve(curvature, slope)
        return Model(model.middle, model.spread, weights)

    def says_real(self, x: F64) -> Bools:
        """[N,F] -> [N]."""
        return np.asarray(self._terms(x) @ self.weights > 0)

    def _terms(self, x: F64) -> F64:
        z = np.clip((np.where(np.isnan(x), self.middle, x) - self.middle) / self.spread, -FARTHEST, FARTHEST)
        return np.hstack([z, z * z, np.ones((len(x), 1))])


def told_apart(x: F64, is_real: Bools, groups: Sequence[str], names: Sequence[str]) -> Verdict:
    """Judge x [N,F] by folds of whole groups, and add the features that tell most one by one."""
    folds = folds_of(groups, is_real)
    right = _right(x, is_real, folds)
    # Each kind weighs the same: the accuracy of as many clips of either, its interval for what there is.
    balanced = 0.5 * (right[is_real].mean() + right[~is_real].mean())
    fewer = 2 * int(min(is_real.sum(), (~is_real).sum()))
    return Verdict(Estimate.of(round(balanced * fewer), fewer), _most_telling(x, is_real, folds, names))


def folds_of(groups: Sequence[str], is_real: Bools) -> npt.NDArray[np.int64]:
    """A fold [N] for each: a group is in one fold only; those of either kind are dealt out, the largest ones first."""
    fold: dict[tuple[bool, str], int] = {}
    for kind in (False, True):
        mine = [group for group, real in zip(groups, is_real, strict=True) if real == kind]
        names, counts = np.unique(mine, return_counts=True) if mine else (np.array([]), np.array([]))
        load = np.zeros(FOLDS)
        for name, count in sorted(
            zip(names.tolist(), counts.tolist(), strict=True), key=lambda pair: (-pair[1], pair[0])
        ):
            fold[kind, name] = int(np.argmin(load))
            load[fold[kind, name]] += count
    return np.array([fold[bool(real), group] for group, real in zip(groups, is_real, strict=True)], np.int64)


def _right(x: F64, is_real: Bools, folds: npt.NDArray[np.int64]) -> Bools:
    """[N]: whether each one was named by a model that learnt from the other folds."""
    right = np.zeros(len(x), bool)
    for fold in range(FOLDS):
        judged = folds == fold
        if judged.any() and not judged.all():
            model = Model.learnt(x[~judged], is_real[~judged])
            right[judged] = model.says_real(x[judged]) == is_real[judged]
    return right


def _most_telling(
    x: F64, is_real: Bools, folds: npt.NDArray[np.int64], names: Sequence[str]
) -> tuple[tuple[str, float], ...]:
    chosen: list[int] = []
    told = []
    for _ in range(min(TELLING, len(names))):
        reached = {}
        for candidate in set(range(len(names))) - set(chosen):
            right = _right(x[:, [*chosen, candidate]], is_real, folds)
            reached[candidate] = 0.5 * float(right[is_real].mean() + right[~is_real].mean())
        best = max(reached, key=lambda candidate: (reached[candidate], -candidate))
        chosen.append(best)
        told.append((names[best], reached[best]))
    return tuple(told)
