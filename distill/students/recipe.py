"""A recipe: everything that decides what a student becomes, in one YAML file."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from calibration.clip_sets.clips import ClipSet
from calibration.sets import open_set, public_name
from calibration.tensors import Geometry
from distill.students.augment import AugmentConfig
from distill.students.network.student import SIZES
from distill.students.wiid import WiidConfig
from edge.bundles.manifest import DataSource, SmoothingSpec
from edge.errors import ConfigError
from edge.fields import OneOf, build, read_yaml

ANY, PRODUCT = "any", "product"  # whose recordings a recipe may learn from
FOR_PRODUCTS = "product_ok: yes"  # how a licence in a manifest ends of which products may be made


@dataclass(frozen=True)
class SourceConfig:
    """A set of clips to learn from.

    set: as `calibration list` names it; `{data}` stands for the --data-root directory. share: of every batch, beside
    the other sources' shares: what counts are their proportions. pretrain: learn from it before the others are added.
    nobody: its clips show no person; the student learns to be undecided about them (outlier exposure, Hendrycks et al.,
    ICLR 2019), so that the device abstains. light: only its clips in this light.
    """

    set: str
    licence: str
    share: float = 1.0
    limit: int | None = None
    pretrain: bool = False
    nobody: bool = False
    light: str | None = None

    def open(self, data_root: Path | None) -> ClipSet:
        """The clips. Raises ConfigError where the set needs a data root and none is given."""
        if "{data}" in self.set and data_root is None:
            raise ConfigError(f"the recipe learns from {self.set!r}: name the directory of the data with --data-root")
        clips = open_set(self.set.replace("{data}", str(data_root)), data_root, self.limit)
        chosen = [clip for clip in clips.clips if self.light in (None, clip.light)]
        return dataclasses.replace(clips, clips=chosen)


@dataclass(frozen=True)
class ScheduleConfig:
    """Steps and rates. AdamW with a one-cycle rate; ticks: length of the pieces that are learnt from.

    tick_weight: of the loss at every tick, beside the loss of the clip's mean. warm_up: ticks at a piece's start that
    are not scored, because the student has seen too little.
    """

    pretrain_steps: int
    steps: int
    batch: int = 24
    ticks: int = 24
    warm_up: int = 4
    rate: float = 2e-3
    weight_decay: float = 0.05
    tick_weight: float = 0.3
    label_smoothing: float = 0.1


@dataclass(frozen=True)
class StudentShape:
    """The student's layers (students/network/student.py). size: its channels, `s` or `m`; stages: or other ones."""

    size: str = "s"
    stages: tuple[tuple[int, int], ...] = ()
    embedding: int = 96
    history: int = 12
    dropout: float = 0.3
    shared_head: bool = False

    @property
    def channels(self) -> tuple[tuple[int, int], ...]:
        """Of the two convolutions of each stage."""
        return self.stages or SIZES[self.size]

    def check(self, where: str) -> None:
        """Raises ConfigError for a size that there is not."""
        if self.size not in SIZES:
            raise ConfigError(f"{where}: size: expected one of {', '.join(SIZES)}, found {self.size}")


@dataclass(frozen=True)
class GateConfig:
    """The gate's second step of training (the paper's): window in ticks, hold: hysteresis of the device, in ticks."""

    window: int = 16
    hold: int = 4
    steps: int = 600
    batch: int = 64
    rate: float = 3e-3


@dataclass(frozen=True)
class FoldsConfig:
    """Whose actors are left out together, fold by fold, of which source (its number in the list).

    actors: none to divide the source's people among FOLDS folds (distill/students/folds.py).
    """

    source: int = 0
    actors: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class DistillationConfig:
    """What a teacher's word weighs beside the labels (Hinton et al., 2015). feature_weight: 0 leaves features alone.

    ActLumos, which distils on logits for the dark, publishes neither weight nor temperature.
    """

    weight: float = 1.0
    temperature: float = 4.0
    feature_weight: float = 0.0


@dataclass(frozen=True)
class QuantisationConfig:
    """Fine-tuning with the rounding of the device, after `train`, before the gate (students/stages/quantisation.py).

    rate: of AdamW, one cycle; scale_rate: of the scales, as a share of them. batches: from which the ranges are taken
    before it begins.
    """

    steps: int = 100
    rate: float = 1e-4
    scale_rate: float = 5e-3
    batches: int = 8

    def check(self, where: str) -> None:
        """Raises ConfigError for a value that cannot be trained with."""
        for name in ("steps", "batches"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{where}: {name}: expected 1 or more, found {getattr(self, name)}")
        for name in ("rate", "scale_rate"):
            if not 0 < getattr(self, name) < 1:
                found = f"{getattr(self, name):g}"
                raise ConfigError(f"{where}: {name}: expected more than 0 and less than 1, found {found}")


@dataclass(frozen=True)
class Recipe:
    """distillation: needs a teacher, `--teacher DIR`. wiid: what an ablation switches (distill/students/wiid.py).

    reversed: what an action becomes when it is played backwards; an action that is not named is never reversed.
    licences: `any`, or `product`, which leaves out every clip whose `product_ok` in labels.csv is not yes.
    """

    name: str
    labels: tuple[str, ...]
    sources: tuple[SourceConfig, ...]
    schedule: ScheduleConfig
    smoothing: SmoothingSpec
    seed: int = 0
    folds: FoldsConfig = field(default_factory=FoldsConfig)
    reversed: dict[str, str] = field(default_factory=dict)
    geometry: Geometry = field(default_factory=Geometry)
    student: StudentShape = field(default_factory=StudentShape)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    gate: GateConfig = field(default_factory=GateConfig)
    distillation: DistillationConfig | None = None
    wiid: WiidConfig | None = None
    quantisation: QuantisationConfig | None = None
    licences: Annotated[str, OneOf((ANY, PRODUCT))] = ANY

    @property
    def data(self) -> tuple[DataSource, ...]:
        """What the manifest says of the data; names without directories."""
        names = [public_name(source.set.replace("{data}/", "")) for source in self.sources]
        return tuple(DataSource(name, source.licence) for name, source in zip(names, self.sources, strict=True))


def load_recipe(path: Path) -> Recipe:
    """Read and check a student's recipe. Raises ConfigError."""
    return recipe_of({key: value for key, value in read_yaml(path).items() if key != "kind"}, str(path))


def recipe_of(document: dict[str, Any], where: str) -> Recipe:
    """A recipe from what its file holds. Raises ConfigError that names `where`."""
    recipe = build(Recipe, document, where)
    unknown = {*recipe.reversed, *recipe.reversed.values()} - set(recipe.labels)
    if unknown:
        raise ConfigError(f"{where}: reversed: {', '.join(sorted(unknown))} not among the labels {list(recipe.labels)}")
    if not recipe.sources:
        raise ConfigError(f"{where}: sources: expected at least one")
    if not 0 <= recipe.folds.source < len(recipe.sources):
        last = len(recipe.sources) - 1
        raise ConfigError(f"{where}: folds: source: expected 0 to {last}, found {recipe.folds.source}")
    for number, source in enumerate(recipe.sources):
        if not (source.share > 0 and math.isfinite(source.share)):
            raise ConfigError(f"{where}: sources[{number}]: share: expected more than 0, found {source.share:g}")
    recipe.student.check(f"{where}: student")
    if recipe.quantisation is not None:
        recipe.quantisation.check(f"{where}: quantisation")
    return recipe
