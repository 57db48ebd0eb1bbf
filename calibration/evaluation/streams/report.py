"""A bundle in streams, for people and programs: lines of text and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from calibration.evaluation.streams.intervals import Figure
from calibration.evaluation.streams.matching import ANY, LATE_S
from calibration.evaluation.streams.scores import Row, StreamScores

WIDTH, COLUMN = 44, 26


@dataclass(frozen=True)
class StreamReport:
    """bundle: which one, in words; set_name: what it was heard on; nameless: labels of the set that it does not know.

    damaged: what could not be decoded.
    """

    bundle: str
    set_name: str
    scores: StreamScores
    nameless: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()


def as_dict(found: StreamReport) -> dict[str, Any]:
    """What `--json` prints; shares are fractions of 1."""
    return {
        "bundle": found.bundle,
        "set": found.set_name,
        "counted_as_other": found.nameless,
        "damaged": found.damaged,
        **found.scores.as_dict(),
    }


def text(found: StreamReport) -> str:
    """The whole report for people."""
    return "\n".join([*head(found), "", *_events(found.scores), "", *_false(found.scores), "", *_rows(found.scores)])


def head(found: StreamReport) -> Iterator[str]:
    """What was run, and what was left out."""
    scores = found.scores
    people = f", {scores.people} people" if scores.people else ""
    yield (
        f"{found.bundle} on {found.set_name}: {scores.streams} streams{people}, {scores.hours:.2f} hours, "
        f"{scores.happened} actions, {scores.said} labels said, {scores.late} of them up to {LATE_S:g} s late"
    )
    if found.nameless:
        yield f"not labels of the bundle, counted as something unknown: {', '.join(found.nameless)}"
    yield from (f"left out, damaged: {message}" for message in found.damaged)


def figure(one: Figure | None, scale: float = 1.0, digits: int = 1) -> str:
    """`63.2 [58.1, 68.0]`, without an interval where none is known, `-` where there is nothing."""
    if one is None or one.value is None:
        return "-"
    if one.low is None or one.high is None:
        return f"{scale * one.value:.{digits}f}"
    return f"{scale * one.value:.{digits}f} [{scale * one.low:.{digits}f}, {scale * one.high:.{digits}f}]"


def percent(one: Figure | None) -> str:
    """In percent."""
    return figure(one, 100)


def overlap_name(least: float) -> str:
    """Of a row."""
    return "at any overlap" if least == ANY else f"at overlap {least:g}"


def single_figures(scores: StreamScores) -> Iterator[tuple[str, str]]:
    """What is one figure each: its name and the figure."""
    yield "from start to label, median, s", figure(scores.latency_p50_s, digits=2)
    yield "90 % within, s", figure(scores.latency_p90_s, digits=2)
    yield "other labels in an action, per minute", figure(scores.flickers_per_minute, digits=2)
    for kind, share in scores.ticks.items():
        yield f"ticks {kind}, of those in actions, %", percent(share)
    acting, always = (scores.calibration[name] for name in ("acting", "always"))
    yield "calibration error, in actions, %", percent(acting.error)
    yield "calibration error, over all, %", percent(always.error)
    yield "switches of the gate", f"{scores.gate_switches}, {scores.unsettled} followed by another label at once"


def _table(columns: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]) -> Iterator[str]:
    yield " " * WIDTH + "".join(f"{column:>{COLUMN}}" for column in columns)
    for name, cells in rows:
        yield f"  {name:<{WIDTH - 2}}" + "".join(f"{cell:>{COLUMN}}" for cell in cells)


def _events(scores: StreamScores) -> Iterator[str]:
    rows = [
        (overlap_name(least), (percent(one.found), percent(one.right), percent(one.f1)))
        for least, one in scores.overlaps.items()
    ]
    yield from _table(("found, %", "right, %", "F1, %"), rows)
    for name, value in single_figures(scores):
        yield f"  {name:<{WIDTH}}{value}"


def false_rows(scores: StreamScores) -> Iterator[tuple[str, tuple[str, str]]]:
    """False labels an hour, and the hours, of everything that can go on."""
    all_ = scores.negatives_per_hour
    hours = sum(hours for state, hours in scores.hours_of.items() if state in scores.false_per_hour)
    acting = scores.hours_of.get("another action", 0.0)
    yield "nothing to name", (figure(all_), f"{hours - acting:.3f}")
    for state, rate in {**scores.false_per_hour, **scores.beside_per_hour}.items():
        name = f"  while: {state}" if state in scores.beside_per_hour else state
        yield name, (figure(rate), f"{scores.hours_of[state]:.3f}")


def _false(scores: StreamScores) -> Iterator[str]:
    yield from _table(("false labels an hour", "hours"), list(false_rows(scores)))


def _rows(scores: StreamScores) -> Iterator[str]:
    def cells(row: Row) -> tuple[str, ...]:
        return percent(row.named), percent(row.right), percent(row.f1), figure(row.false_per_hour)

    columns = ("named at all, %", "right, %", "F1 at 0.3, %", "false an hour")
    yield from _table(columns, [(row.name, cells(row)) for row in (*scores.sources, *scores.classes)])
    yield ""
    curve = [
        (f"{one.threshold:g}", (percent(one.named), percent(one.found), figure(one.false_per_hour)))
        for one in scores.curve
    ]
    yield from _table(("named at all, %", "found at 0.3, %", "false an hour"), curve)
    yield f"  by threshold of confidence; the bundle's is {scores.threshold:g}"
