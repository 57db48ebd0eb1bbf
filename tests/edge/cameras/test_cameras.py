"""What users write for --camera."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.cameras import camera_source, open_camera
from edge.errors import CameraError, UsageError


@pytest.mark.parametrize(
    ("spec", "name", "live"),
    [
        ("demo", "demo", False),
        ("file:x.mp4", "file:x.mp4", False),
        ("images:x", "images:x", False),
        ("/dev/video2", "/dev/video2", True),
        ("2", "/dev/video2", True),
        ("rtsp://eve:secret@host/stream", "rtsp://***@host/stream", True),
        ("http://host:8080/video?key=secret", "http://host:8080/video?***", True),
        ("gst:videotestsrc", "gst", True),
        ("imx462", "imx462", True),
        ("arducam", "arducam", True),
        ("arducam_b0200", "arducam_b0200", True),
        ("generic_uvc", "generic_uvc", True),
        ("arducam@1-1.2", "arducam@1-1.2", True),
    ],
)
def test_every_form_is_understood_without_opening_it(spec: str, name: str, live: bool) -> None:
    source = camera_source(spec)
    assert (source.name, source.live) == (name, live)


@pytest.mark.parametrize(
    "spec",
    ["arducm", "arducam@", "file:", "images:", "-1", "\u0662", "gst: ", "rtmp://eve:secret@host/stream", "x" * 5000],
)
def test_an_unknown_camera_lists_what_there_is(spec: str) -> None:
    with pytest.raises(
        UsageError, match=r"unknown camera .*demo, file:PATH, images:DIR.*arducam_b0200 \(arducam\)"
    ) as raised:
        camera_source(spec)
    assert raised.value.exit_code == 2 and "secret" not in str(raised.value)


def test_a_path_without_file_says_how_to_write_it(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.touch()
    with pytest.raises(UsageError, match=f"for a recording write file:{path}"):
        camera_source(str(path))


@pytest.mark.parametrize(
    ("device", "message"),
    [("/dev/video987", "no such device"), ("/dev/null/video0", "no such device"), ("/dev/shm", "is not a device")],
)
def test_a_device_that_is_none_says_so(device: str, message: str) -> None:
    with pytest.raises(CameraError, match=message):
        open_camera(device)


def test_a_device_that_is_no_camera_says_so() -> None:
    with pytest.raises(CameraError, match=r"/dev/null: is not a camera"):
        open_camera("/dev/null")
