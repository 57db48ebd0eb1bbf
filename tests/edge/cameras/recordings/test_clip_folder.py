"""`clips:DIR`: one clip after the other, each as if it were alone."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.cameras.recordings.clip_folder import ClipFolder
from edge.errors import CameraError
from tests.edge.conftest import ROOT, edge_run_command

WriteClip = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path, write_clip: WriteClip) -> Path:
    for name, step in (("walk10.avi", 3), ("walk2.avi", -3)):
        shutil.copy(write_clip(f"folder-{name}", step=step, frames=40), tmp_path / name)
    (tmp_path / ".hidden.avi").touch()
    (tmp_path / "labels.csv").touch()
    return tmp_path


def run(*arguments: object) -> list[dict[str, object]]:
    done = subprocess.run(
        edge_run_command(*arguments), cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def answers(lines: list[dict[str, object]]) -> list[object]:
    kept = ("sequence", "capture_time_s", "stream_time_s", "label", "reason", "confidence", "gamma")
    return [[line[key] for key in kept] for line in lines if line["type"] == "prediction"]


@pytest.mark.parametrize("realtime", [False, True])
def test_every_frame_of_every_clip_in_the_order_of_its_numbers(folder: Path, realtime: bool) -> None:
    with ClipFolder(folder, realtime) as camera:
        notes, times_s = [], []
        while (frame := camera.read(1.0)) is not None:
            times_s.append(frame.capture_time_s)
            notes += [note for note in camera.notes if note not in notes]
    assert notes == ["clip 1 of 2: walk2.avi", "clip 2 of 2: walk10.avi"]
    if not realtime:  # played at its own pace a frame may be lost
        assert len(times_s) == 80 and times_s[:40] == times_s[40:] and times_s[0] == 0.0


def test_a_clip_is_answered_in_a_folder_as_alone(folder: Path, tiny_bundle: Path) -> None:
    lines = run(folder, "--bundle", tiny_bundle)
    begins = [i for i, line in enumerate(lines) if line.get("event") == "camera_note"]
    assert [str(lines[i]["message"]).rpartition(": clip ")[2] for i in begins] == [
        "1 of 2: walk2.avi",
        "2 of 2: walk10.avi",
    ]
    alone = [answers(run(folder / name, "--bundle", tiny_bundle)) for name in ("walk2.avi", "walk10.avi")]
    assert [answers(lines[: begins[1]]), answers(lines[begins[1] :])] == alone
    assert lines[-1]["frames"] == 80 and lines[-1]["dropped"] == 0


def test_a_folder_without_a_clip_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match=r"no clip in it; expected files like walk\.mp4"):
        ClipFolder(tmp_path)
    with pytest.raises(CameraError, match="no folder that can be read"):
        ClipFolder(tmp_path / "none")


def test_a_clip_that_cannot_be_read_is_named_when_its_turn_comes(folder: Path) -> None:
    (folder / "walk3.avi").write_text("no video")
    with ClipFolder(folder) as camera, pytest.raises(CameraError, match=r"walk3\.avi: no video in it"):
        while camera.read(0.0) is not None:
            pass
