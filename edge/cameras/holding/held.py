"""Holds on to a camera: losing it is a state with a beginning and an end, not the end of the program."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

from edge.cameras.base import Camera, CameraSource, CameraStallError, CameraStateError, DropCounts
from edge.cameras.holding.opening import open_unless_stopped
from edge.errors import CameraError
from edge.messages import Event
from edge.picture.frame import Frame

POLL_S = 0.25  # how long a stop request may wait for a silent camera
BACK_OFF_S = (0.05, 0.1, 0.2, 0.4)  # pauses between attempts, the last one again and again; one costs a millisecond
# A camera that hangs until it is opened again is opened again soon, if it is known to start sooner than its driver's
# patience; but now and then it gets all of that, because after a replug it may start more slowly.
QUICK_START_S, PATIENT_EVERY = 0.7, 8


class HeldCamera:
    """Frames of a camera that is opened again, by its identity, whenever it is lost; a recording's errors are final.

    A context manager: entering opens a recording (CameraError), leaving closes whatever is open. report: gets the
    `camera_lost` (again when the reason becomes another one), `camera_back` and `camera_note` events. stop: ends the
    stream from outside.
    """

    def __init__(self, source: CameraSource, report: Callable[[Event], None], stop: threading.Event) -> None:
        self.source = source
        self._report, self._stop = report, stop
        self._camera: Camera | None = None
        self._lost_s: float | None = None
        self._attempts = 0
        self._reopen = False
        self._opened_s = 0.0
        self._running = False  # since it was opened, a frame has come
        self._start_s: float | None = None  # how long that took the last time
        self._states: set[str] = set()
        self._noted: set[str] = set()
        self._drops = DropCounts()

    def __enter__(self) -> HeldCamera:
        if not self.source.live:
            self._open()
        return self

    def __exit__(self, *error: object) -> None:
        self._close()

    @property
    def drops(self) -> DropCounts:
        """What did not become a frame, of all cameras that were opened in turn."""
        return self._drops + self._camera.drops if self._camera else self._drops

    def discard(self) -> None:
        """Count a frame that turned out to be damaged when it was looked at."""
        self._drops.undecodable += 1

    def reopen(self) -> None:
        """The pictures are of no use: the next frame comes from a camera that was opened anew."""
        self._reopen = True

    def frames(self) -> Iterator[Frame | None]:
        """Frames, and None whenever there is no camera, until the end or a stop. Raises CameraError for a recording.

        A frame's pixels stay as they are until the next one is asked for. Nobody may keep a frame over a None: it would
        hold on to the memory of a device that has to be given back before it can be opened again.
        """
        while not self._stop.is_set():
            frame = None
            if self._reopen:
                self._reopen = False
                self._close()
                yield None
            try:
                frame = self._next()
            except CameraError as error:
                if not self.source.live:
                    raise
                self._lose(error)
                yield None
                self._stop.wait(BACK_OFF_S[min(self._attempts, len(BACK_OFF_S)) - 1])
                continue
            if frame is None:
                return
            self._regain()
            yield frame

    def _next(self) -> Frame | None:
        camera = self._camera or self._open()
        return self._read(camera) if camera else None

    def _open(self) -> Camera | None:
        """None: a stop came first."""
        self._camera = camera = open_unless_stopped(self.source, self._stop) if self.source.live else self.source.open()
        if camera is None:
            return None
        self._opened_s, self._running = time.monotonic(), False
        self._tell_notes(camera)
        return camera

    def _tell_notes(self, camera: Camera) -> None:
        for note in camera.notes:
            if note not in self._noted:  # the same camera, opened again, has the same to say
                self._noted.add(note)
                self._report(Event("camera_note", f"{camera.name}: {note}", {"camera": camera.name}))

    def _read(self, camera: Camera) -> Frame | None:
        silent_since_s, patience_s = time.monotonic(), self._patience_s(camera)
        while not self._stop.is_set():
            left_s = silent_since_s + patience_s - time.monotonic() if camera.live else POLL_S
            notes = camera.notes
            try:
                frame = camera.read(max(min(POLL_S, left_s), 0.0))
                if camera.notes is not notes:  # another clip of a folder begins
                    self._tell_notes(camera)
                return frame
            except CameraStallError:
                silent_s = time.monotonic() - silent_since_s
                if camera.live and silent_s >= patience_s:
                    message = f"{camera.name}: no good frame for {silent_s:.1f} s"
                    raise CameraStateError("stalled", message) from None
        return None

    def _patience_s(self, camera: Camera) -> float:
        """Silence that counts as a loss."""
        if self._running or self._start_s is None or self._attempts % PATIENT_EVERY == PATIENT_EVERY - 1:
            return camera.stall_s
        return min(camera.stall_s, max(QUICK_START_S, 2 * self._start_s))

    def _lose(self, error: CameraError) -> None:
        self._close()
        self._attempts += 1
        if self._lost_s is None:
            self._lost_s = time.monotonic()
        state = error.state if isinstance(error, CameraStateError) else "failed"
        if state not in self._states:
            self._states.add(state)
            details = {"camera": self.source.name, "state": state, "error": str(error)}
            self._report(Event("camera_lost", f"camera lost: {error}; waiting for it", details))

    def _regain(self) -> None:
        """A frame, not a successful open, is the proof."""
        if not self._running:
            self._running, self._start_s = True, time.monotonic() - self._opened_s
        if self._lost_s is not None:
            away_s = round(time.monotonic() - self._lost_s, 3)
            details = {"camera": self.source.name, "away_s": away_s, "attempts": self._attempts}
            self._lost_s, self._attempts = None, 0
            self._states.clear()
            self._report(Event("camera_back", f"camera back after {away_s:.1f} s", details))

    def _close(self) -> None:
        camera, self._camera = self._camera, None
        if camera is not None:
            camera.close()
            self._drops += camera.drops
