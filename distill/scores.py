"""An evaluation as `distill eval` tells it and keeps it."""

from __future__ import annotations

import json
from pathlib import Path

from calibration.evaluation.protocols import PROTOCOLS, groups
from calibration.evaluation.report import percent, report, table
from calibration.evaluation.scores import GROUPS, Evaluation

EVALUATIONS = "evaluations.jsonl"


def tell(evaluation: Evaluation, protocol: str | None = None) -> str:
    """For people: all clips, every class, and the protocol's table, or every light, camera and actor that is known.

    Raises DataError where the clips do not say what the protocol asks for.
    """
    parts = [report([evaluation]), f"top-5 {percent(evaluation.top(5))} %"]
    if protocol is not None:
        parts.append(table(PROTOCOLS[protocol]([evaluation])))
    else:
        parts += [table(groups(evaluation, by)) for by in GROUPS if len(evaluation.by(by)) > 1]
    return "\n\n".join(parts)


def record(run: Path, evaluation: Evaluation) -> None:
    """Add a line to DIR/evaluations.jsonl."""
    values = {
        "set": evaluation.set_name,
        "clips": len(evaluation.results),
        "top1": evaluation.top1,
        "top5": evaluation.top(5).value,
        "macro": evaluation.macro,
        "interval95": evaluation.interval95,
    }
    with (run / EVALUATIONS).open("a", encoding="utf-8") as file:
        file.write(json.dumps(values) + "\n")
