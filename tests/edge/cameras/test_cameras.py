"""What users write for --camera."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.cameras.source import bare_prefix, camera_source, named_profile, open_camera
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
    ["file:", "images:", "clips:", "-1", "\u0662", "gst: ", "ftp://eve:secret@host/stream", "x" * 5000],
)
def test_an_unknown_camera_lists_what_there_is(spec: str) -> None:
    with pytest.raises(
        UsageError, match=r"unknown camera .*file:PATH.*images:DIR.*demo, /dev/videoN.*arducam_b0200 \(arducam\)"
    ) as raised:
        camera_source(spec)
    assert raised.value.exit_code == 2 and "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("spec", "guess"),
    [
        ("arducm", "arducam"),
        ("Brio", "brio"),
        ("dmo", "demo"),
        ("ardukam@1-1.2", "arducam@1-1.2"),
        ("arducam@", "arducam"),
        ("image:pictures", "images:pictures"),
        ("File:x.mp4", "file:x.mp4"),
        ("rstp://eve:secret@host/stream", r"rtsp://\*\*\*@host/stream"),
        ("{dir}/clp.mp4", "{dir}/clip.mp4"),
    ],
)
def test_what_may_have_been_meant_is_named(spec: str, guess: str, tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").touch()
    with pytest.raises(UsageError, match=f"did you mean {guess.format(dir=tmp_path)}\\?$") as raised:
        camera_source(spec.format(dir=tmp_path))
    assert "secret" not in str(raised.value)


def test_a_path_without_anything_like_it_is_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"walk\.mp4': no such file or folder"):
        camera_source(str(tmp_path / "walk.mp4"))


def test_a_path_is_a_recording_whatever_lies_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in ("pictures/1.png", "clips/a.mp4", "clips/notes.txt", "both/1.png", "both/a.mp4", "neither/x", "2"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    monkeypatch.chdir(tmp_path)
    assert {
        spec: bare_prefix(spec) for spec in ("clips/a.mp4", "./2", "2", "pictures", f"{tmp_path}/clips", "demo")
    } == {
        "clips/a.mp4": "file:",
        "./2": "file:",
        "2": None,  # the camera of that number, as ever
        "pictures": "images:",
        f"{tmp_path}/clips": "clips:",
        "demo": None,
    }
    source = camera_source("clips/a.mp4")
    assert (source.name, source.live) == ("clips/a.mp4", False)
    for folder, found in (("both", "both pictures and clips"), ("neither", "neither pictures nor clips")):
        with pytest.raises(UsageError, match=f"{folder}: a folder with {found}; say which: images:{folder} "):
            camera_source(folder)


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
