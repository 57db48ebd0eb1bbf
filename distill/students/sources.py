"""Clips to learn from, in memory, and the batches drawn from them."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from calibration.clip_sets.clips import Clip, ClipSet, Terms
from calibration.clip_sets.labels import NOTHING, counterparts, known_clips
from calibration.jobs.progress import Progress
from calibration.sets import public_name
from calibration.tensors import ClipTensors, StoredTensors, store_tensors
from distill.students.augment import augment, piece_of, reverse_time, window
from distill.students.recipe import PRODUCT, Recipe, SourceConfig
from edge.bundles.manifest import DataSource
from edge.errors import DataError

Rng = np.random.Generator


class Lesson(NamedTuple):
    """A teacher on one clip, mean over its views. logits: float32 [classes], the recipe's; features: float32 [D]."""

    logits: Tensor
    features: Tensor


NOBODY = -1  # the label of a clip without a person, for a recipe that has no label `nothing`
IGNORED = -2  # the label of a tick between two things, from which nothing is learnt
Teach = Callable[[Clip], Lesson]


class Stretch(NamedTuple):
    """Ticks of a clip in which one thing goes on: from `first` until before `end`. label: as of `Source`."""

    first: int
    end: int
    label: int


@dataclass(frozen=True)
class Source:
    """One set in memory. labels: index into the recipe's labels, NOBODY without a person. share: of a batch.

    stretches: of every clip, in order; of most one, from end to end, with the clip's label. lessons: what a teacher
    says of every clip, None without a teacher. recordings: what each clip is rendered from (`Clip.rendered_from`).
    terms: whose each recording is, and what it may be used for.
    """

    names: tuple[str, ...]
    clips: StoredTensors
    labels: tuple[int, ...]
    actors: tuple[str | None, ...]
    share: float
    pretrain: bool
    stretches: tuple[tuple[Stretch, ...], ...]
    lessons: tuple[Lesson, ...] | None = None
    recordings: tuple[str, ...] = ()
    terms: tuple[Terms, ...] = ()

    def without(self, actors: Collection[str | None]) -> Source:
        """The same source without these people."""
        kept = [i for i, actor in enumerate(self.actors) if actor not in actors]
        return replace(
            self,
            names=tuple(self.names[i] for i in kept),
            clips=self.clips.only(kept),
            labels=tuple(self.labels[i] for i in kept),
            actors=tuple(self.actors[i] for i in kept),
            stretches=tuple(self.stretches[i] for i in kept),
            lessons=None if self.lessons is None else tuple(self.lessons[i] for i in kept),
            recordings=tuple(self.recordings[i] for i in kept) if self.recordings else (),
            terms=tuple(self.terms[i] for i in kept) if self.terms else (),
        )

    def taught(self, teach: Callable[[ClipTensors], Lesson]) -> Source:
        """The same source with what a teacher says of what the student sees; of nobody there is nothing to say."""
        if NOBODY in self.labels:
            return self
        return replace(self, lessons=tuple(teach(clip) for clip in self.clips))

    def fingerprints(self) -> Iterator[str]:
        """Of its clips, and of the recordings that they are rendered from (calibration/learnt.py)."""
        yield from (self.clips.fingerprint(i) for i in range(len(self.clips)))
        yield from (recording for recording in self.recordings if recording)

    def known_to(self, learnt: Collection[str]) -> int:
        """How many of its clips are among these fingerprints, or are rendered from a recording that is."""
        recordings = self.recordings or ("",) * len(self.clips)
        return sum(self.clips.fingerprint(i) in learnt or recordings[i] in learnt for i in range(len(self.clips)))

    def by_class(self) -> list[list[tuple[int, Stretch]]]:
        """Clips and stretches of every label that occurs, so that a batch can be balanced."""
        found: dict[int, list[tuple[int, Stretch]]] = {}
        for clip, stretches in enumerate(self.stretches):
            for stretch in stretches:
                found.setdefault(stretch.label, []).append((clip, stretch))
        return [found[label] for label in sorted(found)]

    def tick_labels(self, clip: int, ticks: int) -> npt.NDArray[np.int64]:
        """What goes on at every one of a clip's ticks, IGNORED between two things: int64 [ticks]."""
        labels = np.full(ticks, IGNORED)
        for first, end, label in self.stretches[clip]:
            labels[first:end] = label
        return labels


def fingerprints(sources: Iterable[Source]) -> frozenset[str]:
    """Of all their clips."""
    return frozenset(one for source in sources for one in source.fingerprints())


def load_sources(
    recipe: Recipe,
    data_root: Path | None,
    cache: Path,
    workers: int,
    show: Callable[[str], Progress] | None = None,
    teach: Teach | None = None,
) -> list[Source]:
    """Decode or render every source of the recipe; `teach` asks the teacher. Raises ConfigError, DataError.

    All of them are opened, their lists and labels read, before the first is decoded. show: makes the progress of a
    phase from its name.
    """
    sources = []
    opened = [_opened(config, recipe, data_root, show is not None) for config in recipe.sources]
    for number, (config, clip_set) in enumerate(zip(recipe.sources, opened, strict=True), 1):
        report = show and show(f"source {number} of {len(opened)}, {public_name(config.set)}")
        tensors = store_tensors(clip_set.clips, recipe.geometry, cache, workers, report)
        usable = [i for i in range(len(tensors)) if tensors.ticks(i) > recipe.schedule.warm_up]
        if not usable:
            raise DataError(f"{config.set}: no clip is longer than {recipe.schedule.warm_up} ticks")
        meant = counterparts(clip_set.labels, recipe.labels, clip_set.aliases)
        nobody = recipe.labels.index(NOTHING) if NOTHING in recipe.labels else NOBODY
        labels = tuple(
            nobody if config.nobody or (label := meant[clip_set.clips[i].label]) is None else label for i in usable
        )
        sources.append(
            Source(
                names=tuple(clip_set.clips[i].name for i in usable),
                clips=tensors.only(usable),
                labels=labels,
                stretches=tuple(
                    _stretches(clip_set.clips[i], tensors, i, meant, label)
                    for i, label in zip(usable, labels, strict=True)
                ),
                actors=tuple(clip_set.clips[i].actor for i in usable),
                recordings=tuple(clip_set.clips[i].rendered_from for i in usable),
                terms=tuple(clip_set.clips[i].terms for i in usable),
                share=config.share,
                pretrain=config.pretrain,
                lessons=None if teach is None or config.nobody else tuple(teach(clip_set.clips[i]) for i in usable),
            )
        )
    return sources


def _stretches(
    clip: Clip, tensors: StoredTensors, index: int, meant: Sequence[int | None], label: int
) -> tuple[Stretch, ...]:
    """A clip's spans in ticks; those whose label the recipe does not know are left out."""
    if not clip.spans:
        return (Stretch(0, tensors.ticks(index), label),)
    times_s = tensors.times_s(index)
    found = []
    for span in clip.spans:
        first, end = np.searchsorted(times_s, (span.start_s, span.end_s)).tolist()
        known = meant[span.label]
        if known is not None and first < end:
            found.append(Stretch(first, end, known))
    return tuple(found)


def _opened(config: SourceConfig, recipe: Recipe, data_root: Path | None, talks: bool) -> ClipSet:
    products = recipe.licences == PRODUCT
    clip_set = _for_products(config, data_root, talks) if products else config.open(data_root)
    if config.nobody:
        return clip_set
    known = replace(clip_set, clips=[clip for clip, _ in known_clips(clip_set, recipe.labels)[0]])
    _check_files(config, known)
    return known


def _for_products(config: SourceConfig, data_root: Path | None, talks: bool) -> ClipSet:
    """Those clips alone of which products may be made; the limit counts these. Raises DataError where there is none."""
    everything = replace(config, limit=None).open(data_root)
    kept = [clip for clip in everything.clips if clip.terms.product_ok == "yes"]
    name = public_name(config.set.replace("{data}/", ""))
    if not kept:
        raise DataError(
            f"{name}: `licences: {PRODUCT}`, and of its {len(everything.clips)} clips none has `product_ok` yes in "
            "labels.csv; take the source out of the recipe, or `licences` where nothing is to be sold"
        )
    if talks and len(kept) < len(everything.clips):
        left = Counter(
            clip.terms.product_ok or "not told" for clip in everything.clips if clip.terms.product_ok != "yes"
        )
        told = ", ".join(f"{count} whose product_ok is {word}" for word, count in sorted(left.items()))
        print(f"{name}: {len(kept)} clips; left out by `licences: {PRODUCT}`: {told}", file=sys.stderr)
    chosen = replace(everything, clips=kept)
    return chosen if config.limit is None else chosen.subset(config.limit)


def data_of(recipe: Recipe, sources: Sequence[Source]) -> tuple[DataSource, ...]:
    """What the manifest says of the data: of every set the recipe's word, and a row for all of its clips whose terms
    are the same; names without directories.
    """
    rows = []
    for told, source in zip(recipe.data, sources, strict=True):
        terms = sorted(set(source.terms), key=lambda one: (one.origin, one.licence, one.product_ok))
        rows += [
            DataSource(f"{told.name}: {one.origin}", f"{one.licence}; product_ok: {one.product_ok or 'not told'}")
            for one in terms
            if one.origin and one.licence
        ] or [told]
    return tuple(rows)


def _check_files(config: SourceConfig, clip_set: ClipSet) -> None:
    """A file that is missing or empty is told of before hours of work. Raises DataError."""
    for clip in clip_set.clips:
        if clip.file is not None and not (clip.file.is_file() and clip.file.stat().st_size):
            raise DataError(f"{config.set}: {clip.file}: expected a recording, found nothing; see `calibration check`")


@dataclass(frozen=True)
class Batch:
    """x: float32 [B,T,3,h,w] in levels; labels: int64 [B,T], of each tick, also NOBODY and IGNORED.

    experts: int64 [B,T], the one of each tick. sources: int64 [B], the number of each clip's source. lessons: the
    teacher's, for the clips at `taught`: int64 [L].
    """

    x: Tensor
    labels: Tensor
    experts: Tensor
    sources: Tensor
    taught: Tensor
    lessons: Lesson | None = None

    def own(self, logits: Tensor) -> Tensor:
        """Of logits [B,T,experts,classes] those of each tick's expert: [B,T,classes]."""
        return logits.gather(2, self.experts[..., None, None].expand(-1, -1, 1, logits.shape[-1])).squeeze(2)

    def part(self, share: slice, device: torch.device) -> Batch:
        """Some of the clips, on a device."""
        chosen = torch.arange(len(self.x))[share]
        matches = self.taught.unsqueeze(1) == chosen.unsqueeze(0)
        lessons = self.lessons and Lesson(*(values[matches.any(1)].to(device) for values in self.lessons))
        return Batch(
            self.x[share].to(device),
            self.labels[share].to(device),
            self.experts[share].to(device),
            self.sources[share].to(device),
            matches.nonzero()[:, 1].to(device),
            lessons,
        )


class Piece(NamedTuple):
    """A piece of a clip for a batch, and the lesson if it applies.

    plane: the first one, [T,h,w]; velocity: [T,2,h,w]; labels, experts: of every tick, [T].
    """

    plane: Tensor
    velocity: Tensor
    labels: Tensor
    experts: Tensor
    source: int
    lesson: Lesson | None


class Batches:
    """Endless balanced batches: by a source's share a class, a clip, an expert at random (the paper's first step)."""

    def __init__(self, sources: Sequence[Source], recipe: Recipe, rng: Rng) -> None:
        self._sources = [(source, source.by_class()) for source in sources]
        shares = np.array([source.share for source in sources])
        self._shares = shares / shares.sum()
        self._recipe = recipe
        self.rng = rng
        self._reversed = {recipe.labels.index(a): recipe.labels.index(b) for a, b in recipe.reversed.items()}

    @property
    def lesson_width(self) -> int | None:
        """Width of the teacher's features; None without a teacher."""
        taught = [source.lessons[0] for source, _ in self._sources if source.lessons]
        return len(taught[0].features) if taught else None

    def __iter__(self) -> Batches:
        return self

    def __next__(self) -> Batch:
        recipe = self._recipe
        drawn = [self._draw() for _ in range(recipe.schedule.batch)]
        planes, velocities = torch.stack([one.plane for one in drawn]), torch.stack([one.velocity for one in drawn])
        geometry = recipe.geometry
        x = augment(planes, velocities, recipe.augment, geometry.form, geometry.levels_per_pixel, self.rng)
        labels, sources = torch.stack([one.labels for one in drawn]), torch.tensor([one.source for one in drawn])
        experts = torch.stack([one.experts for one in drawn])
        taught = [i for i, one in enumerate(drawn) if one.lesson is not None]
        lessons = [one.lesson for one in drawn if one.lesson is not None]
        stacked = Lesson(*map(torch.stack, zip(*lessons, strict=True))) if lessons else None
        return Batch(x, labels, experts, sources, torch.tensor(taught, dtype=torch.int64), stacked)

    def _draw(self) -> Piece:
        rng, recipe = self.rng, self._recipe
        number = int(rng.choice(len(self._sources), p=self._shares))
        source, by_class = self._sources[number]
        stretches = by_class[rng.integers(len(by_class))]
        clip, stretch = stretches[rng.integers(len(stretches))]
        experts = _experts(recipe, rng)
        x = source.clips[clip].x
        index, steps = piece_of(x.shape[1], stretch.first, stretch.end, len(experts), recipe.augment, rng)
        plane, velocity = window(x, experts, index, steps, recipe.geometry.levels_per_pixel)
        labels = source.tick_labels(clip, x.shape[1])[np.minimum(index, x.shape[1] - 1)]
        lesson = source.lessons[clip] if source.lessons else None
        if set(labels.tolist()) <= self._reversed.keys() and rng.random() < recipe.augment.reverse:
            plane, velocity = reverse_time(plane, velocity)
            experts = experts[::-1].copy()
            # The teacher has not seen the clip backwards.
            labels, lesson = np.array([self._reversed[label] for label in labels[::-1].tolist()]), None
        return Piece(plane, velocity, torch.from_numpy(labels), torch.from_numpy(experts), number, lesson)


def _experts(recipe: Recipe, rng: Rng) -> npt.NDArray[np.int64]:
    """The expert of each tick: one for all of the piece, or another from somewhere on."""
    ticks, count = recipe.schedule.ticks, len(recipe.geometry.gammas)
    experts = np.full(ticks, rng.integers(count))
    if rng.random() < recipe.augment.switch:
        experts[rng.integers(ticks) :] = rng.integers(count)
    return experts
