"""Tables: the ELLAR paper's (ACCV 2024) by number, groups of clips, and variants of a bundle beside each other."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from calibration.clip_sets.clips import ClipSet
from calibration.evaluation.published_results import OVER_DOMAINS, Rows, by_light_and_camera, overall
from calibration.evaluation.scores import Estimate, Evaluation, compare
from edge.errors import DataError

PAPER_CAMERAS = ("brio", "arducam", "c920")  # the order of its columns
LIGHTS = ("LL", "ELL")
TOPS = ("top-1", "top-5")


@dataclass(frozen=True)
class Table:
    """Rows of estimates; None where there is no clip. notes: one more column of text, and its title.

    published: rows of what papers report, in percent; None where they do not.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Estimate | None, ...]], ...]
    notes: tuple[str, ...] = ()
    notes_title: str = ""
    published: Rows = ()


def table3(evaluations: Sequence[Evaluation]) -> Table:
    """Overall accuracy of every method."""
    rows = tuple((e.name, (e.top(1), e.top(5))) for e in evaluations)
    return Table("ELLAR table 3: accuracy over all clips", TOPS, rows, published=overall("ellar-table3", TOPS))


def accuracy_on(data: str, protocol: str) -> Callable[[Sequence[Evaluation]], Table]:
    """A table like ELLAR's third of another data set."""

    def over_all(evaluations: Sequence[Evaluation]) -> Table:
        table = table3(evaluations)
        return dataclasses.replace(
            table, title=f"{data}: accuracy over all clips", published=overall(protocol, table.columns)
        )

    return over_all


def table4(evaluations: Sequence[Evaluation]) -> Table:
    """Top-1 by light and camera; the average is that of the cameras."""
    cameras = sorted(evaluations[0].by("camera"), key=_paper_order)
    rows = []
    for evaluation in evaluations:
        for light in sorted(evaluation.by("light"), key=_light_order):
            by_camera = evaluation.by("light")[light].by("camera")
            cells = [by_camera[camera].top(1) if camera in by_camera else None for camera in cameras]
            rows.append((f"{evaluation.name}, {light}", (*cells, Estimate.mean([c for c in cells if c is not None]))))
    columns = (*cameras, "average")
    return Table(
        "ELLAR table 4: top-1 by light and camera", columns, tuple(rows), published=by_light_and_camera(columns)
    )


def table5(evaluations: Sequence[Evaluation]) -> Table:
    """Top-1 over domains: the first bundle is taken as trained on LL, a second one as trained on ELL."""
    rows = []
    domains = LIGHTS if len(evaluations) > 1 else (evaluations[0].name,)
    for trained, evaluation in zip(domains, evaluations, strict=False):
        for light in sorted(evaluation.by("light"), key=_light_order):
            rows.append((f"{trained} > {light}", (evaluation.by("light")[light].top(1),)))
    return Table("ELLAR table 5: trained on > tested on", ("top-1",), tuple(rows), published=OVER_DOMAINS)


def table7(evaluations: Sequence[Evaluation]) -> Table:
    """Ablation: what the gate and the heads are worth."""
    table = beside(evaluations)
    published = overall("ellar-table7", table.columns)
    return dataclasses.replace(table, title="ELLAR table 7: gate and heads switched off", published=published)


PROTOCOLS: dict[str, Callable[[Sequence[Evaluation]], Table]] = {
    "ellar-table3": table3,
    "ellar-table4": table4,
    "ellar-table5": table5,
    "ellar-table7": table7,
    "arid": accuracy_on("ARID 1.0", "arid"),
    "arid15": accuracy_on("ARID 1.5", "arid15"),
    "dark48": accuracy_on("Dark48", "dark48"),
}
NEEDS = {"ellar-table4": ("light", "camera"), "ellar-table5": ("light",)}


def groups(evaluation: Evaluation, attribute: str) -> Table:
    """A row per value of `light`, `camera` or `actor`."""
    rows = tuple((value, (e.top(1), e.top(5), e.macro_estimate)) for value, e in evaluation.by(attribute).items())
    return Table(f"by {attribute}", ("top-1", "top-5", "macro"), rows)


def beside(evaluations: Sequence[Evaluation]) -> Table:
    """Variants of one bundle on the same clips, each compared with the last one (the bundle as it runs)."""
    rows = tuple((e.name, (e.top(1), e.top(5), e.macro_estimate)) for e in evaluations)
    paired = [compare(evaluation, evaluations[-1]) for evaluation in evaluations[:-1]]
    notes = (*(f"p = {c.p_value:.2g}" for c in paired), "")
    return Table("beside each other", ("top-1", "top-5", "macro"), rows, notes, "against the last (McNemar)")


def check_protocol(protocol: str | None, clips: ClipSet) -> None:
    """See, before anything is computed, that the clips know what the protocol sorts by. Raises DataError."""
    for attribute in NEEDS.get(protocol or "", ()):
        silent = sum(getattr(clip, attribute) is None for clip in clips.clips)
        if silent:
            raise DataError(
                f"{clips.name}: {silent} of {len(clips.clips)} clips do not say their {attribute}, which {protocol} "
                "needs; a column of that name in the set's table (docs/data.md) tells it"
            )


def _paper_order(camera: str) -> tuple[int, str]:
    known = [i for i, name in enumerate(PAPER_CAMERAS) if name in camera.lower()]
    return (known[0] if known else len(PAPER_CAMERAS), camera)


def _light_order(light: str) -> tuple[int, str]:
    return (LIGHTS.index(light) if light in LIGHTS else len(LIGHTS), light)
