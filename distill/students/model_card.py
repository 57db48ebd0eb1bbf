"""MODEL-CARD.md beside a trained bundle: what it is, what it learnt from, how well, and what it must not be used for.

Only what training knows is said; what was not measured is said to be so (Mitchell et al., Model Cards for Model
Reporting, FAT* 2019).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from calibration.sets import public_name
from distill.students.recipe import Recipe
from distill.students.sources import NOBODY, Source
from distill.training.job import Job
from distill.training.loop import METRICS
from distill.training.metrics import read
from edge.bundles.bundle import Bundle
from edge.files import write_whole

MODEL_CARD = "MODEL-CARD.md"


@dataclass(frozen=True)
class Material:
    """What a student was made from. start: what it began from, for people; empty where it began from nothing.

    sources: for each its name, licence, share of a batch and clips by label. held_out: clips that it never learnt from,
    and their actors; None where all clips were learnt from.
    """

    start: str
    command: str
    sources: tuple[tuple[str, str, float, dict[str, int]], ...]
    held_out: tuple[int, tuple[str, ...]] | None = None


def material(job: Job, recipe: Recipe, sources: Sequence[Source], held_out: Source | None) -> Material:
    """As this training had it."""
    whole = sum(source.share for source in sources)
    rows = (
        (
            public_name(config.set.replace("{data}/", "")),
            config.licence,
            source.share / whole,
            _by_label(source, recipe),
        )
        for config, source in zip(recipe.sources, sources, strict=True)
    )
    actors = () if held_out is None else tuple(sorted({actor for actor in held_out.actors if actor}))
    return Material(
        start="" if job.start is None else job.start.name,
        command=f"distill {job.command} {job.recipe_name}",
        sources=tuple(rows),
        held_out=None if held_out is None else (len(held_out.names), actors),
    )


def write_model_card(path: Path, bundle: Bundle, made_from: Material) -> None:
    """Write the card; `metrics.jsonl` beside it tells what was held out and how well it was named."""
    metrics = path.with_name(METRICS)
    curve = [line for line in read(metrics) if "held_out" in line] if metrics.exists() else []
    last = float(curve[-1]["held_out"]) if curve else None
    write_whole(path, "\n".join(_lines(bundle, made_from, last)) + "\n")


def _lines(bundle: Bundle, made_from: Material, held_out: float | None) -> Iterator[str]:
    manifest = bundle.manifest
    seen, where = manifest.input, manifest.provenance
    yield from (f"# Model card: {manifest.name}", "", "| | |", "|---|---|")
    rows = {
        "what it does": f"says which of {len(manifest.labels)} actions is done before a camera in the dark: "
        f"{', '.join(manifest.labels)}; or nothing",
        "input": f"{seen.form}, {seen.width}x{seen.height}, every {manifest.cadence.interval_ms:g} ms",
        "form": f"{manifest.precision}, {len(bundle.student_bytes()) / 1e6:.2f} MB; `quantize` makes the integer form",
        "made by": f"`{made_from.command}`, seed {where.seed}, revision {where.revision}",
        "begun from": made_from.start or "random weights",
    }
    yield from (f"| {name} | {_cell(text)} |" for name, text in rows.items())
    yield from (
        "",
        "## What it learnt from",
        "",
        "| set | licence | share of a batch | clips by label |",
        "|---|---|---|---|",
    )
    for name, licence, share, counts in made_from.sources:
        clips = ", ".join(f"{label} {count}" for label, count in counts.items())
        yield f"| {_cell(name)} | {_cell(licence)} | {share:.0%} | {_cell(clips)} |"
    if made_from.start:
        yield from ("", f"Before that, what `{made_from.start}` learnt from; ask its own card.")
    yield from ("", "## How good", "", *_how_good(made_from, held_out))
    yield from ("", "## What it must not be used for", "", *LIMITS)


def _how_good(made_from: Material, held_out: float | None) -> Iterator[str]:
    if made_from.held_out is None:
        yield "Not measured: every clip was learnt from. `distill folds` leaves people out, and `edge-folds` says how"
        yield "well they are named; `edge-eval --bundle BUNDLE --set folder:OTHER` asks clips that are new to it."
        return
    count, actors = made_from.held_out
    people = f" of {', '.join(actors)}" if actors else ""
    yield f"{count} clips{people} were left out of its training. `edge-folds` judges all folds together, as the device"
    yield "decides."
    if held_out is not None:
        yield f"At the end of training {held_out:.1%} of them (at most 64) were named rightly, all experts averaged."


LIMITS = (
    "Decisions about people: who they are, what they intend, whether they work, whether they are ill or dangerous;",
    "surveillance; anything where a wrong or missing label hurts someone without another safeguard. It knows no other",
    "actions than these: another action becomes one of them, or nothing. People, rooms, cameras and lights that the",
    "clips above do not show were not tried.",
)


def _by_label(source: Source, recipe: Recipe) -> dict[str, int]:
    counts = Counter(source.labels)
    names = {NOBODY: "nobody", **dict(enumerate(recipe.labels))}
    return {names[label]: counts[label] for label in sorted(counts)}


def _cell(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1].replace("|", "\\|")
