"""The reader thread: the newest frame only, the end, and every error, reach the reader."""

from __future__ import annotations

import queue
import threading

import numpy as np
import pytest

from edge.cameras.base import CameraStallError
from edge.cameras.holding.freshest import Freshest
from edge.errors import CameraError
from edge.picture.frame import Frame


class Feed:
    """Hands to the thread what the test puts in, and says when the thread comes for more."""

    def __init__(self) -> None:
        self.items: queue.Queue[Frame | Exception | None] = queue.Queue()
        self.released = threading.Event()
        self._closing = threading.Event()
        self.reader = Freshest("camera", self._next, self.released.set)

    def put(self, *items: Frame | Exception | None) -> None:
        for item in items:
            self.items.put(item)
        self.items.join()

    def close(self) -> None:
        self._closing.set()
        self.reader.close()

    def _next(self) -> Frame | None:
        while not self._closing.is_set():
            try:
                item = self.items.get(timeout=0.01)
            except queue.Empty:
                continue
            self.items.task_done()
            if isinstance(item, Exception):
                raise item
            return item
        return None


def frame(sequence: int) -> Frame:
    return Frame(np.zeros((2, 2, 3), np.uint8), sequence, sequence / 30)


def test_only_the_newest_frame_is_kept() -> None:
    feed = Feed()
    feed.put(*map(frame, range(5)), None)
    assert feed.released.wait(5)
    newest, end = feed.reader.read(1.0), feed.reader.read(1.0)
    assert newest is not None and newest.sequence == 4 and end is None


def test_silence_is_a_stall_and_not_the_end() -> None:
    feed = Feed()
    with pytest.raises(CameraStallError, match=r"camera: no frame for 0\.02 s"):
        feed.reader.read(0.02)
    feed.put(frame(7))
    after = feed.reader.read(5.0)
    assert after is not None and after.sequence == 7
    feed.close()


@pytest.mark.parametrize("error", [CameraError("unplugged"), RuntimeError("a bug")])
def test_what_the_thread_raises_reaches_the_reader_after_the_last_frame(error: Exception) -> None:
    feed = Feed()
    feed.put(frame(1), error)
    assert feed.released.wait(5)
    assert feed.reader.read(1.0) is not None
    for _ in range(2):  # it stays so
        with pytest.raises(CameraError, match=f"camera: {error}") as raised:
            feed.reader.read(1.0)
        assert raised.value.__cause__ is error


def test_closing_releases_the_device_and_ends_the_thread() -> None:
    feed = Feed()
    before = threading.active_count()
    feed.close()
    feed.close()
    assert feed.released.is_set() and threading.active_count() < before
