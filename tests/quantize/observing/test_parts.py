"""Who calibrates, who chooses, who judges: nobody twice, spread over what there is, and found again by a command."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.clip_sets.clips import ClipSet
from edge.bundles.bundle import Bundle
from edge.errors import DataError
from quantize.observing.parts import ENOUGH_TICKS, coverage, divided
from tests.clips import LABELS, square_set
from tests.quantize.networks import smooth_share
from tests.students import tiny_files, tiny_manifest, tiny_student


@settings(max_examples=40, deadline=None)
@given(count=st.integers(4, 60), limit=st.none() | st.integers(4, 60), seed=st.integers(0, 9))
def test_no_clip_does_two_things(count: int, limit: int | None, seed: int) -> None:
    clips = square_set(count)
    parts = divided(clips, LABELS, limit, seed)
    groups = [[c.name for c, _ in part] for part in (parts.calibration, parts.held_out)]
    groups.append([clip.name for clip in parts.acceptance.clips])
    names = [name for group in groups for name in group]
    assert all(groups) and len(set(names)) == len(names) == min(count, limit or count)


@settings(max_examples=40, deadline=None)
@given(count=st.integers(8, 60), limit=st.none() | st.integers(8, 60))
def test_the_judges_are_those_that_edge_eval_takes(count: int, limit: int | None) -> None:
    clips = square_set(count)
    parts = divided(clips, LABELS, limit, 3)
    name, _, found, _, seed = parts.acceptance_selection.split()
    assert (name, seed) == ("squares", "3")
    assert [c.name for c in clips.subset(int(found), 3).clips] == [c.name for c in parts.acceptance.clips]


def test_an_acceptance_set_of_its_own_leaves_all_clips_to_calibration() -> None:
    clips = square_set(12)
    other = ClipSet("others", clips.labels, clips.clips[:6])  # the same names, in another set
    parts = divided(clips, LABELS, None, 0, other)
    assert len(parts.calibration) + len(parts.held_out) == 12
    assert parts.acceptance_selection == "others --seed 0"


def test_acceptance_on_the_calibrating_clips_is_refused() -> None:
    with pytest.raises(DataError, match="all of its clips judge the result"):
        divided(square_set(12), LABELS, None, 0, square_set(12))


def test_coverage_counts_and_warns() -> None:
    share = smooth_share(6, 12)
    labelled = [
        (dataclasses.replace(clip, camera="brio", light="LL" if i else "ELL"), label)
        for i, (clip, label) in enumerate(share.labelled)
    ]
    tiny = tiny_student()
    bundle = Bundle("float", "", tiny_manifest(tiny), tiny_files(tiny))
    found = coverage(dataclasses.replace(share, labelled=labelled), bundle)
    assert (found.clips, found.ticks) == (6, 72)
    assert found.by["light"] == {"ELL": 12, "LL": 60} and found.by["expert"] == {"0": 72, "1": 72, "2": 72}
    assert sum(found.gate_ticks.values()) == 72
    warned = [warning.partition(":")[0] for warning in found.warnings]
    assert warned == ["expert 0", "expert 1", "expert 2", "camera brio", "light ELL", "light LL"]
    assert str(ENOUGH_TICKS) in found.warnings[0]
