"""Pictures that must not lead to a label: black, saturated, frozen, damaged; and what is done about them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edge.messages import Event
from edge.picture.frame import Image
from edge.picture.front_end import FrameStatistics

BLACK = "black"
SATURATED = "saturated"
FROZEN = "frozen"
DAMAGED = "damaged"
VIEW_CHANGED = "view_changed"  # of one tick: nearly the whole picture is another one than a tick before

# A picture of 0.25 levels on average can still be recognised (its pixels flicker between 0 and 1, std 0.4); a covered
# lens cannot.
BLACK_MEAN, BLACK_STD = 0.5, 0.25
SATURATED_MEAN = 250.0
# A sensor's noise never repeats; a recording's encoder may repeat a picture for a few frames.
FROZEN_AFTER_S = 0.5
# What the first look after a pause counts as: a camera that froze and delivers now and then is found out as well.
GLANCE_S = 0.05

REPORT_AFTER_S = 0.3  # one damaged picture, or a hand before the lens, is no state
# How long until the camera is opened anew. A covered lens is likelier than a sensor that hangs at black; a driver that
# repeats itself is always wrong.
REOPEN_AFTER_S = {BLACK: 10.0, SATURATED: 10.0, FROZEN: 1.0, DAMAGED: 1.0}
LONGEST_PAUSE_S = 60.0  # between two attempts; each is twice as long as the one before
SENTENCES = {
    BLACK: "the picture is black: is the lens covered?",
    SATURATED: "the picture is white: a lamp in the lens, or an exposure for the dark by day?",
    FROZEN: "the camera repeats one picture",
    DAMAGED: "the camera sends pictures that cannot be decoded: check its cable",
}
# Of a recording nobody can uncover the lens.
OF_RECORDINGS = {
    BLACK: "the pictures of the recording are black",
    SATURATED: "the pictures of the recording are white",
    FROZEN: "the recording repeats one picture",
    DAMAGED: "pictures of the recording cannot be decoded: copy it again",
}


class PictureHealth:
    """Looks at every tick's small, uncorrected frame.

    `frozen` is a picture that was seen for half a second. Time in which nothing was seen is none of it: a scene that
    stands still before and after a gap is no camera that hangs. The picture itself is remembered over a gap: a camera
    that still repeats it, opened anew perhaps, is as frozen as before.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        self._last: Image | None = None
        self._since_s = self._time_s = 0.0
        self._paused = False

    def pause(self) -> None:
        """There was nothing to see until the next look: a gap, or a damaged picture."""
        self._paused = True

    def check(self, statistics: FrameStatistics, small: Image, time_s: float) -> str | None:
        """The reason to abstain, or None. small: uint8 [height,width,3]; time_s: its capture time."""
        if self._last is None or not np.array_equal(self._last, small):
            self._last, self._since_s = small.copy(), time_s
        elif self._paused or time_s < self._time_s:
            self._since_s += time_s - self._time_s - GLANCE_S
        self._time_s, self._paused = time_s, False
        if statistics.mean < BLACK_MEAN and statistics.std < BLACK_STD:
            return BLACK
        if statistics.mean > SATURATED_MEAN:
            return SATURATED
        return FROZEN if time_s - self._since_s >= FROZEN_AFTER_S else None


class PictureWatch:
    """Bad pictures as a state: `picture_bad` when it begins, `picture_good` when it ends.

    Meanwhile the camera is opened anew, ever more rarely.

    report: gets the events. reopen: opens the camera anew; None for a recording.
    """

    def __init__(self, report: Callable[[Event], None], reopen: Callable[[], None] | None) -> None:
        self._report, self._reopen = report, reopen
        self._reason: str | None = None
        self._since_s = 0.0
        self._reported = ""
        self._reopen_s = self._pause_s = 0.0

    def see(self, reason: str | None, time_s: float) -> None:
        """Take what is wrong with the next picture, None for nothing. time_s: its capture time."""
        if reason != self._reason:
            self._begin(reason, time_s)
        if reason is None:
            self._end(time_s)
            return
        if reason != self._reported and time_s - self._since_s >= REPORT_AFTER_S:
            self._reported = reason
            sentences = SENTENCES if self._reopen else OF_RECORDINGS
            self._report(Event("picture_bad", sentences[reason], {"reason": reason}))
        if self._reopen and time_s >= self._reopen_s:
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
            self._reopen_s = time_s + self._pause_s
            self._reopen()

    def _begin(self, reason: str | None, time_s: float) -> None:
        self._reason, self._since_s = reason, time_s
        if reason is not None:
            self._pause_s = REOPEN_AFTER_S[reason]
            self._reopen_s = time_s + self._pause_s

    def _end(self, time_s: float) -> None:
        if self._reported and time_s - self._since_s >= REPORT_AFTER_S:
            self._reported = ""
            self._report(Event("picture_good", "the picture is good again"))
