"""Data sets as people have them: interlaced clips, names and tables in other encodings, hidden files, ~."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from calibration.cli import main as calibration
from calibration.clip_sets import listing
from calibration.clip_sets.listing import Problem
from calibration.clip_sets.side import read_side
from calibration.evaluation.cli import main as edge_eval
from calibration.sets import open_set
from edge.bundles.bundle import write_bundle
from edge.errors import DataError
from quantize.cli import main as quantize
from tests.calibration.trees import write_video
from tests.clips import write_square_folder
from tests.interlaced import write_interlaced
from tests.students import tiny_files, tiny_manifest, tiny_student

TABLE = "file,class\na/1.avi,gehen\na/2.avi,g\xe9hen\n"
WRONG = {
    "latin-1": (TABLE.encode("latin-1"), "line 3: expected UTF-8, found byte 0xe9"),
    "utf-16": (TABLE.encode("utf-16"), "line 1: expected UTF-8, found UTF-16"),
    "utf-16 without a mark": (TABLE.encode("utf-16-le"), "line [13]: expected UTF-8, found"),
    "utf-32": (TABLE.encode("utf-32"), "line 1: expected UTF-8, found UTF-32"),
}


@pytest.fixture
def squares(tmp_path: Path) -> Path:
    """Clips, one of which is interlaced, and a float bundle that knows their labels."""
    folder = write_square_folder(tmp_path / "squares", 12)
    write_interlaced(folder / "left" / "interlaced.mp4")
    student = tiny_student()
    write_bundle(tmp_path / "float", tiny_manifest(student), tiny_files(student))
    return folder


def folder(root: Path, table: bytes | None = None) -> Path:
    for name in ("a/1.avi", "a/2.avi"):
        write_video(root / name, seed=len(name + name[-5]))
    if table is not None:
        (root / "labels.csv").write_bytes(table)
    return root


def test_an_interlaced_clip_is_damaged_for_everybody(
    squares: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert calibration(["check", "--full", f"folder:{squares}", "--workers", "1"]) == 1
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "interlaced.mp4" in line)
    assert "is damaged: its pictures are interlaced" in line and "yadif" in line
    assert edge_eval(["--bundle", str(tmp_path / "float"), "--set", f"folder:{squares}", "--json"]) == 0
    (damaged,) = json.loads(capsys.readouterr().out)["evaluations"][0]["damaged"]
    assert "interlaced.mp4" in str(damaged)
    paths = [f"--calib=folder:{squares}", f"--model={tmp_path}/float", f"--out={tmp_path}/int8", "--workers=1"]
    assert quantize([*paths, "--max-drop=100", "--force", "--estimator=minmax"]) == 0
    assert "1 damaged clips left out" in (tmp_path / "int8" / "manifest.json").read_text()


@pytest.mark.parametrize("kind", WRONG)
def test_another_encoding_is_one_error_everywhere(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    table, message = WRONG[kind]
    root = folder(tmp_path, table)
    with pytest.raises(DataError, match=rf"labels\.csv: {message}"):
        open_set(f"folder:{root}")
    assert calibration(["check", f"folder:{root}"]) == 1
    assert "nothing is wrong" not in (out := capsys.readouterr().out) and "labels.csv: line" in out
    assert edge_eval(["--set", f"folder:{root}"]) == 2
    side = tmp_path / "clips.csv"
    side.write_bytes(table)
    for pattern in (tmp_path / "none.txt", side):
        with pytest.raises(DataError, match=rf"clips\.csv: {message}"):
            read_side(side if pattern.name == "none.txt" else None, pattern)
    for form in (listing.pairs, listing.numbered, listing.pairs_or_counted, listing.columns):
        *_, last = form(side)
        assert isinstance(last, Problem) and "expected UTF-8" in str(last)


def test_a_byte_order_mark_is_read_everywhere(tmp_path: Path) -> None:
    root = folder(tmp_path, b"\xef\xbb\xbf" + TABLE.encode("utf-8"))
    assert open_set(f"folder:{root}").labels == ("gehen", "g\xe9hen")
    assert calibration(["check", f"folder:{root}"]) in (0, 1)
    (tmp_path / "list.txt").write_bytes(b"\xef\xbb\xbfa/1.avi 0\n")
    (entry,) = listing.pairs(tmp_path / "list.txt")
    assert not isinstance(entry, Problem) and entry.file == "a/1.avi"


def test_names_that_are_no_utf8_are_clips_like_any_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    squares = write_square_folder(tmp_path / "squares", 3)
    student = tiny_student()
    write_bundle(tmp_path / "float", tiny_manifest(student), tiny_files(student))
    first = next(squares.glob("left/*.avi"))
    shutil.copy(first, Path(os.fsdecode(os.fsencode(first.parent) + b"/clip_\xe9.avi")))
    page = tmp_path / "report.html"
    command = ["--bundle", str(tmp_path / "float"), "--set", f"folder:{squares}", "--json", "--html", str(page)]
    assert edge_eval(command) == 0
    out = capsys.readouterr().out
    out.encode("utf-8")
    assert "clip_\\xe9.avi" in json.dumps(json.loads(out)).replace("\\\\", "\\") and page.is_file()
    assert calibration(["check", "--full", f"folder:{squares}"]) == 1
    capsys.readouterr().out.encode("utf-8")


def test_hidden_files_are_no_clips(tmp_path: Path) -> None:
    root = folder(tmp_path)
    (root / "a" / "._1.avi").write_bytes(b"\0\5\26\7")
    assert [clip.name for clip in open_set(f"folder:{root}").clips] == ["a/1.avi", "a/2.avi"]
    assert calibration(["check", f"folder:{root}", "--workers", "1"]) in (0, 1)


def test_home_is_known_in_the_name_of_a_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder(tmp_path / "clips")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert len(open_set("folder:~/clips").clips) == 2
    assert calibration(["check", "folder:~/clips", "--workers", "1"]) in (0, 1)
    monkeypatch.setenv("EDGE_DATA", "~/nothing")
    with pytest.raises(DataError, match=f"{tmp_path}/nothing"):
        open_set("ellar_test")
