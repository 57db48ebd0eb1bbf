"""A bundle in streams as one HTML file: tables and plots, complete in itself, nothing to load."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from calibration import svg
from calibration.evaluation.html.page import document
from calibration.evaluation.streams.intervals import Figure
from calibration.evaluation.streams.report import (
    StreamReport,
    false_rows,
    figure,
    head,
    overlap_name,
    percent,
    single_figures,
)
from calibration.evaluation.streams.scores import Row, StreamScores


def page(found: StreamReport) -> str:
    """The whole document."""
    scores = found.scores
    title = f"{found.bundle} in streams of {found.set_name}"
    overlaps = [
        (overlap_name(least), (percent(one.found), percent(one.right), percent(one.f1)))
        for least, one in scores.overlaps.items()
    ]
    parts = [
        f"<h1>{escape(title)}</h1>",
        *(f"<p>{escape(line)}</p>" for line in head(found)),
        _table("Events", ("found, %", "right, %", "F1, %"), overlaps),
        _table("In time", ("",), [(name, (value,)) for name, value in single_figures(scores)]),
        _table("False labels", ("an hour", "hours"), list(false_rows(scores))),
        *_curve(scores),
        *_reliability(scores),
        *_rows("By source", scores.sources),
        *_rows("By class", scores.classes),
    ]
    return document(title, parts)


def _table(title: str, columns: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]) -> str:
    heads = "".join(f"<th>{escape(column)}</th>" for column in ("", *columns))
    body = "\n".join(
        f"<tr><td>{escape(name)}</td>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
        for name, cells in rows
    )
    return f"<h2>{escape(title)}</h2>\n<table><tr>{heads}</tr>\n{body}</table>"


def _curve(scores: StreamScores) -> list[str]:
    """Recall against false labels, over the threshold."""
    lines: dict[str, list[svg.Point]] = {"named at all": [], "found at overlap 0.3": []}
    for point in scores.curve:
        rate = point.false_per_hour.value
        for line, share in zip(lines.values(), (point.named.value, point.found.value), strict=True):
            if rate is not None and share is not None:
                line.append((rate, share))
    drawn = {name: sorted(set(line)) for name, line in lines.items() if line}
    rows = [
        (f"{one.threshold:g}", (percent(one.named), percent(one.found), figure(one.false_per_hour)))
        for one in scores.curve
    ]
    return [
        "<h2>Found against said for nothing, over the threshold of confidence</h2>",
        svg.share_lines(drawn, "false labels an hour") if drawn else "<p>nothing to draw</p>",
        f"<p>The bundle's threshold is {scores.threshold:g}.</p>",
        _table("By threshold", ("named at all, %", "found at overlap 0.3, %", "false labels an hour"), rows),
    ]


def _reliability(scores: StreamScores) -> list[str]:
    names = {"acting": "in actions", "always": "over all ticks"}
    lines = {
        names[name]: [(confidence, right) for _, confidence, right in one.bins]
        for name, one in scores.calibration.items()
        if one.bins
    }
    lines["as it should be"] = [(0.0, 0.0), (1.0, 1.0)]
    rows = [
        (f"{names[name]}, {confidence:.2f}", (str(ticks), f"{right:.1%}"))
        for name, one in scores.calibration.items()
        for ticks, confidence, right in one.bins
    ]
    return [
        "<h2>Is confidence the chance to be right?</h2>",
        svg.share_lines(lines, "confidence"),
        _table("By confidence", ("ticks", "right"), rows),
    ]


def _rows(title: str, rows: Sequence[Row]) -> list[str]:
    columns = ("named at all, %", "right, %", "F1 at 0.3, %", "false labels an hour")
    told = [
        (row.name, (percent(row.named), percent(row.right), percent(row.f1), figure(row.false_per_hour)))
        for row in rows
    ]
    bars = [(row.name, *ends) for row in rows if (ends := _ends(row.named)) is not None]
    return [_table(title, columns, told), svg.bars(bars) if bars else ""]


def _ends(one: Figure) -> tuple[float, float, float] | None:
    if one.value is None or one.low is None or one.high is None:
        return None
    return one.value, one.low, one.high
