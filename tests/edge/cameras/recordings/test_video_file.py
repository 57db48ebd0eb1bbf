"""Recordings: every frame and time, real time, and one clear error for each thing that is not a video."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.cameras.base import Camera
from edge.cameras.source import open_camera
from edge.errors import CameraError
from edge.picture.frame import Frame


def read_all(camera: Camera) -> list[Frame]:
    with camera:
        return list(iter(lambda: camera.read(5.0), None))


def test_every_frame_comes_once_with_its_time(write_clip: Callable[..., Path]) -> None:
    images = [np.full((240, 320, 3), 8 * i, np.uint8) for i in range(30)]
    frames = read_all(open_camera(f"file:{write_clip('grey.avi', images=images, fps=25.0)}"))
    assert [frame.sequence for frame in frames] == list(range(30))
    assert [frame.capture_time_s for frame in frames] == pytest.approx([i / 25 for i in range(30)], abs=2e-3)
    assert all(np.abs(frame.image.astype(int) - image).max() <= 2 for frame, image in zip(frames, images, strict=True))


def test_the_end_stays_the_end(write_clip: Callable[..., Path]) -> None:
    with open_camera(f"file:{write_clip('short.avi', frames=2)}") as camera:
        assert [camera.read(1.0) is None for _ in range(4)] == [False, False, True, True]


def test_in_real_time_a_slow_reader_loses_frames_and_keeps_the_last(write_clip: Callable[..., Path]) -> None:
    spec = f"file:{write_clip('paced.avi', frames=30, fps=60.0)}"
    with open_camera(spec, realtime=True) as camera:
        frames = [camera.read(5.0)]
        time.sleep(0.8)  # the recording passes by, or on a busy machine a part of it
        frames += iter(lambda: camera.read(5.0), None)
    sequences = [frame.sequence for frame in frames if frame]
    assert sequences == sorted(sequences) and len(sequences) < 30 and sequences[-1] == 29


def test_its_thread_may_run_at_any_moment(write_clip: Callable[..., Path]) -> None:
    spec = f"file:{write_clip('race.avi', frames=3)}"
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(30):
            with open_camera(spec, realtime=True) as camera:
                assert camera.read(5.0) is not None
    finally:
        sys.setswitchinterval(interval_s)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "no such video file"),
        (lambda path: path.mkdir(), "is a directory"),
        (os.mkfifo, "is a pipe or a device"),
        (lambda path: path.touch(), r"is empty \(0 bytes\)"),
        (lambda path: path.write_text("not a video at all"), r"no video in it that OpenCV can decode \(18 bytes"),
    ],
    ids=["missing", "directory", "pipe", "empty", "text"],
)
def test_what_is_no_video_says_so(tmp_path: Path, make: Callable[[Path], None], message: str) -> None:
    path = tmp_path / "clip.mp4"
    make(path)
    with pytest.raises(CameraError, match=message) as raised:
        open_camera(f"file:{path}")
    assert str(path) in str(raised.value) and raised.value.exit_code == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_forbidden_file_says_so(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"x")
    path.chmod(0)
    with pytest.raises(CameraError, match=r"cannot be read .*permissions"):
        open_camera(f"file:{path}")


@pytest.mark.parametrize("path", ["x" * 5000, "~nobody_of_this_name/clip.mp4", "clip.mp4/inside"])
def test_a_path_that_cannot_be_says_so(path: str) -> None:
    with pytest.raises(CameraError, match=r"cannot be read|no such video file"):
        open_camera(f"file:{path}")


def test_a_truncated_video_gives_what_is_there(write_clip: Callable[..., Path], tmp_path: Path) -> None:
    whole = write_clip("whole.avi", frames=40).read_bytes()
    path = tmp_path / "cut.avi"
    path.write_bytes(whole[: len(whole) // 2])
    assert 1 <= len(read_all(open_camera(f"file:{path}"))) < 40


@pytest.mark.parametrize("damage", ["head", "middle"])
def test_a_damaged_video_gives_one_error_or_what_is_there(
    write_clip: Callable[..., Path], tmp_path: Path, damage: str
) -> None:
    content = bytearray(write_clip("whole.avi", frames=40).read_bytes())
    where = slice(0, 64) if damage == "head" else slice(len(content) // 2, len(content) // 2 + 400)
    content[where] = bytes(len(content[where]))
    path = tmp_path / "damaged.avi"
    path.write_bytes(content)
    if damage == "head":
        with pytest.raises(CameraError, match="no video in it that OpenCV can decode"):
            open_camera(f"file:{path}")
    else:
        assert 1 <= len(read_all(open_camera(f"file:{path}"))) <= 40


def test_a_video_whose_pictures_change_their_size_is_read_to_its_end(tmp_path: Path) -> None:
    """Pictures one after the other, as cameras record MJPEG."""
    path = tmp_path / "two_sizes.mjpeg"
    sizes = [(48, 64)] * 5 + [(96, 128)] * 5
    path.write_bytes(
        b"".join(
            cv2.imencode(".jpg", np.full((*size, 3), 20 * i, np.uint8))[1].tobytes() for i, size in enumerate(sizes)
        )
    )
    frames = read_all(open_camera(f"file:{path}"))
    assert [round(float(frame.image.mean()) / 20) for frame in frames] == list(range(10))
    assert all(np.ptp(frame.image) <= 4 for frame in frames)
