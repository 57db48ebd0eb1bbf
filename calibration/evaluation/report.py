"""Evaluations for people and programs: lines of text and JSON."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from calibration.evaluation.protocols import PROTOCOLS, Table, beside, groups
from calibration.evaluation.scores import Comparison, Estimate, Evaluation, apart, compare
from edge.bundles.manifest import Manifest

PUBLISHED = "published, on the data set's own test clips:"


@dataclass(frozen=True)
class EvaluationReport:
    """Everything of one run of `edge-eval`. evaluations: the bundle, and the one that it is compared with.

    They are of clips that are new to the bundles; learnt: the same of those that one of them has learnt from. Where all
    are of that kind, `evaluations` is of them, and `learnt` is empty.
    """

    evaluations: tuple[Evaluation, ...]
    tables: tuple[Table, ...]
    learnt: tuple[Evaluation, ...] = ()

    @staticmethod
    def of(
        runs: Sequence[tuple[Manifest, Evaluation]],
        *,
        baselines: int,
        variants: int,
        by: Sequence[str],
        protocol: str | None,
    ) -> EvaluationReport:
        """runs: first the baselines, then the bundle's variants (the last is the bundle as it runs), then the bundle
        that it is compared with, if there is one.
        """
        fresh, learnt = apart([evaluation for _, evaluation in runs])
        names = [e.name or f"{manifest.name} {manifest.precision}" for manifest, e in runs]
        named = [dataclasses.replace(e, name=name) for e, name in zip(fresh or learnt, names, strict=True)]
        simple, ablated, others = (
            named[:baselines],
            named[baselines : baselines + variants],
            named[baselines + variants :],
        )
        manifest, _ = runs[baselines + variants - 1]
        whole = dataclasses.replace(ablated[-1], name=f"{manifest.name} {manifest.precision}")
        if others and others[0].name == whole.name:
            others = [dataclasses.replace(others[0], name=f"{others[0].name} (against)")]
        tables = []
        if protocol == "ellar-table7":
            tables.append(PROTOCOLS[protocol](ablated))
        elif protocol == "ellar-table5":
            tables.append(PROTOCOLS[protocol]([whole, *others]))
        elif protocol is not None:
            tables.append(PROTOCOLS[protocol]([*simple, whole, *others]))
        if simple:
            title = "baselines: the same chain with a fixed gamma, or equalised before"
            tables.append(dataclasses.replace(beside([*simple, whole]), title=title))
        tables += [groups(whole, attribute) for attribute in by]
        return EvaluationReport((whole, *others), tuple(tables), tuple(learnt[-1 - len(others) :]) if fresh else ())


def summary_line(evaluation: Evaluation) -> str:
    """`63.2 % top-1 [58.1, 68.0], 61.0 % macro, 240 clips of synthetic_test`."""
    low, high = evaluation.interval95
    if evaluation.stand_in:
        return (
            f"{evaluation.top1:.1%} of the decisions are the float student's [{low:.1%}, {high:.1%}], "
            f"{len(evaluation.results)} clips of {evaluation.set_name}, whose labels it does not know"
        )
    return (
        f"{evaluation.top1:.1%} top-1 [{low:.1%}, {high:.1%}], {evaluation.macro:.1%} macro, "
        f"{len(evaluation.results)} clips of {evaluation.set_name}"
    )


def learnt_lines(found: EvaluationReport) -> list[str]:
    """What is no test of the bundle, because it has learnt from it; empty where all clips are new to it."""
    lines = []
    for evaluation in found.learnt:
        of = len(evaluation.results) + len(found.evaluations[0].results)
        lines.append(
            f"{_roles(evaluation, of)}, and no test; they are left out, on them alone: {summary_line(evaluation)}"
        )
    if any(r.role for r in found.evaluations[0].results):
        whole = found.evaluations[0]
        lines.append(f"{_roles(whole, len(whole.results))}: these figures are no test of it, try other clips")
    return lines


def learnt_notes(evaluation: Evaluation) -> tuple[str, ...]:
    """What the accuracy of a bundle is not, where clips that judged it are clips that it learnt from; else nothing."""
    learnt = sum(bool(r.role) for r in evaluation.results)
    if not learnt:
        return ()
    return (
        f"{learnt} of the {len(evaluation.results)} clips that judged it are clips that it learnt from: its accuracy "
        "on them is no test, their comparison with float is",
    )


def _roles(evaluation: Evaluation, of: int) -> str:
    """`12 of 152 clips are training data of the bundle, 3 have calibrated it`."""
    roles = Counter(r.role for r in evaluation.results if r.role)
    said = f"{roles['training']} of {of} clips are training data of the bundle"
    return said + (f", {roles['calibration']} have calibrated it" if roles["calibration"] else "")


def comparison_line(comparison: Comparison, first: str = "the first", second: str = "the second") -> str:
    """Agreement, and the clips that one alone has right."""
    return (
        f"same decision on {comparison.agreement:.1%} of the clips; {first} alone is right on {comparison.only_first}, "
        f"{second} on {comparison.only_second} (McNemar p = {comparison.p_value:.2g})"
    )


def left_out(evaluation: Evaluation) -> list[str]:
    """Lines on clips that were not scored or gave no decision; empty where all is well."""
    lines = []
    if evaluation.unknown:
        listed = ", ".join(f"{count} {label}" for label, count in evaluation.unknown.items())
        lines.append(f"left out, no such label in the bundle: {listed}")
    lines += [f"left out, damaged: {message}" for message in evaluation.damaged.values()]
    silent = [r.clip.name for r in evaluation.results if not r.ticks]
    if silent:
        lines.append(f"too short for one tick, counted as wrong: {len(silent)} clips, the first is {silent[0]}")
    return lines


def report(evaluations: Sequence[Evaluation]) -> str:
    """For people: a line per evaluation, right and all clips of every class, and how two of them compare."""
    lines = [summary_line(evaluation) for evaluation in evaluations]
    for label in evaluations[0].per_class:
        cells = (_share(*evaluation.per_class[label]) for evaluation in evaluations)
        lines.append(f"  {label:<16}" + "".join(f"{cell:>26}" for cell in cells))
    if len(evaluations) == 2:
        lines.append(comparison_line(compare(*evaluations)))
    return "\n".join(lines + left_out(evaluations[0]))


def text(found: EvaluationReport) -> str:
    """The whole report for people."""
    parts = [
        *learnt_lines(found),
        report(found.evaluations),
        *_details(found.evaluations[0]),
        *map(table, found.tables),
    ]
    return "\n\n".join(parts)


def table(one: Table) -> str:
    """Aligned columns, each cell `value [low, high]` in percent."""
    width = max(len(label) for label, _ in (*one.rows, *one.published))
    lines = [
        one.title,
        " " * (width + 2)
        + "".join(f"{column:>24}" for column in one.columns)
        + f"{'clips':>8}  {one.notes_title}".rstrip(),
    ]
    notes = one.notes or ("",) * len(one.rows)
    for (label, cells), note in zip(one.rows, notes, strict=True):
        count = max(cell.count for cell in cells if cell is not None)
        line = f"  {label:<{width}}" + "".join(f"{percent(cell):>24}" for cell in cells) + f"{count:>8}"
        lines.append(f"{line}  {note}".rstrip())
    if one.published:
        lines.append(PUBLISHED)
    for label, values in one.published:
        lines.append(f"  {label:<{width}}" + "".join(f"{published(value):>24}" for value in values))
    return "\n".join(lines)


def published(value: float | None) -> str:
    """`38.42`, or a dash."""
    return "-" if value is None else f"{value:.2f}"


def percent(cell: Estimate | None) -> str:
    """`63.2 [58.1, 68.0]`, or a dash."""
    return "-" if cell is None else f"{100 * cell.value:.1f} [{100 * cell.low:.1f}, {100 * cell.high:.1f}]"


def _share(right: int, count: int) -> str:
    estimate = Estimate.of(right, count)
    return f"{right}/{count} [{estimate.low:.0%}, {estimate.high:.0%}]"


def _details(evaluation: Evaluation) -> list[str]:
    """Top-5, macro, the device's own answers, use of the gammas, confusions."""
    lines = [f"top-5 {percent(evaluation.top(5))}, macro {percent(evaluation.macro_estimate)}, %"]
    live = evaluation.live
    if live is not None and evaluation.results:
        ticks = max(1, live.right + live.wrong + live.silent)
        said = f"right {live.right / ticks:.1%}, wrong {live.wrong / ticks:.1%}, silent {live.silent / ticks:.1%}"
        lines.append(f"smoothed answers of the stream, by tick: {said}")
    used = ", ".join(f"{gamma:g}: {share:.1%}" for gamma, share in evaluation.gamma_usage.items())
    lines.append(f"gammas, by tick{' (one for each clip)' if evaluation.whole_clip else ''}: {used}")
    return ["\n".join(lines), _confusion(evaluation)]


def _confusion(evaluation: Evaluation) -> str:
    columns = [*(label[:7] for label in evaluation.labels), "none"]
    lines = ["decided as:     " + "".join(f"{column:>8}" for column in columns)]
    for label, row in zip(evaluation.labels, evaluation.confusion.tolist(), strict=True):
        if any(row):
            lines.append(f"  {label:<14}" + "".join(f"{count or '.':>8}" for count in row))
    return "\n".join(lines)


def as_dict(found: EvaluationReport) -> dict[str, object]:
    """What `--json` prints; rates and interval ends are fractions of 1."""
    result: dict[str, object] = {
        "evaluations": [_evaluation(e) for e in found.evaluations],
        "tables": [_table(t) for t in found.tables],
    }
    if found.learnt:
        result["learnt"] = [_evaluation(e) for e in found.learnt]
    if len(found.evaluations) == 2:
        result["comparison"] = vars(compare(*found.evaluations))
    return result


def _evaluation(e: Evaluation) -> dict[str, object]:
    return {
        "name": e.name,
        "set": e.set_name,
        "mode": "clip" if e.whole_clip else "stream",
        "clips": len(e.results),
        "training_clips": sum(r.role == "training" for r in e.results),
        "calibration_clips": sum(r.role == "calibration" for r in e.results),
        "top1": e.top1,
        "macro": e.macro,
        "interval95": e.interval95,
        "top5": vars(e.top(5)),
        "macro_interval95": (e.macro_estimate.low, e.macro_estimate.high),
        "per_class": {
            label: {"right": right, "clips": count, "interval95": Estimate.of(right, count).interval}
            for label, (right, count) in e.per_class.items()
        },
        "unknown": e.unknown,
        "damaged": e.damaged,
        "gamma_usage": {f"{gamma:g}": share for gamma, share in e.gamma_usage.items()},
        "live_ticks": None if e.live is None else vars(e.live),
        "confusion": {"labels": e.labels, "rows_true_columns_decided_last_none": e.confusion.tolist()},
        "decisions": [
            {
                "clip": r.clip.name,
                "label": e.labels[r.label],
                "decision": None if r.decision is None else e.labels[r.decision],
                "probabilities": [round(p, 6) for p in r.probabilities.tolist()],
                "ticks": r.ticks,
                "light": r.clip.light,
                "camera": r.clip.camera,
                "actor": r.clip.actor,
            }
            for r in e.results
        ],
    }


def _table(one: Table) -> dict[str, object]:
    rows = [
        {
            "name": label,
            "cells": {
                column: None if cell is None else vars(cell) for column, cell in zip(one.columns, cells, strict=True)
            },
        }
        for label, cells in one.rows
    ]
    return {
        "title": one.title,
        "columns": one.columns,
        "rows": rows,
        one.notes_title or "notes": one.notes,
        "published_percent": dict(one.published),
    }
