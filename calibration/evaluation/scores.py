"""What an evaluation found, and what can be said of it: rates with 95 % intervals, groups, confusions, comparisons."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from calibration.clip_sets.clips import Clip

F32 = npt.NDArray[np.float32]
Z95 = 1.959964  # two-sided 95 % of the normal distribution
GROUPS = ("light", "camera", "actor")
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Estimate:
    """A rate, its 95 % interval, and how many clips (or ticks) it rests on."""

    value: float
    low: float
    high: float
    count: int

    @property
    def interval(self) -> tuple[float, float]:
        """Both ends."""
        return self.low, self.high

    @staticmethod
    def of(successes: int, trials: int) -> Estimate:
        """A share with its Wilson interval; nothing at all is known from no trial."""
        return Estimate(successes / trials, *wilson(successes, trials), trials) if trials else Estimate(0, 0, 1, 0)

    @staticmethod
    def mean(parts: Sequence[Estimate]) -> Estimate:
        """Unweighted mean of independent shares; its interval from theirs (MOVER, Zou and Donner 2008)."""
        value = sum(p.value for p in parts) / len(parts)
        down = math.sqrt(sum((p.value - p.low) ** 2 for p in parts)) / len(parts)
        up = math.sqrt(sum((p.high - p.value) ** 2 for p in parts)) / len(parts)
        return Estimate(value, max(0.0, value - down), min(1.0, value + up), sum(p.count for p in parts))


@dataclass(frozen=True)
class LiveTicks:
    """Ticks of a clip by what the device would have said at each: smoothed, and with its abstentions."""

    right: int = 0
    wrong: int = 0
    silent: int = 0


@dataclass(frozen=True)
class ClipResult:
    """label: the truth, as an index of the bundle's labels. probabilities: float32 [classes], mean over the ticks.

    A clip too short for a single tick has ticks 0 and no decision, and counts as wrong: the device would stay silent.
    gammas: ticks by the gamma that they were corrected with. live: None where the clip was judged as a whole. role:
    what the clip was to the bundle before, `training` or `calibration` (calibration/learnt.py), empty where it is new.
    """

    clip: Clip
    label: int
    probabilities: F32
    ticks: int
    gammas: dict[float, int] = field(default_factory=dict)
    live: LiveTicks | None = None
    role: str = ""

    @property
    def decision(self) -> int | None:
        """Index of the likeliest label."""
        return int(np.argmax(self.probabilities)) if self.ticks else None

    @property
    def right(self) -> bool:
        return self.decision == self.label

    def among_first(self, k: int) -> bool:
        """The truth is one of the k likeliest labels."""
        return bool(self.ticks) and self.label in np.argsort(-self.probabilities, kind="stable")[:k]


@dataclass(frozen=True)
class Evaluation:
    """One bundle, run in one way, on one set. unknown: clips left out because the bundle has no such label, by label.

    name: which of several it is. whole_clip: judged as a whole, otherwise as a stream. damaged: clips left out because
    they cannot be decoded, with what is wrong, by name. stand_in: another bundle's decisions stand in for labels.
    """

    set_name: str
    labels: tuple[str, ...]
    results: tuple[ClipResult, ...]
    unknown: dict[str, int]
    name: str = ""
    whole_clip: bool = False
    damaged: dict[str, str] = field(default_factory=dict)
    stand_in: bool = False

    def top(self, k: int) -> Estimate:
        """How often the truth is among the k likeliest labels."""
        return Estimate.of(sum(r.among_first(k) for r in self.results), len(self.results))

    @property
    def top1(self) -> float:
        """Fraction of clips decided rightly."""
        return sum(r.right for r in self.results) / len(self.results)

    @property
    def macro(self) -> float:
        """Mean of the classes' recalls, over the classes that the set has."""
        return self.macro_estimate.value

    @property
    def macro_estimate(self) -> Estimate:
        """`macro` with its interval."""
        return Estimate.mean([Estimate.of(right, count) for right, count in self.per_class.values()])

    @property
    def interval95(self) -> tuple[float, float]:
        """Wilson interval of top1."""
        return wilson(sum(r.right for r in self.results), len(self.results))

    @property
    def per_class(self) -> dict[str, tuple[int, int]]:
        """Label -> (decided rightly, clips), in the bundle's order."""
        counts, rights = Counter(r.label for r in self.results), Counter(r.label for r in self.results if r.right)
        return {self.labels[i]: (rights[i], counts[i]) for i in sorted(counts)}

    @property
    def confusion(self) -> npt.NDArray[np.int64]:
        """Clips [true label, decision]; the last column has those without a decision."""
        counts = np.zeros((len(self.labels), len(self.labels) + 1), np.int64)
        for r in self.results:
            counts[r.label, len(self.labels) if r.decision is None else r.decision] += 1
        return counts

    @property
    def gamma_usage(self) -> dict[float, float]:
        """Share of all ticks by gamma, ascending."""
        total: Counter[float] = Counter()
        for r in self.results:
            total.update(r.gammas)
        return {gamma: count / max(1, total.total()) for gamma, count in sorted(total.items())}

    @property
    def live(self) -> LiveTicks | None:
        """All clips' ticks together; None for whole clips."""
        ticks = [r.live for r in self.results if r.live is not None]
        if not ticks:
            return None
        return LiveTicks(sum(t.right for t in ticks), sum(t.wrong for t in ticks), sum(t.silent for t in ticks))

    def only(self, names: Collection[str]) -> Evaluation:
        """Of these clips alone."""
        return dataclasses.replace(self, results=tuple(r for r in self.results if r.clip.name in names))

    def by(self, attribute: str) -> dict[str, Evaluation]:
        """One evaluation per value of `light`, `camera` or `actor`; clips without one come last, as `unknown`."""
        values = sorted({_value(r, attribute) for r in self.results}, key=lambda value: (value == UNKNOWN, value))
        return {
            value: dataclasses.replace(
                self, results=tuple(r for r in self.results if _value(r, attribute) == value), unknown={}, damaged={}
            )
            for value in values
        }


@dataclass(frozen=True)
class Comparison:
    """Two bundles on the same clips. only_first, only_second: clips that one alone decides rightly.

    agreement: fraction of clips with the same decision. p_value: McNemar's exact test (1947; binomial form).
    """

    agreement: float
    only_first: int
    only_second: int
    p_value: float


def agreeing(evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """The same with the first one's decisions as labels; clips without a decision of it are left out."""
    decided = {r.clip.name: r.decision for r in evaluations[0].results if r.decision is not None}

    def judged(result: ClipResult) -> ClipResult:
        return dataclasses.replace(result, label=decided[result.clip.name], live=None)

    return [
        dataclasses.replace(e, results=tuple(judged(r) for r in e.results if r.clip.name in decided), stand_in=True)
        for e in evaluations
    ]


def apart(evaluations: Sequence[Evaluation]) -> tuple[list[Evaluation], list[Evaluation]]:
    """Evaluations of the same clips, divided: on clips that are new to all of the bundles, and on those that one of
    them has learnt from. Where there are none of a kind, its list is empty.
    """
    learnt = {r.clip.name for evaluation in evaluations for r in evaluation.results if r.role}
    fresh = {r.clip.name for r in evaluations[0].results} - learnt
    return (
        [e.only(fresh) for e in evaluations] if fresh else [],
        [e.only(learnt) for e in evaluations] if learnt else [],
    )


def compare(first: Evaluation, second: Evaluation) -> Comparison:
    """Pair two evaluations of the same clips. Raises ValueError where the clips differ."""
    if [r.clip.name for r in first.results] != [r.clip.name for r in second.results]:
        raise ValueError("expected evaluations of the same clips in the same order")
    pairs = list(zip(first.results, second.results, strict=True))
    only_first = sum(a.right and not b.right for a, b in pairs)
    only_second = sum(b.right and not a.right for a, b in pairs)
    agreement = sum(a.decision == b.decision for a, b in pairs) / len(pairs)
    return Comparison(agreement, only_first, only_second, mcnemar(only_first, only_second))


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """95 % score interval of a fraction (Wilson 1927); stays inside [0, 1] and is honest near its ends."""
    p, z2 = successes / trials, Z95 * Z95
    centre = (p + z2 / (2 * trials)) / (1 + z2 / trials)
    half = Z95 * math.sqrt(p * (1 - p) / trials + z2 / (4 * trials * trials)) / (1 + z2 / trials)
    return max(0.0, min(p, centre - half)), min(1.0, max(p, centre + half))


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided exact p-value that two classifiers are equally good, from the clips on which one alone is right."""
    n, least = only_first + only_second, min(only_first, only_second)
    tail = sum(math.comb(n, k) for k in range(least + 1))
    return min(1.0, 2 * tail / (1 << n))


def _value(result: ClipResult, attribute: str) -> str:
    return getattr(result.clip, attribute) or UNKNOWN
