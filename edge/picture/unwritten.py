"""Pictures that a decoder says it made and never did: found by what was in the memory before.

OpenCV 5 does so with interlaced pictures: it reports success and hands out memory that nobody wrote, which may hold
zeros, or an earlier clip.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from edge.picture.frame import Image

M_PERTURB = -6  # of <malloc.h>: new memory is filled with the complement of this byte
LARGEST_ON_HEAP = (32 << 20) - 4096  # bytes; glibc asks the kernel for what is larger, and that is zeros


@contextmanager
def marked_memory(level: int, pixels: int) -> Iterator[None]:
    """Memory for a picture of so many pixels, allocated meanwhile, holds `level` in every byte.

    Of a C library that cannot do this (musl), it holds whatever it holds.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        yield
        return
    np.empty(min(4 * pixels + (1 << 20), LARGEST_ON_HEAP), np.uint8)  # freed at once: from now on such sizes are heap
    mallopt(M_PERTURB, level ^ 0xFF)
    try:
        yield
    finally:
        mallopt(M_PERTURB, 0)


def is_untouched(image: Image, level: int) -> bool:
    """Whether a picture that was decoded in marked memory is what it was before: nothing but `level`."""
    return bool((image == level).all())
