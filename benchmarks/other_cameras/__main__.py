"""The clips of people that a student has not seen, as other cameras might have shown them.

python -m benchmarks.other_cameras --folds runs/folds --member int8 --set folder:DIR [--only NAME ...]

Each row changes every picture of every clip (or their times) before the device's input stage sees it, and judges the
folds of `distill folds` as `edge-folds` does. What it cannot show: other lenses, other rooms, a sensor's own noise.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from calibration.clip_sets.clips import Clip, ClipSet
from calibration.evaluation.folds import evaluate_folds
from calibration.evaluation.scores import Evaluation
from calibration.sets import open_set
from edge.picture.frame import Frame, Image

Rng = np.random.Generator
Frames = Iterator[Frame]
Change = Callable[[Frames, Rng], Frames]
DISPLAY_GAMMA = 2.2
READ_NOISE = 1.5  # levels, of a picture that was lit less


def mirrored(frames: Frames, rng: Rng) -> Frames:
    """Left and right exchanged."""
    return (_with(frame, np.ascontiguousarray(frame.image[:, ::-1])) for frame in frames)


def resized(factor: float, frames: Frames, rng: Rng) -> Frames:
    """The same view with fewer or more pixels."""
    for frame in frames:
        image = cv2.resize(frame.image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        yield _with(frame, _picture(image))


def darker(light: float, frames: Frames, rng: Rng) -> Frames:
    """This share of the light, with new noise."""
    curve = 255 * (np.linspace(0, 1, 256) ** DISPLAY_GAMMA * light) ** (1 / DISPLAY_GAMMA)
    return (_with(frame, _noisy(curve[frame.image], READ_NOISE, rng)) for frame in frames)


def noisier(sigma: float, frames: Frames, rng: Rng) -> Frames:
    """Normal noise on every pixel, sigma in levels."""
    return (_with(frame, _noisy(frame.image, sigma, rng)) for frame in frames)


def compressed(quality: int, frames: Frames, rng: Rng) -> Frames:
    """JPEG, as a USB camera sends it."""
    for frame in frames:
        coded = cv2.imencode(".jpg", frame.image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        yield _with(frame, _picture(cv2.imdecode(coded, cv2.IMREAD_COLOR)))


def farther(scale: float, frames: Frames, rng: Rng) -> Frames:
    """A wider lens: everything smaller, and noise on the mean colour around it."""
    for frame in frames:
        small = cv2.resize(frame.image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        picture = _noisy(np.broadcast_to(small.mean((0, 1)), frame.image.shape), READ_NOISE, rng)
        top, left = ((outer - inner) // 2 for outer, inner in zip(picture.shape, small.shape[:2], strict=False))
        picture[top : top + small.shape[0], left : left + small.shape[1]] = small
        yield _with(frame, picture)


def nearer(scale: float, frames: Frames, rng: Rng) -> Frames:
    """A longer lens: the middle of the picture."""
    for frame in frames:
        height, width = frame.image.shape[:2]
        top, left = round(height * (1 - 1 / scale) / 2), round(width * (1 - 1 / scale) / 2)
        middle = frame.image[top : height - top, left : width - left]
        yield _with(frame, _picture(cv2.resize(middle, (width, height))))


def tilted(degrees: float, frames: Frames, rng: Rng) -> Frames:
    """A camera that is mounted askew."""
    for frame in frames:
        height, width = frame.image.shape[:2]
        yield _with(frame, _warped(frame.image, cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)))


def shaking(pixels: float, frames: Frames, rng: Rng) -> Frames:
    """A robot that rolls over a floor: the picture jumps by so much from frame to frame, and comes back."""
    place = np.zeros(2)
    for frame in frames:
        place = 0.8 * place + rng.normal(0, pixels, 2)
        yield _with(frame, _warped(frame.image, np.array([[1, 0, place[0]], [0, 1, place[1]]])))


def dropping(share: float, frames: Frames, rng: Rng) -> Frames:
    """This share of the frames never arrives."""
    return (frame for frame in frames if rng.random() >= share)


def slowed(factor: float, frames: Frames, rng: Rng) -> Frames:
    """People who move slower (or faster, below 1), at fewer frames a second."""
    return (dataclasses.replace(frame, capture_time_s=frame.capture_time_s * factor) for frame in frames)


CHANGES: dict[str, Change | None] = {
    "as recorded": None,
    "mirrored": mirrored,
    "half as many pixels each way": partial(resized, 0.5),
    "half the light": partial(darker, 0.5),
    "a quarter of the light": partial(darker, 0.25),
    "noise of 3 levels": partial(noisier, 3.0),
    "JPEG of quality 50": partial(compressed, 50),
    "people at 0.7 of their size": partial(farther, 0.7),
    "people at half their size": partial(farther, 0.5),
    "people at 1.4 times their size": partial(nearer, 1.4),
    "tilted by 10 degrees": partial(tilted, 10.0),
    "shaking by 2 pixels": partial(shaking, 2.0),
    "a fifth of the frames lost": partial(dropping, 0.2),
    "1.3 times slower": partial(slowed, 1.3),
    "1.3 times faster": partial(slowed, 1 / 1.3),
}


def changed(clips: ClipSet, change: Change | None) -> ClipSet:
    """The same clips, seen otherwise; the same at every run."""
    if change is None:
        return clips
    seen = [dataclasses.replace(clip, source=partial(_seen, clip, i, change)) for i, clip in enumerate(clips.clips)]
    return ClipSet(clips.name, clips.labels, seen)


def main() -> None:
    """Print a row for every change, as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folds", type=Path, required=True, help="what `distill folds` wrote")
    parser.add_argument("--member", default="bundle", help="which bundle of every fold (%(default)s)")
    parser.add_argument("--set", required=True, help="the data set whose actors were left out")
    parser.add_argument("--only", nargs="*", choices=list(CHANGES), default=list(CHANGES), help="some of the rows")
    options = parser.parse_args()
    clips = open_set(options.set, None)
    print("| seen | top-1 | macro | ticks right | wrong | silent |\n|---|---|---|---|---|---|")
    for name in options.only:
        (found,) = evaluate_folds(options.folds, [options.member], changed(clips, CHANGES[name]))
        print(f"| {name} | {_row(found)} |", flush=True)


def _row(found: Evaluation) -> str:
    low, high = found.interval95
    assert found.live is not None
    ticks = dataclasses.astuple(found.live)
    shares = " | ".join(f"{count / sum(ticks):.0%}" for count in ticks)
    return f"{100 * found.top1:.1f} [{100 * low:.1f}, {100 * high:.1f}] | {100 * found.macro:.1f} | {shares}"


def _seen(clip: Clip, number: int, change: Change) -> Frames:
    frames = (Frame(frame.bgr(), frame.sequence, frame.capture_time_s) for frame in clip.frames())
    return change(frames, np.random.default_rng(number))


def _with(frame: Frame, image: Image) -> Frame:
    return dataclasses.replace(frame, image=image)


def _noisy(image: npt.NDArray[Any], sigma: float, rng: Rng) -> Image:
    return np.clip(np.rint(image + rng.normal(0, sigma, image.shape)), 0, 255).astype(np.uint8)


def _warped(image: Image, matrix: np.ndarray) -> Image:
    return _picture(cv2.warpAffine(image, matrix, image.shape[1::-1], borderMode=cv2.BORDER_REFLECT))


def _picture(image: Any) -> Image:
    """What OpenCV gave, whose stubs know no dtype."""
    return np.asarray(image, np.uint8)


if __name__ == "__main__":
    main()
