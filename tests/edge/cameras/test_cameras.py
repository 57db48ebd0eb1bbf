"""What users write for --camera."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.cameras.source import camera_source, named_profile, open_camera
from edge.errors import CameraError, ConfigError, UsageError


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


def test_a_profile_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\ntitle: my camera\nmodes: [{format: YUYV, width: 640, height: 480, fps: 30}]\n")
    source = camera_source(f"{path}@1-1")
    assert (source.name, source.live) == (f"{path}@1-1", True)
    named = named_profile(f"{path}@1-1")
    assert named is not None
    assert (named[0].title, named[1]) == ("my camera", "1-1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: mine\ntitle: x\n", r"mine\.yaml: modes: expected at least one"),
        ("name: mine\ntitle: x\nmods: []\n", r"mine\.yaml: unknown key 'mods'; did you mean 'modes'"),
        (None, r"mine\.yaml: cannot be read: No such file or directory"),
    ],
)
def test_a_wrong_profile_says_where(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "mine.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        camera_source(str(path))
