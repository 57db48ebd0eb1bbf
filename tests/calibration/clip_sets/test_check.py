"""`calibration check` on small trees in every form: sound ones, and every kind of damage, with its file and line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from calibration.cli import main
from calibration.clip_sets.check import check, probe
from calibration.sets import open_set
from edge.errors import DataError, UsageError
from tests.calibration.trees import CLIPS, PLACES, lines, list_path, write_list, write_set, write_video


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with every data set; tests copy what they damage."""
    root = tmp_path_factory.mktemp("data")
    for key in PLACES:
        write_set(root, key)
    return root


def copy(sound: Path, key: str, root: Path) -> Path:
    return Path(shutil.copytree(sound / PLACES[key][0], root / PLACES[key][0]))


def problems(name: str, root: Path | None, full: bool = False) -> list[str]:
    return [str(problem) for problem in check(name, root, full=full).problems]


@pytest.mark.parametrize("key", PLACES)
def test_a_sound_data_set_is_counted_and_has_no_problem(sound: Path, key: str) -> None:
    report = check(key, sound, workers=2)
    assert not report.problems
    for split in {split for split, _, _ in CLIPS[key]}:
        assert report.counts["clips", "", split] == sum(of == split for of, _, _ in CLIPS[key])
        assert len(open_set(f"{key}_{split}", sound).clips) == report.counts["clips", "", split]
    assert sum(n for (what, _, _), n in report.counts.items() if what == "class") == len(CLIPS[key])


@pytest.mark.parametrize("key", ["arid", "arid15", "ug2"])
def test_classes_of_arid_have_their_published_names(sound: Path, key: str) -> None:
    split = CLIPS[key][0][0]
    clips = open_set(f"{key}_{split}", sound)
    assert len(clips.labels) == 11
    assert [clips.labels[clip.label] for clip in clips.clips] == ["Jump", "Walk"]
    assert all(list(clip.frames()) for clip in clips.clips)


def test_both_line_forms_of_dark48_open(sound: Path) -> None:
    assert [(c.name, c.label) for c in open_set("dark48_val", sound).clips] == [("wave/c.mp4", 1)]
    assert [(c.name, c.label) for c in open_set("dark48_test", sound).clips] == [("clap/d.mp4", 0)]
    assert open_set("dark48_test", sound).labels == ("clap", "wave")


BAD_LINES = [
    ("ellar", "train", "Walk/a b.avi 1", "without a space in the path"),
    ("ellar", "train", "Walk/LL_c920_p1_1.avi x", "expected a label, a whole number from 0, found 'x'"),
    ("ellar", "train", "Walk/LL_c920_p1_1.avi -1", "expected a label"),
    ("ellar", "train", "../Walk/a.avi 1", "is not a path of the form"),
    ("ellar", "train", "/Walk/a.avi 1", "is not a path of the form"),
    ("ellar", "train", "a.avi 1", "is not a path of the form"),
    ("ellar", "train", "Walk/gone.avi 1", "gone.avi does not exist"),
    ("ellar", "train", "Walk/gone.avi 12", "label 12 is out of range"),
    ("ellar", "train", "Sit/LL_brio_p1_0.avi 0", "is listed twice, see"),
    ("ellar", "train", "./Sit/LL_brio_p1_0.avi 0", "is listed twice, see"),
    ("ellar", "val", "Sit/LL_brio_p1_0.avi 0", "is listed twice, see"),  # in train, too
    ("ellar", "test", "Sit/LL_brio_p1_0.avi 1", "label 1 is 'Sit' here and 'Walk' in"),
    ("arid", "split1_train", "9 1 Jump/Jump_1_1.mp4", 'expected "<index> TAB <label> TAB'),
    ("arid", "split1_train", "9\t1\tJump/a b.mp4", "has a space in its path"),
    ("arid", "split1_train", "9\t11\tJump/x.mp4", "label 11 is out of range: ARID 1.0 has 11 classes, 0 to 10"),
    ("arid", "split2_test", "9\t2\tJump/Jump_4_4.mp4", "label 2 is Pick, the folder says Jump"),
    ("arid", "split2_test", "9\t1\tJump/Jump_1_1.mp4", "is listed twice, see"),  # in split2_train, too
    ("arid15", "split3_other", "9\t1\tJump/../x.mp4", "is not a path of the form"),
    ("ug2", "train", "7,Jump/gone.mp4,1", "gone.mp4 does not exist"),
    ("ug2", "train", "7,Jump/a.mp4", "expected a label"),
    ("ug2", "train", "7,,1", "is not a path of the form"),
    ("ug2", "train", "7,Jump/a b.mp4,1", "has a space in its path"),
    ("ug2", "val", "7,Jump/a.mp4,4711", "label 4711 is out of range"),
    ("dark48", "train", "clap/a.mp4 six 0", 'expected "<class>/<clip>.mp4 [<frames>] <label>"'),
    ("dark48", "train", "clap/a.mp4 6 48", "label 48 is out of range"),
    ("dark48", "val", "clap/a b.mp4 6 0", "without a space in the path"),
    ("dark48", "val", "clap\\a.mp4 6 0", "is not a path of the form"),
]


@pytest.mark.parametrize(("key", "split", "line", "message"), BAD_LINES)
def test_a_bad_line_is_reported_with_its_place(
    sound: Path, tmp_path: Path, key: str, split: str, line: str, message: str
) -> None:
    copy(sound, key, tmp_path)
    listing = list_path(tmp_path, key, split)
    rows = [*lines(key, split), line]
    write_list(listing, rows)
    found = problems(key, tmp_path)
    assert all(problem.startswith(f"{listing}: line {len(rows)}: ") for problem in found)
    assert any(message in problem for problem in found)


@pytest.mark.parametrize("key", PLACES)
def test_damaged_files_are_reported_with_the_line_that_names_them(sound: Path, tmp_path: Path, key: str) -> None:
    root = copy(sound, key, tmp_path)
    split = CLIPS[key][0][0]
    first, second = (root / PLACES[key][1] / file for of, file, _ in CLIPS[key][:2])
    first.write_bytes(b"")
    second.write_bytes(b"no video, whatever its name says")
    listing, offset = list_path(tmp_path, key, split), int(key == "ug2")
    empty, damaged = problems(key, tmp_path)
    assert empty == f"{listing}: line {1 + offset}: {first} is empty (0 bytes)"
    assert damaged.startswith(
        f"{listing}: line {2 + offset}: {second} is damaged: no video in it that OpenCV can decode (32 bytes)"
    )
    assert main(["check", key, "--data-root", str(tmp_path), "--workers", "1"]) == 1


def test_equal_content_in_two_files_is_reported(sound: Path, tmp_path: Path) -> None:
    root = copy(sound, "dark48", tmp_path)
    shutil.copy(root / "videos/clap/a.mp4", root / "videos/wave/c.mp4")
    (problem,) = problems("dark48", tmp_path)
    assert "dark48_val_list.txt: line 1" in problem and "same content" in problem
    assert "dark48_train_list.txt: line 1" in problem


def test_a_truncated_file_is_found_by_a_full_look(tmp_path: Path) -> None:
    path = tmp_path / "cut.avi"
    write_video(path, frames=30)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert probe(path)[1] is None
    assert "of 30 frames can be decoded" in str(probe(path, full=True)[1])
    path.write_bytes(whole)
    assert probe(path, full=True) == (len(whole), None)


def test_missing_lists_gaps_and_rows_without_a_clip_are_reported(sound: Path, tmp_path: Path) -> None:
    root = copy(sound, "ellar", tmp_path)
    write_list(root / "ELLAR_label_train.txt", ["Walk/LL_c920_p1_1.avi 2"])
    (root / "ELLAR_label_val.txt").unlink()
    write_list(root / "ELLAR_label_test.txt", ["Sit/LL_brio_p1_0.avi 0"])
    write_list(root / "ELLAR_clips.csv", ["file,light", "Sit/LL_brio_p1_0.avi,LL", "Sit/typo.avi,LL"])
    report = check("ellar", tmp_path)
    assert [str(problem) for problem in report.problems] == [
        f"{root / 'ELLAR_label_val.txt'}: the list of val is missing",
        f"{root}: labels [1] have no clip; the lists are not complete",
        f"{root / 'ELLAR_clips.csv'}: line 3: Sit/typo.avi is in no list",
    ]
    assert "3 videos are in no list, the first is Sit/ELL_brio_p2_3.avi" in report.notes


def test_a_table_without_its_columns_is_one_problem(sound: Path, tmp_path: Path) -> None:
    copy(sound, "ug2", tmp_path)
    listing = list_path(tmp_path, "ug2", "val")
    write_list(listing, ["VideoID,File", "0,Walk/c.mp4"])
    assert problems("ug2", tmp_path) == [f"{listing}: line 1: no column ClassID and Video; found ['VideoID', 'File']"]


def test_one_split_is_checked_alone(sound: Path, tmp_path: Path) -> None:
    root = copy(sound, "arid", tmp_path)
    (root / "data/Jump/Jump_4_4.mp4").unlink()
    assert problems("arid_split2_test", tmp_path) == []
    assert len(problems("arid_split2_other", tmp_path)) == 1
    assert len(problems("arid", tmp_path)) == 1  # three lists name it, one file is missing


def test_a_folder_is_checked_with_and_without_a_table(tmp_path: Path) -> None:
    for seed, file in enumerate(("walk/a.avi", "sit down/b.avi", "sit/c.avi")):
        write_video(tmp_path / file, seed)
    (tmp_path / "sit" / "empty.mp4").touch()
    (tmp_path / "sit" / "notes.txt").write_text("no video")
    report = check(f"folder:{tmp_path}", None)
    assert [str(problem) for problem in report.problems] == [
        f"{tmp_path}/sit down/b.avi: 'sit down/b.avi' has a space in its path, which mmaction's lists cannot hold; "
        "rename it",
        f"{tmp_path}/sit/empty.mp4: {tmp_path}/sit/empty.mp4 is empty (0 bytes)",
    ]
    assert report.notes == ["1 files are no videos, the first is notes.txt"]
    rows = ["file,class,camera,light", "walk/a.avi,walk,brio,LL", "../x.avi,walk,,", ",walk,,", "walk/a.avi,walk,,"]
    write_list(tmp_path / "labels.csv", rows)
    report = check(f"folder:{tmp_path}", None)
    assert report.counts["camera", "brio", "all"] == report.counts["camera", "unknown", "all"] == 1
    table = tmp_path / "labels.csv"
    places = [problem.place for problem in report.problems]
    assert places == [f"{table}: line 3", f"{table}: line 4", f"{table}: line 5"]
    write_list(table, ["name"])
    assert problems(f"folder:{tmp_path}", None) == [f"{table}: line 1: no column class and file; found ['name']"]


def test_an_empty_folder_is_a_problem(tmp_path: Path) -> None:
    (problem,) = problems(f"folder:{tmp_path}", None)
    assert "no clips; expected DIR/labels.csv" in problem


def test_the_command_prints_counts_and_a_verdict(
    sound: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = copy(sound, "ellar", tmp_path)
    (root / "ELLAR_pattern.txt").write_text(r"(?P<light>E?LL)_(?P<camera>\w+?)_(?P<actor>p\d)")
    assert main(["check", "ellar", "--data-root", str(tmp_path)]) == 0
    table = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert table == [
        ["ellar", "train", "val", "test"],
        ["clips", "3", "1", "1"],
        ["class", "Sit", "1", "1", "-"],
        ["class", "Walk", "2", "-", "1"],
        ["camera", "brio", "1", "1", "1"],
        ["camera", "c920", "2", "-", "-"],
        ["light", "ELL", "1", "1", "-"],
        ["light", "LL", "2", "-", "1"],
        ["10", "of", "12", "classes", "have", "no", "clip"],
        ["nothing", "is", "wrong", "in", str(root / "videos")],
    ]


@pytest.mark.parametrize("name", ["elar", "ellar_dev", "synthetic_val", "folder:", "ellar:x"])
def test_what_cannot_be_checked_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot be checked; there are: ellar, .*folder:DIR"):
        check(name, tmp_path)


def test_nothing_to_check_is_an_error_and_not_a_clean_bill(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DataError, match=r"DIR/Dark48/\*val\*\.txt"):
        check("dark48", tmp_path)
    assert main(["check", "ellar"]) == 2
    assert "--data-root DIR, EDGE_DATA" in capsys.readouterr().err
    assert main(["check", "ellar", "--workers", "0"]) == 2
