"""A bundle knows the clips that it has learnt from, by what they show, and they are no test of it."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from calibration.clip_sets import video
from calibration.clip_sets.clips import ClipSet
from calibration.evaluation.cli import main as edge_eval
from calibration.evaluation.evaluate import evaluate
from calibration.learnt import LEARNT_FILE, Fingerprint, LearntClips
from calibration.sets import open_set
from edge.bundles.bundle import Bundle, default_bundle_path, write_bundle
from edge.errors import BundleError, DataError
from edge.picture.frame import Frame
from tests.calibration.evaluation.test_evaluate import tiny_bundle
from tests.calibration.synthetic.real.recordings import write_recording
from tests.clips import write_square_folder

ROOT = Path(__file__).parents[2]
UTD = ROOT.parent / "shared" / "data" / "utd_depth"


def fingerprint(path: Path) -> str:
    one = Fingerprint()
    assert sum(1 for _ in one.watch(video.read(path))) > 8
    return one.value


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_square_folder(tmp_path / "squares")


def test_a_clip_is_known_by_what_it_shows(folder: Path, tmp_path: Path) -> None:
    first, second, *_ = sorted(folder.rglob("*.avi")) or sorted(folder.rglob("*.mp4"))
    renamed = tmp_path / f"other name{first.suffix}"
    shutil.copy(first, renamed)
    with renamed.open("ab") as file:
        file.write(b"\0" * 7)  # other bytes, the same pictures
    assert fingerprint(renamed) == fingerprint(first)
    assert fingerprint(second) != fingerprint(first)


def test_what_comes_after_the_first_frames_does_not_matter() -> None:
    frames = [Frame(np.full((8, 8, 3), level, np.uint8), level, level / 30) for level in range(20)]
    whole, beginning, other = Fingerprint(), Fingerprint(), Fingerprint()
    list(whole.watch(frames)), list(beginning.watch(frames[:8])), list(other.watch(frames[1:]))
    assert whole.value == beginning.value != other.value


def test_fingerprints_are_kept_as_they_are() -> None:
    learnt = LearntClips(frozenset({"00" * 8, "ab" * 8}), frozenset({"0123456789abcdef"}))
    bundle = Bundle("here", "", None, {LEARNT_FILE: learnt.to_bytes()})  # type: ignore[arg-type]
    assert LearntClips.of(bundle) == learnt
    assert [learnt.role(one) for one in ("ab" * 8, "0123456789abcdef", "ff" * 8)] == ["training", "calibration", ""]


@pytest.mark.parametrize("data", [b"[]", b'{"training": "AA=="}', b'{"training": 5, "calibration": ""}', b"\xff"])
def test_what_is_no_list_of_fingerprints_is_refused_by_name(data: bytes) -> None:
    bundle = Bundle("here", "", None, {LEARNT_FILE: data})  # type: ignore[arg-type]
    with pytest.raises(BundleError, match=f"here: {LEARNT_FILE}: expected fingerprints"):
        LearntClips.of(bundle)


def having_learnt(clips: list[Path], target: Path) -> Path:
    loaded = tiny_bundle(0)
    learnt = LearntClips(training=frozenset(map(fingerprint, clips)))
    write_bundle(target, loaded.manifest, {**loaded.files, LEARNT_FILE: learnt.to_bytes()})
    return target


def test_training_data_is_told_apart(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clips = sorted(path for path in folder.rglob("*") if path.suffix in (".avi", ".mp4"))
    bundle = having_learnt(clips[:2], tmp_path / "some")
    assert edge_eval(["--bundle", str(bundle), "--set", f"folder:{folder}", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["evaluations"][0]["clips"] == len(clips) - 2 and found["evaluations"][0]["training_clips"] == 0
    assert found["learnt"][0]["clips"] == found["learnt"][0]["training_clips"] == 2
    assert edge_eval(["--bundle", str(bundle), "--set", f"folder:{folder}"]) == 0
    assert f"2 of {len(clips)} clips are training data of the bundle, and no test" in capsys.readouterr().out


def test_a_set_of_training_data_alone_is_called_no_test(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clips = sorted(path for path in folder.rglob("*") if path.suffix in (".avi", ".mp4"))
    bundle = having_learnt(clips, tmp_path / "all")
    assert edge_eval(["--bundle", str(bundle), "--set", f"folder:{folder}"]) == 0
    first_line = capsys.readouterr().out.splitlines()[0]
    assert first_line.startswith(f"{len(clips)} of {len(clips)} clips are training data of the bundle: these figures")


def test_a_recording_that_was_learnt_is_known_in_any_rendering(tmp_path: Path) -> None:
    for name in ("learnt", "new"):
        write_recording(tmp_path / f"{name}.npz", step=2 if name == "new" else 1)
    (tmp_path / "labels.csv").write_text("file,class,actor,fps\nlearnt.npz,left,s1,19\nnew.npz,left,s2,19\n")
    clips = open_set(f"relit:{tmp_path}").clips
    first = next(clip for clip in clips if clip.actor == "s1")
    training = frozenset({first.rendered_from})
    bundle = tiny_bundle()
    knowing = dataclasses.replace(bundle, files={**bundle.files, LEARNT_FILE: LearntClips(training).to_bytes()})
    judged = ClipSet("relit", ("left",), [clips[1], clips[-1]])  # another camera than the first's; somebody new
    assert judged.clips[0].actor == "s1" and first.made_by != judged.clips[0].made_by
    roles = {result.clip.actor: result.role for result in evaluate([knowing], judged)[0].results}
    assert roles == {"s1": "training", "s2": ""}


def test_a_recording_is_known_however_it_was_cropped_and_packed(tmp_path: Path) -> None:
    write_recording(tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as stored:
        arrays = dict(stored)
    arrays["depth_mm"] = np.pad(arrays["depth_mm"], ((0, 0), (3, 1), (2, 0)))
    arrays["origin_yx"] = arrays["origin_yx"] - [3, 2]
    np.savez_compressed(tmp_path / "b.npz", **arrays, fps=np.float64(17))
    rows, columns = np.nonzero(arrays["depth_mm"][4])
    arrays["depth_mm"][4, rows[0], columns[0]] += 1
    np.savez(tmp_path / "c.npz", **arrays)
    (tmp_path / "labels.csv").write_text("file,class,fps\na.npz,wave,19\nb.npz,wave,17\nc.npz,wave,19\n")
    known: dict[str, set[str]] = {name: set() for name in "abc"}
    for kind in ("relit", "relit_moving"):
        for clip in open_set(f"{kind}:{tmp_path}").clips:
            known[clip.name[0]].add(clip.rendered_from)
    assert len(known["a"]) == 1 and known["a"] == known["b"] != known["c"]


def test_what_cannot_be_read_is_no_recording(tmp_path: Path) -> None:
    write_recording(tmp_path / "a.npz")
    (tmp_path / "labels.csv").write_text("file,class,fps\na.npz,wave,19\n")
    clip = open_set(f"relit:{tmp_path}").clips[0]
    (tmp_path / "a.npz").write_bytes(b"PK")
    with pytest.raises(DataError, match=r"a\.npz: not a depth recording"):
        _ = clip.rendered_from


@pytest.mark.skipif(not UTD.is_dir(), reason="the real depth recordings are not here")
def test_the_shipped_bundles_know_the_recordings_that_they_have_learnt_from() -> None:
    recordings = {clip.rendered_from for clip in open_set(f"relit:{UTD}").clips}
    others = {clip.rendered_from for clip in open_set(f"relit:{UTD}_other").clips}
    assert len(recordings) == 238 and len(others) == 299
    for place in (default_bundle_path(), ROOT / "bundles" / "ellar-edge-s-float32"):
        learnt = LearntClips.of(Bundle.load(place)).training
        assert recordings <= learnt and not others & learnt


def test_a_video_is_known_by_its_frames_alone(folder: Path) -> None:
    assert {clip.rendered_from for clip in open_set(f"folder:{folder}").clips} == {""}
    assert {clip.rendered_from for clip in open_set("synthetic_val", limit=3).clips} == {""}
