"""The synthetic sets: which person does what, before which camera, in which light, by split."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from calibration.clip_sets.clips import Clip, ClipSet
from calibration.synthetic import nobody
from calibration.synthetic.clip import ELL_SHARE, render, render_recorded
from calibration.synthetic.dark_camera import CAMERAS, LIGHTS, identity_of
from calibration.synthetic.nobody import MOTIONS
from calibration.synthetic.scenery.disturbances import KINDS

# Raise it when the renderer's pictures change: caches of clips are keyed by it.
REVISION = 6
SPLITS = {"train": 2400, "val": 240, "test": 240}
PEOPLE = {"train": 80, "val": 16, "test": 16}
RECORDED_REVISION = 1
NOBODY = "nobody"
NOBODY_REVISION = 1
NOBODY_SPLITS = {"train": 400, "val": 120, "test": 120}
DISTURBED_REVISION = 1
DISTURBED_SPLITS = {kind: len(KINDS) * len(MOTIONS) * turns for kind, turns in (("train", 20), ("val", 4), ("test", 4))}
TWO_KINDS_SHARE = 0.35


def open_synthetic(name: str, split: str, labels: tuple[str, ...]) -> ClipSet:
    """A split: clips in turn over the labels, so that every prefix is balanced. No seed occurs in two splits."""
    return ClipSet(name, labels, [_clip(name, split, labels, i) for i in range(SPLITS[split])])


def _clip(name: str, split: str, labels: tuple[str, ...], index: int) -> Clip:
    number = tuple(SPLITS).index(split)
    rng = np.random.default_rng([number, len(labels), index])
    action = labels[index % len(labels)]
    camera = str(rng.choice(CAMERAS))
    light = "ELL" if rng.random() < ELL_SHARE else "LL"
    person = int(rng.integers(PEOPLE[split]))
    seed = (1, number, len(labels), index)
    return Clip(
        name=f"{name}/{index:05d}_{action}",
        label=index % len(labels),
        source=partial(render, seed, (2, number, person), action, camera, light),
        made_by=f"synthetic {REVISION} {seed} {person} {action} {identity_of(camera)} {light}",
        actor=f"{split}_{person:02d}",
        camera=camera,
        light=light,
    )


def open_recorded(name: str, split: str, labels: tuple[str, ...]) -> ClipSet:
    """A split whose clips look as recordings of people in the dark do; the people of `open_synthetic`, other scenes."""
    return ClipSet(name, labels, [_recorded_clip(name, split, labels, i) for i in range(SPLITS[split])])


def _recorded_clip(name: str, split: str, labels: tuple[str, ...], index: int) -> Clip:
    plain = _clip(name, split, labels, index)
    action, number = labels[index % len(labels)], tuple(SPLITS).index(split)
    seed, person = (7, number, len(labels), index), int(str(plain.actor).rpartition("_")[2])
    assert plain.camera and plain.light
    return replace(
        plain,
        source=partial(render_recorded, seed, (2, number, person), action, plain.camera, plain.light),
        made_by=f"recorded {RECORDED_REVISION} {seed} {person} {action} {identity_of(plain.camera)} {plain.light}",
    )


def open_nobody(name: str, split: str, duration_s: float | None = None) -> ClipSet:
    """Clips without a person, under the one label `nobody`; as short as clips of actions unless a duration is given."""
    return ClipSet(name, (NOBODY,), [_empty_clip(name, split, i, duration_s) for i in range(NOBODY_SPLITS[split])])


def _empty_clip(name: str, split: str, index: int, duration_s: float | None) -> Clip:
    seed = (4, tuple(NOBODY_SPLITS).index(split), index)
    rng = np.random.default_rng(seed)
    camera, light = str(rng.choice(CAMERAS)), str(rng.choice(LIGHTS))
    return Clip(
        name=f"{name}/{index:05d}",
        label=0,
        source=partial(nobody.render, seed, camera, light, duration_s),
        made_by=f"nobody {NOBODY_REVISION} {seed} {identity_of(camera)} {light}{_lasting(duration_s)}",
        camera=camera,
        light=light,
    )


def open_disturbed(name: str, split: str, duration_s: float | None = None) -> ClipSet:
    """Rooms without a person in which something else moves or the light changes, under the one label `nobody`.

    As many clips of every kind of disturbance before every motion of the camera; `Clip.disturbance` tells the kinds.
    """
    clips = [_disturbed_clip(name, split, i, duration_s) for i in range(DISTURBED_SPLITS[split])]
    return ClipSet(name, (NOBODY,), clips)


def _disturbed_clip(name: str, split: str, index: int, duration_s: float | None) -> Clip:
    seed = (6, tuple(DISTURBED_SPLITS).index(split), index)
    rng = np.random.default_rng(seed)
    camera, light = str(rng.choice(CAMERAS)), str(rng.choice(LIGHTS))
    first, motion = KINDS[index % len(KINDS)], MOTIONS[index // len(KINDS) % len(MOTIONS)]
    others = [kind for kind in KINDS if kind != first]
    kinds = (first, str(rng.choice(others))) if rng.random() < TWO_KINDS_SHARE else (first,)
    called = "+".join(kinds)
    return Clip(
        name=f"{name}/{index:05d}_{called}_{motion}",
        label=0,
        source=partial(nobody.render_disturbed, seed, camera, light, kinds, motion, duration_s),
        made_by=f"disturbed {DISTURBED_REVISION} {seed} {called} {motion} {identity_of(camera)} {light}"
        + _lasting(duration_s),
        camera=camera,
        light=light,
        disturbance=called,
    )


def _lasting(duration_s: float | None) -> str:
    return "" if duration_s is None else f" {duration_s} s"
