"""A teacher's recipe: network, data, clips, stages and test protocol, in one YAML file of kind `teacher`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from calibration.clip_sets.clips import ClipSet
from calibration.sets import open_set
from edge.errors import ConfigError
from edge.fields import build

SAMPLINGS = ("dense", "uniform", "delta")
SCHEDULES = ("cosine", "one_cycle", "constant")
OPTIMIZERS = ("adamw", "ranger")


@dataclass(frozen=True)
class ClipSource:
    """set: as `calibration list` names it; `{data}` stands for the --data-root directory. limit: of its clips."""

    set: str
    licence: str
    limit: int | None = None

    def open(self, data_root: Path | None) -> ClipSet:
        """The clips. Raises ConfigError where the set needs a data root and none is given."""
        if "{data}" in self.set and data_root is None:
            raise ConfigError(f"the recipe learns from {self.set!r}: name the directory of the data with --data-root")
        return open_set(self.set.replace("{data}", str(data_root)), data_root, self.limit)


@dataclass(frozen=True)
class ClipConfig:
    """What a network sees of a clip: `frames` frames of `size` x `size`.

    sampling: dense (`stride` apart), uniform, or delta (Delta Sampling). shorter: side to which frames are scaled
    first. least_area: of a training crop, as a share of the picture (1: the picture's largest square); the papers do
    not publish it. flip: share of mirrored clips. rotation: largest, in degrees. enhance: an enhancer's name, or none;
    enhance_weights: its weights, where it has some. keep: store decoded clips in the cache, about 35 MB per ELLAR clip.
    """

    frames: int = 32
    stride: int = 2
    size: int = 224
    shorter: int = 256
    sampling: str = "dense"
    least_area: float = 0.4
    flip: float = 0.5
    rotation: float = 0.0
    enhance: str = "none"
    enhance_weights: str | None = None
    keep: bool = False


@dataclass(frozen=True)
class StageConfig:
    """stage: its number in the network (distill/teachers). batch: over all processes; micro_batch: at once.

    steps: instead of epochs, where given. clip_norm: of the gradient. Contrastive losses compare within a micro-batch.
    """

    stage: int
    rate: float
    batch: int
    epochs: float = 1.0
    steps: int | None = None
    micro_batch: int | None = None
    schedule: str = "cosine"
    warm_up_epochs: float = 0.0
    optimizer: str = "adamw"
    weight_decay: float = 0.05
    clip_norm: float | None = None

    def total_steps(self, clips: int) -> int:
        """Updates in this stage, at least 1."""
        return self.steps if self.steps is not None else max(1, round(self.epochs * clips / self.batch))


@dataclass(frozen=True)
class ProtocolConfig:
    """The test: probabilities averaged over clips x crops (4 x 3 in the DGAM release), or over draws x crops."""

    clips: int = 4
    crops: int = 3
    draws: int = 5


@dataclass(frozen=True)
class TeacherRecipe:
    """labels: names in the order of the logits; empty for those of the first source. every: steps between reports and
    checkpoints. options: of the network's class. stages: none to keep the weights that --start names.
    """

    name: str
    teacher: str
    sources: tuple[ClipSource, ...]
    stages: tuple[StageConfig, ...]
    seed: int = 0
    every: int = 50
    labels: tuple[str, ...] = ()
    clip: ClipConfig = field(default_factory=ClipConfig)
    protocol: ProtocolConfig = field(default_factory=ProtocolConfig)
    options: dict[str, Any] = field(default_factory=dict)


def teacher_recipe_of(document: dict[str, Any], where: str) -> TeacherRecipe:
    """A recipe from what its file holds. Raises ConfigError that names `where`."""
    options = document.get("options", {})
    if not isinstance(options, dict):
        raise ConfigError(f"{where}: options: expected a mapping, found {options!r}")
    # What an option may be is known to the network's class alone, which checks it.
    recipe = build(TeacherRecipe, {**document, "options": {}}, where)
    recipe.options.update(options)
    if not recipe.sources:
        raise ConfigError(f"{where}: sources: expected at least one")
    _one_of(recipe.clip.sampling, SAMPLINGS, f"{where}: clip: sampling")
    for number, stage in enumerate(recipe.stages):
        _one_of(stage.schedule, SCHEDULES, f"{where}: stages[{number}]: schedule")
        _one_of(stage.optimizer, OPTIMIZERS, f"{where}: stages[{number}]: optimizer")
    return recipe


def _one_of(found: str, known: tuple[str, ...], where: str) -> None:
    if found not in known:
        raise ConfigError(f"{where}: expected one of {', '.join(known)}, found {found!r}")
