"""What lies behind everything: rendered backgrounds, and real rooms that were filmed, both in linear light."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from calibration.clip_sets import video
from calibration.synthetic.scenery.layers import Shift
from calibration.synthetic.scenery.scene import (
    F32,
    HEIGHT,
    OVERSAMPLING,
    U8,
    WIDTH,
    View,
    background,
    decode,
)
from edge.errors import DataError

Rng = np.random.Generator
FILM_GAMMA = 2.2  # of video: close to Rec. 709 as cameras apply it
MOST_FRAMES = 400  # of a film that are kept: 92 MB
_LINEAR = ((np.arange(256) / 255.0) ** FILM_GAMMA).astype(np.float32)


class Wall(Protocol):
    """What is behind all that moves."""

    def light(self, time_s: float, shift: Shift) -> F32:
        """Linear light, float32 [240,320,3] BGR, at `time_s` in a picture that the camera's own motion has moved by
        `shift` pixels (x, y). The array is the wall's own: whoever draws on it copies it first.
        """


class RenderedWall:
    """A rendered background, which covers the shifts that it was drawn for; others show the nearest of those."""

    def __init__(self, backdrop: U8, origin: npt.NDArray[np.int64]) -> None:
        """backdrop, origin: see `scene.background`."""
        self._backdrop, self._origin = backdrop, origin
        self._kept: tuple[tuple[int, int], F32] | None = None

    @staticmethod
    def draw(rng: Rng, view: View) -> RenderedWall:
        """One that covers every shift of the view."""
        return RenderedWall(*background(rng, view))

    def light(self, time_s: float, shift: Shift) -> F32:
        """See `Wall`; the time does not matter."""
        height, width = HEIGHT * OVERSAMPLING, WIDTH * OVERSAMPLING
        most = np.array([self._backdrop.shape[1] - width, self._backdrop.shape[0] - height])
        at = np.clip(self._origin - np.rint(OVERSAMPLING * np.asarray(shift)).astype(np.int64), 0, most)
        x, y = (int(at[0]), int(at[1]))
        if self._kept is None or self._kept[0] != (x, y):
            window = self._backdrop[y : y + height, x : x + width]
            small = np.asarray(cv2.resize(window, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)
            self._kept = (x, y), decode(small)
        return self._kept[1]


class FilmedWall:
    """A real room, filmed by daylight: its frames in linear light, over and over.

    at_end: from the start again, which is a cut, or backwards. first_s, last_s: the piece of the film that is played;
    of a longer one than MOST_FRAMES frames the rest is left out. Beyond its edges the room is mirrored.
    Raises DataError that names the file.
    """

    def __init__(
        self,
        path: Path,
        *,
        at_end: Literal["again", "back"] = "back",
        first_s: float = 0.0,
        last_s: float = float("inf"),
    ) -> None:
        self._frames: list[U8] = []
        times: list[float] = []
        for frame in video.read(path):
            if frame.capture_time_s >= last_s or len(times) >= MOST_FRAMES:
                break
            if frame.capture_time_s >= first_s:
                self._frames.append(_fitted(frame.bgr()))
                times.append(frame.capture_time_s)
        if not times:
            raise DataError(f"{path}: expected frames from {first_s:g} s on, found none; the film is shorter")
        self._times = np.asarray(times) - times[0]
        step = float(np.median(np.diff(self._times))) if len(times) > 1 else 1.0
        self._length_s = float(self._times[-1]) + step
        self._back = at_end == "back"

    @property
    def length_s(self) -> float:
        """Of the film, until its last frame is over."""
        return self._length_s

    def light(self, time_s: float, shift: Shift) -> F32:
        """See `Wall`: the frame that was the last one at that time."""
        within = time_s % (2 * self._length_s if self._back else self._length_s)
        if within >= self._length_s:
            within = 2 * self._length_s - within
        number = int(np.searchsorted(self._times, within + 1e-6, side="right")) - 1
        picture = self._frames[max(number, 0)]
        if any(shift):
            matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float64)
            moved = cv2.warpAffine(picture, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT_101)
            picture = np.asarray(moved, np.uint8)
        return linear(picture)


def linear(picture: U8) -> F32:
    """Levels of a film -> linear light of the same shape, white at 1."""
    return np.asarray(cv2.LUT(picture, _LINEAR), np.float32)


def _fitted(picture: U8) -> U8:
    """The picture's middle, as large as ours."""
    height, width = picture.shape[:2]
    scale = max(HEIGHT / height, WIDTH / width)
    if scale != 1:
        size = max(WIDTH, round(width * scale)), max(HEIGHT, round(height * scale))
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        picture = np.asarray(cv2.resize(picture, size, interpolation=way), np.uint8)
    y, x = (picture.shape[0] - HEIGHT) // 2, (picture.shape[1] - WIDTH) // 2
    return np.ascontiguousarray(picture[y : y + HEIGHT, x : x + WIDTH])
