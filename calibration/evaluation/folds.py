"""Accuracy on people that a student has not seen: every fold's bundle on the clips that it was trained without."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from calibration.clip_sets.clips import ClipSet
from calibration.evaluation.evaluate import contend
from calibration.evaluation.scores import Evaluation
from calibration.evaluation.variants import Variant
from calibration.sets import public_name
from edge.bundles.bundle import Bundle, write_bundle
from edge.bundles.manifest import Accuracy
from edge.errors import DataError

CLIPS_FILE = "clips.txt"


def evaluate_folds(
    folder: Path, members: Sequence[str], clips: ClipSet, variant: Variant = Variant()
) -> list[Evaluation]:
    """One evaluation per member (a bundle's name inside every fold), each run as `variant` says, pooled over the folds.

    folder: DIR/0, DIR/1 ... as `distill folds` writes them; each holds `clips.txt`, the names of its left-out clips.
    Raises DataError: no fold, a clip that the set lacks or that two folds leave out; whatever `evaluate` raises.
    """
    folds = folds_in(folder)
    if not folds:
        raise DataError(f"{folder}: expected folds, each with {CLIPS_FILE}, found none; `distill folds` writes them")
    by_name = {clip.name: clip for clip in clips.clips}
    pooled: list[list[Evaluation]] = [[] for _ in members]
    seen: set[str] = set()
    for fold in folds:
        names = (fold / CLIPS_FILE).read_text(encoding="utf-8").splitlines()
        wrong = [name for name in names if name not in by_name or name in seen]
        if wrong:
            raise DataError(f"{fold / CLIPS_FILE}: {wrong[0]} is not in {clips.name}, or in two folds")
        seen.update(names)
        left_out = dataclasses.replace(clips, clips=[by_name[name] for name in names])
        contestants = [(Bundle.load(fold / member), variant) for member in members]
        evaluations = contend(contestants, left_out)
        learnt = [r.clip.name for evaluation in evaluations for r in evaluation.results if r.role == "training"]
        if learnt:
            raise DataError(
                f"{fold}: expected a fold trained without its clips, found {learnt[0]} among what it learnt"
            )
        for mine, evaluation in zip(pooled, evaluations, strict=True):
            mine.append(evaluation)
    return [_pool(mine) for mine in pooled]


def folds_in(folder: Path) -> list[Path]:
    """What `distill folds` wrote there, by name."""
    return sorted((path for path in folder.glob("*") if (path / CLIPS_FILE).is_file()), key=lambda path: path.name)


def _pool(evaluations: Sequence[Evaluation]) -> Evaluation:
    unknown: dict[str, int] = {}
    for evaluation in evaluations:
        for label, count in evaluation.unknown.items():
            unknown[label] = unknown.get(label, 0) + count
    results = tuple(result for evaluation in evaluations for result in evaluation.results)
    return dataclasses.replace(evaluations[0], results=results, unknown=unknown)


def record(path: Path, evaluation: Evaluation, what: str, command: str) -> None:
    """Add a measurement to the bundle's manifest, named by its precision; one of the same name is replaced."""
    bundle = Bundle.load(path)
    what = f"{bundle.manifest.precision}, {what}"
    measured = Accuracy(
        what=what,
        data=public_name(evaluation.set_name),
        command=command,
        top1=round(evaluation.top1, 4),
        macro=round(evaluation.macro, 4),
        interval95=(round(evaluation.interval95[0], 4), round(evaluation.interval95[1], 4)),
        clips=len(evaluation.results),
    )
    kept = tuple(entry for entry in bundle.manifest.accuracy if entry.what != what)
    write_bundle(path, dataclasses.replace(bundle.manifest, accuracy=(measured, *kept)), bundle.files)
