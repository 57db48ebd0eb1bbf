"""One stream judged: what happened against what was said at a threshold, as counts that add up over streams."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from calibration.evaluation.streams.heard import SILENCE, Heard, SaidEvent
from calibration.evaluation.streams.matching import ANY, OVERLAPS, late, matched
from calibration.evaluation.streams.truth import ACTING, Bools, Happening, Name, Truth, during

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
BINS = 10  # of confidence
GRID_S = 0.1  # how finely time is shared out among the states
SETTLING_S = 0.5  # a label that changes so soon after the gate did counts as changed by it


@dataclass
class LabelCounts:
    """Of one label. found, right: by overlap."""

    happened: int = 0
    said: int = 0
    found: Counter[float] = field(default_factory=Counter)
    right: Counter[float] = field(default_factory=Counter)


@dataclass
class Counts:
    """One stream at one threshold.

    labels: of every label that happened or was said. late: said just after their action's end. ticks: `right`, `wrong`,
    `silent`, while something known is done. false, seconds: labels that came up for nothing, by state and disturbance,
    and how long each of them lasted. bins [2,BINS,3]: while something known is done, and always: ticks, their
    confidence, and how many of them are right, by confidence. flickers: changes of the label during an action beyond
    its own. unsettled: switches of the gate that another label followed at once.
    """

    labels: dict[str, LabelCounts] = field(default_factory=dict)
    late: int = 0
    ticks: Counter[str] = field(default_factory=Counter)
    flickers: int = 0
    action_s: float = 0.0
    false: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)
    disturbances: tuple[str, ...] = ()
    latencies_s: list[float] = field(default_factory=list)
    bins: F64 = field(default_factory=lambda: np.zeros((2, BINS, 3)))
    switches: int = 0
    unsettled: int = 0

    @property
    def happened(self) -> int:
        """All actions that the bundle could have named."""
        return sum(one.happened for one in self.labels.values())

    @property
    def said(self) -> int:
        """All labels that came up."""
        return sum(one.said for one in self.labels.values())

    def found(self, least: float) -> int:
        """Of what happened."""
        return sum(one.found[least] for one in self.labels.values())

    def right(self, least: float) -> int:
        """Of what was said."""
        return sum(one.right[least] for one in self.labels.values())

    @property
    def negative_s(self) -> float:
        """How long there was nothing to name."""
        return sum(s for state, s in self.seconds.items() if state != ACTING and state not in self.disturbances)

    @property
    def false_in_negatives(self) -> int:
        """Labels that came up while there was nothing to name."""
        return sum(n for state, n in self.false.items() if state != ACTING and state not in self.disturbances)


class Judge:
    """One stream's truth and what was heard of it. name: the source's actions as the bundle calls them."""

    def __init__(self, truth: Truth, heard: Heard, name: Name) -> None:
        self._truth, self._heard = truth, heard
        self._events = truth.events(name)
        grid = np.arange(GRID_S / 2, truth.length_s, GRID_S)
        self._states = truth.states(heard.times_s, name)
        self._seconds = {state: GRID_S * int(here.sum()) for state, here in truth.states(grid, name).items()}
        idle_grid = ~truth.states(grid, name)[ACTING]
        for kind in truth.disturbances:
            self._seconds[kind] = GRID_S * int((during(truth.of_kind(kind), grid) & idle_grid).sum())
        self._done = np.zeros((len(heard.labels), len(heard.times_s)), bool)  # label x tick
        for i, label in enumerate(heard.labels):
            self._done[i] = during((one for one in self._events if one.label == label), heard.times_s)

    def counts(self, threshold: float | None = None) -> Counts:
        """At a threshold of confidence; None: the bundle's own."""
        heard = self._heard
        decided = heard.decided(threshold)
        said = heard.events(decided)
        counts = Counts(seconds=dict(self._seconds), disturbances=tuple(self._truth.disturbances))
        self._count_events(counts, said)
        self._count_ticks(counts, decided)
        for one in self._events:
            self._count_action(counts, one, decided)
        counts.bins = self._confidence()
        counts.switches, counts.unsettled = self._switches(decided)
        return counts

    def _count_events(self, counts: Counts, said: Sequence[SaidEvent]) -> None:
        for label in sorted({one.label for one in self._events} | {one.label for one in said}):
            mine = [one for one in self._events if one.label == label]
            told = [one for one in said if one.label == label]
            of_label = counts.labels[label] = LabelCounts(len(mine), len(told))
            for least in OVERLAPS:
                pairs = matched(mine, told, least)
                of_label.found[least], of_label.right[least] = sum(pairs.found), sum(pairs.right)
                if least == ANY:
                    self._count_false(counts, [one for one, right in zip(told, pairs.right, strict=True) if not right])

    def _count_false(self, counts: Counts, said: Sequence[SaidEvent]) -> None:
        """A label that is neither right nor late belongs to the state in which it came up."""
        for one in said:
            if late(self._events, one):
                counts.late += 1
                continue
            tick = int(np.searchsorted(self._heard.times_s, one.start_s))
            state = next(state for state, here in self._states.items() if here[tick])
            counts.false[state] += 1
            if state != ACTING:
                now = np.array([one.start_s])
                counts.false.update(
                    kind for kind in self._truth.disturbances if during(self._truth.of_kind(kind), now)[0]
                )

    def _count_ticks(self, counts: Counts, decided: I64) -> None:
        acting = self._states[ACTING]
        right = self._right(decided) & acting
        silent = (decided == SILENCE) & acting
        values = {"right": right, "wrong": acting & ~right & ~silent, "silent": silent}
        counts.ticks.update({name: int(ticks.sum()) for name, ticks in values.items()})

    def _count_action(self, counts: Counts, action: Happening, decided: I64) -> None:
        mine = np.flatnonzero(during([action], self._heard.times_s))
        counts.action_s += action.end_s - action.start_s
        spoken = [self._heard.labels[decided[i]] if decided[i] != SILENCE else None for i in mine]
        first = next((i for i, label in zip(mine.tolist(), spoken, strict=True) if label == action.label), None)
        if first is not None:
            counts.latencies_s.append(float(self._heard.times_s[first] - action.start_s))
        labels = [label for label in spoken if label is not None]
        # One change is the action's own: from the label before it.
        counts.flickers += max(0, sum(a != b for a, b in pairwise(labels)) - 1)

    def _right(self, labels: I64) -> Bools:
        """[T]: is this label what somebody does now?"""
        ticks = np.arange(len(labels))
        return np.asarray((labels != SILENCE) & self._done[labels, ticks], bool)

    def _confidence(self) -> F64:
        heard = self._heard
        confidence, right = heard.confidence, self._right(heard.likeliest)
        places = np.minimum((confidence * BINS).astype(int), BINS - 1)
        bins = np.zeros((2, BINS, 3))
        for row, ticks in enumerate((heard.open & self._states[ACTING], heard.open)):
            weights = np.stack([np.ones(len(places)), confidence, right]).astype(np.float64)
            for column, weight in enumerate(weights):
                bins[row, :, column] = np.bincount(places[ticks], weight[ticks], BINS)
        return bins

    def _switches(self, decided: I64) -> tuple[int, int]:
        """Of the gate, and how many of them another label followed within SETTLING_S."""
        heard, unsettled = self._heard, 0
        switched = np.flatnonzero(np.diff(heard.gammas)) + 1
        for tick in map(int, switched):
            before = decided[tick - 1]
            end = np.searchsorted(heard.times_s, heard.times_s[tick] + SETTLING_S)
            unsettled += bool(before != SILENCE and np.any(~np.isin(decided[tick:end], (SILENCE, before))))
        return len(switched), unsettled
