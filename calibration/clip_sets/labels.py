"""Which label of a bundle a data set means: names compare by what they say, not by how they are spelt."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from calibration.clip_sets.clips import Clip, ClipSet
from edge.bundles.manifest import BACKGROUND
from edge.errors import DataError

NO_LABEL = -1  # of a clip whose own label has no counterpart in a bundle
OTHER, NOTHING = BACKGROUND  # what none of a bundle's other labels names; and that nobody does anything
# Spellings of one action that data sets of the field use, as `plain` gives them. `standing` and `sitting` are not here:
# in some sets they are the movement, in others the posture; a set that means the movement says so in its own table.
SPELLINGS: Mapping[str, str] = {
    spelling: action
    for action, spellings in {
        "box": "boxing punch punching",
        "clap": "clapping claphands clappinghands handclap handclapping",
        "drink": "drinking",
        "jump": "jumping jumpup jumpingup",
        "lunge": "lunging",
        "pick": "picking pickup pickingup",
        "pour": "pouring",
        "push": "pushing",
        "run": "running jog jogging",
        "sit": "sitdown sittingdown",
        "squat": "squatting",
        "stand": "standup standingup",
        "stretch": "stretching",
        "throw": "throwing",
        "turn": "turning turnaround turningaround",
        "walk": "walking",
        "wave": "waving wavehand wavehands wavinghand wavinghands handwave handwaving",
    }.items()
    for spelling in spellings.split()
}


def plain(name: str) -> str:
    """A name without what spelling may differ in: case, blanks, `_`, `-`."""
    return re.sub(r"[\s_-]+", "", name).casefold()


def counterparts(
    names: Sequence[str], labels: Sequence[str], aliases: Mapping[str, str] | None = None
) -> tuple[int | None, ...]:
    """For each of a set's names the index of the bundle's label that means the same, None where there is none.

    aliases: of the set, its own spellings of what others call otherwise; they go before `SPELLINGS`. The same name to
    the letter wins, then the same but for case, blank, `_` and `-`, then the same action. A name without a counterpart
    is the bundle's `other`, where it has one; `nothing` never is.
    """
    own = {plain(spelling): plain(meant) for spelling, meant in (aliases or {}).items()}

    def action(name: str) -> str:
        bare = plain(name)
        bare = own.get(bare, bare)
        return SPELLINGS.get(bare, bare)

    # Later entries win: what is nearer to the letter.
    known = {form: {form(label): i for i, label in reversed(list(enumerate(labels)))} for form in (str, plain, action)}
    rest = known[str].get(OTHER)
    found = (
        next(
            (places[form(name)] for form, places in known.items() if form(name) in places),
            None if plain(name) == NOTHING else rest,
        )
        for name in names
    )
    return tuple(found)


def labelled_clips(clips: ClipSet, labels: Sequence[str]) -> list[tuple[Clip, int]]:
    """Every clip, with the bundle's label that its own means, NO_LABEL where there is none."""
    meant = counterparts(clips.labels, labels, clips.aliases)
    return [(clip, NO_LABEL if (label := meant[clip.label]) is None else label) for clip in clips.clips]


def known_clips(clips: ClipSet, labels: Sequence[str]) -> tuple[list[tuple[Clip, int]], dict[str, int]]:
    """Clips with the bundle's label that theirs means, and how many of which label there are that has none.

    Raises DataError where none is left.
    """
    labelled = labelled_clips(clips, labels)
    known = [(clip, label) for clip, label in labelled if label != NO_LABEL]
    if not known:
        raise DataError(
            f"{clips.name}: none of its {len(clips.clips)} clips has a label that the bundle knows; the bundle knows "
            f"{', '.join(labels)}, the set has {', '.join(clips.labels)}; names compare without case, blank, _ and -"
        )
    unknown = Counter(clips.labels[clip.label] for clip, label in labelled if label == NO_LABEL)
    return known, dict(sorted(unknown.items()))
