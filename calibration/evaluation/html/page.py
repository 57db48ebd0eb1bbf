"""An evaluation as one HTML file: tables and plots, complete in itself, nothing to load."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from calibration import svg
from calibration.evaluation.html.pictures import Curve, held_out, wrong_clips
from calibration.evaluation.protocols import Table
from calibration.evaluation.report import (
    PUBLISHED,
    EvaluationReport,
    comparison_line,
    learnt_lines,
    left_out,
    percent,
    published,
    summary_line,
)
from calibration.evaluation.scores import Estimate, Evaluation, compare
from edge.errors import UsageError
from edge.files import write_whole

STYLE = """
body { font-family: sans-serif; max-width: 60em; margin: 2em auto; color: #222 }
table { border-collapse: collapse; margin: .5em 0 1.5em } td, th { padding: .2em .8em; border-bottom: 1px solid #ddd }
td:not(:first-child), th:not(:first-child) { text-align: right } h2 { margin-top: 2em }
"""


def write(path: Path, text: str) -> None:
    """Write a page. Raises UsageError where the file cannot be written."""
    try:
        write_whole(path, text)
    except OSError as error:
        raise UsageError(f"{path}: the report cannot be written ({error.strerror}); name another file") from error


def page(found: EvaluationReport, curve: Curve) -> str:
    """The whole document. curve: accuracy on held-out clips while the bundle was trained, empty where not known."""
    title = f"{found.evaluations[0].name} on {found.evaluations[0].set_name}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        *(f"<p>{escape(line)}</p>" for line in learnt_lines(found)),
        *(_summary(e) for e in found.evaluations),
    ]
    if len(found.evaluations) == 2:
        names = [e.name for e in found.evaluations]
        parts.append(f"<p>{escape(comparison_line(compare(*found.evaluations), *names))}</p>")
    parts += [f"{table(one)}\n{_bars(one)}" for one in found.tables]
    for evaluation in found.evaluations:
        parts += plots(evaluation)
    parts.append(held_out(curve))
    return document(title, parts)


def document(title: str, parts: Sequence[str]) -> str:
    """A whole page of these parts of HTML."""
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def _summary(evaluation: Evaluation) -> str:
    lines = [f"{evaluation.name}: {summary_line(evaluation)}", *left_out(evaluation)]
    lines.append(f"top-5 {percent(evaluation.top(5))} %, macro {percent(evaluation.macro_estimate)} %")
    if evaluation.live is not None:
        live = evaluation.live
        lines.append(f"ticks of the smoothed stream: {live.right} right, {live.wrong} wrong, {live.silent} silent")
    return "<p>" + "<br>".join(map(escape, lines)) + "</p>"


def table(one: Table) -> str:
    """Its title and a row for each of its rows, cells `value [low, high]` in percent."""
    head = "".join(f"<th>{escape(column)}</th>" for column in ("", *one.columns, one.notes_title))
    notes = one.notes or ("",) * len(one.rows)
    rows = []
    for (label, cells), note in zip(one.rows, notes, strict=True):
        values = "".join(f"<td>{percent(cell)}</td>" for cell in cells)
        rows.append(f"<tr><td>{escape(label)}</td>{values}<td>{escape(note)}</td></tr>")
    if one.published:
        rows.append(f'<tr><td colspan="{len(one.columns) + 2}"><i>{escape(PUBLISHED)}</i></td></tr>')
    for label, figures in one.published:
        values = "".join(f"<td>{published(figure)}</td>" for figure in figures)
        rows.append(f"<tr><td>{escape(label)}</td>{values}<td></td></tr>")
    body = "\n".join(rows)
    return f"<h2>{escape(one.title)}</h2>\n<table><tr>{head}</tr>\n{body}</table>"


def _bars(table: Table) -> str:
    """The column that sums a row up: the average of table 4, top-1 of the others."""
    column = len(table.columns) - 1 if table.columns[-1] == "average" else 0
    shown = [(label, *_ends(cells[column])) for label, cells in table.rows if cells[column] is not None]
    return f"<p>{escape(table.columns[column])}</p>\n{svg.bars(shown)}" if shown else ""


def plots(evaluation: Evaluation) -> list[str]:
    """Recall by class, confusions, use of the gammas, and the wrong clips with a picture each."""
    recalls = [(label, *_ends(Estimate.of(*counts))) for label, counts in evaluation.per_class.items()]
    present = [i for i, label in enumerate(evaluation.labels) if label in evaluation.per_class]
    rows = [evaluation.labels[i] for i in present]
    used = [(f"gamma {gamma:g}", share, share, share) for gamma, share in evaluation.gamma_usage.items()]
    return [
        f"<h2>{escape(evaluation.name)}: recall by class</h2>\n{svg.bars(recalls)}",
        "<h2>Confusion: true label by row, decision by column, clips</h2>",
        svg.matrix(rows, [*evaluation.labels, "none"], evaluation.confusion[present]),
        f"<h2>Use of the gammas, by tick</h2>\n{svg.bars(used)}" if used else "",
        wrong_clips(evaluation),
    ]


def _ends(estimate: Estimate | None) -> tuple[float, float, float]:
    assert estimate is not None
    return estimate.value, estimate.low, estimate.high
