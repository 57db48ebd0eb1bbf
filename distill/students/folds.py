"""Folds: whose clips a student learns without, so that it can be judged by people that it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from distill.students.recipe import FoldsConfig
from distill.students.sources import Source
from edge.errors import DataError

FOLDS = 5  # where the recipe does not say whom to leave out together


@dataclass(frozen=True)
class Fold:
    """actors: who are left out. held_out: their clips in the source that judges. sources: what is learnt from."""

    actors: tuple[str, ...]
    held_out: Source
    sources: list[Source]


def folds_of(config: FoldsConfig, sources: Sequence[Source]) -> list[Fold]:
    """The recipe's folds, or up to FOLDS of about as many clips each. Raises DataError where there is one actor alone.

    Where no clip of the source tells its actor, every class is cut into pieces of neighbours in the list, because
    neighbours are mostly of one recording: less honest than people, and said by `nobody_is_known`.
    """
    judged = sources[config.source]
    if not config.actors and nobody_is_known(judged):
        judged = replace(judged, actors=_pieces(judged))
    sources = [*sources[: config.source], judged, *sources[config.source + 1 :]]
    return [
        Fold(
            actors,
            judged.without([actor for actor in judged.actors if actor not in actors]),
            [source.without(actors) for source in sources],
        )
        for actors in config.actors or _grouped(judged)
    ]


def nobody_is_known(source: Source) -> bool:
    """True where no clip tells who acts in it."""
    return not any(source.actors)


def _grouped(source: Source) -> list[tuple[str, ...]]:
    """Actors, those with most clips first, each into the fold that has the fewest clips so far."""
    counts: dict[str, int] = {}
    for actor in source.actors:
        if actor is not None:
            counts[actor] = counts.get(actor, 0) + 1
    if len(counts) < 2:
        raise DataError(
            f"folds: expected two actors or more in the source that is judged, found {', '.join(counts) or 'none'}; "
            "name them in the column `actor` of its labels.csv, or leave the column out: then clips are left out"
        )
    folds: list[list[str]] = [[] for _ in range(min(FOLDS, len(counts)))]
    sizes = np.zeros(len(folds), np.int64)
    for actor in sorted(counts, key=lambda one: (-counts[one], one)):
        smallest = int(sizes.argmin())
        folds[smallest].append(actor)
        sizes[smallest] += counts[actor]
    return [tuple(sorted(fold)) for fold in folds]


def _pieces(source: Source) -> tuple[str, ...]:
    """For each clip the piece of its class that it lies in, as if the piece were a person."""
    pieces = [""] * len(source.labels)
    for label in sorted(set(source.labels)):
        clips = np.flatnonzero(np.asarray(source.labels) == label)
        for piece, chosen in enumerate(np.array_split(clips, FOLDS)):
            for clip in chosen.tolist():
                pieces[clip] = f"piece {piece + 1} of {FOLDS}"
    return tuple(pieces)
