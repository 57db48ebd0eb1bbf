"""Data sets by name: what opens, and what is said when something is missing or damaged."""

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest

from calibration.clip_sets import video
from calibration.sets import named_sets, open_set, public_name
from edge.errors import DataError, UsageError

ARID = Path(__file__).parents[2].parent / "shared" / "data" / "arid_dark"


def write_video(path: Path, frames: int = 6, fps: float = 15.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, (64, 48))
    for i in range(frames):
        writer.write(np.full((48, 64, 3), 10 * i, np.uint8))
    writer.release()


def write_ellar(root: Path, lines: str = "Walk/a.avi 1\nSit/b.avi 0\n") -> None:
    for file in ("Walk/a.avi", "Sit/b.avi"):
        write_video(root / "ELLAR" / "videos" / file)
    for split in ("train", "val", "test"):
        (root / "ELLAR" / f"ELLAR_label_{split}.txt").write_text(lines)


def test_an_unknown_name_lists_the_sets_and_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'ellar_val'") as error:
        open_set("elar_val")
    assert all(one.name in str(error.value) for one in named_sets())
    assert error.value.exit_code == 2


@pytest.mark.parametrize("limit", [0, -3])
def test_a_limit_below_one_is_refused(limit: int) -> None:
    with pytest.raises(UsageError, match="1 or more"):
        open_set("synthetic_val", limit=limit)


def test_sets_are_joined_by_label(tmp_path: Path) -> None:
    folder = tmp_path / "a+b"  # the + of a folder's name joins nothing
    for file in ("walk/0.avi", "hop/0.avi"):
        write_video(folder / file)
    name = f"folder:{folder}+synthetic_val"
    first, second, joined = open_set(f"folder:{folder}"), open_set("synthetic_val"), open_set(name)
    assert [len(one.clips) for one in (first, second, joined)] == [2, 240, 242]
    assert joined.labels[:2] == first.labels and sorted(joined.labels) == sorted({*first.labels, *second.labels})
    assert [joined.labels[clip.label] for clip in joined.clips] == [
        one.labels[clip.label] for one in (first, second) for clip in one.clips
    ]
    assert [clip.identity for clip in joined.clips[:2]] == [clip.identity for clip in first.clips]
    assert len({clip.name for clip in joined.clips}) == 242
    assert public_name(name) == "folder:a+b+synthetic_val"
    assert len(open_set(name, limit=14).clips) == 14
    with pytest.raises(UsageError, match="did you mean 'synthetic_val'"):
        open_set("synthetic_test+synthetic_vall")


def test_ellar_without_a_data_root_says_exactly_what_to_put_where() -> None:
    with pytest.raises(DataError) as error:
        open_set("ellar_val")
    assert error.value.exit_code == 2
    text = str(error.value)
    for part in ("--data-root DIR", "DIR/ELLAR/ELLAR_label_val.txt", "DIR/ELLAR/videos/<Class>/*.avi"):
        assert part in text


def test_ellar_in_the_wrong_place_names_the_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        open_set("ellar_test", data_root=tmp_path)
    assert f"{tmp_path / 'ELLAR' / 'ELLAR_label_test.txt'} is missing" in str(error.value)
    assert "DIR/ELLAR/videos/<Class>/*.avi" in str(error.value)


def test_ellar_takes_class_names_from_folders_and_the_rest_from_its_table(tmp_path: Path) -> None:
    write_ellar(tmp_path)
    (tmp_path / "ELLAR" / "ELLAR_clips.csv").write_text("file,camera,light,actor\nSit/b.avi,brio,ELL,p1\n")
    clips = open_set("ellar_val", tmp_path)
    assert clips.labels == ("Sit", "Walk")
    assert [(c.name, c.label, c.camera, c.light, c.actor) for c in clips.clips] == [
        ("Walk/a.avi", 1, None, None, None),
        ("Sit/b.avi", 0, "brio", "ELL", "p1"),
    ]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("Walk/a b.avi 1\n", "without a space in the path"),
        ("Walk/a.avi one\n", "line 1: expected"),
        ("Walk/a.avi 1\n../b.avi 0\n", "line 2: '../b.avi' is not a path"),
        ("Walk/a.avi 1\nWalk/c.avi 1\n", "c.avi does not exist"),
        ("Walk/a.avi 0\nSit/b.avi 0\n", "label 0 is both 'Walk' and 'Sit'"),
        ("Walk/a.avi 2\nSit/b.avi 0\n", r"labels \[1\] have no clip"),
        ("\n", "lists no clip"),
    ],
)
def test_a_damaged_ellar_list_is_reported_with_its_place(tmp_path: Path, lines: str, message: str) -> None:
    write_ellar(tmp_path, lines)
    with pytest.raises(DataError, match=message):
        open_set("ellar_train", tmp_path)


def test_a_folder_of_class_folders(tmp_path: Path) -> None:
    write_video(tmp_path / "walk" / "b.avi")
    write_video(tmp_path / "sit" / "a.avi")
    (tmp_path / "sit" / "notes.txt").write_text("not a video")
    clips = open_set(f"folder:{tmp_path}")
    assert clips.labels == ("sit", "walk")
    assert [(c.name, c.label) for c in clips.clips] == [("sit/a.avi", 0), ("walk/b.avi", 1)]
    frames = list(clips.clips[0].frames())
    assert [f.sequence for f in frames] == list(range(6))
    assert np.allclose([f.capture_time_s for f in frames], np.arange(6) / 15)
    assert np.abs(frames[3].image.astype(int) - 30).max() <= 3


def test_a_folder_with_a_table(tmp_path: Path) -> None:
    write_video(tmp_path / "x.avi")
    (tmp_path / "labels.csv").write_text("file,class,actor,camera\nx.avi,walk,p3,\n")
    (clip,) = open_set(f"folder:{tmp_path}").clips
    assert (clip.actor, clip.camera, clip.light) == ("p3", None, None)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("file,label\nx.avi,walk\n", "line 1: no column class"),
        ("file,class\nx.avi,\n", "line 2: file and class must not be empty"),
        ("file,class\n../x.avi,walk\n", "leaves the folder"),
        ("file,class\nx.avi,walk\ny.avi,walk\n", "line 3: .*y.avi does not exist"),
        ("file,class\n", "no clips"),
    ],
)
def test_a_damaged_table_is_reported_with_its_place(tmp_path: Path, table: str, message: str) -> None:
    write_video(tmp_path / "x.avi")
    (tmp_path / "labels.csv").write_text(table)
    with pytest.raises(DataError, match=message):
        open_set(f"folder:{tmp_path}")


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"labels\.csv.*DIR/<class>"):
        open_set(f"folder:{tmp_path / 'nowhere'}")


@pytest.mark.parametrize(
    ("content", "message"), [(b"", "empty"), (b"not a video at all", "no video in it that OpenCV can decode")]
)
def test_a_video_that_does_not_decode_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "bad.mp4"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"bad.mp4: .*{message}"):
        list(video.read(path))


def test_a_missing_video_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.mp4: no such video file"):
        list(video.read(tmp_path / "gone.mp4"))


def test_identity_is_the_content(tmp_path: Path) -> None:
    path, elsewhere = tmp_path / "a" / "walk" / "a.avi", tmp_path / "b" / "walk" / "other.avi"
    write_video(path)
    before = open_set(f"folder:{tmp_path / 'a'}").clips[0].identity
    elsewhere.parent.mkdir(parents=True)
    elsewhere.write_bytes(path.read_bytes())
    assert open_set(f"folder:{tmp_path / 'b'}").clips[0].identity == before
    write_video(path, frames=9)
    assert open_set(f"folder:{tmp_path / 'a'}").clips[0].identity != before


def test_synthetic_sets_are_balanced_and_share_nothing() -> None:
    train, val, test = (open_set(f"synthetic_{split}") for split in ("train", "val", "test"))
    assert train.labels == val.labels == ("jump", "run", "sit", "stand", "turn", "walk")
    assert open_set("synthetic12_val").labels[:6] == train.labels
    for clips in (train, val, test):
        counts = np.bincount([c.label for c in clips.clips])
        assert len(counts) == 6 and np.ptp(counts) == 0
        assert {c.light for c in clips.clips} == {"LL", "ELL"}
        assert {c.camera for c in clips.clips} == {"brio", "c920", "arducam"}
    identities = [c.identity for clips in (train, val, test) for c in clips.clips]
    assert len(set(identities)) == len(identities)
    people = [{c.actor for c in clips.clips} for clips in (train, val, test)]
    assert not people[0] & people[1] and not people[1] & people[2] and not people[0] & people[2]


def test_clips_travel_between_processes_and_render_the_same() -> None:
    clip = open_set("synthetic_val", limit=12, seed=3).clips[7]
    travelled = pickle.loads(pickle.dumps(clip))
    ours, theirs = list(clip.frames()), list(travelled.frames())
    assert len(ours) == len(theirs) > 20
    assert all(np.array_equal(a.image, b.image) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.skipif(not ARID.is_dir(), reason="the real dark clips are not here")
def test_the_real_dark_clips_open_and_decode() -> None:
    clips = open_set(f"folder:{ARID}")
    assert clips.labels == ("jump", "run", "sit", "stand", "turn", "walk")
    assert len(clips.clips) == 152 and all(c.actor for c in clips.clips)
    frames = list(clips.subset(6).clips[0].frames())
    assert frames[0].image.shape == (240, 320, 3)
    steps = np.diff([f.capture_time_s for f in frames])
    assert steps.min() > 0 and abs(np.median(steps) - 1 / 30) < 0.002
