"""What a decoder says is not believed; whatever a file is called, it plays; and its rate can be said."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.cameras.recordings.decoding import VideoDecoder
from edge.cameras.recordings.demo import DEMO_CLIP
from edge.cameras.source import open_camera
from edge.errors import CameraError
from edge.picture import bounds
from edge.picture.frame import Frame
from tests.interlaced import CODECS, write_interlaced

EDGE_RUN = str(Path(sys.executable).with_name("edge-run"))
NAMES = (b"clip_\xe9.mp4", b"2024-11-28T10:15:00.mp4", b"two\nlines.mp4", b"file:x.mp4", b"clip_%03d.mp4")


def frames(path: Path, fps: float | None = None) -> list[Frame]:
    decoder = VideoDecoder(path, fps)
    try:
        return list(iter(decoder.next, None))
    finally:
        decoder.close()


def edge_run(*options: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [EDGE_RUN, *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=cwd)


@pytest.mark.parametrize("size", [(240, 320), (720, 1280)], ids=["small", "large"])
@pytest.mark.parametrize("codec", CODECS)
def test_interlaced_pictures_are_one_error(tmp_path: Path, codec: str, size: tuple[int, int]) -> None:
    whole = write_interlaced(tmp_path / "whole.mkv", codec, size=size, interlaced=False)
    path = write_interlaced(tmp_path / "interlaced.mkv", codec, size=size)
    for _ in range(2):  # the memory of the clip before may be handed out as this one's
        assert len(frames(whole)) == 40
        with pytest.raises(CameraError, match=r"interlaced\.mkv: its pictures are interlaced.*ffmpeg -i IN -vf yadif"):
            frames(path)


def test_pictures_that_become_interlaced_are_found(tmp_path: Path) -> None:
    parts = [write_interlaced(tmp_path / f"{i}.h264", interlaced=bool(i), format="h264") for i in range(2)]
    path = tmp_path / "mixed.h264"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    with pytest.raises(CameraError, match="its pictures are interlaced"):
        frames(path)


@pytest.mark.parametrize("level", [0, 0x5A, 0xC3, 200], ids=["black", "first mark", "second mark", "bright"])
@pytest.mark.parametrize("code", ["MJPG", "mp4v", "FFV1"])
def test_pictures_that_do_repeat_are_believed(tmp_path: Path, code: str, level: int) -> None:
    path = tmp_path / "still.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), 30.0, (320, 240))
    for _ in range(12):
        writer.write(np.full((240, 320, 3), level, np.uint8))
    writer.release()
    found = frames(path)
    assert len(found) == 12 and all(np.abs(frame.image.astype(int) - level).max() <= 12 for frame in found)


def test_the_program_names_the_file_and_not_a_lens(tmp_path: Path) -> None:
    path = write_interlaced(tmp_path / "clip.mp4")
    found = edge_run("--camera", f"file:{path}", "--quiet")
    assert found.returncode == 1 and found.stderr.startswith(f"edge-run: {path}: its pictures are interlaced")
    assert found.stderr.count("\n") == 1 and "lens" not in found.stdout + found.stderr


def test_a_black_recording_has_no_lens(write_clip: Callable[..., Path]) -> None:
    path = write_clip("black.avi", images=[np.zeros((240, 320, 3), np.uint8)] * 30)
    found = edge_run("--camera", f"file:{path}")
    assert found.returncode == 0 and "the pictures of the recording are black" in found.stderr
    assert "lens" not in found.stdout + found.stderr


@pytest.mark.parametrize("name", NAMES, ids=str)
def test_a_file_may_have_any_name(tmp_path: Path, name: bytes) -> None:
    shutil.copy(DEMO_CLIP, Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)))
    spec = b"file:" + name
    command = [os.fsencode(EDGE_RUN), b"--camera", spec, b"--max-frames=20", b"--quiet"]
    found = subprocess.run(command, capture_output=True, timeout=120, cwd=tmp_path)
    assert found.returncode == 0 and not found.stderr
    lines = [json.loads(line) for line in found.stdout.decode("utf-8").splitlines()]
    assert lines[-1]["ticks"] > 5
    lines[0]["camera"].encode("utf-8")  # no half of a character
    assert "\n" not in lines[0]["camera"]


def test_a_stream_without_a_container_takes_the_rate_that_is_said(tmp_path: Path) -> None:
    path = write_interlaced(tmp_path / "clip.h264", interlaced=False, frames=60, format="h264")
    with open_camera(f"file:{path}") as camera:
        (note,) = camera.notes
        assert "taken as 25 frames a second, say otherwise with --fps" in note
    with open_camera(f"file:{path}", fps=30.0) as camera:
        assert camera.notes == ()
        times_s = [frame.capture_time_s for frame in iter(lambda: camera.read(1.0), None)]
    assert times_s == pytest.approx([i / 30 for i in range(60)])
    events = [json.loads(line) for line in edge_run("--camera", f"file:{path}", "--quiet").stdout.splitlines()]
    assert any(event.get("event") == "camera_note" and "--fps" in event["message"] for event in events)


def test_a_rate_wins_over_a_container(write_clip: Callable[..., Path]) -> None:
    path = write_clip("rate.avi", frames=6, fps=30.0)
    assert [frame.capture_time_s for frame in frames(path, 10.0)] == pytest.approx([i / 10 for i in range(6)])


def test_pictures_that_are_too_large_are_refused_before_they_are_made(
    write_clip: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_clip("large.avi", frames=3)
    monkeypatch.setattr("edge.cameras.recordings.decoding.MOST_PIXELS", 1000)
    with pytest.raises(CameraError, match=r"large\.avi: pictures of 320x240; expected at most 1000 pixels"):
        frames(path)
    assert bounds.MOST_PIXELS > 4608 * 2592


def test_home_is_known_wherever_a_path_is_written(
    tmp_path: Path, write_clip: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(write_clip("home.avi", frames=20), tmp_path / "clip.avi")
    monkeypatch.setenv("HOME", str(tmp_path))
    bundle = Path(DEMO_CLIP).parent / "bundle"
    shutil.copytree(bundle, tmp_path / "b")
    (tmp_path / "edge.yaml").write_text("camera: file:~/clip.avi\nbundle: ~/b\n")
    found = edge_run("--config=~/edge.yaml", "--quiet")
    assert found.returncode == 0, found.stderr
