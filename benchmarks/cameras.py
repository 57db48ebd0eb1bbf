"""What capture costs, and how soon a lost camera is noticed and back: `python -m benchmarks.cameras`.

Costs are time of the processor, one thread, interleaved: another load does not stretch them. Cameras are played by the
tests' preload library on the real system calls; no real camera was measured.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np

from edge.bundles.manifest import FrontEndSpec, GateSpec, InputSpec
from edge.picture.frame import Frame, Image
from edge.picture.front_end import FrontEnd
from edge.recognition.inputs.rgb import Rgb
from tests.edge.cameras.v4l2.fake_v4l2 import ARDUCAM, FakeMachine, FakeMode, encode, player_library, small

ROUNDS = 400
REPEATS = 5
SMALL = (120, 160)
YUYV = FakeMode("YUYV", 640, 480)


def main() -> None:
    """Print every figure, a line each."""
    cv2.setNumThreads(1)
    yuyv_to_input()
    mjpeg_to_small()
    with TemporaryDirectory() as folder:
        library = player_library()
        if library is None:
            print("capture latency, loss and return: need a C compiler (cc)")
            return
        added_latency(FakeMachine(Path(folder, "latency"), library))
        losses(FakeMachine(Path(folder, "losses"), library))
        waiting(FakeMachine(Path(folder, "waiting"), library))


def yuyv_to_input() -> None:
    """A driver's YUYV buffer to the corrected picture that the network takes, without optical flow."""
    buffers = [encode(YUYV, image).reshape(480, 640, 2) for image in dark(8, 480, 640)]
    form = Rgb(FrontEndSpec(*SMALL, "pixel"), InputSpec("rgb", *SMALL, 0.0), GateSpec((2.0,), 1, 1))

    def ours(i: int) -> None:
        form.take(Frame(buffers[i % 8], i, 0.0, "yuyv"))
        form.see(0)

    table = np.arange(256, dtype=np.uint8)

    def opencv(i: int) -> None:
        picture = cv2.cvtColor(buffers[i % 8], cv2.COLOR_YUV2RGB_YUYV)
        small = cv2.resize(picture, SMALL[::-1], interpolation=cv2.INTER_AREA)
        cv2.LUT(small, table)

    ours_ms, opencv_ms = interleaved(ours, opencv)
    print(
        f"YUYV 640x480 buffer to network input: {ours_ms:.3f} ms with statistics (goal < 0.5); "
        f"OpenCV's conversion, resize and table alone {opencv_ms:.3f} ms"
    )


def mjpeg_to_small() -> None:
    """A driver's JPEG to the small frame, against OpenCV's full decoding. Nobody can leave out the entropy decoding."""
    for quality in (80, 90, 95):
        options = [
            cv2.IMWRITE_JPEG_QUALITY,
            quality,
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
        ]
        buffers = [np.asarray(cv2.imencode(".jpg", image, options)[1]).ravel() for image in dark(4, 720, 1280)]
        ours_ms, opencv_ms = interleaved(partial(reduced, FrontEnd(*SMALL), buffers), partial(full, buffers))
        print(
            f"MJPEG 1280x720 buffer ({buffers[0].size / 1e3:.0f} KB) to small frame: {ours_ms:.2f} ms, "
            f"{ours_ms / opencv_ms:.2f} of OpenCV's imdecode + cvtColor + resize (goal <= 0.6)"
        )


def reduced(front_end: FrontEnd, buffers: list[Image], i: int) -> None:
    """As the pipeline does it, statistics included."""
    front_end.measure(buffers[i % len(buffers)], "jpeg")


def full(buffers: list[Image], i: int) -> None:
    """As one would write it with OpenCV."""
    picture = cv2.cvtColor(np.asarray(cv2.imdecode(buffers[i % len(buffers)], cv2.IMREAD_COLOR)), cv2.COLOR_BGR2RGB)
    cv2.resize(picture, SMALL[::-1], interpolation=cv2.INTER_AREA)


LATENCY = """
import json, select, time
from edge.cameras.source import open_camera
from edge.cameras.v4l2 import videodev2 as v4l2
from edge.cameras.v4l2.device import V4l2Device
from edge.cameras.v4l2.stream import V4l2Stream
from edge.cameras.base import DropCounts
bare = V4l2Device("/dev/video1")
stream = V4l2Stream(bare, 1, 1 / 30, DropCounts())  # only its set-up
poll = select.poll()
poll.register(bare.descriptor, select.POLLIN)
buffer = v4l2.Buffer(type=v4l2.CAPTURE, memory=v4l2.MMAP)
times_ms = [], []
with open_camera("/dev/video0") as camera:
    for _ in range(5000):
        start_s = time.thread_time()
        poll.poll(1000)
        bare.call(v4l2.DQBUF, buffer)
        middle_s = time.thread_time()
        bare.call(v4l2.QBUF, buffer)
        before_s = time.thread_time()
        camera.read(1.0)
        times_ms[0].append((middle_s - start_s) * 1e3)
        times_ms[1].append((time.thread_time() - before_s) * 1e3)
print(json.dumps(times_ms))
"""


def added_latency(machine: FakeMachine) -> None:
    """Of a read, against poll and DQBUF alone. Both have a small frame ready at once."""
    for number in range(2):
        machine.plug(replace(small(ARDUCAM), port=f"1-{number}"), number, "pace free")
    bare_ms, ours_ms = json.loads(machine.python(LATENCY))
    (bare50, bare99), (ours50, ours99) = (np.percentile(times[100:], [50, 99]) for times in (bare_ms, ours_ms))
    print(
        f"capture: a read adds {ours50 - bare50:.3f} ms to poll and DQBUF (median), {ours99 - bare99:.3f} ms at p99 "
        "(goal < 0.2)"
    )


HELD = """
import json, sys, threading, time
from edge.cameras.source import camera_source
from edge.cameras.holding.held import HeldCamera
stop = threading.Event()
def tell(event):
    print(json.dumps([event.name, last_s, time.monotonic()]), flush=True)
last_s = 0.0
with HeldCamera(camera_source("arducam"), tell, stop) as camera:
    for frame in camera.frames():
        last_s = time.monotonic() if frame else last_s
"""


def losses(machine: FakeMachine) -> None:
    """How long after the last frame a loss is noticed, and how long after its return the first frame comes."""
    camera = replace(ARDUCAM, modes=(YUYV,))
    machine.plug(camera)
    with machine.start([sys.executable, "-c", HELD]) as process:
        assert process.stdout is not None
        events = (json.loads(line) for line in process.stdout)
        time.sleep(1.0)
        for name, lose, regain in (
            ("unplugged", lambda: machine.unplug(0), lambda: machine.plug(camera)),
            ("silent", lambda: machine.script(0, "at 0-99999999 stall"), lambda: machine.script(0)),
            ("damaged buffers only", lambda: machine.script(0, "at 0-99999999 flagged"), lambda: machine.script(0)),
        ):
            noticed, back = zip(*(_lose(events, lose, regain) for _ in range(REPEATS)), strict=True)
            print(
                f"camera {name}: noticed {statistics.median(noticed):.2f} s after its last frame (goal 0.5), a frame "
                f"{statistics.median(back):.2f} s after its return (goal 1)"
            )
        process.kill()


def _lose(events: Iterator[list[Any]], lose: Callable[[], None], regain: Callable[[], None]) -> tuple[float, float]:
    lose()
    _, last_s, lost_s = next(event for event in events if event[0] == "camera_lost")
    time.sleep(1.5)  # by now the pauses between attempts are as long as they get
    returned_s = time.monotonic()
    regain()
    *_, back_s = next(event for event in events if event[0] == "camera_back")
    time.sleep(0.5)
    return lost_s - last_s, back_s - returned_s


WAITING = """
import json, sys, threading, time
from edge.cameras.source import camera_source
from edge.cameras.holding.held import HeldCamera
stop = threading.Event()
threading.Timer(5.0, stop.set).start()
before_s, cpu_s = time.monotonic(), time.process_time()
with HeldCamera(camera_source(sys.argv[1]), lambda event: None, stop) as camera:
    for frame in camera.frames():
        pass
print(json.dumps((time.process_time() - cpu_s) / (time.monotonic() - before_s)))
"""


def waiting(machine: FakeMachine) -> None:
    """The processor's share while a camera is waited for."""
    machine.plug(ARDUCAM, 1, "busy")
    shares = {name: json.loads(machine.python(WAITING, camera)) for name, camera in WAITED.items()}
    print("waiting for a camera costs", ", ".join(f"{100 * share:.1f} % ({name})" for name, share in shares.items()))


WAITED = {"missing": "/dev/video0", "missing, by profile": "c920", "busy": "/dev/video1"}


def dark(count: int, height: int, width: int) -> list[Image]:
    """A dark scene with a sensor's noise."""
    rng = np.random.default_rng(0)
    scene = cv2.resize(rng.normal(20, 10, (height // 8, width // 8, 3)).astype(np.float32), (width, height))
    return [np.clip(scene + rng.normal(0, 4, scene.shape), 0, 255).astype(np.uint8) for _ in range(count)]


def interleaved(*calls: Callable[[int], None]) -> list[float]:
    """The median of each, in ms."""
    times_ms: list[list[float]] = [[] for _ in calls]
    for i in range(ROUNDS):
        for call, times in zip(calls, times_ms, strict=True):
            start_s = time.thread_time()
            call(i)
            times.append((time.thread_time() - start_s) * 1e3)
    return [statistics.median(times[ROUNDS // 10 :]) for times in times_ms]


if __name__ == "__main__":
    main()
