"""What a training says of itself: JSON lines, and their curves as an SVG."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from html import escape
from pathlib import Path

from edge.files import write_whole

Values = Mapping[str, float | str]
Show = Callable[[str], None]
WIDTH, HEIGHT, MARGIN = 640, 240, 48
COLOURS = ("#1f6feb", "#d1242f", "#1a7f37", "#8250df", "#bf8700", "#57606a")


class Metrics:
    """Appends to a file of JSON lines, and tells people. A `path` of None only tells."""

    def __init__(self, path: Path | None, show: Show) -> None:
        self._path = path
        self._show = show

    def write(self, values: Values) -> None:
        """One line; numbers, and texts such as the phase."""
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(dict(values)) + "\n")
        self._show("  ".join(_word(key, value) for key, value in values.items()))

    def keep(self, wanted: Callable[[Values], bool]) -> None:
        """Drop every line that is not wanted: what a killed run wrote after its last checkpoint is written again."""
        if self._path is None or not self._path.exists():
            return
        kept = [values for values in read(self._path) if wanted(values)]
        write_whole(self._path, "".join(json.dumps(values) + "\n" for values in kept))


def read(path: Path) -> list[dict[str, float | str]]:
    """All lines that are whole; a kill may have cut the last one."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def draw_curves(metrics: Path, target: Path) -> None:
    """One panel per phase, one line per loss, by step."""
    phases: dict[str, list[dict[str, float | str]]] = {}
    for values in read(metrics):
        if "phase" in values and "step" in values:
            phases.setdefault(str(values["phase"]), []).append(values)
    panels = [_panel(name, lines, number * HEIGHT) for number, (name, lines) in enumerate(phases.items())]
    size = f'width="{WIDTH}" height="{HEIGHT * max(len(panels), 1)}"'
    style = 'font-family="sans-serif" font-size="11" fill="none" stroke-width="1.5"'
    write_whole(target, f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>\n{"".join(panels)}</svg>\n')


def _panel(name: str, lines: list[dict[str, float | str]], top: int) -> str:
    keys = [key for key in lines[-1] if key not in ("phase", "step", "elapsed_s", "rate")]
    series = {key: [(float(line["step"]), float(line[key])) for line in lines if key in line] for key in keys}
    points = [point for line in series.values() for point in line]
    last = max(x for x, _ in points)
    low, high = min(0.0, *(y for _, y in points)), max(y for _, y in points)
    across, up = (WIDTH - 2 * MARGIN) / max(last, 1.0), (HEIGHT - 2 * MARGIN) / max(high - low, 1e-9)
    text = [_text(MARGIN, top + 20, name), _text(MARGIN, top + HEIGHT - 28, "0")]
    text += [_text(WIDTH - MARGIN - 24, top + HEIGHT - 28, f"{last:g}"), _text(4, top + MARGIN + 4, f"{high:.3g}")]
    text.append(_text(4, top + HEIGHT - MARGIN, f"{low:.3g}"))
    frame = f'<path stroke="#8c959f" d="M{MARGIN} {top + MARGIN}V{top + HEIGHT - MARGIN}H{WIDTH - MARGIN}"/>\n'
    for number, (key, line) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        places = [(MARGIN + x * across, top + HEIGHT - MARGIN - (y - low) * up) for x, y in line]
        frame += f'<polyline stroke="{colour}" points="{_pairs(places)}"/>\n'
        text.append(_text(MARGIN + 120 + 110 * number, top + 20, key, colour))
    return frame + "".join(text)


def _pairs(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _text(x: float, y: float, text: str, colour: str = "#24292f") -> str:
    return f'<text x="{x:g}" y="{y:g}" fill="{colour}">{escape(text)}</text>\n'


def _word(key: str, value: float | str) -> str:
    return f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
