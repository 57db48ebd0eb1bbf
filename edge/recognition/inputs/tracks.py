"""The `tracks` form: the motion stage over the whole picture, who is where in it, and a window for each of them.

The network sees one window at a time, as large as a body and in the body's own measure, and one stream of windows for
every track. Nothing is allocated a look but what a track's beginning takes.
"""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np

from edge.bundles.manifest import FrontEndSpec, GateSpec, InputSpec
from edge.picture.frame import Frame, Image
from edge.picture.front_end import FrameStatistics
from edge.recognition.inputs.base import NetworkInput, Window
from edge.recognition.inputs.motion import Motion
from edge.recognition.tracks.locate import MOST_TRACKS, Located, Locator
from edge.recognition.tracks.window import Box, WindowPlace

LEVELS_PER_PIXEL = 7.0  # of the look that tracks and windows are made from: the stage finds up to 18 pixels a tick
CELL_PIXELS = 4
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)


class Tracks(NetworkInput):
    """Change above the noise, vx, vy around a person, as uint8 [1,height,width,3], all zero at 128.

    Change as in the `motion` form. Velocities relative to the camera, `levels_per_pixel` levels for every hundredth of
    the body's height a tick. A window is 1.25 times as high as the track's box, its aspect that of the input; what lies
    outside of the picture, and what belongs to another track, is unchanged.
    """

    def __init__(self, front_end: FrontEndSpec, form: InputSpec, gate: GateSpec) -> None:
        self._shape = front_end.height // CELL_PIXELS, front_end.width // CELL_PIXELS
        look = replace(form, height=self._shape[0], width=self._shape[1], levels_per_pixel=LEVELS_PER_PIXEL)
        self._motion = Motion(front_end, look, gate)
        self._wanted, self._aspect = form.levels_per_pixel, form.width / form.height
        self._x = np.zeros((MOST_TRACKS, 1, form.height, form.width, 3), np.uint8)
        self._box: Box | None = None
        self.reset()

    def take(self, frame: Frame) -> FrameStatistics:
        """See `NetworkInput.take`."""
        self._tick += 1
        return self._motion.take(frame)

    def see(self, expert: int) -> Image | None:
        """See `NetworkInput.see`: of the most prominent one; where nobody is found, of the whole picture."""
        look = self._motion.see(expert)
        if look is None:
            return None
        eyes = self._looked(expert, look)
        if not eyes.located:
            eyes.whole.cut(look[0], eyes.locator.owner, 0, self._levels, self._wanted, self._x[0, 0])
            whole: Image = self._x[0]
            return whole
        return self._cut(eyes, look, 1)[0].x

    @property
    def follows(self) -> bool:
        """See `NetworkInput.follows`."""
        return True

    def windows(self, expert: int) -> list[Window] | None:
        """See `NetworkInput.windows`. Empty where nobody is found.

        Every expert has eyes of its own; one that did not see the last tick goes on from one that did.
        """
        look = self._motion.see(expert)
        if look is None:
            return None
        return self._cut(self._looked(expert, look), look, MOST_TRACKS)

    def watch(self, box: Box | None) -> None:
        """From the next look on, the one window is around this box and not around what is found: truth, for training.

        box: left, top, width, height as shares of the picture; None: around what is found again.
        """
        self._box = box

    def reset(self) -> None:
        """See `NetworkInput.reset`."""
        self._motion.reset()
        self._tick = 0
        self._eyes: dict[int, _Eyes] = {}

    @property
    def camera_px(self) -> float:
        """See `NetworkInput.camera_px`."""
        return self._motion.camera_px

    @property
    def fault(self) -> str | None:
        """See `NetworkInput.fault`."""
        return self._motion.fault

    @property
    def small(self) -> Image:
        """See `NetworkInput.small`."""
        return self._motion.small

    @property
    def _levels(self) -> float:
        """Of a look, for a velocity of a cell a tick."""
        return CELL_PIXELS * LEVELS_PER_PIXEL

    def _looked(self, expert: int, look: Image) -> _Eyes:
        """This expert's eyes, after this tick's look."""
        eyes = self._eyes.get(expert)
        if eyes is None or eyes.tick < self._tick - 1:
            latest = max(self._eyes.values(), key=lambda other: other.tick, default=None)
            eyes = _Eyes(self._shape, self._levels, self._aspect) if latest is None else copy.deepcopy(latest)
            self._eyes[expert] = eyes
        if eyes.tick != self._tick:
            eyes.look(look[0], self._tick, self._box)
        return eyes

    def _cut(self, eyes: _Eyes, look: Image, most: int) -> list[Window]:
        windows = []
        for track, x in zip(eyes.located[:most], self._x, strict=False):
            place = eyes.places[track.identity]
            place.cut(look[0], eyes.locator.owner, track.owner, self._levels, self._wanted, x[0])
            windows.append(Window(track, x))
        return windows


class _Eyes:
    """What one expert has seen so far: tracks, and where their windows are."""

    def __init__(self, shape: tuple[int, int], levels: float, aspect: float) -> None:
        self.locator = Locator(*shape, levels)
        self.located: list[Located] = []
        self.places: dict[int, WindowPlace] = {}
        self.whole = WindowPlace()
        self.whole.follow(WHOLE, shape, aspect)
        self.tick = -1
        self._aspect = aspect

    def look(self, look: Image, tick: int, box: Box | None) -> None:
        """One tick later; box: see `Tracks.watch`."""
        self.located = self.locator.step(look)
        if box is not None:
            self.located = [Located(0, box, tick, 0, 1.0, 0)]
        self.tick = tick
        self.places = {track.identity: self.places.get(track.identity, WindowPlace()) for track in self.located}
        for track in self.located:
            self.places[track.identity].follow(track.box, (look.shape[0], look.shape[1]), self._aspect)
