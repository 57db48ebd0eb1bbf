"""Small plots as SVG text: bars with intervals, a matrix of counts, curves. No dependency, no script, no web font."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
import numpy.typing as npt

COLOURS = ("#3465a4", "#cc6600", "#4e9a06", "#a40000", "#75507b")
STYLE = "font-family='sans-serif' font-size='12' fill='#222'"
WIDTH = 640

Bar = tuple[str, float, float, float]  # label, value, low, high; fractions of 1
Point = tuple[float, float]


def bars(items: Sequence[Bar]) -> str:
    """Horizontal bars from 0 to 100 % with their intervals as lines."""
    left, row = 20 + 7 * max(len(label) for label, *_ in items), 22
    height, scale = row * len(items) + 24, WIDTH - 60 - left

    def x(value: float) -> str:
        return f"{left + scale * value:.1f}"

    parts = []
    for tick in (0, 0.25, 0.5, 0.75, 1):
        parts.append(f"<line x1='{x(tick)}' x2='{x(tick)}' y1='0' y2='{height - 20}' stroke='#ddd'/>")
        parts.append(_text(float(x(tick)), height - 6, f"{tick:.0%}", "middle"))
    for i, (label, value, low, high) in enumerate(items):
        y = row * i + 3
        parts.append(_text(left - 6, y + 12, label, "end"))
        parts.append(
            f"<rect x='{left}' y='{y}' width='{scale * value:.1f}' height='15' fill='{COLOURS[0]}' opacity='.75'/>"
        )
        parts.append(f"<path d='M{x(low)} {y + 7.5}H{x(high)}M{x(low)} {y + 4}v7M{x(high)} {y + 4}v7' stroke='#222'/>")
        parts.append(_text(left + scale * high + 6, y + 12, f"{100 * value:.1f}", "start"))
    return _svg(WIDTH, height, parts)


def lengths(items: Sequence[tuple[str, float]], unit: str) -> str:
    """Horizontal bars from 0, each with its value; the longest fills the width. Values of 0 and more."""
    left, row = 20 + 7 * max(len(label) for label, _ in items), 20
    scale = (WIDTH - 90 - left) / max(1e-9, *(value for _, value in items))
    parts = []
    for i, (label, value) in enumerate(items):
        y = row * i + 2
        parts.append(_text(left - 6, y + 12, label, "end"))
        parts.append(f"<rect x='{left}' y='{y}' width='{scale * value:.1f}' height='14' fill='{COLOURS[0]}'/>")
        parts.append(_text(left + scale * value + 6, y + 12, f"{value:.4g} {unit}", "start"))
    return _svg(WIDTH, row * len(items) + 4, parts)


def intervals(rows: Sequence[tuple[str, Sequence[tuple[float, float, float] | None]]], names: Sequence[str]) -> str:
    """Points with their intervals, 0 to 100 %, one below the other in a row, one colour per name.

    rows: label, then (value, low, high) for every name, fractions of 1, or None.
    """
    left, step, top = 20 + 7 * max(len(label) for label, _ in rows), 12, 24
    row = step * len(names) + 10
    height, scale = top + row * len(rows) + 24, WIDTH - 60 - left
    parts = [_text(left + 130 * i, 14, name, "start", COLOURS[i % len(COLOURS)]) for i, name in enumerate(names)]
    for tick in (0, 0.25, 0.5, 0.75, 1):
        x = left + scale * tick
        parts.append(f"<line x1='{x:.1f}' x2='{x:.1f}' y1='{top}' y2='{height - 20}' stroke='#ddd'/>")
        parts.append(_text(x, height - 6, f"{tick:.0%}", "middle"))
    for j, (label, points) in enumerate(rows):
        parts.append(_text(left - 6, top + row * j + row / 2 + 4, label, "end"))
        for i, point in enumerate(points):
            if point is not None:
                value, low, high = (left + scale * share for share in point)
                y, colour = top + row * j + 11 + step * i, COLOURS[i % len(COLOURS)]
                parts.append(f"<path d='M{low:.1f} {y}H{high:.1f}' stroke='{colour}' stroke-width='2' opacity='.6'/>")
                parts.append(f"<circle cx='{value:.1f}' cy='{y}' r='4' fill='{colour}'/>")
    return _svg(WIDTH, height, parts)


def matrix(rows: Sequence[str], columns: Sequence[str], counts: npt.NDArray[np.int64]) -> str:
    """Counts as shades of their row's sum, with the counts written in."""
    cell, left, top = 44, 20 + 7 * max(map(len, rows)), 14 + 6 * max(map(len, columns))
    parts = []
    for j, name in enumerate(columns):
        x = left + cell * j + cell / 2
        parts.append(f"<text {STYLE} transform='translate({x + 4:.1f} {top - 6}) rotate(-60)'>{escape(name)}</text>")
    for i, name in enumerate(rows):
        parts.append(_text(left - 6, top + cell * i + cell / 2 + 4, name, "end"))
        for j, count in enumerate(counts[i].tolist()):
            shade, x, y = count / max(1, int(counts[i].sum())), left + cell * j, top + cell * i
            parts.append(
                f"<rect x='{x}' y='{y}' width='{cell - 1}' height='{cell - 1}' fill='{COLOURS[0]}' "
                f"fill-opacity='{0.06 + 0.9 * shade:.2f}'/>"
            )
            if count:
                parts.append(
                    _text(x + cell / 2, y + cell / 2 + 4, str(count), "middle", "#fff" if shade > 0.5 else "#222")
                )
    return _svg(left + cell * len(columns) + 60, top + cell * len(rows) + 4, parts)


def curves(series: Mapping[str, Sequence[Point]], x_label: str, y_label: str) -> str:
    """Points joined by lines, both axes logarithmic; every value must be greater than 0."""
    points = [point for line in series.values() for point in line]
    height, left, bottom, right = 360, 56, 316, WIDTH - 16
    (x_low, x_high), (y_low, y_high) = (_decades([point[axis] for point in points]) for axis in (0, 1))

    def x(value: float) -> float:
        return left + (right - left) * math.log(value / x_low) / math.log(x_high / x_low)

    def y(value: float) -> float:
        return bottom - (bottom - 16) * math.log(value / y_low) / math.log(y_high / y_low)

    parts = []
    for value in _ticks(x_low, x_high):
        parts.append(f"<line x1='{x(value):.1f}' x2='{x(value):.1f}' y1='16' y2='{bottom}' stroke='#ddd'/>")
        parts.append(_text(x(value), bottom + 16, f"{value:g}", "middle"))
    for value in _ticks(y_low, y_high):
        parts.append(f"<line x1='{left}' x2='{right}' y1='{y(value):.1f}' y2='{y(value):.1f}' stroke='#ddd'/>")
        parts.append(_text(left - 6, y(value) + 4, f"{value:g}", "end"))
    for i, (name, line) in enumerate(series.items()):
        colour = COLOURS[i % len(COLOURS)]
        path = "L".join(f"{x(a):.1f} {y(b):.1f}" for a, b in line)
        parts.append(f"<path d='M{path}' fill='none' stroke='{colour}' stroke-width='2'/>")
        parts += [f"<circle cx='{x(a):.1f}' cy='{y(b):.1f}' r='3' fill='{colour}'/>" for a, b in line]
        parts.append(_text(left + 12, 34 + 16 * i, name, "start", colour))
    parts.append(_text((left + right) / 2, height - 8, x_label, "middle"))
    upright = f"transform='translate(14 {bottom / 2}) rotate(-90)' text-anchor='middle'"
    parts.append(f"<text {STYLE} {upright}>{escape(y_label)}</text>")
    return _svg(WIDTH, height, parts)


def shares(points: Sequence[Point], x_label: str) -> str:
    """Points (x, share) joined by lines, 0 to 100 % upwards, x from 0; both axes linear."""
    return share_lines({"": points}, x_label)


def share_lines(series: Mapping[str, Sequence[Point]], x_label: str) -> str:
    """The same, several lines in one picture, each with its name; x ends at 1 or at the largest."""
    height, left, bottom, right = 220, 56, 176, WIDTH - 24
    last = max(1.0, *(x for line in series.values() for x, _ in line))
    parts = []
    for tick in (0, 0.25, 0.5, 0.75, 1):
        y = bottom - (bottom - 16) * tick
        parts.append(f"<line x1='{left}' x2='{right}' y1='{y:.1f}' y2='{y:.1f}' stroke='#ddd'/>")
        parts.append(_text(left - 6, y + 4, f"{tick:.0%}", "end"))
    for i, (name, points) in enumerate(series.items()):
        colour = COLOURS[i % len(COLOURS)]
        places = [(left + (right - left) * x / last, bottom - (bottom - 16) * share) for x, share in points]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
        parts.append(f"<path d='M{path}' fill='none' stroke='{colour}' stroke-width='2'/>")
        parts += [f"<circle cx='{x:.1f}' cy='{y:.1f}' r='3' fill='{colour}'/>" for x, y in places]
        if name:
            parts.append(_text(left + 12 + 190 * i, 12, name, "start", colour))
    parts += [_text(left, bottom + 16, "0", "middle"), _text(right, bottom + 16, f"{last:g}", "middle")]
    parts.append(_text((left + right) / 2, bottom + 34, x_label, "middle"))
    return _svg(WIDTH, height, parts)


def _decades(values: Sequence[float]) -> tuple[float, float]:
    """A little more than the range."""
    return min(values) / 1.25, max(values) * 1.25


def _ticks(low: float, high: float) -> list[float]:
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [v for e in exponents for m in (1, 2, 5) if low <= (v := float(f"{m}e{e}")) <= high]


def _text(x: float, y: float, content: str, anchor: str, colour: str = "#222") -> str:
    style = STYLE.replace("#222", colour)
    return f"<text {style} x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}'>{escape(content)}</text>"


def _svg(width: float, height: float, parts: Sequence[str]) -> str:
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width:.0f}' height='{height:.0f}' "
        f"viewBox='0 0 {width:.0f} {height:.0f}'>\n" + "\n".join(parts) + "\n</svg>\n"
    )
