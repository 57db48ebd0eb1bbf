"""The few functions of GStreamer's C library that the camera needs, by ctypes: needs no Python package of GStreamer.

A Jetson has the library, but Python environments do not see its bindings (gi) and OpenCV's wheels are built without it.
Layouts are those of GStreamer's stable ABI since 1.10 (gstbuffer.h, gstminiobject.h, gstmemory.h).
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_uint, c_uint64, c_void_p
from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace

import numpy as np

from edge.cameras.base import CameraStateError
from edge.errors import ConfigError
from edge.picture.frame import Image

INSTALL = "sudo apt install gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good"
STATE_NULL, STATE_PAUSED, STATE_PLAYING = 1, 3, 4
FAILURE, NO_PREROLL = 0, 3  # results of a change of state; the second one: a live source
MESSAGE_ERROR = 1 << 1
FORMAT_TIME = 3
MAP_READ = 1
NONE = 2**64 - 1  # of times and offsets
BUFFER_CORRUPTED = 1 << 8


class _Error(ctypes.Structure):
    _fields_ = (("domain", ctypes.c_uint32), ("code", c_int), ("message", c_char_p))


class _Buffer(ctypes.Structure):
    _fields_ = (
        ("type", c_size_t),  # a GstMiniObject begins here
        ("references", c_int),
        ("lock", c_int),
        ("flags", c_uint),
        ("functions", c_void_p * 3),
        ("private", c_uint),
        ("private_pointer", c_void_p),
        ("pool", c_void_p),  # and a GstBuffer here
        ("pts", c_uint64),
        ("dts", c_uint64),
        ("duration", c_uint64),
        ("offset", c_uint64),
        ("offset_end", c_uint64),
    )


class _Map(ctypes.Structure):
    _fields_ = (
        ("memory", c_void_p),
        ("flags", c_int),
        ("data", c_void_p),
        ("size", c_size_t),
        ("maximum", c_size_t),
        ("private", c_void_p * 8),
    )


# Library, result and arguments of every function.
FUNCTIONS = {
    "gst_init_check": ("gstreamer", c_int, (c_void_p, c_void_p, POINTER(POINTER(_Error)))),
    "gst_parse_launch": ("gstreamer", c_void_p, (c_char_p, POINTER(POINTER(_Error)))),
    "gst_bin_get_by_name": ("gstreamer", c_void_p, (c_void_p, c_char_p)),
    "gst_util_set_object_arg": ("gstreamer", None, (c_void_p, c_char_p, c_char_p)),
    "gst_system_clock_obtain": ("gstreamer", c_void_p, ()),
    "gst_pipeline_use_clock": ("gstreamer", None, (c_void_p, c_void_p)),
    "gst_element_set_state": ("gstreamer", c_int, (c_void_p, c_int)),
    "gst_element_get_base_time": ("gstreamer", c_uint64, (c_void_p,)),
    "gst_element_get_bus": ("gstreamer", c_void_p, (c_void_p,)),
    "gst_bus_timed_pop_filtered": ("gstreamer", c_void_p, (c_void_p, c_uint64, c_int)),
    "gst_message_parse_error": ("gstreamer", None, (c_void_p, POINTER(POINTER(_Error)), POINTER(c_void_p))),
    "gst_sample_get_buffer": ("gstreamer", c_void_p, (c_void_p,)),
    "gst_sample_get_caps": ("gstreamer", c_void_p, (c_void_p,)),
    "gst_sample_get_segment": ("gstreamer", c_void_p, (c_void_p,)),
    "gst_caps_get_structure": ("gstreamer", c_void_p, (c_void_p, c_uint)),
    "gst_structure_get_string": ("gstreamer", c_char_p, (c_void_p, c_char_p)),
    "gst_structure_get_int": ("gstreamer", c_int, (c_void_p, c_char_p, POINTER(c_int))),
    "gst_structure_get_fraction": ("gstreamer", c_int, (c_void_p, c_char_p, POINTER(c_int), POINTER(c_int))),
    "gst_segment_to_running_time": ("gstreamer", c_uint64, (c_void_p, c_int, c_uint64)),
    "gst_buffer_map": ("gstreamer", c_int, (c_void_p, POINTER(_Map), c_int)),
    "gst_buffer_unmap": ("gstreamer", None, (c_void_p, POINTER(_Map))),
    "gst_mini_object_unref": ("gstreamer", None, (c_void_p,)),
    "gst_object_unref": ("gstreamer", None, (c_void_p,)),
    "gst_app_sink_try_pull_sample": ("gstapp", c_void_p, (c_void_p, c_uint64)),
    "gst_app_sink_is_eos": ("gstapp", c_int, (c_void_p,)),
    "g_error_free": ("glib", None, (POINTER(_Error),)),
    "g_free": ("glib", None, (c_void_p,)),
}
LIBRARIES = {"gstreamer": "libgstreamer-1.0.so.0", "gstapp": "libgstapp-1.0.so.0", "glib": "libglib-2.0.so.0"}


@dataclass(frozen=True)
class Sample:
    """One picture as it lies in memory, a copy.

    data: uint8, flat. format: as GStreamer names it (NV12). fps: 0 where it is not fixed. time_s: on the monotonic
    clock, None if it was not stamped. offset: the source's own count, None if it has none. corrupted: the source says
    that it is broken.
    """

    data: Image
    format: str
    width: int
    height: int
    fps: float
    time_s: float | None
    offset: int | None
    corrupted: bool


class Pipeline:
    """A running GStreamer pipeline whose newest picture can be pulled; used by one thread.

    description: as for gst-launch-1.0, ending in an `appsink` of the name `sink`. name: of the camera, for errors.
    Raises with GStreamer's own message: ConfigError for a description that cannot be, CameraStateError (`failed`,
    `ended`) when it does not start or breaks off.
    """

    def __init__(self, description: str, sink: str, name: str) -> None:
        self._gst = gst = _library()
        self._name = name
        error = POINTER(_Error)()
        self._pipeline = gst.gst_parse_launch(description.encode(), byref(error))
        if error:  # also with a pipeline, of which a part is missing
            message = _taken(gst, error)
            if self._pipeline:
                gst.gst_object_unref(self._pipeline)
            raise ConfigError(
                f"{name}: {message} (gst-inspect-1.0 lists what there is); the pipeline is: {description}"
            )
        self._sink = gst.gst_bin_get_by_name(self._pipeline, sink.encode())
        self._bus = gst.gst_element_get_bus(self._pipeline)
        clock = gst.gst_system_clock_obtain()  # CLOCK_MONOTONIC, whatever clock an element would offer
        gst.gst_pipeline_use_clock(self._pipeline, clock)
        gst.gst_object_unref(clock)
        try:
            self._start()
        except CameraStateError:
            self.stop()
            raise

    def pull(self, timeout_s: float) -> Sample | None:
        """The next picture, a new one; None if none comes in time. Raises CameraStateError."""
        sample = self._gst.gst_app_sink_try_pull_sample(self._sink, int(timeout_s * 1e9))
        if not sample:
            self._raise_error()
            if self._gst.gst_app_sink_is_eos(self._sink):
                raise CameraStateError("ended", f"{self._name}: the stream ended")
            return None
        try:
            return self._copy(sample)
        finally:
            self._gst.gst_mini_object_unref(sample)

    def stop(self) -> None:
        """End the pipeline and free it; it may block for as long as a driver does. Call it once, and nothing after."""
        self._gst.gst_element_set_state(self._pipeline, STATE_NULL)
        for thing in (self._bus, self._sink, self._pipeline):
            self._gst.gst_object_unref(thing)

    def _start(self) -> None:
        paused = self._gst.gst_element_set_state(self._pipeline, STATE_PAUSED)
        if paused != NO_PREROLL:  # no live source: its pictures come at their times, not all at once
            self._gst.gst_util_set_object_arg(self._sink, b"sync", b"true")
        if FAILURE in (paused, self._gst.gst_element_set_state(self._pipeline, STATE_PLAYING)):
            self._raise_error()
            raise CameraStateError("failed", f"{self._name}: does not start, and GStreamer does not say why")

    def _raise_error(self) -> None:
        gst = self._gst
        message = gst.gst_bus_timed_pop_filtered(self._bus, 0, MESSAGE_ERROR)
        if not message:
            return
        error, details = POINTER(_Error)(), c_void_p()
        gst.gst_message_parse_error(message, byref(error), byref(details))
        cause = (ctypes.string_at(details.value) if details.value else b"").decode(errors="replace").splitlines()
        gst.g_free(details)
        gst.gst_mini_object_unref(message)
        text = " ".join([_taken(gst, error), *cause[1:]])  # the first line is a place in GStreamer's sources
        raise CameraStateError("failed", f"{self._name}: {text}")

    def _copy(self, sample: int) -> Sample:
        gst, width, height, frames, seconds = self._gst, c_int(), c_int(), c_int(0), c_int(1)
        caps = gst.gst_caps_get_structure(gst.gst_sample_get_caps(sample), 0)
        gst.gst_structure_get_int(caps, b"width", byref(width))
        gst.gst_structure_get_int(caps, b"height", byref(height))
        gst.gst_structure_get_fraction(caps, b"framerate", byref(frames), byref(seconds))
        pointer = gst.gst_sample_get_buffer(sample)
        buffer = _Buffer.from_address(pointer)
        mapped = _Map()
        if not gst.gst_buffer_map(pointer, byref(mapped), MAP_READ):
            message = "a picture's memory cannot be mapped; end the pipeline in main memory (nvvidconv)"
            raise CameraStateError("failed", f"{self._name}: {message}")
        data = np.empty(mapped.size, np.uint8)
        ctypes.memmove(data.ctypes.data, mapped.data, mapped.size)
        gst.gst_buffer_unmap(pointer, byref(mapped))
        return Sample(
            data,
            gst.gst_structure_get_string(caps, b"format").decode(),
            width.value,
            height.value,
            frames.value / seconds.value,
            self._time_s(sample, buffer.pts),
            None if buffer.offset == NONE else buffer.offset,
            bool(buffer.flags & BUFFER_CORRUPTED),
        )

    def _time_s(self, sample: int, pts: int) -> float | None:
        segment = self._gst.gst_sample_get_segment(sample)
        running = self._gst.gst_segment_to_running_time(segment, FORMAT_TIME, pts) if pts != NONE else NONE
        return None if running == NONE else (self._gst.gst_element_get_base_time(self._pipeline) + running) / 1e9


@cache
def _library() -> SimpleNamespace:
    """The functions as attributes, GStreamer ready for use. Raises ConfigError."""
    gst = SimpleNamespace()
    try:
        libraries = {key: ctypes.CDLL(name) for key, name in LIBRARIES.items()}
    except OSError as error:
        raise ConfigError(f"GStreamer is not installed ({error}); install it: {INSTALL}") from error
    for name, (library, result, arguments) in FUNCTIONS.items():
        function = getattr(libraries[library], name)
        function.restype, function.argtypes = result, arguments
        setattr(gst, name, function)
    problem = POINTER(_Error)()
    if not gst.gst_init_check(None, None, byref(problem)):
        raise ConfigError(f"GStreamer does not start: {_taken(gst, problem)}")
    return gst


def _taken(gst: SimpleNamespace, error: ctypes._Pointer[_Error]) -> str:
    """The message of a GError, which is freed."""
    message = (error.contents.message or b"").decode(errors="replace")
    gst.g_error_free(error)
    return message
