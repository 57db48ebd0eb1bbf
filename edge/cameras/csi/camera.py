"""CSI cameras of a Raspberry Pi through picamera2 and libcamera."""

from __future__ import annotations

import importlib
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as NotYetError  # the builtin one only from Python 3.11 on
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import Any, cast

import numpy as np

from edge.cameras.base import STALL_FRAMES, STALL_S, Camera, CameraStallError, CameraStateError
from edge.cameras.clocks import plausible_stamp_s
from edge.cameras.csi.bayer import RawFormat, develop, unpack
from edge.cameras.holding.closing import close_in_time
from edge.cameras.layout import picture
from edge.cameras.profile import CameraProfile, Csi, Mode
from edge.errors import ConfigError
from edge.picture.frame import Frame, Image

INSTALL = (
    "sudo apt install python3-picamera2, in an environment that sees it (python3 -m venv --system-site-packages); "
    "without Raspberry Pi OS: sudo apt install libcap-dev python3-libcamera, then pip install 'picamera2>=0.3.30'"
)
SMALL_WIDTH = 320  # of what is captured: twice the network's small frame, to which the front end averages it exactly
BUFFERS = 4  # one with the sensor, one with the ISP, the newest, the one that is read
START_S = 2.0  # until the first frame; libcamera hides those whose exposure is not yet the one asked for
FRESH_S, FRESH_FRAMES = 0.5, 6  # an older frame was captured for a reader that went away; there is a newer one
TOLERANCE = 0.05  # of what was set: sensors have steps


class Picamera2Camera(Camera):
    """A camera on a CSI port; exposure, gain and frame time are fixed as its profile says.

    Frames are i420, SMALL_WIDTH wide, the whole field of the sensor's mode. With `csi.raw` they are `bgr16`: uint16
    [height, width, 3] in sixteenths of a level (bayer.py). Capture time: the first row's exposure begins.
    which: the number or libcamera's id of one of several. Raises ConfigError where picamera2 is not installed,
    CameraStateError when the camera is missing, busy, or lost.
    """

    live = True

    def __init__(self, profile: CameraProfile, which: str = "") -> None:
        if profile.csi is None or not profile.modes:
            raise ConfigError(f"camera profile {profile.name}: driver picamera2 needs `csi` and a mode")
        self._csi, self._mode = profile.csi, profile.modes[0]
        library = _library()
        number, model, note = _chosen(_cameras(library, profile.name), profile, which)
        super().__init__(f"{profile.name} ({model})")
        self.stall_s = max(STALL_S, STALL_FRAMES / self._mode.fps)
        self._fresh_s = max(FRESH_S, FRESH_FRAMES / self._mode.fps)
        self._job: Any = None
        self._sequence, self._stamp_s = -1, 0.0
        try:
            self._camera = library(number)
        except Exception as error:  # picamera2 raises many kinds; each means that we do not have it
            message = f"cannot be opened ({_reasons(error)}); which program has it: fuser -v /dev/media*"
            raise CameraStateError("busy", f"{self.name}: {message}") from error
        try:
            self.notes = (*filter(None, [note]), *self._start())
        except Exception as error:
            self.close()
            raise CameraStateError("failed", f"{self.name}: does not start ({_reasons(error)})") from error

    def read(self, timeout_s: float) -> Frame | None:
        end_s = time.monotonic() + timeout_s
        while True:
            request = self._request(max(0.0, end_s - time.monotonic()), timeout_s)
            try:
                frame = self._frame(request)
            except Exception as error:
                raise CameraStateError("failed", f"{self.name}: {_reasons(error)}") from error
            finally:
                request.release()
            if time.monotonic() - frame.capture_time_s <= self._fresh_s:
                return frame
            self.drops.stale += 1

    def close(self) -> None:
        camera, self._camera = self._camera, None
        if camera is not None:
            close_in_time(self.name, lambda: _shut(camera, self._job))

    def _start(self) -> list[str]:
        """Configure and start; returns what is not as it was asked for."""
        camera, wanted = self._camera, _controls(self._csi, self._mode)
        offered = {name: value for name, value in wanted.items() if name in camera.camera_controls}
        camera.configure(camera.create_video_configuration(**self._streams(), controls=offered, buffer_count=BUFFERS))
        self._layout = camera.camera_configuration()["raw" if self._csi.raw else "lores"]
        self._raw = RawFormat.of(self._layout["format"]) if self._csi.raw else None
        camera.start()
        metadata = camera.capture_metadata(wait=START_S)
        missing = [f"control {name} is not offered by this camera" for name in wanted if name not in offered]
        return [*missing, *_differences(metadata, offered)]

    def _streams(self) -> dict[str, Any]:
        """Under 1280x720 picamera2 chooses BT.601 of limited range, as the core reads YUV; the raw size is the mode."""
        width, height = SMALL_WIDTH, self._small_height
        raw: dict[str, Any] = {"size": (self._mode.width, self._mode.height)}
        if self._csi.raw:  # unpacked: bytes of memory are cheaper than taking them apart
            raw["format"] = _unpacked(self._camera.sensor_format)
        return {
            "main": {"size": (2 * width, 2 * height), "format": "YUV420"},
            "lores": {"size": (width, height), "format": "YUV420"},
            "raw": raw,
            "display": None,
            "encode": None,
        }

    @property
    def _small_height(self) -> int:
        return round(SMALL_WIDTH * self._mode.height / self._mode.width / 2) * 2

    def _request(self, timeout_s: float, asked_s: float) -> Any:
        """The newest completed request. One that does not come in time is awaited by the next call: it is a buffer."""
        if self._job is None:
            self._job = self._camera.capture_request(wait=False)
        try:
            request = self._job.get_result(timeout=timeout_s)
        except NotYetError:
            raise CameraStallError(f"{self.name}: no frame for {asked_s:g} s") from None
        except Exception as error:
            raise CameraStateError("failed", f"{self.name}: {_reasons(error)}") from error
        self._job = None
        return request

    def _frame(self, request: Any) -> Frame:
        metadata = request.get_metadata()
        time_s = _capture_time_s(metadata.get("SensorTimestamp"), time.monotonic())
        # No count of the sensor comes through; its frame time is fixed, so a gap says how many are missing.
        self._sequence += max(1, round((time_s - self._stamp_s) * self._mode.fps)) if self._stamp_s else 1
        self._stamp_s = time_s
        (width, height), stride = self._layout["size"], self._layout["stride"]
        if self._raw is None:
            image = picture(request.make_buffer("lores"), "i420", width, height, stride)
            return Frame(image, self._sequence, time_s, "i420")
        samples = unpack(request.make_buffer("raw"), self._raw, height, width, stride)
        black = float(np.mean(metadata.get("SensorBlackLevels", 0)))
        gains = metadata.get("ColourGains", (1.0, 1.0))
        small = develop(samples, self._raw.order, self._small_height, SMALL_WIDTH, black, gains)
        return Frame(cast("Image", small), self._sequence, time_s, "bgr16")


def open_profile(profile: CameraProfile, which: str = "") -> Picamera2Camera:
    """Open the camera that a profile means, or one of several by its number or libcamera's id."""
    return Picamera2Camera(profile, which)


def _library() -> Any:
    """picamera2's class, imported now: it starts libcamera. Raises ConfigError."""
    try:
        return importlib.import_module("picamera2").Picamera2
    except ImportError as error:
        raise ConfigError(f"picamera2 cannot be imported ({error}); install it: {INSTALL}") from error


def _cameras(library: Any, name: str) -> Sequence[Mapping[str, Any]]:
    try:
        return cast("Sequence[Mapping[str, Any]]", library.global_camera_info())
    except Exception as error:
        raise CameraStateError("failed", f"{name}: libcamera does not start ({_reasons(error)})") from error


def _chosen(cameras: Sequence[Mapping[str, Any]], profile: CameraProfile, which: str) -> tuple[int, str, str]:
    """Number and model of the camera that is meant, and a note if there are several. Raises CameraStateError."""
    patterns = profile.csi.models if profile.csi else ()
    fitting = [
        (number, camera["Model"])
        for number, camera in enumerate(cameras)
        if any(fnmatchcase(camera["Model"], pattern) for pattern in patterns)
        and which in ("", str(number), camera["Id"])
    ]
    if not fitting:
        found = ", ".join(f"{camera['Model']} ({camera['Id']})" for camera in cameras) or "no camera at all"
        name = f"{profile.name}@{which}" if which else profile.name
        message = (
            f"not connected; libcamera found {found}. Check its cable and its dtoverlay: rpicam-hello --list-cameras"
        )
        raise CameraStateError("missing", f"{name}: {message}")
    names = " | ".join(f"{profile.name}@{number}" for number, _ in fitting)
    note = "" if len(fitting) == 1 else f"{len(fitting)} cameras fit; took the first; name one: --camera {names}"
    return (*fitting[0], note)


def _controls(csi: Csi, mode: Mode) -> dict[str, Any]:
    frame_us = round(1e6 / mode.fps)
    return {
        "FrameDurationLimits": (frame_us, frame_us),
        "AeEnable": False,
        "ExposureTime": csi.exposure_us,
        "AnalogueGain": csi.analogue_gain,
    }


def _differences(metadata: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    expected = dict(wanted) | {"FrameDuration": wanted.get("FrameDurationLimits", (None,))[0]}
    return [
        f"{name} is {metadata[name]:g}, not {value:g}"
        for name, value in expected.items()
        if name in ("ExposureTime", "AnalogueGain", "FrameDuration") and value and name in metadata
        if abs(metadata[name] - value) > TOLERANCE * value
    ]


def _unpacked(sensor_format: str) -> str:
    """SRGGB12_CSI2P -> SRGGB12. A Pi 5 compresses unless asked for 16 bits: BGGR_PISP_COMP1 -> SBGGR16."""
    samples, _, packing = sensor_format.partition("_")
    return f"S{samples.removeprefix('S')}16" if packing.startswith("PISP") else samples


def _capture_time_s(stamp_ns: int | None, now_s: float) -> float:
    """libcamera defines the stamp on CLOCK_BOOTTIME, Linux drivers give CLOCK_MONOTONIC: apart by the time asleep."""
    if stamp_ns is None:
        return now_s
    stamp_s = stamp_ns / 1e9
    if stamp_s > now_s:
        stamp_s -= time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic()
    return plausible_stamp_s(stamp_s, now_s)


def _shut(camera: Any, job: Any) -> None:
    with suppress(Exception):  # the camera is given up; what is wrong with it, the next opening tells
        camera.cancel_all_and_flush()  # else closing would wait for a frame that does not come
        if job is not None:
            with suppress(CancelledError, NotYetError):  # of a job that was under way there is a request to release
                job.get_result(timeout=0.2).release()
    with suppress(Exception):
        camera.close()


def _reasons(error: BaseException | None) -> str:
    """What an error and those behind it say: picamera2 hides libcamera's reason behind its own."""
    texts = []
    while error is not None:
        texts.append(str(error) or type(error).__name__)
        error = error.__cause__
    return ": ".join(texts)
