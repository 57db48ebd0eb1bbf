"""`rooms:DIR`: filmed rooms without people, taken anew by a dark camera; the film's own motion and exposure are kept.

DIR/labels.csv (file,class,fps) lists videos of class `nobody`; those of class `people` are not touched.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from calibration.clip_sets import folder, video
from calibration.clip_sets.clips import Clip, ClipSet
from calibration.synthetic.clip import record
from calibration.synthetic.dark_camera import CAMERAS, LIGHTS, identity_of
from calibration.synthetic.real.depth import checked_rate
from calibration.synthetic.scenery.layers import Shift
from calibration.synthetic.scenery.scene import F32, HEIGHT, WIDTH
from calibration.synthetic.splits import NOBODY
from edge.errors import DataError
from edge.picture.frame import Frame, Image

REVISION = 1
PEOPLE = "people"
CLIP_S, SHORTEST_S = 3.0, 1.5
FAST_FPS = 24.0  # films from this rate on are shot at half of it, too, as cameras do in the dark
HALVED_SHARE = 0.7


def linear_table() -> F32:
    """Linear light of each of a video's 256 levels, 0 to 1: Rec. 709's curve, undone."""
    level = np.arange(256) / 255.0
    return np.where(level < 0.081, level / 4.5, ((level + 0.099) / 1.099) ** (1 / 0.45)).astype(np.float32)


_LINEAR = linear_table()


def linear_light(image: Image) -> F32:
    """A decoded picture, uint8 BGR -> linear light, float32 [240,320,3]."""
    if image.shape[:2] != (HEIGHT, WIDTH):
        image = np.asarray(cv2.resize(image, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.LUT(image, _LINEAR), np.float32)


def open_rooms(name: str, root: Path) -> ClipSet:
    """Every three seconds of every film, under both lights, with every camera; the one label is `nobody`.

    Raises DataError.
    """
    listing = root / "labels.csv"
    if not listing.is_file():
        raise DataError(f"{name}: {listing} is missing; DIR needs labels.csv (file,class) and the videos it lists")
    rows = folder.table(listing)
    for row in rows:
        if row["class"] not in (NOBODY, PEOPLE):
            raise DataError(
                f"{listing}: {row['file']}: class: expected {NOBODY} or {PEOPLE}, found {row['class']}; videos of "
                "actions are a set of their own, folder:DIR"
            )
    empty = [row for row in rows if row["class"] == NOBODY]
    if not empty:
        raise DataError(f"{name}: {listing}: expected a video of class {NOBODY}, found none")
    clips = [clip for number, row in enumerate(empty) for clip in _clips(root, row, number, str(listing))]
    return ClipSet(name, (NOBODY,), clips)


def _clips(root: Path, row: dict[str, str], number: int, listing: str) -> Iterator[Clip]:
    path = video.existing(root / row["file"])
    fps, frames = _length(path, row, listing)
    parts = max(1, int(frames / fps / CLIP_S + 1 - SHORTEST_S / CLIP_S))
    for part in range(parts):
        first, last = (round(at * CLIP_S * fps) for at in (part, part + 1))
        for variant, (light, camera) in enumerate((light, camera) for light in LIGHTS for camera in CAMERAS):
            seed = (7, number, part, variant)
            yield Clip(
                name=f"{path.stem}_{part:03d}_{light}_{camera}",
                label=0,
                source=partial(render, path, seed, camera, light, first, last, fps),
                made_by=f"rooms {REVISION} {seed} {fps:g} {identity_of(camera)} {light}",
                file=path,
                camera=camera,
                light=light,
                location=path.stem,
            )


def _length(path: Path, row: dict[str, str], listing: str) -> tuple[float, int]:
    """Frames a second and frames: what the table says, or the film itself."""
    try:
        told = (float(row["fps"]), int(row["frames"]))
    except (KeyError, ValueError):
        times = [frame.capture_time_s for frame in video.read(path)]
        told = (len(times) - 1) / max(times[-1] - times[0], 1e-3), len(times)
    return checked_rate(told[0], f"{listing}: {row['file']}"), told[1]


def render(
    path: Path, seed: Sequence[int], camera: str, light: str, first: int, last: int, fps: float
) -> Iterator[Frame]:
    """Frames [first, last) of a film of `fps` frames a second, in the dark; a pure function of the file and the seed.

    Raises DataError.
    """
    rng = np.random.default_rng(list(seed))
    step = 2 if fps >= FAST_FPS and rng.random() < HALVED_SHARE else 1
    images = (frame.image for frame in islice(video.read(path), first, last))
    shot = record(rng, _lights(images, step), fps / step, camera, light, live=True)
    try:
        yield from shot
    except RuntimeError as error:  # a generator within that has nothing to give
        raise DataError(f"{path}: expected frames {first} to {last}, found fewer; see labels.csv, `frames`") from error


def _lights(images: Iterator[Image], step: int) -> Iterator[F32]:
    """Every `step` frames averaged into one (a long shutter)."""
    while group := [linear_light(image) for image in islice(images, step)]:
        yield np.asarray(np.mean(group, axis=0), np.float32)


class FilmedRoom:
    """A `layers.Wall`: a film, from its start; when it is over it begins again, which is a cut.

    scale: linear light by the film's own, whose white is 1. The camera's own motion is the film's, so that `shift` is
    not applied: what moves before it should be told a shift of 0, best before a film whose camera stands still.
    Times must rise. Raises DataError while it is read.
    """

    def __init__(self, path: Path, scale: float = 1.0) -> None:
        self._path, self._scale = path, np.float32(scale)
        self._frames = video.read(path)
        self._began_s, self._last_s = 0.0, -1.0
        self._now = self._next = next(self._frames)

    def light(self, time_s: float, shift: Shift = (0.0, 0.0)) -> F32:
        """float32 [240,320,3], of the last frame that was taken by then. Raises ValueError where time runs back."""
        if time_s < self._last_s:
            raise ValueError(f"expected a time from {self._last_s:g} s on, found {time_s:g}")
        self._last_s = time_s
        while self._began_s + self._next.capture_time_s <= time_s:
            self._now = self._next
            if (following := next(self._frames, None)) is None:
                spacing_s = self._now.capture_time_s / max(self._now.sequence, 1)
                self._began_s += self._now.capture_time_s + spacing_s
                self._frames = video.read(self._path)
                following = next(self._frames)
            self._next = following
        return linear_light(self._now.image) * self._scale
