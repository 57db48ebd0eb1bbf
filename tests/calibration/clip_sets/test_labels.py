"""Labels of data sets find their counterparts in a bundle by what they say."""

from __future__ import annotations

import pytest

from calibration.clip_sets.clips import Clip, ClipSet
from calibration.clip_sets.labels import counterparts, known_clips
from calibration.clip_sets.published import ARID_LABELS, ELLAR
from edge.errors import DataError

BUNDLE = ("box", "jump", "sit", "stand", "turn", "walk", "wave")


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("walk", "walk"),
        ("Walk", "walk"),
        ("WALKING", "walk"),
        ("Sitting down", "sit"),
        ("sit_down", "sit"),
        ("Stand-Up", "stand"),
        ("wave hands", "wave"),
        ("Punching", "box"),
        ("Turn around", "turn"),
    ],
)
def test_case_blanks_and_spellings_do_not_matter(name: str, label: str) -> None:
    assert counterparts([name], BUNDLE) == (BUNDLE.index(label),)


@pytest.mark.parametrize("name", ["standing", "sitting", "drink", "walker", ""])
def test_what_says_something_else_has_no_counterpart(name: str) -> None:
    assert counterparts([name], BUNDLE) == (None,)


def test_what_has_no_counterpart_is_other_where_the_bundle_has_it() -> None:
    assert counterparts(["Drink", "Walk"], ("walk", "other")) == (1, 0)


def test_nothing_is_no_other_action() -> None:
    assert counterparts(["nothing", "bow"], ("walk", "other")) == (None, 1)
    assert counterparts(["nothing", "bow"], ("walk", "other", "nothing")) == (2, 1)


def test_the_nearest_to_the_letter_wins() -> None:
    assert counterparts(["Walk", "walk", "walking"], ("walking", "walk")) == (1, 1, 0)


def test_a_set_says_what_its_own_names_mean() -> None:
    labels = ("stretching", "sit", "stand")
    assert counterparts(["Stertching", "Sitting", "Standing"], labels, ELLAR.aliases) == (0, 1, 2)
    assert counterparts(["Stertching"], labels) == (None,)


def test_arid_finds_the_actions_of_the_default_bundle() -> None:
    from edge.bundles.bundle import Bundle, default_bundle_path

    labels = Bundle.load(default_bundle_path()).manifest.labels
    meant = dict(zip(ARID_LABELS, counterparts(ARID_LABELS, labels), strict=True))
    assert {name for name, index in meant.items() if index is None} == {"Drink", "Pour"}
    assert all(labels[index] == name.lower() for name, index in meant.items() if index is not None)


def clips_of(*labels: int) -> list[Clip]:
    return [Clip(f"{i}", label, lambda: iter(()), "nothing") for i, label in enumerate(labels)]


def test_clips_without_a_counterpart_are_counted_by_name() -> None:
    known, unknown = known_clips(ClipSet("some", ("Walk", "Drink", "Pour"), clips_of(0, 1, 1, 2)), BUNDLE)
    assert [(clip.name, BUNDLE[label]) for clip, label in known] == [("0", "walk")]
    assert unknown == {"Drink": 2, "Pour": 1}


def test_a_set_of_strange_labels_alone_is_refused_by_name() -> None:
    with pytest.raises(DataError, match=r"some: none of its 2 clips .* the set has Drink"):
        known_clips(ClipSet("some", ("Drink",), clips_of(0, 0)), BUNDLE)
