"""How good a bundle is in streams: what was found and when, what was said for nothing, figures with intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from calibration.evaluation.streams.heard import Heard
from calibration.evaluation.streams.intervals import Figure, rate, resampled, share
from calibration.evaluation.streams.judge import BINS, Counts, Judge
from calibration.evaluation.streams.matching import ANY, OVERLAPS
from calibration.evaluation.streams.truth import Name, Truth

THRESHOLDS = tuple(round(0.05 * i, 2) for i in range(2, 20))
HOUR_S, MINUTE_S = 3600.0, 60.0
Units = Sequence[Sequence[Counts]]  # people (or streams, where nobody is known), and the streams of each


@dataclass(frozen=True)
class HeardStream:
    """A stream that was run. source: the set that it was made from; person: who acts in it, empty where not known."""

    name: str
    source: str
    person: str
    truth: Truth
    heard: Heard
    naming: Name


@dataclass(frozen=True)
class Found:
    """Events at one overlap. found: of what happened (recall); right: of what was said (precision)."""

    found: Figure
    right: Figure
    f1: Figure


@dataclass(frozen=True)
class Row:
    """Of one label or one source. named: at all while it lasts; f1: at overlap 0.3; false_per_hour: None of a label."""

    name: str
    named: Figure
    right: Figure
    f1: Figure
    false_per_hour: Figure | None


@dataclass(frozen=True)
class Reliability:
    """Confidence against truth. error: expected calibration error; bins: (ticks, mean confidence, share right)."""

    error: Figure
    bins: tuple[tuple[int, float, float], ...]


@dataclass(frozen=True)
class Point:
    """At one threshold of confidence: named at all, found at overlap 0.3, false labels an hour of negatives."""

    threshold: float
    named: Figure
    found: Figure
    false_per_hour: Figure


@dataclass(frozen=True)
class StreamScores:
    """Everything. overlaps: by least overlap (0: any); ticks: right, wrong, silent while something known is done.

    false_per_hour: by state of the stream, which share out all time; beside_per_hour: by disturbance, while nothing
    known is done; negatives_per_hour: all of the states but ACTING. calibration: `acting` while something known is
    done, `always` over all ticks, in which whatever is said of nothing is wrong.
    """

    threshold: float
    streams: int
    people: int
    hours: float
    happened: int
    said: int
    late: int
    overlaps: dict[float, Found]
    latency_p50_s: Figure
    latency_p90_s: Figure
    flickers_per_minute: Figure
    ticks: dict[str, Figure]
    negatives_per_hour: Figure
    false_per_hour: dict[str, Figure]
    beside_per_hour: dict[str, Figure]
    hours_of: dict[str, float]
    classes: tuple[Row, ...]
    sources: tuple[Row, ...]
    calibration: dict[str, Reliability]
    curve: tuple[Point, ...]
    gate_switches: int
    unsettled: int

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def scored(streams: Sequence[HeardStream]) -> StreamScores:
    """All streams together, as the bundle decides, and the curve over its threshold. streams: at least one."""
    judges = [Judge(one.truth, one.heard, one.naming) for one in streams]
    counts = [judge.counts() for judge in judges]
    own = streams[0].heard.rule.threshold
    units = _units(streams, counts)
    states = list(dict.fromkeys(state for one in counts for state in one.seconds))
    beside = {kind for one in counts for kind in one.disturbances}
    seconds = {state: sum(one.seconds.get(state, 0.0) for one in counts) for state in states}
    false = {state: rate(sum(one.false[state] for one in counts), seconds[state] / HOUR_S) for state in states}
    return StreamScores(
        threshold=own,
        streams=len(streams),
        people=len({one.person for one in streams if one.person}),
        hours=sum(one.truth.length_s for one in streams) / HOUR_S,
        happened=sum(one.happened for one in counts),
        said=sum(one.said for one in counts),
        late=sum(one.late for one in counts),
        overlaps={least: _found(units, least) for least in OVERLAPS},
        latency_p50_s=_latency(units, 50),
        latency_p90_s=_latency(units, 90),
        flickers_per_minute=rate(sum(one.flickers for one in counts), sum(one.action_s for one in counts) / MINUTE_S),
        ticks={kind: _ticks(units, kind) for kind in ("right", "wrong", "silent")},
        negatives_per_hour=_negatives(counts),
        false_per_hour={state: false[state] for state in states if state not in beside and seconds[state]},
        beside_per_hour={state: false[state] for state in sorted(beside) if seconds[state]},
        hours_of={state: second / HOUR_S for state, second in seconds.items() if second},
        classes=tuple(_class_row(units, label) for label in sorted({label for one in counts for label in one.labels})),
        sources=_source_rows(streams, counts),
        calibration={name: _reliability(units, row) for row, name in enumerate(("acting", "always"))},
        curve=tuple(_point(judges, at) for at in sorted({*THRESHOLDS, own})),
        gate_switches=sum(one.switches for one in counts),
        unsettled=sum(one.unsettled for one in counts),
    )


def _units(streams: Sequence[HeardStream], counts: Sequence[Counts]) -> Units:
    """Streams of one person hang together; where nobody is known every stream stands for itself."""
    groups: dict[tuple[str, str], list[Counts]] = {}
    for stream, one in zip(streams, counts, strict=True):
        groups.setdefault((stream.source, stream.person) if stream.person else ("", stream.name), []).append(one)
    return list(groups.values())


def _flat(units: Units) -> list[Counts]:
    return [one for unit in units for one in unit]


def _f1(of: Callable[[Counts], tuple[int, int, int, int]], units: Units) -> Figure:
    """of: (found, happened, right, said)."""
    sums = [np.sum([of(one) for one in unit], axis=0) for unit in units]

    def harmonic(drawn: Sequence[Any]) -> float | None:
        found, happened, right, said = np.sum(drawn, axis=0).tolist()
        if not happened and not said:
            return None
        recall, precision = found / max(1, happened), right / max(1, said)
        return 2 * recall * precision / (recall + precision) if recall + precision else 0.0

    return resampled(sums, harmonic, int(np.sum(sums, axis=0)[1]) if sums else 0)


def _found(units: Units, least: float) -> Found:
    all_ = _flat(units)
    found, right = sum(one.found(least) for one in all_), sum(one.right(least) for one in all_)
    happened, said = sum(one.happened for one in all_), sum(one.said for one in all_)
    f1 = _f1(lambda one: (one.found(least), one.happened, one.right(least), one.said), units)
    return Found(share(found, happened), share(right, said), f1)


def _latency(units: Units, percent: float) -> Figure:
    late = [[s for one in unit for s in one.latencies_s] for unit in units]

    def percentile(drawn: Sequence[list[float]]) -> float | None:
        values = [s for unit in drawn for s in unit]
        return float(np.percentile(values, percent)) if values else None

    return resampled(late, percentile, sum(map(len, late)))


def _ticks(units: Units, kind: str) -> Figure:
    """Ticks of an action hang together, so that the interval comes from people."""
    sums = [(sum(one.ticks[kind] for one in unit), sum(one.ticks.total() for one in unit)) for unit in units]

    def fraction(drawn: Sequence[tuple[int, int]]) -> float | None:
        total = sum(of for _, of in drawn)
        return sum(n for n, _ in drawn) / total if total else None

    return resampled(sums, fraction, sum(of for _, of in sums))


def _negatives(counts: Sequence[Counts]) -> Figure:
    return rate(sum(one.false_in_negatives for one in counts), sum(one.negative_s for one in counts) / HOUR_S)


def _class_row(units: Units, label: str) -> Row:
    mine = [one.labels[label] for one in _flat(units) if label in one.labels]
    happened, said = sum(one.happened for one in mine), sum(one.said for one in mine)

    def numbers(one: Counts) -> tuple[int, int, int, int]:
        of = one.labels.get(label)
        return (of.found[0.3], of.happened, of.right[0.3], of.said) if of else (0, 0, 0, 0)

    return Row(
        label,
        share(sum(one.found[ANY] for one in mine), happened),
        share(sum(one.right[ANY] for one in mine), said),
        _f1(numbers, units),
        None,
    )


def _source_rows(streams: Sequence[HeardStream], counts: Sequence[Counts]) -> tuple[Row, ...]:
    rows = []
    for source in dict.fromkeys(one.source for one in streams):
        pairs = [(stream, one) for stream, one in zip(streams, counts, strict=True) if stream.source == source]
        units = _units([stream for stream, _ in pairs], [one for _, one in pairs])
        found = _found(units, ANY)
        rows.append(Row(source, found.found, found.right, _found(units, 0.3).f1, _negatives(_flat(units))))
    return tuple(rows)


def _reliability(units: Units, row: int) -> Reliability:
    sums = [np.sum([one.bins[row] for one in unit], axis=0) for unit in units]

    def error(drawn: Sequence[Any]) -> float | None:
        """Expected calibration error (Naeini et al. 2015)."""
        ticks, confidence, right = np.sum(drawn, axis=0).T
        return float(np.abs(confidence - right).sum() / ticks.sum()) if ticks.sum() else None

    whole = np.sum(sums, axis=0) if sums else np.zeros((BINS, 3))
    bins = tuple((int(n), float(c / n), float(r / n)) for n, c, r in whole if n)
    return Reliability(resampled(sums, error, int(whole[:, 0].sum())), bins)


def _point(judges: Sequence[Judge], threshold: float) -> Point:
    counts = [judge.counts(threshold) for judge in judges]
    happened = sum(one.happened for one in counts)
    named, found = (sum(one.found(least) for one in counts) for least in (ANY, 0.3))
    return Point(threshold, share(named, happened), share(found, happened), _negatives(counts))
