"""Real people's motion in rendered lives: who was recorded, what is shown when, and other data refused."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from calibration.evaluation.streams.composing.choice import sources
from calibration.evaluation.streams.composing.lived import LivedStream
from calibration.evaluation.streams.composing.recorded import Cast, casts, performed
from calibration.evaluation.streams.composing.script import Visit
from calibration.evaluation.streams.composing.visits import Stage
from calibration.evaluation.streams.truth import IDLE, Notes
from calibration.sets import open_set
from calibration.synthetic.bodies.body import Pose, Proportions, skeleton
from calibration.synthetic.bodies.motions import MOTIONS
from calibration.synthetic.recordings.skeletons import JOINTS
from edge.errors import DataError
from tests.clips import square_set

STAGE = Stage(1.6, 6.0, 0.6)


def joints_of(pose: Pose) -> np.ndarray:
    """The renderer's own body as a depth camera's 20 joints, millimetres [T,20,3]."""
    j = skeleton(pose, Proportions()).joints
    own = {"head": "crown", "spine": "waist", "hips": "pelvis"}
    for side in ("left", "right"):
        own |= {f"{side}_hand": f"{side}_fingers", f"{side}_foot": f"{side}_toes"}
    return np.rint(1000 * np.stack([j[own.get(name, name)] for name in JOINTS], axis=1)).astype(np.int16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people: one waves and does something without a name, the other jumps."""
    root = tmp_path_factory.mktemp("skeletons")
    rows = ["file,class,actor"]
    for name, label, motion, actor in (
        ("w", "wave", "wave", "p1"),
        ("b", "other", "bend", "p1"),
        ("j", "jump", "jump", "p2"),
    ):
        pose = MOTIONS[motion](np.random.default_rng(1), Proportions(), np.arange(75) / 30)
        np.savez(root / f"{name}.npz", skel_mm=joints_of(pose), fps=30, up=np.array([0, 1, 0]))
        rows.append(f"{name}.npz,{label},{actor}")
    (root / "labels.csv").write_text("\n".join(rows) + "\n")
    return root


def test_a_cast_is_a_person_and_every_recording_of_theirs_once(folder: Path) -> None:
    first, second = casts(open_set(f"skeletons:{folder}"))
    assert (first.person, second.person) == ("p1", "p2")
    assert sorted(one.label for one in first.recordings) == ["other", "wave"]
    assert [one.path.name for one in second.recordings] == ["j.npz"]


def test_a_visit_shows_what_was_recorded_and_says_when(folder: Path) -> None:
    (cast, _) = casts(open_set(f"skeletons:{folder}"))
    visit = Visit(0, 10.0, 50.0)
    movement, happenings = performed(np.random.default_rng(2), visit, Proportions(), STAGE, cast.recordings)
    assert {one.label for one in happenings} == {"walk", IDLE, "wave", "other"}
    assert happenings[0].start_s == 10.0
    for before, after in pairwise(happenings):
        assert before.end_s == pytest.approx(after.start_s)
    assert happenings[-1].end_s - 10.0 == pytest.approx(movement.duration_s, abs=0.1 * len(happenings))
    for end in (0, -1):
        x, _, z = movement.points[end, 0].tolist()
        assert abs(x) > STAGE.half_width * z, "from out of sight, and out of it again"
    speed = np.abs(np.diff(movement.points[:, 0], axis=0)).max() * movement.rate_hz
    assert speed < 8, "nobody jumps from place to place"
    waves = [one for one in happenings if one.label == "wave"]
    assert all(one.end_s - one.start_s == pytest.approx(74 / 30, abs=0.05) for one in waves)


def test_a_life_of_a_cast_is_rendered_and_its_identity_is_the_recordings(folder: Path) -> None:
    source = sources(f"life:skeletons:{folder}", hours=0.002, minutes=0.06)[0]
    assert source.name.startswith("life:skeletons:")
    assert [stream.person for stream in source.streams] == ["p1", "p2"]
    assert set(source.labels) == {"walk", "wave", "other", "jump"}
    stream = source.streams[0]
    assert isinstance(stream, LivedStream)
    assert isinstance(stream.cast, Cast)
    notes = Notes()
    frames = list(stream.play(notes))
    assert len(frames) > 30
    assert notes.truth().length_s == pytest.approx(3.6, abs=0.1)
    assert stream.identity != LivedStream("test", 0, stream.length_s).identity
    digest = stream.cast.recordings[0].identity.split()[-1]
    assert digest in stream.identity


def test_clips_of_another_kind_have_no_joints() -> None:
    with pytest.raises(DataError, match="expected recorded joints"):
        casts(square_set(2))
