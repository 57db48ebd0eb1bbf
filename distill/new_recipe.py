"""`distill init`: a recipe for clips of one's own, ready to be trained from a bundle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import yaml

from calibration.clip_sets.clips import ClipSet
from calibration.clip_sets.labels import counterparts
from calibration.sets import open_set
from distill.students.recipe import recipe_of
from edge.errors import DataError, UsageError
from edge.files import write_whole
from edge.paths import user_path

STEPS = (300, 600)  # fewest, most
STEPS_A_CLIP = 4
FEW_CLIPS = 8  # of a class: fewer are learnt by heart
REVERSED = {"jump": "jump", "sit": "stand", "stand": "sit", "turn": "turn"}  # what an action is backwards
START = "bundles/ellar-edge-s-float32"

TEXT = """\
# {name}: {labels}. Written by `distill init`; docs/own-actions.md says what to change, docs/training.md every key.
name: {name}
labels: {labels}
seed: 0
# What the network sees; a bundle to begin from must see the same.
geometry:
  form: change_flow
  fraction_bits: 4
  gammas: [1.5, 2.0, 3.0]
  experts:
    - {{binning: 1, accumulation: 1, stride: 1}}
    - {{binning: 2, accumulation: 2, stride: 1}}
    - {{binning: 4, accumulation: 4, stride: 2}}
sources:
  - set: {set}
    licence: {licence}
    share: 0.85
  # Rooms without a person, rendered: of these it learns to say nothing.
  - set: synthetic_nobody_train
    licence: our own renderer, Apache-2.0
    share: 0.15
    nobody: true
schedule: {{pretrain_steps: 0, steps: {steps}, batch: 32, ticks: {ticks}, rate: 0.001, label_smoothing: 0.05}}
augment: {{flow_noise: 0.0}}
student: {{size: s, shared_head: true}}
# What an action becomes when it is played backwards; what is not named is never reversed.
reversed: {reversed}
smoothing: {{window_ms: 1000.0, minimum_confidence: 0.4, warm_up_ms: 500.0}}
# Folds leave people out by turns; without `actors` they are divided among up to five folds.
folds: {{source: 0}}
"""


def write_new_recipe(name: str, path: Path, data_root: Path | None, licence: str) -> list[str]:
    """Open the clips, write the recipe, and say in lines what was found and what comes next.

    Raises UsageError (the file is there already, cannot be written), DataError (fewer than two classes), and what
    `open_set` raises.
    """
    if path.exists():
        raise UsageError(f"{path} is there already; name another file, or remove it")
    clips = open_set(name, data_root)
    if len(clips.labels) < 2:
        raise DataError(f"{name}: expected two classes or more to tell apart, found {', '.join(clips.labels)}")
    text = _text(name, path, clips, licence)
    recipe_of(yaml.safe_load(text), str(path))
    try:
        write_whole(path, text)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror}); name another file") from error
    return list(_said(path, clips))


def _text(name: str, path: Path, clips: ClipSet, licence: str) -> str:
    steps = min(max(STEPS_A_CLIP * len(clips.clips), STEPS[0]), STEPS[1])
    return TEXT.format(
        name=_flow(path.stem),
        labels=_flow(list(clips.labels)),
        set=_flow(_absolute(name)),
        licence=_flow(licence),
        steps=steps,
        ticks=20,
        reversed=_flow(_reversed(clips)),
    )


def _reversed(clips: ClipSet) -> dict[str, str]:
    """For the actions of which that is known."""
    known = list(REVERSED)
    meant = counterparts(clips.labels, known, clips.aliases)
    named = {known[place]: label for label, place in zip(clips.labels, meant, strict=True) if place is not None}
    return {named[one]: named[other] for one, other in REVERSED.items() if one in named and other in named}


def _absolute(name: str) -> str:
    """The set's name with its folder in full: the recipe may be used from anywhere."""
    kind, colon, folder = name.partition(":")
    path = user_path(folder)
    return f"{kind}{colon}{path.resolve()}" if colon and path.is_dir() else name


def _flow(value: object) -> str:
    """As YAML in one line."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10**6, allow_unicode=True, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")


def _said(path: Path, clips: ClipSet) -> Iterator[str]:
    counts = Counter(clips.labels[clip.label] for clip in clips.clips)
    yield f"{len(clips.clips)} clips: {', '.join(f'{label} {counts[label]}' for label in clips.labels)}"
    few = [label for label in clips.labels if counts[label] < FEW_CLIPS]
    if few:
        yield f"few clips of {', '.join(few)}: under {FEW_CLIPS} a class are learnt by heart; record more"
    actors = {clip.actor for clip in clips.clips if clip.actor}
    if actors:
        yield f"{len(actors)} people: `distill folds` leaves them out by turns"
    else:
        yield "no clip tells who acts in it: a column `actor` in labels.csv lets `distill folds` leave people out"
    yield f"wrote {path}; next:"
    yield f"  distill train {path} --start {START} --out runs/{path.stem}"
    yield f"  distill folds {path} --start {START} --out runs/{path.stem}_folds"
