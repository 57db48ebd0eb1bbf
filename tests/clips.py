"""Small clips for tests: a bright square on a dark noisy ground that moves left, right or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from calibration.clip_sets.clips import Clip, ClipSet
from edge.picture.frame import Frame

LABELS = ("left", "right", "still")
STEPS = {"left": -3, "right": 3, "still": 0}
HEIGHT, WIDTH = 96, 128


def moving_square(label: str, seed: int, frames: int = 20, interval_s: float = 1 / 15) -> Iterator[Frame]:
    """Frames, uint8 [96,128,3], of one clip."""
    rng = np.random.default_rng(seed)
    x, y = int(rng.integers(48, 64)), int(rng.integers(20, 60))
    for i in range(frames):
        image = rng.integers(2, 8, (HEIGHT, WIDTH, 3), np.uint8)
        left = (x + STEPS.get(label, 0) * i) % (WIDTH - 20)
        image[y : y + 20, left : left + 20] += 40
        yield Frame(image, i, i * interval_s)


def square_clip(label: str, labels: tuple[str, ...], seed: int, frames: int = 20) -> Clip:
    source = partial(moving_square, label, seed, frames)
    return Clip(f"{label}_{seed}", labels.index(label), source, f"{label} {seed} {frames}")


def square_set(count: int = 6, labels: tuple[str, ...] = LABELS, frames: int = 20) -> ClipSet:
    """`count` clips, the labels in turn."""
    clips = [square_clip(labels[i % len(labels)], labels, i, frames) for i in range(count)]
    return ClipSet("squares", labels, clips)


def write_square_folder(folder: Path, count: int = 6, frames: int = 20) -> Path:
    """The same as `folder:DIR` wants them: DIR/<class>/*.avi."""
    for clip in square_set(count, frames=frames).clips:
        path = folder / LABELS[clip.label] / f"{clip.name}.avi"
        path.parent.mkdir(parents=True, exist_ok=True)
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 15.0, (WIDTH, HEIGHT))
        for frame in clip.frames():
            writer.write(frame.image)
        writer.release()
    return folder
