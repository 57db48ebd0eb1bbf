"""The real picamera2 on a played libcamera: pictures, times, controls, requests given back, every way to lose it."""

from __future__ import annotations

import gc
import importlib
import mmap
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edge.cameras.base import CameraStallError, CameraStateError
from edge.cameras.csi import camera as driver
from edge.cameras.csi.bayer import RawFormat, develop, unpack
from edge.cameras.csi.camera import Picamera2Camera, open_profile
from edge.cameras.profile import CameraProfile, Csi, Mode, camera_profiles
from edge.cameras.source import open_camera
from edge.errors import CameraError, ConfigError
from edge.picture.frame import Frame
from tests.edge.cameras.csi import libcamera_player as player

pytestmark = pytest.mark.filterwarnings("ignore:setDaemon")  # picamera2's

PROFILE = CameraProfile(
    "csi", "a test", modes=(Mode("NV12", 1920, 1080, 50),), csi=Csi(("imx290*",), 19000, 20.0), driver="picamera2"
)
RAW = replace(PROFILE, csi=Csi(("imx290*",), 19000, 20.0, raw=True))


def paint(format: str, layout: tuple[int, int, int], number: int, memory: mmap.mmap) -> None:
    """Luma rises from left to right, a step of the colours from frame to frame; 99 behind every row."""
    width, height, stride = layout
    data = np.frombuffer(memory, np.uint8)
    data[:] = 99
    if format == "YUV420":
        data[: stride * height].reshape(height, stride)[:, :width] = ramp(width)
        chroma = data[stride * height :].reshape(2, height // 2, stride // 2)[..., : width // 2]
        chroma[:] = 64 + number % 128
    elif format == "SRGGB12":
        samples = np.ndarray((height, width), "<u2", data.data, 0, (stride, 2))
        samples[:] = 240 + np.arange(width) // 4 + number % 4


def ramp(width: int) -> np.ndarray:
    return (np.arange(width) * 200 // width + 16).astype(np.uint8)


@pytest.fixture(scope="module", autouse=True)
def library() -> Iterator[Any]:
    """The real picamera2, imported over the played libcamera."""
    with pytest.MonkeyPatch.context() as patch:
        for name, module in player.modules().items():
            patch.setitem(sys.modules, name, module)
        try:
            allocator: Any = importlib.import_module("picamera2.allocators.dmaallocator")
        except ImportError as error:
            pytest.skip(f"{error}: make setup-system")
        patch.setattr(allocator, "DmaHeap", player.MemoryHeap)
        patch.setattr(allocator, "fcntl", SimpleNamespace(ioctl=lambda *arguments: 0))  # the heap's cache flushes
        yield importlib.import_module("picamera2").Picamera2
        for name in [name for name in sys.modules if name.split(".")[0] == "picamera2"]:
            patch.delitem(sys.modules, name)


@pytest.fixture
def sensor(library: Any) -> player.Camera:
    """A machine with one camera."""
    player.CameraManager.instance = manager = player.CameraManager()
    library._cm.reset()  # picamera2 keeps libcamera's manager
    manager.cameras.append(player.Camera(manager, "/base/i2c@1/imx290@1a", "imx290", paint))
    return manager.cameras[0]


def take(camera: Picamera2Camera, count: int) -> list[Frame]:
    return [frame for _ in range(count) if (frame := camera.read(5.0))]


def test_frames_are_whole_without_the_padding_of_rows(sensor: player.Camera) -> None:
    with open_profile(PROFILE) as camera:
        frame = take(camera, 1)[0]
        layout = camera._layout
    assert layout["stride"] > layout["size"][0] or layout["size"][0] % player.ALIGNMENT == 0
    assert (camera.name, frame.format, frame.image.shape) == ("csi (imx290)", "i420", (270, 320))
    assert (frame.image[:180] == ramp(320)).all()
    chroma = frame.image[180:]
    assert (chroma == chroma.flat[0]).all() and 64 <= chroma.flat[0] < 192


def test_rows_that_the_isp_pads(sensor: player.Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "SMALL_WIDTH", 168)
    with open_profile(replace(PROFILE, modes=(Mode("NV12", 1280, 720, 50),))) as camera:
        frame = take(camera, 1)[0]
        assert camera._layout["stride"] == 192
    assert frame.image.shape == (141, 168) and (frame.image[:94] == ramp(168)).all()
    assert not (frame.image == 99).all(axis=0).any() and len(np.unique(frame.image[94:])) == 1


def test_the_sensor_runs_as_the_profile_says(sensor: player.Camera) -> None:
    with open_profile(PROFILE) as camera:
        main, lores = (sensor.configuration.at(index) for index in (0, 1))
        assert camera.notes == ()
    assert sensor.set["FrameDurationLimits"] == (20000, 20000)
    assert (sensor.set["AeEnable"], sensor.set["ExposureTime"], sensor.set["AnalogueGain"]) == (False, 19000, 20.0)
    assert sensor.configuration.sensor_config.output_size == player.Size(1920, 1080)
    assert (lores.size, main.size) == (player.Size(320, 180), player.Size(640, 360))
    assert (lores.color_space.ycbcrEncoding, lores.color_space.range) == ("rec601", "limited")


def test_what_the_camera_does_not_do_is_noted(sensor: player.Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    sensor.faults.add("slow_exposure")
    del sensor.controls[player.IDS["AeEnable"]]
    with open_profile(PROFILE) as camera:
        notes = camera.notes
    assert notes == ("control AeEnable is not offered by this camera", "ExposureTime is 16000, not 19000")


@pytest.mark.parametrize("clock", [time.CLOCK_MONOTONIC, time.CLOCK_BOOTTIME])
def test_capture_times_are_of_the_monotonic_clock(sensor: player.Camera, clock: int) -> None:
    sensor.clock = clock
    with open_profile(PROFILE) as camera:
        frames = take(camera, 5)
        now_s = time.monotonic()
    assert all(0 <= now_s - frame.capture_time_s < 5 for frame in frames)
    assert (np.diff([frame.capture_time_s for frame in frames]) > 0).all()


def test_a_stamp_of_the_clock_that_counts_sleep_is_converted(monkeypatch: pytest.MonkeyPatch) -> None:
    asleep_s = 1000.0
    monkeypatch.setattr(time, "clock_gettime", lambda clock: time.monotonic() + asleep_s)
    now_s = time.monotonic()
    assert driver._capture_time_s(int((now_s - 0.03 + asleep_s) * 1e9), now_s) == pytest.approx(now_s - 0.03, abs=1e-3)
    assert driver._capture_time_s(int((now_s - 0.03) * 1e9), now_s) == pytest.approx(now_s - 0.03)
    assert driver._capture_time_s(None, now_s) == now_s


def test_a_slow_reader_gets_the_newest_frame_and_the_lost_ones_are_counted(sensor: player.Camera) -> None:
    with open_profile(PROFILE) as camera:
        first = take(camera, 1)[0]
        time.sleep(0.7)
        asleep_s = time.monotonic()
        frame = take(camera, 1)[0]
    assert frame.capture_time_s > asleep_s - driver.FRESH_S
    assert frame.sequence - first.sequence == round((frame.capture_time_s - first.capture_time_s) * 50) > 5


def test_a_frame_that_waited_for_a_reader_who_went_away_is_dropped(sensor: player.Camera) -> None:
    with open_profile(PROFILE) as camera:
        sensor.faults.add("silent")
        with pytest.raises(CameraStallError):
            while True:
                camera.read(0.1)
        sensor.faults.clear()
        time.sleep(0.8)  # the request of the read that timed out completes, and grows old
        asleep_s = time.monotonic()
        frame = take(camera, 1)[0]
        assert frame.capture_time_s > asleep_s - driver.FRESH_S
        assert camera.drops.stale == 1


def test_every_request_is_given_back(sensor: player.Camera) -> None:
    with open_profile(PROFILE) as camera:
        take(camera, 20)
        broken = SimpleNamespace(released=0, get_metadata=lambda: 1 / 0)
        broken.release = lambda: setattr(broken, "released", broken.released + 1)
        camera._job = SimpleNamespace(get_result=lambda timeout: broken)
        with pytest.raises(CameraStateError, match="division by zero"):
            camera.read(1.0)
        assert broken.released == 1
        assert len(take(camera, 20)) == 20  # with four buffers a single one that is kept would show soon
        deadline_s = time.monotonic() + 5
        while sensor.waiting < driver.BUFFERS - 1 and time.monotonic() < deadline_s:
            time.sleep(0.005)
        assert sensor.waiting >= driver.BUFFERS - 1  # at most one is kept, as the newest


def test_damaged_frames_do_not_come_through(sensor: player.Camera) -> None:
    with open_profile(PROFILE) as camera:
        take(camera, 1)
        sensor.faults.add("error")
        with pytest.raises(CameraStallError, match=r"no frame for 0\.1 s"):
            for _ in range(3):  # one or two good ones may be under way
                camera.read(0.1)


@pytest.mark.parametrize("fault", ["", "silent"])
def test_closing_ends_everything_whatever_the_camera_does(sensor: player.Camera, fault: str) -> None:
    threads, descriptors = set(threading.enumerate()), []
    for _ in range(5):
        sensor.faults.clear()
        with open_profile(PROFILE) as camera:
            take(camera, 2)
            sensor.faults |= {fault}
            if fault:
                with pytest.raises(CameraStallError):
                    while True:
                        camera.read(0.05)
        camera.close()
        assert not sensor.acquired and set(threading.enumerate()) <= threads
        gc.collect()  # picamera2's selectors are in cycles
        descriptors.append(len(list(Path("/proc/self/fd").iterdir())))
    assert descriptors[-1] <= descriptors[1]


def test_it_comes_back_after_it_was_silent(sensor: player.Camera) -> None:
    for _ in range(3):
        with open_profile(PROFILE) as camera:
            assert camera.stall_s == pytest.approx(0.45, abs=0.1)
            sensor.faults.add("silent")
            with pytest.raises(CameraStallError):
                while True:
                    camera.read(0.05)
        sensor.faults.clear()


def test_a_silent_camera_does_not_open_and_is_free_again(
    sensor: player.Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "START_S", 0.2)
    sensor.faults.add("silent")
    with pytest.raises(CameraStateError, match=r"csi \(imx290\): does not start \(TimeoutError\)"):
        open_profile(PROFILE)
    assert not sensor.acquired


def test_a_busy_camera_says_so(sensor: player.Camera) -> None:
    sensor.faults.add("busy")
    with pytest.raises(CameraStateError, match=r"cannot be opened .*Device or resource busy.*fuser") as raised:
        open_profile(PROFILE)
    assert raised.value.state == "busy"


def test_a_missing_camera_names_the_ones_that_are_there(sensor: player.Camera) -> None:
    with pytest.raises(
        CameraStateError, match=r"libcamera found imx290 \(/base/i2c@1/imx290@1a\).*rpicam-hello"
    ) as raised:
        open_profile(replace(PROFILE, csi=Csi(("imx477*",), 19000, 20.0)))
    assert raised.value.state == "missing"
    sensor.manager.cameras.clear()
    with pytest.raises(CameraStateError, match="libcamera found no camera at all"):
        open_profile(PROFILE)


def test_a_libcamera_that_does_not_start_says_so(library: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "global_camera_info", lambda: 1 / 0)
    with pytest.raises(CameraStateError, match=r"csi: libcamera does not start \(division by zero\)"):
        open_profile(PROFILE)


def test_one_of_two_equal_cameras(sensor: player.Camera) -> None:
    other = player.Camera(sensor.manager, "/base/i2c@0/imx290@1a", "imx290", paint)
    sensor.manager.cameras.append(other)
    with open_profile(PROFILE) as camera:
        assert sensor.acquired and not other.acquired
        assert "2 cameras fit; took the first; name one: --camera csi@0 | csi@1" in camera.notes[0]
        with open_profile(PROFILE, "1") as second:
            assert other.acquired and second.notes == ()
    with open_profile(PROFILE, other.id):
        assert other.acquired and not sensor.acquired
    with pytest.raises(CameraStateError, match="csi@7: not connected"):
        open_profile(PROFILE, "7")


def test_raw_frames_are_what_the_small_picture_is_defined_as(sensor: player.Camera) -> None:
    with open_profile(RAW) as camera:
        stream = sensor.configuration.at(2)
        frame = take(camera, 1)[0]
    assert (str(stream.pixel_format), frame.format, frame.image.dtype) == ("SRGGB12", "bgr16", np.uint16)
    matches = []
    for number in range(4):
        memory = mmap.mmap(-1, stream.frame_size)
        paint("SRGGB12", (1920, 1080, stream.stride), number, memory)
        samples = unpack(np.frombuffer(memory, np.uint8), RawFormat.of("SRGGB12"), 1080, 1920, stream.stride)
        matches.append(np.array_equal(frame.image, develop(samples, "RGGB", 180, 320, 3840.0, (2.0, 1.5))))
    assert matches.count(True) == 1


@pytest.mark.parametrize(
    ("sensor_format", "asked"),
    [("SRGGB12_CSI2P", "SRGGB12"), ("SBGGR10", "SBGGR10"), ("BGGR_PISP_COMP1", "SBGGR16"), ("R10_CSI2P", "R10")],
)
def test_raw_pictures_are_asked_for_unpacked(sensor_format: str, asked: str) -> None:
    assert driver._unpacked(sensor_format) == asked


@pytest.mark.parametrize("name", ["imx462", "imx327_csi"])
def test_the_profiles_open(sensor: player.Camera, name: str) -> None:
    sensor.model = sensor.properties[player.ControlId("Model")] = name[:6]
    with open_camera(name) as camera:
        assert camera.read(5.0) is not None and camera.notes == ()


def test_without_picamera2_it_says_how_to_install_it(sensor: player.Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(
        ConfigError, match=r"picamera2 cannot be imported .*apt install python3-picamera2.*pip install 'picamera2>="
    ):
        open_profile(camera_profiles()["imx462_csi"])
    with pytest.raises(ConfigError, match="needs `csi` and a mode"):
        open_profile(replace(PROFILE, csi=None))


def test_an_error_in_picamera2_is_an_error_of_the_camera(sensor: player.Camera) -> None:
    with open_profile(PROFILE) as camera:
        camera._camera.capture_request_ = lambda: 1 / 0
        with pytest.raises(CameraError, match="division by zero"):
            for _ in range(3):
                camera.read(5.0)
