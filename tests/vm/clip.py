"""Encodes the package's demo clip in every format and size of the virtual camera."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from tests.vm.camera.clip import file_name, write_clip
from tests.vm.camera.model import ARDUCAM, Mode

RATE = 15.0
EVERY = 2  # the clip has 30 frames a second
FRAMES = 96  # its first two actions
JPEG_QUALITY = 80

Image = npt.NDArray[np.uint8]


def write_demo(folder: Path, clip: Path) -> None:
    """Write what `tests.vm.camera.clip.Clip` reads."""
    write_clip(folder, RATE, {file_name(mode): map(partial(_encode, mode), _images(clip)) for mode in ARDUCAM.modes})


def _images(clip: Path) -> Iterator[Image]:
    capture = cv2.VideoCapture(str(clip))
    for _ in islice(iter(capture.grab, False), 0, FRAMES * EVERY, EVERY):
        yield np.asarray(capture.retrieve()[1], np.uint8)


def _encode(mode: Mode, image: Image) -> bytes:
    # Pixels are repeated: shrunk again, they are the clip's.
    sized = cv2.resize(image, (mode.width, mode.height), interpolation=cv2.INTER_NEAREST)
    if mode.format == "MJPG":
        return bytes(cv2.imencode(".jpg", sized, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1])
    return bytes(cv2.cvtColor(sized, cv2.COLOR_BGR2YUV_YUY2))
