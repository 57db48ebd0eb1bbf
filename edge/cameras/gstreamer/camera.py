"""Cameras through a GStreamer pipeline: NVIDIA's capture and decoders on a Jetson, or `gst:PIPELINE`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from edge.cameras.base import STALL_FRAMES, STALL_S, Camera, CameraStallError, CameraStateError
from edge.cameras.clocks import plausible_stamp_s
from edge.cameras.gstreamer.libgstreamer import Pipeline, Sample
from edge.cameras.holding.closing import close_in_time
from edge.cameras.layout import BYTES_PER_PIXEL, picture
from edge.cameras.profile import CameraProfile
from edge.cameras.v4l2.controls import apply_controls
from edge.cameras.v4l2.sysfs import DeviceFinder
from edge.picture.frame import Frame

# GStreamer's names of the formats that the C core reads.
FORMATS = {"BGR": "bgr", "RGB": "rgb", "GRAY8": "grey", "YUY2": "yuyv", "UYVY": "uyvy", "NV12": "nv12", "I420": "i420"}
SINK = "newest"
MAX_LOST = 1000  # frames; a longer jump is no count of frames
# YUV only of limited range, as the core reads it: JPEG's full range would turn a dark picture black. What does not fit
# is converted, what fits passes through videoconvert untouched.
ENDING = (
    f"videoconvert ! appsink name={SINK} max-buffers=1 drop=true sync=false caps="
    '"video/x-raw,format={BGR,RGB,GRAY8};'
    'video/x-raw,format={NV12,I420,YUY2,UYVY},colorimetry={bt601,bt709}"'
)


class GStreamerCamera(Camera):
    """A GStreamer pipeline that ends in raw pictures in main memory; GStreamer's threads keep the newest one.

    Raises with GStreamer's own message: ConfigError for a pipeline that cannot be or a part that is not installed;
    CameraStateError, at opening or while reading, also when the stream ends.
    """

    live = True

    def __init__(self, pipeline: str, name: str) -> None:
        super().__init__(name)
        self._sequence = -1
        self._offset: int | None = None
        self._pipeline: Pipeline | None = Pipeline(f"{pipeline} ! {ENDING}", SINK, name)

    def read(self, timeout_s: float) -> Frame | None:
        assert self._pipeline is not None, "read after close"
        end_s = time.monotonic() + timeout_s
        while sample := self._pipeline.pull(max(0.0, end_s - time.monotonic())):
            self._count(sample)
            if not sample.corrupted:
                return self._frame(sample, time.monotonic())
            self.drops.flagged += 1
        raise CameraStallError(f"{self.name}: no frame for {timeout_s:g} s")

    def close(self) -> None:
        if self._pipeline is not None:
            close_in_time(self.name, self._pipeline.stop)
            self._pipeline = None

    def _count(self, sample: Sample) -> None:
        """By the source's count where the pipeline hands it on; decoders do not, and some count bytes."""
        step = 1 if sample.offset is None or self._offset is None else sample.offset - self._offset
        self._sequence += step if 0 < step < MAX_LOST else 1
        self._offset = sample.offset

    def _frame(self, sample: Sample, now_s: float) -> Frame:
        format, width, height = FORMATS[sample.format], sample.width, sample.height
        try:
            image = picture(sample.data, format, width, height, *_strides(format, width))
        except ValueError as error:
            raise CameraStateError("failed", f"{self.name}: {error}") from error
        self.stall_s = max(STALL_S, STALL_FRAMES / sample.fps) if sample.fps else Camera.stall_s
        stamp_s = now_s if sample.time_s is None else plausible_stamp_s(sample.time_s, now_s)
        return Frame(image, self._sequence, stamp_s, format)


def finder_of(profile: CameraProfile, which: str = "", root: Path = Path("/")) -> DeviceFinder:
    """Finds `{device}`: a profile that names no camera of its own means any on USB."""
    named = profile.match or profile.by_id
    return DeviceFinder(profile if named else replace(profile, match=({"vendor": "*"},)), which, root)


def open_found(finder: DeviceFinder) -> GStreamerCamera:
    """Open the pipeline of a profile in its first mode; `{device}` in it is looked for anew."""
    profile = finder.profile
    mode = profile.modes[0]
    values: dict[str, object] = {"width": mode.width, "height": mode.height, "fps": mode.fps}
    if "{device}" not in profile.pipeline:  # a CSI camera
        return GStreamerCamera(filled(profile.pipeline, values), profile.name)
    device = finder.find().path
    notes = (*filter(None, [finder.note]), *apply_controls(device, profile.controls))
    camera = GStreamerCamera(filled(profile.pipeline, {**values, "device": device}), f"{profile.name} ({device})")
    camera.notes = notes
    return camera


def open_pipeline(pipeline: str) -> GStreamerCamera:
    """Open what the user wrote after `gst:`."""
    return GStreamerCamera(pipeline, "gst")


def filled(pipeline: str, values: Mapping[str, object]) -> str:
    """The pipeline's text with {width} and so on in place; the braces of GStreamer's own lists stay."""
    for key, value in values.items():
        pipeline = pipeline.replace("{" + key + "}", str(value))
    return pipeline


def _strides(format: str, width: int) -> tuple[int, int]:
    """GStreamer's own, of the first plane and of i420's others: rows begin at multiples of four bytes."""
    return _aligned(width * BYTES_PER_PIXEL.get(format, 1)), _aligned(width // 2)


def _aligned(count: int) -> int:
    return -(-count // 4) * 4
