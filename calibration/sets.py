"""Data sets by name: what `--calib`, `--set` and training take, and what each of them needs."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from calibration.clip_sets.clips import OURS, Clip, ClipSet
from calibration.clip_sets.folder import open_folder, with_terms
from calibration.clip_sets.published import LIGHTS, PUBLISHED, PublishedSet, open_published
from calibration.clip_sets.roots import data_root as find_data_root
from calibration.people import of_split, split_from
from calibration.synthetic.bodies.motions import SIX, TWELVE
from calibration.synthetic.real.relight import open_relit
from calibration.synthetic.real.rooms import open_rooms
from calibration.synthetic.real.skeletons import open_skeletons
from calibration.synthetic.splits import (
    DISTURBED_SPLITS,
    NOBODY_SPLITS,
    open_disturbed,
    open_nobody,
    open_recorded,
    open_synthetic,
)
from calibration.synthetic.splits import SPLITS as SYNTHETIC_SPLITS
from edge.errors import UsageError
from edge.paths import user_path

__all__ = ["Clip", "ClipSet", "NamedSet", "named_sets", "open_set", "public_name"]
JOIN = "+"
NOTHING_NEEDED = "nothing"  # how the needs of those sets begin that are ours alone
RELIT = {
    "relit": "DIR/labels.csv (file,class,actor,fps) and depth recordings of people, .npz",
    "relit_moving": "the same, before the camera of a robot that turns and shakes",
    "relit_staged": "the same, among other people, behind furniture, coming and going",
    "relit_staged_moving": "the same, before the camera of a robot that turns and shakes",
}


@dataclass(frozen=True)
class NamedSet:
    """name: as it is asked for (`folder:DIR` stands for any folder). needs: one line, for people."""

    name: str
    needs: str
    open: Callable[[str, Path | None], ClipSet]


def _folder(name: str, _: Path | None) -> ClipSet:
    return open_folder(name, user_path(name.partition(":")[2]))


def _relit(moving: bool, staged: bool) -> Callable[[str, Path | None], ClipSet]:
    return lambda name, _: open_relit(name, user_path(name.partition(":")[2]), moving, staged)


def _rooms(name: str, _: Path | None) -> ClipSet:
    return open_rooms(name, user_path(name.partition(":")[2]))


def _skeletons(moving: bool) -> Callable[[str, Path | None], ClipSet]:
    return lambda name, _: open_skeletons(name, user_path(name.partition(":")[2]), moving)


def _synthetic(split: str, labels: tuple[str, ...]) -> Callable[[str, Path | None], ClipSet]:
    return lambda name, _: open_synthetic(name, split, labels)


def _recorded(split: str) -> Callable[[str, Path | None], ClipSet]:
    return lambda name, _: open_recorded(name, split, SIX)


def _nobody(split: str) -> Callable[[str, Path | None], ClipSet]:
    return lambda name, _: open_nobody(name, split)


def _disturbed(split: str) -> Callable[[str, Path | None], ClipSet]:
    return lambda name, _: open_disturbed(name, split)


def _published(published: PublishedSet, split: str, light: str | None = None) -> NamedSet:
    name = "_".join(part for part in (published.name, light and light.lower(), split) if part)
    lists = f"{published.folder}/{published.lists[split]}, {published.folder}/{published.videos}"
    needs = f"{published.title} under --data-root: {lists}"
    if light:
        needs += f", and {published.folder}_clips.csv or {published.folder}_pattern.txt that tell the light"
    return NamedSet(name, needs, lambda name, root: open_published(published, name, split, light, find_data_root(root)))


def named_sets() -> tuple[NamedSet, ...]:
    """Every set, in the order in which `calibration list` prints them."""
    return (
        *(
            NamedSet(
                f"synthetic_{split}", f"nothing: {count} rendered clips of {', '.join(SIX)}", _synthetic(split, SIX)
            )
            for split, count in SYNTHETIC_SPLITS.items()
        ),
        *(
            NamedSet(f"synthetic12_{split}", f"nothing: {count} rendered clips, 12 actions", _synthetic(split, TWELVE))
            for split, count in SYNTHETIC_SPLITS.items()
        ),
        *(
            NamedSet(
                f"synthetic_recorded_{split}",
                f"nothing: {count} clips of the six, as recorders take them",
                _recorded(split),
            )
            for split, count in SYNTHETIC_SPLITS.items()
        ),
        *(
            NamedSet(f"synthetic_nobody_{split}", f"nothing: {count} rendered clips without a person", _nobody(split))
            for split, count in NOBODY_SPLITS.items()
        ),
        *(
            NamedSet(
                f"synthetic_disturbed_{split}",
                f"nothing: {count} rendered clips in which curtains, fans, pets, lights move",
                _disturbed(split),
            )
            for split, count in DISTURBED_SPLITS.items()
        ),
        *(NamedSet(f"{kind}:DIR", needs, _relit("moving" in kind, "staged" in kind)) for kind, needs in RELIT.items()),
        NamedSet("rooms:DIR", "DIR/labels.csv (file,class) and videos of rooms without people, class nobody", _rooms),
        NamedSet(
            "skeletons:DIR", "DIR/labels.csv (file,class,actor) and recordings of joints, .npz", _skeletons(False)
        ),
        NamedSet(
            "skeletons_moving:DIR", "the same, before the camera of a robot that turns and shakes", _skeletons(True)
        ),
        NamedSet(
            "folder:DIR", "DIR/labels.csv (file,class[,actor,camera,light,location]) or DIR/<class>/*.mp4", _folder
        ),
        *(
            _published(published, split, light)
            for published in PUBLISHED
            for light in ((None, *LIGHTS) if published.by_light else (None,))
            for split in published.lists
        ),
    )


def open_set(name: str, data_root: Path | None = None, limit: int | None = None, seed: int = 0) -> ClipSet:
    """A set by its name, or several as one, `A+B`; with `limit`, a seeded subset, spread over class x camera x light.

    `A@train`, `A@val`, `A@test`, `A@fold0`: those of its clips whose people are in this split (people.py).

    Raises UsageError for a name or a limit that makes no sense, DataError for data that is missing or damaged.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"limit is {limit}; it must be 1 or more clips")
    parts = [_opened(part, data_root) for part in _parts(name)]
    clips = parts[0] if len(parts) == 1 else _joined(name, parts)
    return clips if limit is None else clips.subset(limit, seed)


def _opened(name: str, data_root: Path | None) -> ClipSet:
    bare, split = split_from(name)
    found = _find(bare)
    clips = found.open(bare, data_root)
    _, colon, folder = bare.partition(":")
    if colon:
        clips = with_terms(clips, user_path(folder))
    elif found.needs.startswith(NOTHING_NEEDED):
        clips = replace(clips, clips=[replace(clip, terms=OURS) for clip in clips.clips])
    return replace(of_split(clips, split), name=name) if split else clips


def public_name(name: str) -> str:
    """A set's name without the directories of this machine: for manifests, which others read.

    A folder below the working directory keeps its path from there, so that the name can be used again from there; of
    any other folder only its own name is told.
    """
    parts = (part.partition(":") for part in _parts(name))
    return JOIN.join(kind + colon + (_from_here(folder) if colon else folder) for kind, colon, folder in parts)


def _from_here(folder: str) -> str:
    path = Path(folder).expanduser()
    try:
        return path.absolute().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path.absolute().name


def _parts(name: str) -> list[str]:
    """The names of the sets in a name. A folder's name may have a + in it: what follows must be a set, too."""
    parts: list[str] = []
    for piece in name.split(JOIN):
        if parts and _known(split_from(piece)[0]) is None and ":" in parts[-1]:
            parts[-1] += JOIN + piece
        else:
            parts.append(piece)
    return parts


def _joined(name: str, parts: Sequence[ClipSet]) -> ClipSet:
    """Several sets as one: labels by name, in the order in which they are first met; clips named by their set, too."""
    labels = tuple(dict.fromkeys(label for part in parts for label in part.labels))
    clips = [
        replace(clip, name=f"{public_name(part.name)}/{clip.name}", label=labels.index(part.labels[clip.label]))
        for part in parts
        for clip in part.clips
    ]
    aliases = {spelling: action for part in parts for spelling, action in part.aliases.items()}
    return ClipSet(name, labels, clips, aliases)


def _known(name: str) -> NamedSet | None:
    prefix, colon, rest = name.partition(":")
    return next(
        (one for one in named_sets() if one.name == name or (colon and rest and one.name == f"{prefix}:DIR")), None
    )


def _find(name: str) -> NamedSet:
    if (found := _known(name)) is not None:
        return found
    known = [one.name for one in named_sets()]
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    raise UsageError(f"no data set is called {name!r}{hint}\nThere are: {', '.join(known)}")
