"""V4L2 capture on the real system calls, of cameras that a preload library plays: pictures, stamps, faults."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from edge.picture.frame import Frame
from tests.edge.cameras.v4l2.fake_v4l2 import ARDUCAM, NOISE, UVC_MODES, FakeCamera, FakeMachine, FakeMode, small

CAMERA = """
import hashlib, json, sys, time
from edge.cameras.base import CameraStallError
from edge.cameras.source import open_camera
from edge.errors import CameraError
def state_of(name):
    try:
        with open_camera(name) as camera:
            camera.read(1.0)
    except CameraError as error:
        return getattr(error, "state", type(error).__name__), str(error)
"""
DROPS = "print(json.dumps(vars(camera.drops)))"


def run(machine: FakeMachine, code: str, *arguments: object, timeout_s: float = 60.0) -> Any:
    """The JSON that the code prints last."""
    return json.loads(machine.python(CAMERA + code, *arguments, timeout_s=timeout_s).splitlines()[-1])


FORMATS = [
    FakeMode("YUYV", 64, 48, (30,), padding=32),
    FakeMode("UYVY", 64, 48, (30,)),
    FakeMode("NV12", 64, 48, (30,), padding=16),
    FakeMode("GREY", 64, 48, (30,), padding=8),
    FakeMode("MJPG", 64, 48),
]


def test_every_format_arrives_as_the_driver_wrote_it(machine: FakeMachine) -> None:
    scene = [np.full((48, 64, 3), level, np.uint8) for level in (20, 90)]
    scene[0][8:40, 8:32] = (10, 60, 120)
    cameras = [FakeCamera(f"played {mode.fourcc}", (mode,), port=f"1-{i}") for i, mode in enumerate(FORMATS)]
    for number, camera in enumerate(cameras):
        machine.show(camera, scene)
        machine.plug(camera, number, "pace free")
    code = """
import numpy
for number in range(5):
    with open_camera(str(number)) as camera:
        for index in range(2):
            frame = camera.read(1.0)
            assert frame.sequence == index and not frame.image.flags.writeable
            numpy.save(f"{sys.argv[1]}/{number}-{index}.npy", frame.image)
            numpy.save(f"{sys.argv[1]}/{number}-{index}-bgr.npy", frame.bgr())
        print(frame.format)
"""
    folder = machine.root
    formats = machine.python(CAMERA + code, folder).split()
    assert formats == ["yuyv", "uyvy", "nv12", "grey", "jpeg"]
    for number, mode in enumerate(FORMATS):
        for index, picture in enumerate(scene):
            raw, seen = (np.load(folder / f"{number}-{index}{kind}.npy") for kind in ("", "-bgr"))
            buffer = machine.pictures(cameras[number], mode)[index]
            rows = (
                buffer.reshape(-1, buffer.size // raw.shape[0])[:, : raw[0].size] if mode.fourcc != "MJPG" else buffer
            )
            np.testing.assert_array_equal(raw.reshape(rows.shape), rows)
            grey = mode.fourcc == "GREY"
            expected = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)[..., None] if grey else picture
            assert np.abs(seen.astype(int) - expected).mean() < 4  # chroma is halved, JPEG rounds


def test_stamps_and_numbers_are_the_drivers(machine: FakeMachine) -> None:
    camera = replace(ARDUCAM, modes=(FakeMode("YUYV", 640, 480, (100,)),))
    machine.plug(camera, 0, "at 7 lose 3", "at 5 delay 4")
    code = """
with open_camera("arducam") as camera:
    frames = [camera.read(1.0) for _ in range(20)]
    age_s = time.monotonic() - frames[-1].capture_time_s
print(json.dumps([[frame.sequence for frame in frames], [frame.capture_time_s for frame in frames], age_s]))
"""
    numbers, times_s, age_s = (np.array(values) for values in run(machine, code))
    assert (np.diff(numbers) > 0).all() and 0 <= age_s < 5
    # On a busy machine the reader may miss frames, but number and stamp of a frame always belong together.
    taken = np.where(numbers < 7, numbers, numbers - 3)
    expected_s = taken / 100 + np.where(taken == 5, 0.004, 0.0)
    np.testing.assert_allclose(times_s - times_s[0], expected_s - expected_s[0], atol=2e-6)


def test_stamps_of_another_clock_are_not_believed(machine: FakeMachine) -> None:
    machine.plug(small(ARDUCAM), 0, "clock unknown", "pace free")
    code = """
with open_camera("arducam") as camera:
    before_s = time.monotonic()
    print(json.dumps(before_s <= camera.read(1.0).capture_time_s <= time.monotonic()))
"""
    assert run(machine, code) is True


@pytest.mark.parametrize("fourcc", ["YUYV", "MJPG"])
def test_damaged_buffers_never_arrive(machine: FakeMachine, fourcc: str) -> None:
    """Their numbers are missing, their contents are nowhere, and every one of them is counted by its kind."""
    machine.plug(
        small(ARDUCAM, fourcc), 0, "pace free", "at 2 flagged", "at 4-5 empty", "at 8 short 100", "at 9 cut 300"
    )
    code = """
with open_camera("arducam") as camera:
    frames = [(f.sequence, hashlib.sha1(f.image.tobytes()).hexdigest()) for f in (camera.read(1.0) for _ in range(8))]
    print(json.dumps([frames, vars(camera.drops)]))
"""
    frames, drops = run(machine, code)
    assert [number for number, _ in frames] == [0, 1, 3, 6, 7, 10, 11, 12]
    assert drops == {"flagged": 1, "empty": 2, "short": 2, "undecodable": 0, "stale": 0}


@pytest.mark.parametrize("clock", [(), ("clock unknown",)], ids=["stamped", "not stamped"])
def test_a_slow_reader_gets_new_frames_and_no_queue(machine: FakeMachine, clock: tuple[str, ...]) -> None:
    machine.plug(replace(ARDUCAM, modes=(FakeMode("YUYV", 64, 48, (50,)),)), 0, *clock)
    code = """
ages_s, numbers = [], []
with open_camera("arducam") as camera:
    camera.read(1.0)
    for _ in range(5):
        time.sleep(0.5)  # the driver's buffers are full after 0.08 s: what lies in them is 0.4 s old
        frame = camera.read(1.0)
        ages_s.append(time.monotonic() - frame.capture_time_s)
        numbers.append(frame.sequence)
print(json.dumps([ages_s, numbers, camera.drops.stale]))
"""
    ages_s, numbers, stale = run(machine, code)
    assert max(ages_s) < 0.3 and stale == 5
    assert (np.diff(numbers) >= 20).all()


def test_pixels_stay_until_the_next_read(machine: FakeMachine) -> None:
    """The driver goes on writing into its other buffers, over and over."""
    machine.plug(replace(ARDUCAM, modes=(FakeMode("YUYV", 64, 48, (500,)),)))
    code = """
with open_camera("arducam") as camera:
    kept = camera.read(1.0)
    before = kept.image.copy()
    time.sleep(0.2)
    print(json.dumps(bool((kept.image == before).all())))
camera.close()
after_closing = kept.image.sum()
"""
    assert run(machine, code) is True


def test_every_reason_not_to_open_has_a_state_and_a_remedy(machine: FakeMachine) -> None:
    machine.plug(ARDUCAM, 0, "busy")
    machine.plug(replace(ARDUCAM, port="1-2"), 1, "forbidden")
    machine.plug(FakeCamera("encoder", (replace(UVC_MODES[0], fourcc="H264"),), port="1-3"), 2)
    expected = {
        "/dev/video0": ("busy", "fuser -v /dev/video0"),
        "/dev/video1": ("forbidden", "usermod -aG video"),
        "/dev/video2": ("no_format", "it has H264; expected one of YUYV"),
        "/dev/video9": ("missing", "is the camera plugged in"),
        "/dev/null": ("no_camera", "is not a camera"),
        "/dev/shm": ("no_camera", "is not a device"),
    }
    found = run(machine, "print(json.dumps({name: state_of(name) for name in sys.argv[1:]}))", *expected)
    assert {name: state for name, (state, _) in found.items()} == {name: state for name, (state, _) in expected.items()}
    for name, (_, remedy) in expected.items():
        assert remedy in found[name][1] and name in found[name][1]


def test_nothing_stays_open_after_a_failure(machine: FakeMachine) -> None:
    machine.plug(ARDUCAM, 0, "busy")
    code = """
import os
state_of("/dev/video0")
before = len(os.listdir("/proc/self/fd"))
for name in ("/dev/video0", "/dev/null", "/dev/video7"):
    state_of(name)
print(json.dumps(len(os.listdir("/proc/self/fd")) - before))
"""
    assert run(machine, code) == 0


AGREED = """
with open_camera("arducam") as camera:
    frame = camera.read(1.0)
    print(json.dumps([list(frame.image.shape), frame.format, camera.agreed.fps, camera.notes]))
"""


def test_the_first_mode_of_the_profile_that_the_camera_has(machine: FakeMachine) -> None:
    machine.plug(replace(ARDUCAM, modes=UVC_MODES[3:]))  # MJPG alone
    shape, format, fps, notes = run(machine, AGREED)
    assert len(shape) == 1 and (format, fps) == ("jpeg", 30.0)
    assert notes == ["mode is MJPG 1280x720 at 30 fps, not YUYV 640x480 at 30 fps"]


def test_a_mode_that_is_too_slow_is_not_the_one_that_was_asked_for(machine: FakeMachine) -> None:
    machine.plug(replace(ARDUCAM, modes=(replace(UVC_MODES[0], fps=(10, 5)), UVC_MODES[4])))
    assert run(machine, AGREED)[1] == "jpeg"


@pytest.mark.parametrize("driver", [(), ("strict",)], ids=["offers another", "refuses"])
def test_without_any_mode_of_the_profile_the_nearest(machine: FakeMachine, driver: tuple[str, ...]) -> None:
    machine.plug(replace(ARDUCAM, modes=(FakeMode("H264", 640, 480), FakeMode("UYVY", 320, 240, (25,)))), 0, *driver)
    shape, format, fps, notes = run(machine, AGREED)
    assert (shape, format, fps) == ([240, 320, 2], "uyvy", 25.0)
    assert notes == ["mode is UYVY 320x240 at 25 fps, not YUYV 640x480 at 30 fps"]


def test_what_a_device_offers_is_listed(machine: FakeMachine) -> None:
    machine.plug(ARDUCAM)
    code = """
from edge.cameras.v4l2.device import V4l2Device
with V4l2Device("/dev/video0") as device:
    modes = [(mode.format, mode.width, mode.height, mode.fps) for mode in device.modes()]
    print(json.dumps([modes, device.driver, device.card, device.bus]))
"""
    modes, driver, card, bus = run(machine, code)
    assert modes == [[mode.fourcc, mode.width, mode.height, list(mode.fps)] for mode in UVC_MODES]
    assert (driver, card, bus) == ("uvcvideo", ARDUCAM.card, "usb-1-1")


def test_no_damaged_or_stale_frame_arrives_in_a_hundred_thousand(machine: FakeMachine) -> None:
    """Every frame is compared with the one picture that it must be; every other buffer is counted by its kind."""
    camera = small(ARDUCAM)
    faults = [f"random 0.05 {fault}" for fault in ("flagged", "empty", "short 100", "cut 3000")]
    machine.plug(camera, 0, "pace free", "seed 11", *faults)
    np.save(machine.root / "pictures.npy", np.stack(machine.pictures(camera, camera.modes[0])[: len(NOISE)]))
    code = """
import numpy
pictures = [picture.tobytes() for picture in numpy.load(sys.argv[1])]
delivered, last = 0, -1
with open_camera("arducam") as camera:
    while last < 100_000:
        frame = camera.read(1.0)
        assert frame.sequence > last and frame.image.tobytes() == pictures[frame.sequence % len(pictures)]
        last, delivered = frame.sequence, delivered + 1
print(json.dumps([delivered, last + 1, vars(camera.drops)]))
"""
    delivered, injected, drops = run(machine, code, machine.root / "pictures.npy", timeout_s=300)
    assert delivered + sum(drops.values()) == injected > 100_000
    assert all(drops[kind] > 3000 for kind in ("flagged", "empty", "short"))


def test_a_frame_of_a_driver_whose_count_stands_still(machine: FakeMachine) -> None:
    """Frames are then counted here: none is taken for the one before."""
    machine.plug(small(ARDUCAM), 0, "pace free", "every 1 lose -1")
    code = """
with open_camera("arducam") as camera:
    print(json.dumps([camera.read(1.0).sequence for _ in range(4)]))
"""
    assert run(machine, code) == [0, 1, 2, 3]


def test_the_frame_says_its_format_to_whoever_looks(machine: FakeMachine) -> None:
    frame = Frame(machine.pictures(ARDUCAM, UVC_MODES[3])[0], 0, 0.0, "jpeg")
    assert frame.bgr().shape == (480, 640, 3)


def test_a_header_of_another_size_than_agreed_is_damage_once_and_the_truth_twice(machine: FakeMachine) -> None:
    """A flipped bit in a size would be a picture of 33,000 columns; some drivers agree on what they never send."""
    machine.plug(small(ARDUCAM, "MJPG"), 0, "pace free")
    code = """
from edge.picture import jpeg
sizes, real = iter([(48, 64), (48, 64 + 32768), (48, 64), (40, 64), (40, 64), (40, 64)] + [(40, 64)] * 99), jpeg.size_of
jpeg.size_of = lambda data: next(sizes)
with open_camera("arducam") as camera:
    for _ in range(4):
        camera.read(1.0)
    print(json.dumps(vars(camera.drops)["undecodable"]))
"""
    assert run(machine, code) == 2
