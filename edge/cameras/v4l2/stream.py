"""Streams from a V4L2 device: buffers mapped, the newest good one lent to the reader, the others with the driver."""

from __future__ import annotations

import mmap
import select
import time
from contextlib import suppress
from ctypes import c_int32
from dataclasses import dataclass

import numpy as np

from edge.cameras.base import CameraStateError, DropCounts
from edge.cameras.v4l2 import videodev2 as v4l2
from edge.cameras.v4l2.device import V4l2Device
from edge.errors import PictureError
from edge.picture import jpeg
from edge.picture.frame import Image

BUFFERS = 4  # one with the reader, one being filled, two to wait in: a reader may be busy for two frames
NOTHING_YET_S = 0.002  # pause when a driver says "ready" and then has nothing, over and over
STALE_INTERVALS = 1.5
LONGEST_INTERVAL_S = 1.0


@dataclass(frozen=True)
class CapturedBuffer:
    """A driver's buffer with a picture.

    data: uint8, flat, read-only. time_s: monotonic; when the frame was taken if it is `stamped`, else when it came.
    """

    index: int
    data: Image
    driver_sequence: int
    time_s: float
    stamped: bool


class V4l2Stream:
    """A running stream.

    least_bytes: what a picture has at least; 0 for JPEG, whose end is looked for instead, and whose header must tell
    `size` (height, width), or the same other size twice in a row: there are drivers that agree on what they do not do.
    interval_s: between two frames; what was agreed on until it is `measured`, which takes two. drops: counts what is
    not handed out.
    Raises CameraStateError, from every method but `close`, when the device is lost.
    """

    def __init__(
        self, device: V4l2Device, least_bytes: int, size: tuple[int, int], interval_s: float, drops: DropCounts
    ) -> None:
        self.interval_s, self.measured = interval_s, False
        self.sequence = -1
        self._device, self._least_bytes, self._drops = device, least_bytes, drops
        self._size, self._other_size = size, size
        self._poll = select.poll()
        self._poll.register(device.descriptor, select.POLLIN)
        self._maps = [self._map(index) for index in range(self._request_buffers())]
        self._pictures = [np.frombuffer(memory, np.uint8) for memory in self._maps]
        self._queued = 0
        self._lent: CapturedBuffer | None = None
        self._last: tuple[int, float] | None = None
        for index in range(len(self._maps)):
            self._queue(index)
        device.demand(v4l2.STREAMON, c_int32(v4l2.CAPTURE))

    def newest(self, timeout_s: float) -> CapturedBuffer | None:
        """The newest good frame, each once; None when none comes in time. It stays as it is until the next call."""
        end_s = time.monotonic() + timeout_s
        newest = self._waiting()
        while newest is None:
            left_s = end_s - time.monotonic()
            if left_s <= 0:
                return None
            signalled = self._poll.poll(left_s * 1e3)
            newest, taken = self._drain()
            if signalled and not taken:
                time.sleep(NOTHING_YET_S)
        return self._lend(newest)

    def close(self) -> None:
        """Stop and give the memory back; what is lent to the reader lives until the reader lets go of it."""
        with suppress(OSError):  # the device may be gone
            self._device.call(v4l2.STREAMOFF, c_int32(v4l2.CAPTURE))
        self._lent = None
        self._pictures.clear()
        self._maps.clear()
        with suppress(OSError):
            self._device.call(v4l2.REQBUFS, v4l2.RequestBuffers(type=v4l2.CAPTURE, memory=v4l2.MMAP))

    def _request_buffers(self) -> int:
        request = v4l2.RequestBuffers(count=BUFFERS, type=v4l2.CAPTURE, memory=v4l2.MMAP)
        count = int(self._device.demand(v4l2.REQBUFS, request).count)
        if count < 2:
            raise CameraStateError("failed", f"{self._device.path}: its driver has {count} buffers; expected 2 or more")
        return count

    def _map(self, index: int) -> mmap.mmap:
        buffer = v4l2.Buffer(index=index, type=v4l2.CAPTURE, memory=v4l2.MMAP)
        self._device.demand(v4l2.QUERYBUF, buffer)
        try:
            return mmap.mmap(
                self._device.descriptor, buffer.length, mmap.MAP_SHARED, mmap.PROT_READ, offset=buffer.m.offset
            )
        except OSError as error:
            raise CameraStateError.of(self._device.path, error) from error

    def _waiting(self) -> CapturedBuffer | None:
        """What came since the last call, if it is new.

        When every buffer was full, the driver had none for what came later, and the newest of them may be old.
        """
        with_driver = self._queued
        self._give_back()
        newest, taken = self._drain()
        if newest is None or taken < with_driver or not self._is_stale(newest):
            return newest
        self._drops.stale += 1
        self._queue(newest.index)
        return None

    def _drain(self) -> tuple[CapturedBuffer | None, int]:
        """The newest of the good frames that are there, and how many buffers were."""
        newest, taken = None, 0
        for _ in range(self._queued):  # no more: a fast camera fills them again as fast as they are taken
            buffer = self._dequeue()
            if buffer is None:
                break
            taken += 1
            captured = self._accept(buffer)
            worse = buffer.index if captured is None else newest.index if newest else None
            newest = captured or newest
            if worse is not None:
                self._queue(worse)
        return newest, taken

    def _dequeue(self) -> v4l2.Buffer | None:
        buffer = v4l2.Buffer(type=v4l2.CAPTURE, memory=v4l2.MMAP)
        try:
            self._device.call(v4l2.DQBUF, buffer)
        except BlockingIOError:
            return None
        except OSError as error:
            raise CameraStateError.of(self._device.path, error) from error
        self._queued -= 1
        return buffer

    def _queue(self, index: int) -> None:
        self._device.demand(v4l2.QBUF, v4l2.Buffer(index=index, type=v4l2.CAPTURE, memory=v4l2.MMAP))
        self._queued += 1

    def _give_back(self) -> None:
        lent, self._lent = self._lent, None
        if lent:
            self._queue(lent.index)

    def _accept(self, buffer: v4l2.Buffer) -> CapturedBuffer | None:
        """None for a buffer without a whole picture, which is counted."""
        if buffer.flags & v4l2.BUFFER_ERROR:
            self._drops.flagged += 1
        elif not buffer.bytesused:
            self._drops.empty += 1
        elif not self._is_whole(buffer):
            self._drops.short += 1
        elif not self._has_its_size(data := self._pictures[buffer.index][: buffer.bytesused]):
            self._drops.undecodable += 1
        else:
            data = self._pictures[buffer.index][: buffer.bytesused]
            return CapturedBuffer(buffer.index, data, buffer.sequence, *_time_s(buffer))
        return None

    def _is_whole(self, buffer: v4l2.Buffer) -> bool:
        if self._least_bytes:
            return bool(buffer.bytesused >= self._least_bytes)
        memory = self._maps[buffer.index]
        return bool(memory[:2] == jpeg.START and memory.rfind(jpeg.END, 2, buffer.bytesused) > 0)

    def _has_its_size(self, data: Image) -> bool:
        """Or a flipped bit in a JPEG's header would make a picture of another one, and a large one."""
        if self._least_bytes:
            return True
        try:
            size = jpeg.size_of(data)
        except PictureError:
            return True  # whoever decodes it says so
        if size != self._size and size == self._other_size:
            self._size = size
        self._other_size = size
        return size == self._size

    def _is_stale(self, captured: CapturedBuffer) -> bool:
        return not captured.stamped or time.monotonic() - captured.time_s > STALE_INTERVALS * self.interval_s

    def _lend(self, captured: CapturedBuffer) -> CapturedBuffer:
        """Counts as the driver does, or by one where its count stands still."""
        steps = 1
        if self._last:
            sequence, time_s = self._last
            steps = max(captured.driver_sequence - sequence, 1)
            interval_s = (captured.time_s - time_s) / steps
            if interval_s > 0:
                self.interval_s, self.measured = min(interval_s, LONGEST_INTERVAL_S), True
        self._last = captured.driver_sequence, captured.time_s
        self.sequence += steps
        self._lent = captured
        return captured


def _time_s(buffer: v4l2.Buffer) -> tuple[float, bool]:
    """The driver's time stamp and True where it says that it is the monotonic clock's, else now and False."""
    now_s = time.monotonic()
    stamp_s = float(buffer.seconds + buffer.microseconds / 1e6)
    is_monotonic = buffer.flags & v4l2.TIMESTAMP_MASK == v4l2.TIMESTAMP_MONOTONIC
    return (stamp_s, True) if is_monotonic and 0.0 < stamp_s <= now_s else (now_s, False)
