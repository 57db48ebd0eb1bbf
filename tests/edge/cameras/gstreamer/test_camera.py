"""Real GStreamer pipelines (videotestsrc): formats, times, the newest frame, every fault in GStreamer's own words."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from edge.cameras.base import Camera, CameraSource, CameraStallError, CameraStateError
from edge.cameras.gstreamer import libgstreamer
from edge.cameras.gstreamer.camera import FORMATS, filled, finder_of, open_found
from edge.cameras.holding.held import HeldCamera
from edge.cameras.profile import CameraProfile, Mode, camera_profiles
from edge.cameras.source import open_camera
from edge.cameras.v4l2.sysfs import DeviceFinder
from edge.errors import CameraError, ConfigError, EdgeError
from edge.messages import Event
from edge.picture.frame import Frame, Image
from tests.edge.cameras.v4l2.device_tree import WEBCAM, plug

FPS = 50
ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="module", autouse=True)
def gstreamer() -> None:
    try:
        open_camera("gst:videotestsrc num-buffers=1 ! jpegenc ! jpegdec").close()
    except ConfigError as error:
        pytest.skip(f"{error}: make setup-system")


def live(caps: str, properties: str = "pattern=smpte") -> str:
    return f"gst:videotestsrc is-live=true {properties} ! video/x-raw,framerate={FPS}/1,{caps}"


def taken(camera: Camera, count: int) -> list[Frame]:
    return [frame for _ in range(count) if (frame := camera.read(5.0))]


def first_picture(spec: str) -> tuple[str, Image]:
    with open_camera(spec) as camera:
        frame = taken(camera, 1)[0]
    return frame.format, frame.bgr()


@pytest.mark.parametrize("size", ["width=64,height=48", "width=66,height=50"], ids=["plain", "padded rows"])
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_the_same_picture(name: str, size: str) -> None:
    format, picture = first_picture(live(f"format={name},{size}"))
    _, expected = first_picture(live(f"format=BGR,{size}"))
    assert format == FORMATS[name] and picture.shape == expected.shape
    levels = expected.astype(np.float64)
    if name == "GRAY8":  # is taken as it is, and the source's levels are those of video
        levels = 16 + (expected @ [0.114, 0.587, 0.299])[..., None] * 219 / 255
    assert np.median(np.abs(picture.astype(float) - levels)) <= 2


def test_what_the_core_does_not_read_is_converted() -> None:
    format, picture = first_picture(live("format=Y444_10LE,width=64,height=48"))
    _, expected = first_picture(live("format=BGR,width=64,height=48"))
    assert format in FORMATS.values()
    assert np.median(np.abs(picture.astype(float) - expected)) <= 3


def test_the_dark_levels_of_a_jpeg_are_not_lost() -> None:
    """JPEG has levels of 0..255 where video has 16..235; jpegenc writes the ones it gets."""
    level = 16 + 8 * 219 / 255
    dark = live("format=I420,width=64,height=48", "pattern=solid-color foreground-color=0xff080808")
    _, picture = first_picture(f"{dark} ! jpegenc ! jpegdec")
    assert np.abs(picture - level).max() <= 2


def test_times_are_those_of_the_source() -> None:
    with open_camera(live("width=64,height=48")) as camera:
        frames = taken(camera, 10)
        now_s = time.monotonic()
        assert camera.stall_s == 0.45
    steps_s = np.diff([frame.capture_time_s for frame in frames]) / np.diff([frame.sequence for frame in frames])
    assert np.abs(steps_s - 1 / FPS).max() < 1e-3
    assert 0 <= now_s - frames[-1].capture_time_s < 5


def test_a_slow_reader_gets_the_newest_frame_and_the_lost_ones_are_counted() -> None:
    with open_camera(live("width=64,height=48")) as camera:
        first = taken(camera, 1)[0]
        time.sleep(0.6)
        asleep_s = time.monotonic()
        frame = taken(camera, 1)[0]
    assert frame.sequence - first.sequence >= 20
    assert frame.capture_time_s > asleep_s - 0.3


def test_a_file_comes_at_its_own_pace_and_ends() -> None:
    with open_camera(f"gst:videotestsrc num-buffers=10 ! video/x-raw,framerate={FPS}/1") as camera:
        start_s = time.monotonic()
        frames: list[Frame] = []
        with pytest.raises(CameraError, match="gst: the stream ended"):
            frames += iter(lambda: camera.read(5.0), None)
    assert time.monotonic() - start_s > 5 / FPS


def test_a_size_that_changes_goes_on() -> None:
    parts = "".join(
        f"videotestsrc num-buffers=10 ! video/x-raw,format=NV12,framerate={FPS}/1,width={width},height=48 ! joined. "
        for width in (64, 128)
    )
    sizes = []
    with open_camera(f"gst:{parts} concat name=joined") as camera, pytest.raises(CameraError, match="the stream ended"):
        while frame := camera.read(5.0):
            sizes.append(frame.image.shape)
    assert set(sizes) == {(72, 64), (72, 128)} and sizes == sorted(sizes)


@pytest.mark.parametrize(
    ("pipeline", "kind", "message"),
    [
        ("nosuchsrc", ConfigError, 'no element "nosuchsrc".*the pipeline is: nosuchsrc !'),
        ("videotestsrc ! ! jpegenc", ConfigError, "syntax error"),
        ("videotestsrc ! audio/x-raw", ConfigError, "could not link"),
        ("v4l2src device=/dev/video987", CameraStateError, "Cannot identify device.*No such file or directory"),
        ("filesrc location=/nonexistent ! jpegdec", CameraStateError, "/nonexistent"),
    ],
)
def test_a_pipeline_that_does_not_start_says_what_gstreamer_says(
    pipeline: str, kind: type[EdgeError], message: str
) -> None:
    with pytest.raises(kind, match=f"gst: .*{message}"):
        open_camera(f"gst:{pipeline}")


def test_an_error_while_it_runs_is_gstreamers_own() -> None:
    message = "gst: Failed after iterations as requested"
    with open_camera("gst:videotestsrc ! identity error-after=5") as camera, pytest.raises(CameraError, match=message):
        list(iter(lambda: camera.read(5.0), None))


def test_silence_is_a_stall() -> None:
    message = r"no frame for 0\.1 s"
    with open_camera("gst:videotestsrc ! valve drop=true") as camera, pytest.raises(CameraStallError, match=message):
        camera.read(0.1)


def test_a_pipeline_that_ended_is_opened_again() -> None:
    events: list[Event] = []
    opened: list[Camera] = []

    def opens() -> Camera:
        opened.append(open_camera("gst:videotestsrc num-buffers=3"))
        return opened[-1]

    with HeldCamera(CameraSource("gst", True, opens), events.append, stop := threading.Event()) as held:
        for frame in held.frames():
            if frame and len(opened) == 2:
                stop.set()
    assert [event.name for event in events] == ["camera_lost", "camera_back"]


def test_nothing_is_left_of_closed_pipelines() -> None:
    def cycle() -> tuple[int, int]:
        with open_camera(live("width=64,height=48")) as camera:
            camera.read(5.0)
        camera.close()
        return len(list(Path("/proc/self/fd").iterdir())), len(list(Path("/proc/self/task").iterdir()))

    for _ in range(3):  # GLib keeps a thread or two for ever
        before = cycle()
    after = [cycle() for _ in range(20)][-1]
    assert after[0] <= before[0] and after[1] <= before[1] + 2


def test_a_program_that_forgets_to_close_ends() -> None:
    program = "from edge.cameras.source import open_camera; open_camera('gst:videotestsrc is-live=true').read(5.0)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, timeout=60, check=False).returncode == 0


def test_a_profile_is_opened_in_its_first_mode() -> None:
    pipeline = "videotestsrc is-live=true ! video/x-raw,format={GRAY8,UYVY},width={width},height={height}"
    profile = CameraProfile("test", "a test", modes=(Mode("GREY", 80, 60, 50),), pipeline=pipeline, driver="gstreamer")
    with open_found(DeviceFinder(profile)) as camera:
        frame = taken(camera, 1)[0]
    assert (camera.name, frame.format, frame.image.shape) == ("test", "grey", (60, 80))


def test_a_profile_of_a_jetson_says_here_what_is_missing() -> None:
    with pytest.raises(ConfigError, match='imx462_csi: no element "nvarguscamerasrc"'):
        open_found(DeviceFinder(camera_profiles()["imx462_csi"]))


def test_a_profile_without_an_identity_takes_any_camera_on_usb(tmp_path: Path) -> None:
    plug(tmp_path, 0, {})  # the board's own video codec
    plug(tmp_path, 3, WEBCAM)
    assert finder_of(camera_profiles()["jetson_usb"], root=tmp_path).find().path == tmp_path / "dev/video3"
    with pytest.raises(CameraError, match="arducam_b0200: not connected"):
        finder_of(camera_profiles()["arducam_b0200"], root=tmp_path).find()


def test_libcamera_answers_through_it() -> None:
    """As much of the real libcamera as a machine without a camera has."""
    try:
        camera = open_camera("gst:libcamerasrc")
    except ConfigError as error:
        pytest.skip(f"{error}: make setup-system")
    except CameraStateError as error:
        assert "Could not find any supported camera" in str(error)
    else:
        camera.close()


def test_braces_of_gstreamer_stay() -> None:
    assert filled("a,format={NV12,I420},width={width} ! {fps}", {"width": 8, "fps": 30}) == (
        "a,format={NV12,I420},width=8 ! 30"
    )


def test_without_gstreamer_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(libgstreamer.LIBRARIES, "gstapp", "libgstapp-nowhere.so.0")
    libgstreamer._library.cache_clear()
    with pytest.raises(ConfigError, match=r"GStreamer is not installed .*sudo apt install gstreamer1\.0-tools"):
        open_camera("gst:videotestsrc")
    libgstreamer._library.cache_clear()
