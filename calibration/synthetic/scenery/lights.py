"""Light that changes while the camera looks: a television, headlights, torches, switches, shadows, exposure.

Every light is a factor on a picture's linear light at a time; what stands in the world moves with the camera's shift.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from calibration.synthetic.bodies.body import F64
from calibration.synthetic.scenery.courses import Passages, Rng, Sway, Turns, moments
from calibration.synthetic.scenery.layers import Shift
from calibration.synthetic.scenery.scene import F32, HEIGHT, WIDTH

COARSE = 4  # fields are soft: they are made at a quarter of the size
_ROWS, _COLUMNS = np.mgrid[0:HEIGHT:COARSE, 0:WIDTH:COARSE].astype(np.float32) + (COARSE - 1) / 2


class Light(Protocol):
    """Light that changes by itself."""

    def gain(self, time_s: float, shift: Shift) -> F32:
        """What the linear light of a picture is multiplied by: float32 [240,320,3], [240,320,1] or [1,1,1].

        shift: pixels (x, y) that the camera's own motion has moved the picture by. A pure function: any order of times.
        """


def lit(picture: F32, lights: Iterable[Light], time_s: float, shift: Shift) -> F32:
    """Linear light [240,320,3] under all these lights; a new array."""
    result = picture.copy()
    for light in lights:
        result *= light.gain(time_s, shift)
    return result


def _full(field: F32) -> F32:
    """A coarse field [60,80] or [60,80,3] at the picture's size [240,320,1 or 3]."""
    large = np.asarray(cv2.resize(field, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR), np.float32)
    return large if large.ndim == 3 else large[..., np.newaxis]


def _uniform(value: float) -> F32:
    return np.full((1, 1, 1), value, np.float32)


def _pool(centre: F64, radius: F64, shift: Shift, edge: float = 1.0) -> F32:
    """A spot [60,80], 1 in its middle: a bell at edge 1, the flatter inside the larger `edge`."""
    x, y = centre + np.asarray(shift)
    distance = ((_COLUMNS - x) / radius[0]) ** 2 + ((_ROWS - y) / radius[1]) ** 2
    return np.asarray(np.exp(-0.5 * distance**edge), np.float32)


def _place(rng: Rng, outside: float = 0.0) -> F64:
    """A point (x, y) in the picture, or up to that share of its size outside of it."""
    return np.asarray(rng.uniform(-outside, 1 + outside, 2) * [WIDTH, HEIGHT])


@dataclass(frozen=True)
class Television:
    """Pictures of a film light up a part of the room: cuts, and a little flicker between them."""

    centre: F64
    radius: F64
    cuts_s: F64
    colours: F64  # [cuts + 1, 3]
    flicker: Sway

    @staticmethod
    def draw(rng: Rng, duration_s: float) -> Television:
        """Strength from a hint to three times the other light."""
        cuts = moments(rng, duration_s, rng.uniform(0.25, 2.5))
        strength = np.exp(rng.uniform(np.log(0.3), np.log(3.0)))
        levels = strength * np.exp(rng.uniform(np.log(0.1), 0, (len(cuts) + 1, 1)))
        tints = np.exp(rng.uniform(-0.3, 0.3, (len(cuts) + 1, 3))) * [1.15, 1.0, 0.9]
        radius = rng.uniform(0.25, 0.8) * WIDTH * np.exp(rng.uniform(-0.2, 0.2, 2))
        return Television(_place(rng, 0.3), radius, cuts, levels * tints, Sway.draw(rng, 0.15, 4.0))

    def gain(self, time_s: float, shift: Shift) -> F32:
        """See `Light`."""
        colour = self.colours[np.searchsorted(self.cuts_s, time_s, side="right")] * (1 + self.flicker.at(time_s))
        pool = _pool(self.centre, self.radius, shift)
        return _full(1 + pool[..., np.newaxis] * np.maximum(colour, 0).astype(np.float32))


@dataclass(frozen=True)
class Headlights:
    """Cars pass outside: the light of a window runs along the wall, growing and fading."""

    passages: Passages
    starts: F64  # [N,2] where a spot begins
    ways: F64  # [N,2] how far it goes
    radii: F64  # [N,2]
    strengths: F64  # [N]
    tint: F64
    bars: float  # pixels between the window's bars; 0: none

    @staticmethod
    def draw(rng: Rng, duration_s: float) -> Headlights:
        """A car every few seconds, half a second to three seconds each."""
        passages = Passages.draw(rng, duration_s, rng.uniform(2, 8), (0.5, 3.0))
        count = len(passages.starts_s)
        starts = np.stack([WIDTH * rng.uniform(-0.2, 0.1, count), HEIGHT * rng.uniform(0.1, 0.8, count)], axis=-1)
        ways = np.stack([WIDTH * rng.uniform(0.7, 1.3, count), HEIGHT * rng.uniform(-0.25, 0.25, count)], axis=-1)
        radii = np.stack([rng.uniform(10, 60, count), rng.uniform(20, 80, count)], axis=-1)
        strengths = np.exp(rng.uniform(np.log(0.5), np.log(6), count))
        bars = rng.uniform(15, 40) if rng.random() < 0.4 else 0.0
        return Headlights(passages, starts, ways, radii, strengths, np.array([0.85, 1.0, 1.05]), bars)

    def gain(self, time_s: float, shift: Shift) -> F32:
        """See `Light`."""
        now = self.passages.at(time_s)
        if now is None:
            return _uniform(1)
        number, part = now
        start, way = self.starts[number].copy(), self.ways[number].copy()
        if self.passages.ways[number] < 0:
            start[0], way[0] = WIDTH - start[0], -way[0]
        at = start + part * way
        spot = _pool(at, self.radii[number], shift, edge=3.0)
        if self.bars:
            spot = spot * (np.abs((_COLUMNS - at[0] - shift[0]) % self.bars - self.bars / 2) > self.bars / 10)
        strength = self.strengths[number] * np.sin(np.pi * part)
        return _full(1 + spot[..., np.newaxis] * (strength * self.tint).astype(np.float32))


@dataclass(frozen=True)
class Torch:
    """The spot of a torch in somebody's hand outside the picture, wandering."""

    centre: F64
    across: Sway
    down: Sway
    radius: float
    strength: float

    @staticmethod
    def draw(rng: Rng, duration_s: float) -> Torch:
        """A spot of 12 to 50 pixels' radius, up to ten times the other light."""
        rate = rng.uniform(0.25, 1.0)
        across, down = (Sway.draw(rng, size * rng.uniform(0.2, 0.6), rate) for size in (WIDTH, HEIGHT))
        return Torch(_place(rng), across, down, rng.uniform(12, 50), float(np.exp(rng.uniform(np.log(1), np.log(10)))))

    def gain(self, time_s: float, shift: Shift) -> F32:
        """See `Light`."""
        at = self.centre + np.array([self.across.at(time_s), self.down.at(time_s)])
        spot = 0.7 * _pool(at, np.full(2, self.radius), shift, edge=3.0)
        spot += 0.3 * _pool(at, np.full(2, 0.3 * self.radius), shift)
        return _full(1 + np.float32(self.strength) * spot)


@dataclass(frozen=True)
class Switch:
    """A lamp is switched on and off; what it does not reach keeps its light. A tube flickers before it burns."""

    level: Turns
    centre: F64
    radius: F64
    reach: float
    tube: bool

    @staticmethod
    def draw(rng: Rng, duration_s: float) -> Switch:
        """At once, or in up to 0.3 s as a filament does; the room goes to two to eight times its light and back."""
        most = np.exp(rng.uniform(np.log(1.0), np.log(7.0)))
        lasts, tube = (0.0, True) if rng.random() < 0.25 else (rng.choice([0.0, rng.uniform(0.05, 0.3)]), False)
        level = Turns.draw(rng, duration_s, rng.uniform(1.5, 20), (0.0, most), float(lasts))
        return Switch(
            level, _place(rng, 0.2), rng.uniform(0.3, 1.5) * np.array([WIDTH, WIDTH]), rng.uniform(0, 1), tube
        )

    def gain(self, time_s: float, shift: Shift) -> F32:
        """See `Light`."""
        level = self.level.at(time_s)
        number = self.level.number(time_s)
        if self.tube and number and self.level.levels[number] > self.level.levels[number - 1]:
            since = time_s - self.level.starts_s[number - 1]
            if since < 1.0 and (since * 3.3) % 1.0 > 0.4:  # three tries
                level = float(self.level.levels[number - 1])
        spread = self.reach + (1 - self.reach) * _pool(self.centre, self.radius, shift)
        return _full((1 + level * spread).astype(np.float32))


@dataclass(frozen=True)
class PassingShadow:
    """The shadow of somebody who walks outside the picture, between a lamp and the wall."""

    passages: Passages
    height_px: float
    top_px: float
    depth: float
    blur_px: float
    steps_hz: float

    @staticmethod
    def draw(rng: Rng, duration_s: float) -> PassingShadow:
        """As high as 0.4 to 1.6 pictures, taking away 25 to 85 % of the light, its edge the softer the higher."""
        height = rng.uniform(0.4, 1.6) * HEIGHT
        passages = Passages.draw(rng, duration_s, rng.uniform(2.5, 10), (1.0, 4.0))
        blur = rng.uniform(0.015, 0.07) * height
        return PassingShadow(
            passages, height, rng.uniform(-0.1, 0.5) * HEIGHT, rng.uniform(0.25, 0.85), blur, rng.uniform(0.7, 1.1)
        )

    def gain(self, time_s: float, shift: Shift) -> F32:
        """See `Light`."""
        now = self.passages.at(time_s)
        if now is None:
            return _uniform(1)
        number, part = now
        wide = 0.5 * self.height_px
        x = -wide + part * (WIDTH + 2 * wide)
        x = x if self.passages.ways[number] > 0 else WIDTH - x
        phase = 2 * np.pi * self.steps_hz * time_s
        bob = 0.012 * self.height_px * np.sin(2 * phase)
        mask = _walker((x + shift[0], self.top_px + bob + shift[1]), self.height_px, phase)
        soft = np.asarray(cv2.GaussianBlur(mask, (0, 0), max(self.blur_px / COARSE, 0.6)), np.float32)
        return _full(1 - np.float32(self.depth) * soft)


def _walker(head: tuple[float, float], height: float, phase: float) -> F32:
    """A walker's silhouette [60,80] seen from the side, 0 or 1, its head's top at `head` in the picture's pixels."""
    canvas = np.zeros(_ROWS.shape, np.uint8)
    unit, fixed = height / COARSE, 16

    def point(x: float, y: float) -> tuple[int, int]:
        return round(fixed * (head[0] / COARSE + x * unit)), round(fixed * (head[1] / COARSE + y * unit))

    def limb(start: tuple[float, float], angle: float, length: float, wide: float) -> None:
        end = (start[0] + length * np.sin(angle), start[1] + length * np.cos(angle))
        cv2.line(canvas, point(*start), point(*end), 1, max(1, round(wide * unit)), cv2.LINE_8, 4)

    cv2.circle(canvas, point(0, 0.07), max(1, round(0.06 * unit * fixed)), 1, -1, cv2.LINE_8, 4)
    limb((0, 0.2), 0.0, 0.3, 0.17)
    for side in (-1, 1):
        limb((0, 0.2), -0.5 * side * np.sin(phase), 0.36, 0.05)
        limb((0, 0.5), 0.45 * side * np.sin(phase), 0.48, 0.08)
    return canvas.astype(np.float32)


@dataclass(frozen=True)
class Exposure:
    """Auto-exposure at work: jumps, ramps, or a control loop that swings before it settles. Sets the whole picture."""

    stops: Turns
    swing: float
    swing_hz: float

    @staticmethod
    def draw(rng: Rng, duration_s: float) -> Exposure:
        """Changes of 0.3 to 1.5 stops: at once, or in 0.2 to 2.5 s; a third of the loops overshoot."""
        kind = rng.random()
        lasts = 0.0 if kind < 0.4 else float(np.exp(rng.uniform(np.log(0.2), np.log(2.5))))
        most = rng.uniform(0.45, 1.5) * 1.5  # the levels are at least a third of it apart
        stops = Turns.draw(rng, duration_s, rng.uniform(1.5, 6), (-most / 2, most / 2), lasts)
        swing = rng.uniform(0.1, 0.4) if rng.random() < 0.33 else 0.0
        return Exposure(stops, swing, rng.uniform(0.8, 3.0))

    def gain(self, time_s: float, shift: Shift) -> F32:
        """See `Light`."""
        stops = self.stops.at(time_s)
        number = self.stops.number(time_s)
        if self.swing and number:
            since = time_s - self.stops.starts_s[number - 1]
            stops += self.swing * np.exp(-2.5 * since) * np.sin(2 * np.pi * self.swing_hz * since)
        return _uniform(2.0**stops)
