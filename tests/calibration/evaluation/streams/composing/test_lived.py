"""Rendered lives: repeatable, what is told is what is seen, and everything that a robot meets comes up."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from calibration.evaluation.streams.composing.lived import LABELS, LivedStream
from calibration.evaluation.streams.composing.script import Script
from calibration.evaluation.streams.composing.visits import NAMELESS, POSE_HZ, Stage, acted
from calibration.evaluation.streams.truth import CAMERA, IDLE, Notes, Truth
from calibration.synthetic.bodies.body import Proportions
from edge.picture.frame import Frame


def played(stream: LivedStream) -> tuple[list[Frame], Truth]:
    notes = Notes()
    return list(stream.play(notes)), notes.truth()


@pytest.fixture(scope="module")
def minute() -> tuple[list[Frame], Truth]:
    """The first stream in which somebody comes so early."""
    found = (played(stream) for number in range(20) if _somebody_comes(stream := LivedStream("val", number, 42.0)))
    return next(found)


def _somebody_comes(stream: LivedStream) -> bool:
    script = Script.draw(np.random.default_rng([*stream.entropy, 1]), stream.length_s)
    return bool(script.visits)


def test_a_stream_is_a_function_of_its_number_and_seed() -> None:
    first, truth = played(LivedStream("val", 0, 2.0))
    again, same = played(LivedStream("val", 0, 2.0))
    assert len(first) == len(again) > 20
    assert all(np.array_equal(a.image, b.image) for a, b in zip(first, again, strict=True))
    assert truth.happenings == same.happenings
    assert truth.circumstances == same.circumstances
    other, _ = played(LivedStream("val", 0, 2.0, seed=1))
    assert not np.array_equal(first[0].image, other[0].image)
    identities = {LivedStream(*which).identity for which in (("val", 0, 2.0), ("test", 0, 2.0), ("val", 1, 2.0))}
    assert len({*identities, LivedStream("val", 0, 2.0, 1).identity, LivedStream("val", 0, 3.0).identity}) == 5


def test_frames_come_in_time_and_are_dark(minute: tuple[list[Frame], Truth]) -> None:
    frames, truth = minute
    times = [frame.capture_time_s for frame in frames]
    assert times == sorted(set(times))
    assert truth.length_s == pytest.approx(42, abs=0.1)
    assert frames[0].image.shape == (240, 320, 3)
    assert np.mean([frame.image.mean() for frame in frames]) < 100


def test_people_are_seen_where_the_truth_says_and_nowhere_else(minute: tuple[list[Frame], Truth]) -> None:
    _, truth = minute
    assert truth.happenings
    boxes = truth.boxes[0]
    frame_s = truth.length_s / len(boxes)
    middles = (np.arange(len(boxes)) + 0.5) * frame_s
    present = np.zeros(len(boxes), bool)
    for one in truth.happenings:
        if one.person == 0:
            present |= (middles >= one.start_s - frame_s) & (middles <= one.end_s + frame_s)
    assert not boxes[~present].any()
    seen = boxes[boxes[:, 2] > 0]
    assert (seen[:, 0] >= 0).all() and (seen[:, 0] + seen[:, 2] <= 320).all()
    assert (seen[:, 1] >= 0).all() and (seen[:, 1] + seen[:, 3] <= 240).all()


def test_an_hour_of_scripts_has_everything_in_it() -> None:
    scripts = [Script.draw(np.random.default_rng(i), 300.0) for i in range(12)]
    kinds = Counter(one.kind for script in scripts for one in (*script.course.spans, *script.spells, *script.losses))
    assert {*CAMERA, "headlights", "switch", "exposure", "frames lost"} <= set(kinds)
    assert any(visit.person == 1 for script in scripts for visit in script.visits)
    assert any(script.always for script in scripts) and any(not script.always for script in scripts)
    for script in scripts:
        still = np.abs(script.course.shift).sum(axis=1) == 0
        assert 0.2 < still.mean() <= 1
        for before, after in pairwise(script.visits):
            assert after.start_s >= before.end_s or after.person != before.person


def test_a_visit_begins_and_ends_out_of_sight_and_does_many_things() -> None:
    stage, found = Stage(1.6, 6.0, 0.6), Counter[str]()
    script = Script.draw(np.random.default_rng(5), 600.0)
    for number, visit in enumerate(script.visits):
        one = acted(np.random.default_rng(number), visit, Proportions(), stage)
        for end in (0, -1):
            x, _, z = one.pose.pelvis[end].tolist()
            assert abs(x) > 0.6 * z
        assert one.happenings[0].start_s == pytest.approx(visit.start_s)
        assert one.happenings[-1].end_s == pytest.approx(one.end_s)
        for before, after in pairwise(one.happenings):
            assert before.end_s == pytest.approx(after.start_s)
            assert IDLE in (before.label, after.label) or "sit" in before.label
        speed = np.abs(np.diff(one.pose.pelvis, axis=0)).max() * POSE_HZ
        assert speed < 8, "nobody jumps from place to place"
        found.update(happening.label for happening in one.happenings)
    assert {"walk", "turn", IDLE} <= set(found) <= {*LABELS, IDLE}
    assert set(found) & set(NAMELESS)
