"""A training as it was asked for, kept in its folder, so that `distill resume DIR` needs nothing else."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from edge.errors import ConfigError, DataError
from edge.fields import read_yaml
from edge.files import write_whole

JOB, RECIPE = "job.json", "recipe.yaml"
KINDS = ("student", "teacher", "enhancer")
PATHS = ("data_root", "cache", "start", "teacher")


@dataclass(frozen=True)
class Job:
    """command: pretrain, train or folds. recipe_name: the file's. document: the recipe, its changes applied.

    start: weights to begin from. teacher: the run that a student learns from. Both None where not asked for.
    """

    command: str
    recipe_name: str
    cache: Path
    document: dict[str, Any] = field(repr=False)
    data_root: Path | None = None
    start: Path | None = None
    teacher: Path | None = None
    workers: int = 1
    device: str = "auto"

    @property
    def kind(self) -> str:
        """student, teacher or enhancer."""
        return str(self.document.get("kind", "student"))

    @property
    def fields(self) -> dict[str, Any]:
        """The recipe without its kind, for the dataclass of that kind."""
        return {key: value for key, value in self.document.items() if key != "kind"}

    def write(self, folder: Path) -> None:
        """DIR/job.json and DIR/recipe.yaml."""
        folder.mkdir(parents=True, exist_ok=True)
        values = {key: value for key, value in asdict(self).items() if key != "document"}
        values.update({key: str(values[key]) for key in PATHS if values[key] is not None})
        write_whole(folder / JOB, json.dumps(values, indent=2) + "\n")
        write_whole(folder / RECIPE, yaml.safe_dump(self.document, sort_keys=False))


def read_job(folder: Path) -> Job:
    """Raises DataError where the folder is not one of a training."""
    path = folder / JOB
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: expected the folder of a training, written by `distill train`; {error}") from error
    if not isinstance(values, dict) or not {"command", "recipe_name", "cache"} <= set(values):
        raise DataError(f"{path}: expected command, recipe_name and cache; start the training again")
    known = {one.name for one in fields(Job)} - {"document"}
    values.update({key: Path(values[key]) for key in PATHS if values.get(key) is not None})
    return Job(document=read_document(folder / RECIPE), **{key: values[key] for key in known & set(values)})


def read_document(path: Path, changes: tuple[str, ...] = ()) -> dict[str, Any]:
    """A recipe as it lies in the file, with changes of the form `schedule.steps=10`. Raises ConfigError."""
    document = read_yaml(path)
    for change in changes:
        _change(document, change)
    kind = document.get("kind", "student")
    if kind not in KINDS:
        raise ConfigError(f"{path}: kind: expected one of {', '.join(KINDS)}, found {kind!r}")
    return document


def _change(document: dict[str, Any], change: str) -> None:
    """`a.0.b=VALUE`: VALUE is YAML; a number is a place in a list, which must exist."""
    key, equals, text = change.partition("=")
    if not equals:
        raise ConfigError(f"--with {change}: expected KEY=VALUE, such as schedule.steps=10")
    *path, last = key.split(".")
    place: Any = document
    try:
        for part in path:
            place = place[int(part)] if isinstance(place, list) else place.setdefault(part, {})
        place[int(last) if isinstance(place, list) else last] = yaml.safe_load(text)
    except (ValueError, IndexError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise ConfigError(f"--with {change}: the recipe has no such place; {error}") from error
