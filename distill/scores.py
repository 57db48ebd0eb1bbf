"""An evaluation as the papers report it: top-1 and top-5, by light and camera."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from calibration.clips import ClipSet
from calibration.evaluate import ClipResult, Evaluation, left_out, summary_line
from edge.errors import DataError

EVALUATIONS = "evaluations.jsonl"
BEST = 5


def chosen(clips: ClipSet, light: str | None, camera: str | None) -> ClipSet:
    """The clips of one light and one camera; None takes all. Raises DataError where none is left."""
    kept = [c for c in clips.clips if light in (None, c.light) and camera in (None, c.camera)]
    if not kept:
        known = sorted({f"{c.light}/{c.camera}" for c in clips.clips})
        raise DataError(f"{clips.name}: no clip of light {light} and camera {camera}; it has {', '.join(known)}")
    return replace(clips, clips=kept)


def top(results: Sequence[ClipResult], best: int) -> float:
    """Share of clips whose true label is among the `best` likeliest."""
    hits = [r.ticks > 0 and r.label in np.argsort(-r.probabilities, kind="stable")[:best] for r in results]
    return sum(hits) / len(hits)


def report(evaluation: Evaluation) -> str:
    """For people: everything, every class, then every light and camera that the clips name."""
    results = evaluation.results
    lines = [summary_line(evaluation), f"{top(results, BEST):.1%} top-{BEST}"]
    lines += [f"  {label:<16}{right:>6}/{count}" for label, (right, count) in evaluation.per_class.items()]
    groups = sorted({(r.clip.light or "-", r.clip.camera or "-") for r in results})
    for light, camera in groups if len(groups) > 1 else ():
        part = [r for r in results if (r.clip.light or "-", r.clip.camera or "-") == (light, camera)]
        scores = f"{top(part, 1):.1%} top-1, {top(part, BEST):.1%} top-{BEST}"
        lines.append(f"  {light}/{camera:<20} {scores}, {len(part)} clips")
    return "\n".join(lines + left_out(evaluation))


def record(run: Path, evaluation: Evaluation, light: str | None, camera: str | None) -> None:
    """Add a line to DIR/evaluations.jsonl."""
    values = {
        "set": evaluation.set_name,
        "light": light,
        "camera": camera,
        "clips": len(evaluation.results),
        "top1": evaluation.top1,
        "top5": top(evaluation.results, BEST),
        "macro": evaluation.macro,
        "interval95": evaluation.interval95,
    }
    with (run / EVALUATIONS).open("a", encoding="utf-8") as file:
        file.write(json.dumps(values) + "\n")
