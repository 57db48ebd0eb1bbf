"""What a data set is made of: clips that open lazily, and the seeded, stratified choice among them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from edge.errors import DataError
from edge.picture.frame import Frame


@dataclass(frozen=True)
class Span:
    """A part of a clip in which one thing goes on: from start_s until before end_s, by its frames' capture times."""

    start_s: float
    end_s: float
    label: int


@dataclass(frozen=True)
class Terms:
    """What labels.csv says of a recording: its source, its licence, and whether products may be made from it.

    product_ok: `yes`, `no`, `ask` (its owners), or empty where nobody says so, which is not a yes.
    """

    origin: str = ""
    licence: str = ""
    product_ok: str = ""


OURS = Terms("our own renderer", "Apache-2.0", "yes")
NOT_TOLD = Terms()
VIDEO = "video"  # what a clip is made by that shows its file as it is


@dataclass(frozen=True)
class Clip:
    """One recording of one action, or of several in turn.

    name: unique within its set. label: index into the set's labels. source: opens the recording from its start; a
    module-level function or a `functools.partial` of one, so that clips travel between processes.
    made_by: all that its frames hang on besides the content of `file`. file: the recording, None where it is rendered.
    actor, camera, light, location: None where not known. spans: what goes on when, in order and without overlap; what
    they leave out is not judged and not learnt from. None: `label`, from its first frame to its last. disturbance: what
    moves or changes where nobody is, kinds joined by `+`. terms: whose recording it is, and what it may be used for.
    recorded: gives what identifies the recording that the frames are rendered from, where its file does not: the same
    recording may have been packed in several ways.
    """

    name: str
    label: int
    source: Callable[[], Iterator[Frame]]
    made_by: str
    actor: str | None = None
    camera: str | None = None
    light: str | None = None
    location: str | None = None
    file: Path | None = None
    spans: tuple[Span, ...] = ()
    disturbance: str | None = None
    terms: Terms = NOT_TOLD
    recorded: Callable[[], str] | None = None

    @property
    def rendered_from(self) -> str:
        """Of the recording that its frames are rendered from, 16 hexadecimal digits; the same for every rendering of it
        by any revision of the renderer. Empty where there is none, or where the frames are the file's own.
        """
        if self.recorded is not None:
            return self.recorded()
        return "" if self.file is None or self.made_by == VIDEO else _digest(self.file)[:16]

    @property
    def identity(self) -> str:
        """Changes when the frames may have changed; what a cache is keyed by. Reads all of `file` the first time."""
        return self.made_by if self.file is None else f"{self.made_by} {_digest(self.file)}"

    def frames(self) -> Iterator[Frame]:
        """Decode or render, frame by frame. Raises DataError that names the file."""
        return self.source()


def _digest(path: Path) -> str:
    """SHA-256 of a file's content. Raises DataError when it cannot be read."""
    try:
        status = path.stat()
        return _digest_of(path, status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error


@lru_cache(maxsize=1 << 16)
def _digest_of(path: Path, size: int, changed_ns: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@dataclass(frozen=True)
class ClipSet:
    """A named set: its labels in the order of the clips' label numbers.

    aliases: names of labels that only this set has for an action -> what others call it (labels.py).
    """

    name: str
    labels: tuple[str, ...]
    clips: Sequence[Clip]
    aliases: Mapping[str, str] = field(default_factory=dict)

    def subset(self, limit: int, seed: int = 0) -> ClipSet:
        """At most `limit` clips, spread over class x camera x light; their order is kept."""
        if limit >= len(self.clips):
            return self
        chosen = stratified([(c.label, c.camera, c.light) for c in self.clips], limit, seed)
        return replace(self, clips=[self.clips[i] for i in chosen])


def stratified(strata: Sequence[tuple[Hashable, ...]], limit: int, seed: int) -> list[int]:
    """Indices of `limit` items, sorted: equally many of every class (the strata's first key) as far as there are, and
    within a class its strata in proportion.
    """
    sizes = Counter(strata)
    seen: Counter[Hashable] = Counter()
    shares: dict[Hashable, list[tuple[float, int]]] = {}
    for item in np.random.default_rng(seed).permutation(len(strata)).tolist():
        stratum = strata[item]
        # Sorted by this fraction, every beginning of a class's items holds its strata in proportion.
        shares.setdefault(stratum[0], []).append(((seen[stratum] + 0.5) / sizes[stratum], item))
        seen[stratum] += 1
    turns = ((turn, item) for items in shares.values() for turn, (_, item) in enumerate(sorted(items)))
    return sorted(item for _, item in sorted(turns)[:limit])
