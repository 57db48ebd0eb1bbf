"""Pictures out of a video file, each with its time, and none that the decoder never wrote."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np

from edge.errors import CameraError
from edge.paths import library_name, shown
from edge.picture.bounds import MOST_PIXELS
from edge.picture.frame import Frame, Image
from edge.picture.unwritten import is_untouched, marked_memory

FALLBACK_FPS = 30.0  # for the rare container that tells neither times nor a rate
KEEPS_ITS_RATE = ("mpg1", "mpg2")  # streams without a container that know how fast they are; FFmpeg takes others as 25
MARKS = (0x5A, 0xC3)  # what is in the memory before the first picture; the second where a picture is all the first
DOUBTFUL_RUN = 5  # pictures in a row that are the same: an encoder may do that, a converter that fails does it, too


class VideoDecoder:
    """A video file that is read to its end. fps: times by this rate, not by the file's. note: what should be known.

    Raises CameraError, which names the file: nothing in it decodes, its pictures are too large or interlaced.
    """

    def __init__(self, path: Path, fps: float | None = None) -> None:
        self._path, self._name = path, shown(path)
        self._capture = self._open()
        try:
            self._first: Image | None = self._written()
        except CameraError:
            self.close()
            raise
        told = self._capture.get(cv2.CAP_PROP_FPS)
        self._fps = fps
        self._interval_s = 1.0 / (fps or (told if 0.1 <= told <= 1000.0 else FALLBACK_FPS))
        self.note = "" if fps else self._note()
        self._last: Image | None = None
        self._sequence, self._last_s = 0, 0.0
        self._run, self._doubted = 0, False

    @property
    def promised(self) -> int:
        """How many frames the file says that it has; 0 where it says nothing."""
        return max(0, int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)))

    def next(self) -> Frame | None:
        """The next frame, uint8 [height,width,3] BGR; None at the end, which may be the end of what decodes."""
        first, self._first = self._first, None
        image = self._read(self._capture) if first is None else first
        if image is None:
            return None
        self._doubt(image)
        frame = Frame(image, self._sequence, self._time_s())
        self._last, self._last_s = image, frame.capture_time_s
        self._sequence += 1
        return frame

    def close(self) -> None:
        """May be called twice."""
        self._capture.release()

    def _time_s(self) -> float:
        if self._fps:
            return self._sequence * self._interval_s
        time_s = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3
        if self._sequence and not self._last_s < time_s:  # a container without usable times
            return self._last_s + self._interval_s
        return time_s

    def _note(self) -> str:
        """FFmpeg takes a stream without a container as 25 frames a second, whatever it was recorded at."""
        code = int(self._capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little", signed=True).decode("ascii", "replace")
        if self._capture.get(cv2.CAP_PROP_FRAME_COUNT) >= 0 or code in KEEPS_ITS_RATE:
            return ""
        return f"the file tells no times; taken as {1 / self._interval_s:g} frames a second, say otherwise with --fps"

    def _open(self) -> cv2.VideoCapture:
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # what is wrong with a file is our line to write
        try:
            with library_name(self._path) as name:
                return cv2.VideoCapture(name, cv2.CAP_FFMPEG)
        except OSError as error:
            raise CameraError(f"{self._name}: cannot be read ({error.strerror}); check its permissions") from error

    def _written(self) -> Image:
        """The first picture, made in memory that is known to hold something else before."""
        found: list[Image] = []
        for level in MARKS:
            if found:
                self._capture.release()
                self._capture = self._open()
            self._check_size()
            with marked_memory(level, self._pixels):
                image = self._read(self._capture)
            if image is None:
                raise CameraError(
                    f"{self._name}: no video in it that OpenCV can decode ({self._path.stat().st_size} bytes); "
                    "check that the copy is complete, or convert it: ffmpeg -i IN -c:v libx264 OUT.mp4"
                )
            if not is_untouched(image, level):
                return image
            found.append(image)
        if np.array_equal(found[0], found[1]):
            return found[0]
        raise self._interlaced()

    @property
    def _pixels(self) -> int:
        width, height = (self._capture.get(size) for size in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        return int(width) * int(height)

    def _check_size(self) -> None:
        if self._pixels > MOST_PIXELS:
            width, height = (self._capture.get(size) for size in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
            raise CameraError(
                f"{self._name}: pictures of {width:.0f}x{height:.0f}; expected at most {MOST_PIXELS} pixels; "
                "make them smaller: ffmpeg -i IN -vf scale=1280:-2 OUT.mp4"
            )

    def _doubt(self, image: Image) -> None:
        """Where pictures repeat for the first time, look whether they do in the file, or only in the memory."""
        self._run = self._run + 1 if self._last is not None and _same(image, self._last) else 0
        if self._run == DOUBTFUL_RUN and not self._doubted:
            self._doubted = True
            if not self._comes_again(image):
                raise self._interlaced()

    def _comes_again(self, image: Image) -> bool:
        """Decode up to here once more; this picture is the first that is converted, in memory of its own."""
        capture = self._open()
        try:
            for _ in range(self._sequence):
                capture.grab()
            with marked_memory(MARKS[0], self._pixels):
                again = self._read(capture)
        finally:
            capture.release()
        return again is None or np.array_equal(image, again)

    def _interlaced(self) -> CameraError:
        return CameraError(
            f"{self._name}: its pictures are interlaced, which OpenCV {cv2.__version__} does not read; "
            "make whole ones of them: ffmpeg -i IN -vf yadif -c:v libx264 OUT.mp4"
        )

    @staticmethod
    def _read(capture: cv2.VideoCapture) -> Image | None:
        decoded, image = capture.read()
        return np.asarray(image, np.uint8) if decoded else None


def _same(image: Image, other: Image) -> bool:
    """A few pixels tell most pictures apart."""
    if image.shape != other.shape or not np.array_equal(image[::16, ::16], other[::16, ::16]):
        return False
    return np.array_equal(image, other)
