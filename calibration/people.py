"""Which people of every source are learnt from, chosen by, and tested on; `SET@test` takes some of a set's clips.

Nothing is ever chosen by `test`. A class that two people of a source do is in `train` and `test`, one that three do in
`val`, too, as far as people do several classes. Sources whose people are not known are `train` alone. Where people are
few, folds leave some of them out by turns, too: `SET@fold0` takes those that the first fold leaves out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from calibration.clip_sets.clips import Clip, ClipSet
from edge.errors import DataError, UsageError

TRAIN, VAL, TEST = SPLITS = ("train", "val", "test")
FOLD = "fold"


@dataclass(frozen=True)
class People:
    """Of one source, as the column `actor` of labels.csv calls them; of films without people, the films.

    folds: who is left out together, fold by fold.
    """

    train: tuple[str, ...]
    val: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    folds: tuple[tuple[str, ...], ...] = ()

    @property
    def everybody(self) -> tuple[str, ...]:
        """Of all splits."""
        return self.train + self.val + self.test


def _numbered(prefix: str, *numbers: str) -> tuple[str, ...]:
    return tuple(prefix + number for number in numbers)


# By how the column `source` of labels.csv begins.
SOURCES: Mapping[str, People] = {
    # Clusters by clothing and scene. Only two people each jump, run, turn and walk: none of these can be in all three.
    "ARID": People(
        train=("P05", "P06", "P07", "P08", "P09"),
        val=("P10",),
        test=("P01", "P04"),
        folds=(("P01",), ("P04", "P09"), ("P05", "P06", "P07", "P10"), ("P08",)),
    ),
    "UTD-MHAD": People(
        train=_numbered("s", "1", "2", "3", "6", "7"),
        val=("s4",),
        test=_numbered("s", "5", "8"),
        folds=tuple((f"s{number}",) for number in range(1, 9)),
    ),
    "Kinder-Gator": People(
        train=(
            *_numbered("kg_adult", "565", "577", "604", "734", "876"),
            *_numbered("kg_child", "103", "106", "169", "290", "337"),
        ),
        val=("kg_adult934", "kg_child595"),
        test=("kg_adult888", "kg_adult921", "kg_child342", "kg_child474"),
    ),
    # One performance is there from up to three sides, all under one actor.
    "NW-UCLA": People(
        train=_numbered("ucla_s0", "1", "2", "5", "6", "7"), val=("ucla_s03",), test=("ucla_s04", "ucla_s08")
    ),
    "MSR Action3D": People(
        train=_numbered("msr_s0", "1", "2", "3", "5", "6"), val=("msr_s08",), test=("msr_s04", "msr_s07")
    ),
    "UTKinect": People(
        train=_numbered("utk_s0", "1", "2", "3", "4", "5"), val=("utk_s06",), test=("utk_s07", "utk_s08")
    ),
    "HDM05": People(train=("hdm_bd", "hdm_mm"), val=("hdm_tr",), test=("hdm_bk",)),
    "Bandai-Namco": People(train=("bandai_unknown",)),
    "CMU": People(train=("cmu_unknown",)),
    "Weizmann": People(train=("daria", "denis", "eli"), val=("ido",), test=("lena", "moshe")),
    # Films without people, by their names. All the bottles stand on one shelf before one camera: one room, one split.
    "7-Scenes": People(train=(), test=("kitchen_handheld",)),
    "Intel IoT DevKit sample-videos": People(
        train=_numbered("bottles_", "0", "1", "2", "3", "4", "5"), val=("car_park",)
    ),
}


def is_split(name: str) -> bool:
    """`train`, `val`, `test`, or `fold` and a number."""
    return name in SPLITS or (name.startswith(FOLD) and name[len(FOLD) :].isdecimal())


def people_of(origin: str) -> People | None:
    """Of a source by its name in labels.csv; None for one that the table does not have."""
    return next((people for name, people in SOURCES.items() if origin.startswith(name)), None)


def of_split(clips: ClipSet, split: str) -> ClipSet:
    """Those clips of a set whose people are in a split; its labels stay as they are.

    Raises DataError for a source or a person whose split is not known, and where no clip is left; UsageError for a fold
    that a source does not have.
    """
    chosen = [clip for clip in clips.clips if who(clip) in _members(clips.name, clip, split)]
    if not chosen:
        raise DataError(
            f"{clips.name}@{split}: none of its {len(clips.clips)} clips is in {split}, see calibration/people.py"
        )
    return replace(clips, clips=chosen)


def who(clip: Clip) -> str:
    """Whom, or which film, a clip shows, as the table calls it; empty where it is not known."""
    return clip.actor or clip.location or ""


def _members(name: str, clip: Clip, split: str) -> tuple[str, ...]:
    people = people_of(clip.terms.origin)
    if people is None:
        found = f"source is {clip.terms.origin}" if clip.terms.origin else "labels.csv has no `source`"
        raise DataError(
            f"{name}@{split}: {clip.name}: expected a source with fixed splits ({', '.join(SOURCES)}), found that its "
            f"{found}; leave @{split} out, or add the source to calibration/people.py"
        )
    if who(clip) not in people.everybody:
        raise DataError(
            f"{name}@{split}: {clip.name}: {who(clip) or 'nobody named'} of {clip.terms.origin} is in no split; add "
            "them to calibration/people.py"
        )
    if split in SPLITS:
        return {TRAIN: people.train, VAL: people.val, TEST: people.test}[split]
    return _fold(name, clip, people, int(split[len(FOLD) :]))


def _fold(name: str, clip: Clip, people: People, number: int) -> tuple[str, ...]:
    if number >= len(people.folds):
        folds = f"{FOLD}0 to {FOLD}{len(people.folds) - 1}" if people.folds else "no folds, only train, val and test"
        raise UsageError(f"{name}@{FOLD}{number}: {clip.terms.origin} has {folds}")
    return people.folds[number]


def split_from(name: str) -> tuple[str, str]:
    """The name of a set without its split, and the split: `relit:DIR@test` -> `relit:DIR`, `test`; empty for none."""
    bare, at, split = name.rpartition("@")
    return (bare, split) if at and is_split(split) else (name, "")
