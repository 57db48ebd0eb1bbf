"""What a data set is made of: clips that open lazily, and the seeded, stratified choice among them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from edge.frame import Frame


@dataclass(frozen=True)
class Clip:
    """One recording of one action.

    name: unique within its set. label: index into the set's labels. source: opens the recording from its start; a
    module-level function or a `functools.partial` of one, so that clips travel between processes.
    identity: changes when the content may have changed; what a cache is keyed by.
    actor, camera, light: None where not known.
    """

    name: str
    label: int
    source: Callable[[], Iterator[Frame]]
    identity: str
    actor: str | None = None
    camera: str | None = None
    light: str | None = None

    def frames(self) -> Iterator[Frame]:
        """Decode or render, frame by frame. Raises DataError that names the file."""
        return self.source()


@dataclass(frozen=True)
class ClipSet:
    """A named set: its labels in the order of the clips' label numbers."""

    name: str
    labels: tuple[str, ...]
    clips: Sequence[Clip]

    def subset(self, limit: int, seed: int = 0) -> ClipSet:
        """At most `limit` clips, spread evenly over class x camera x light; their order is kept."""
        if limit >= len(self.clips):
            return self
        chosen = stratified([(c.label, c.camera, c.light) for c in self.clips], limit, seed)
        return ClipSet(self.name, self.labels, [self.clips[i] for i in chosen])


def stratified(strata: Sequence[tuple[Hashable, ...]], limit: int, seed: int) -> list[int]:
    """Indices of `limit` items, sorted: classes (the first key) in turn, and within a class its finer strata in turn."""
    shuffled = [int(i) for i in np.random.default_rng(seed).permutation(len(strata))]
    fine = _taken_in_turn(shuffled, [strata[i] for i in range(len(strata))])
    return sorted(_taken_in_turn(fine, [key[0] for key in strata])[:limit])


def _taken_in_turn(order: Sequence[int], keys: Sequence[Hashable]) -> list[int]:
    """Deal items round-robin over their keys: first every key's first item, then every key's second, and so on."""
    seen: dict[Hashable, int] = {}
    ranked = []
    for place, item in enumerate(order):
        rank = seen.get(keys[item], 0)
        seen[keys[item]] = rank + 1
        ranked.append((rank, place, item))
    return [item for _, _, item in sorted(ranked)]
