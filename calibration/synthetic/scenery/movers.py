"""Things that move where nobody is: curtains, fans, doors, pets, insects, rain, snow, trees behind a window.

Each is a `Mover`, a pure function of time. Sizes and places are in pixels of the 320x240 picture; what stands in the
room moves with the camera's shift.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from calibration.synthetic.bodies.body import F64
from calibration.synthetic.scenery.courses import Rng, Sway, Turns
from calibration.synthetic.scenery.layers import Layer, Shift
from calibration.synthetic.scenery.scene import F32, HEIGHT, WIDTH, colour

FAR_M, NEAR_M, LENS_M = 4.0, 2.0, 0.3
FIXED, BITS = 16, 4  # OpenCV's drawing in sixteenths of a pixel


def warped(sprite: F32, matrix: F64, depth_m: float) -> Layer | None:
    """A sprite [h,w,4], light by its mask and the mask, where a matrix [3,3] puts its pixels; None: not in the picture.

    The sprite's own border must be empty: its edge is then as soft as the interpolation.
    """
    h, w = sprite.shape[:2]
    corners = matrix @ np.array([[0, w - 1, w - 1, 0], [0, 0, h - 1, h - 1], [1, 1, 1, 1]], np.float64)
    x, y = corners[:2] / corners[2]
    x0, x1 = max(int(np.floor(x.min())), 0), min(int(np.ceil(x.max())) + 1, WIDTH)
    y0, y1 = max(int(np.floor(y.min())), 0), min(int(np.ceil(y.max())) + 1, HEIGHT)
    if x0 >= x1 or y0 >= y1:
        return None
    into_box = np.array([[1, 0, -x0], [0, 1, -y0], [0, 0, 1.0]]) @ matrix
    seen = np.asarray(cv2.warpPerspective(sprite, into_box, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR), np.float32)
    return Layer(seen[..., :3], seen[..., 3], (x0, y0), depth_m)


def moved(x: float, y: float) -> F64:
    """The matrix [3,3] of a shift."""
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])


def bordered(light: npt.ArrayLike, mask: F32) -> F32:
    """A sprite [h+2,w+2,4] of light [h,w,3] and mask [h,w], with an empty border."""
    return np.pad(np.dstack([np.asarray(light) * mask[..., np.newaxis], mask]), ((1, 1), (1, 1), (0, 0))).astype(
        np.float32
    )


def _texture(rng: Rng, h: int, w: int, most: float = 0.3) -> F32:
    """Factors around 1 [h,w]: blotches of a few pixels."""
    noise = rng.standard_normal((h // 3 + 2, w // 3 + 2)).astype(np.float32)
    noise = np.asarray(cv2.resize(noise, (w, h), interpolation=cv2.INTER_CUBIC))
    return np.asarray(np.maximum(1 + np.float32(rng.uniform(0.05, most)) * noise, 0.1), np.float32)


def _paint(rng: Rng) -> F32:
    """Light that comes from a thing: its colour in the room's light, [3]."""
    albedo = colour(rng, *((0.03, 0.2) if rng.random() < 0.5 else (0.2, 0.8)), 0.25)
    return np.asarray(albedo * rng.uniform(0.4, 1.4), np.float32)


@dataclass(frozen=True)
class Cloth:
    """A sheet [h,w,4] that hangs from its top edge or stands on its bottom edge and gives way to the wind.

    window: [h,w,4] what is behind and around it, still; the sheet is then seen within its opening only.
    """

    sheet: F32
    corner: F64
    wind: Sway
    flutter: tuple[Sway, ...]
    hangs: bool
    depth_m: float
    window: tuple[F32, F32] | None = None  # behind it, before it

    def layer(self, time_s: float, shift: Shift) -> Layer | None:
        """See `Mover`."""
        x, y = self.corner + np.asarray(shift)
        h, w = self.sheet.shape[:2]
        if not (-w < x < WIDTH and -h < y < HEIGHT):
            return None
        seen = self._blown(time_s)
        if self.window is not None:
            for under, over in ((self.window[0], seen), (seen, self.window[1])):
                seen = under * (1 - over[..., 3:]) + over
        return warped(seen, moved(x, y), self.depth_m)

    def _blown(self, time_s: float) -> F32:
        """The sheet as the wind has it, [h,w,4]."""
        h, w = self.sheet.shape[:2]
        x, y = np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32))
        free = (y[:, :1] if self.hangs else h - 1 - y[:, :1]) / h
        # A wave runs along the sheet, from where it is held.
        aside = self.wind.over(time_s - 0.35 * free[:, 0].astype(np.float64))[:, np.newaxis] * free**1.4
        ripple = np.zeros((h, w), np.float32)
        for number, sway in enumerate(self.flutter):
            ripple += sway.at(time_s) * np.sin(x * (0.09 + 0.05 * number) + y * 0.04 * (number + 1) + 2.1 * number)
        map_x, map_y = (x - aside - ripple * free).astype(np.float32), y - np.float32(0.3) * ripple * free
        return np.asarray(cv2.remap(self.sheet, map_x, map_y, cv2.INTER_LINEAR), np.float32)


def curtain(rng: Rng, duration_s: float) -> Cloth:
    """Folds of cloth from a rail above, blown aside by up to a quarter of their height."""
    h, w = int(rng.uniform(70, 220)), int(rng.uniform(40, 150))
    margin = int(0.3 * h)
    x = np.arange(w, dtype=np.float32)
    folds = 1 + rng.uniform(0.2, 0.6) * np.sin(2 * np.pi * x / rng.uniform(8, 26) + np.sin(x / rng.uniform(9, 20)))
    light = _paint(rng) * (folds[np.newaxis] * _texture(rng, h, w, 0.15))[..., np.newaxis]
    sheet = np.pad(
        bordered(light, np.full((h, w), rng.uniform(0.75, 1.0), np.float32)), ((0, 0), (margin, margin), (0, 0))
    )
    corner = np.array([rng.uniform(-0.2, 0.9) * WIDTH - margin, rng.uniform(-0.3, 0.25) * HEIGHT])
    wind = Sway.draw(rng, rng.uniform(0.06, 0.25) * h, rng.uniform(0.25, 0.9))
    flutter = tuple(Sway.draw(rng, rng.uniform(0.5, 3.0), rng.uniform(0.8, 2.0)) for _ in range(2))
    return Cloth(sheet.astype(np.float32), corner, wind, flutter, True, FAR_M)


def tree(rng: Rng, duration_s: float) -> Cloth:
    """Branches behind a window, black before a night sky or lit by a lamp, within the window's frame."""
    h, w = int(rng.uniform(60, 160)), int(rng.uniform(50, 140))
    mask = np.zeros((2 * h, 2 * w), np.uint8)
    _branch(rng, mask, np.array([rng.uniform(0.3, 0.7) * 2 * w, 2.0 * h]), -np.pi / 2, 0.8 * h, 7.0)
    covered = np.asarray(cv2.resize(mask, (w, h), interpolation=cv2.INTER_AREA), np.float32) / np.float32(255)
    sky = np.asarray(colour(rng, 0.03, 0.6, 0.3) * rng.uniform(0.5, 2), np.float32)
    lamp = sky.mean() * (rng.uniform(0.05, 0.4) if rng.random() < 0.7 else rng.uniform(2, 5))
    sheet = bordered(colour(rng, 1, 1, 0.3).astype(np.float32) * lamp * _texture(rng, h, w, 0.5)[..., None], covered)
    behind = bordered(
        np.broadcast_to(sky, (h, w, 3)) * _texture(rng, h, w, 0.1)[..., None], np.ones((h, w), np.float32)
    )
    frame = np.ones((h, w), np.float32)
    bar = int(rng.uniform(2, 6))
    frame[bar:-bar, bar:-bar] = 0
    if rng.random() < 0.6:
        frame[:, w // 2 - bar // 2 : w // 2 + bar // 2 + 1] = 1
    before = bordered(np.broadcast_to(_paint(rng), (h, w, 3)), frame)
    corner = np.array([rng.uniform(0, 0.9) * (WIDTH - w), rng.uniform(0, 0.6) * (HEIGHT - h)])
    wind = Sway.draw(rng, rng.uniform(0.04, 0.18) * h, rng.uniform(0.25, 0.8))
    flutter = tuple(Sway.draw(rng, rng.uniform(0.5, 2.5), rng.uniform(0.8, 2.5)) for _ in range(2))
    return Cloth(sheet, corner, wind, flutter, False, FAR_M, (behind, before))


def _branch(rng: Rng, mask: npt.NDArray[np.uint8], start: F64, angle: float, length: float, thick: float) -> None:
    """A branch with its own, drawn into the mask, leaves at the ends."""
    end = start + length * np.array([np.cos(angle), np.sin(angle)])
    ends = [tuple(np.rint(p).astype(int).tolist()) for p in (start, end)]
    cv2.line(mask, ends[0], ends[1], 255, max(1, round(thick)), cv2.LINE_AA)
    if length < 12:
        cv2.circle(mask, ends[1], int(rng.integers(2, 6)), 255, -1, cv2.LINE_AA)
        return
    for _ in range(int(rng.integers(2, 4))):
        along = rng.uniform(0.5, 1.0)
        _branch(
            rng,
            mask,
            start + along * (end - start),
            angle + rng.uniform(-0.9, 0.9),
            length * rng.uniform(0.45, 0.75),
            0.65 * thick,
        )


@dataclass(frozen=True)
class Fan:
    """Blades [n,n,4] that turn, seen askew; some swing from side to side as they do."""

    blades: F32
    centre: F64
    turns_hz: float
    squeeze: float
    swing: Sway

    def layer(self, time_s: float, shift: Shift) -> Layer | None:
        """See `Mover`."""
        angle = 2 * np.pi * self.turns_hz * time_s
        c, s, half = np.cos(angle), np.sin(angle), (self.blades.shape[0] - 1) / 2
        turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
        askew = np.diag([self.squeeze * np.cos(self.swing.at(time_s)), 1, 1])
        x, y = self.centre + np.asarray(shift)
        return warped(self.blades, moved(x, y) @ askew @ turn @ moved(-half, -half), NEAR_M)


def fan(rng: Rng, duration_s: float) -> Fan:
    """Three to five blades, 12 to 50 pixels long, 0.4 to 4 turns a second either way."""
    radius, number = rng.uniform(12, 50), int(rng.integers(3, 6))
    size = 2 * int(np.ceil(radius)) + 1
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) - (size - 1) / 2
    out, around = np.hypot(x, y) / np.float32(radius), np.arctan2(y, x) + np.float32(0.5) * np.hypot(x, y) / radius
    wide = rng.uniform(0.25, 0.6)
    blade = np.cos(number * around) > np.cos(np.pi * wide)
    mask = (((out < 1) & blade & (out > 0.15)) | (out < 0.2)).astype(np.float32)
    mask = np.asarray(cv2.GaussianBlur(mask, (3, 3), 0.6), np.float32)
    shine = 1 + rng.uniform(-0.4, 0.4) * np.sin(number * around)
    light = _paint(rng) * (shine * _texture(rng, size, size, 0.15))[..., np.newaxis]
    speed = np.exp(rng.uniform(np.log(0.4), np.log(4))) * rng.choice([-1, 1])
    swing = Sway.draw(rng, rng.uniform(0.3, 0.9) if rng.random() < 0.3 else 0.0, 0.15)
    centre = np.array([rng.uniform(0.1, 0.9) * WIDTH, rng.uniform(0.05, 0.75) * HEIGHT])
    return Fan(bordered(light.astype(np.float32), mask), centre, float(speed), rng.uniform(0.4, 1.0), swing)


@dataclass(frozen=True)
class Door:
    """A leaf [h,w,4] on a hinge before an opening [h,w,4]; angle 0 is shut, in radians."""

    leaf: F32
    opening: F32
    corner: F64
    angle: Turns
    left: bool
    outwards: bool

    def layer(self, time_s: float, shift: Shift) -> Layer | None:
        """See `Mover`."""
        x, y = self.corner + np.asarray(shift)
        h, w = self.leaf.shape[:2]
        whole = warped(self.opening, moved(x, y), FAR_M)
        angle = self.angle.at(time_s)
        if angle < 0.02:
            return warped(self.leaf, moved(x, y), FAR_M)
        # The free edge comes nearer or goes away, and so grows or shrinks about the door's middle.
        scale = 1 / (1 + (0.35 if self.outwards else -0.35) * np.sin(angle) * w / h)
        free, middle = (w - 1) * np.cos(angle) * scale, 0.4 * h
        high, low = middle - middle * scale, middle + (h - 1 - middle) * scale
        ends = np.array([[0, 0], [free, high], [free, low], [0, h - 1]], np.float32)
        if not self.left:
            ends = np.array([[w - 1 - free, high], [w - 1, 0], [w - 1, h - 1], [w - 1 - free, low]], np.float32)
        square = np.array([[0, 0], [w - 1, 0], [w - 1, h - 1], [0, h - 1]], np.float32)
        matrix = moved(x, y) @ np.asarray(cv2.getPerspectiveTransform(square, ends), np.float64)
        leaf = warped(self.leaf * np.array([*[0.5 + 0.5 * np.cos(angle)] * 3, 1], np.float32), matrix, FAR_M)
        return _over(whole, leaf)


def _over(under: Layer | None, over: Layer | None) -> Layer | None:
    """Two layers as one, `over` before `under`."""
    if under is None or over is None:
        return under or over
    x0, y0 = (min(a, b) for a, b in zip(under.corner, over.corner, strict=True))
    ends = [np.add(part.corner, part.mask.shape[::-1]) for part in (under, over)]
    x1, y1 = np.maximum(*ends).tolist()
    canvas = np.zeros((y1 - y0, x1 - x0, 4), np.float32)
    for part in (under, over):
        x, y = part.corner[0] - x0, part.corner[1] - y0
        h, w = part.mask.shape
        there = canvas[y : y + h, x : x + w]
        there *= 1 - part.mask[..., np.newaxis]
        there += np.dstack([part.light, part.mask])
    return Layer(canvas[..., :3], canvas[..., 3], (x0, y0), under.depth_m)


def door(rng: Rng, duration_s: float) -> Door:
    """Swings open or shut in 0.4 to 2 s, every few seconds; behind it another room, darker or lighter."""
    h = int(rng.uniform(90, 260))
    w = int(h * rng.uniform(0.38, 0.5))
    light = np.broadcast_to(_paint(rng), (h, w, 3)) * _texture(rng, h, w, 0.1)[..., np.newaxis]
    if rng.random() < 0.6:
        for top, bottom in ((0.08, 0.42), (0.55, 0.92)):
            box = [int(v) for v in (0.15 * w, top * h, 0.85 * w, bottom * h)]
            cv2.rectangle(light, (box[0], box[1]), (box[2], box[3]), (0.6 * light[0, 0]).tolist(), 2)
    behind = _paint(rng) * (rng.uniform(0.05, 0.4) if rng.random() < 0.6 else rng.uniform(1.5, 4))
    opening = np.broadcast_to(behind, (h, w, 3)) * _texture(rng, h, w, 0.3)[..., np.newaxis]
    whole = np.ones((h, w), np.float32)
    angle = Turns.draw(rng, duration_s, rng.uniform(1.5, 6), (0.0, rng.uniform(0.7, 1.5)), rng.uniform(0.4, 2.0))
    corner = np.array([rng.uniform(-0.1, 0.85) * WIDTH, rng.uniform(-0.1, 0.3) * HEIGHT])
    leaf, behind_it = bordered(light, whole), bordered(opening, whole)
    return Door(leaf, behind_it, corner, angle, bool(rng.random() < 0.5), bool(rng.random() < 0.5))


@dataclass(frozen=True)
class Pet:
    """A four-legged blob on the floor, pixels from nose to tail; legs go as far as the body does."""

    fur: F32  # [h,w,3] at twice the size
    length_px: float
    floor: F64  # its middle's place at rest
    across: Sway
    depth: Sway
    tail: Sway

    def layer(self, time_s: float, shift: Shift) -> Layer | None:
        """See `Mover`."""
        here, soon = (self.across.at(time_s + ahead) for ahead in (0.0, 0.05))
        mask = self._drawn(here, self.tail.at(time_s))
        sprite = np.dstack([self.fur * mask[..., np.newaxis], mask])
        if soon < here:
            sprite = np.ascontiguousarray(sprite[:, ::-1])
        h, w = mask.shape
        away = 1 + self.depth.at(time_s)
        half = np.diag([away / 2, away / 2, 1.0])
        x, y = self.floor + np.asarray(shift) + [here, 20 * (away - 1)]
        return warped(sprite, moved(x, y) @ half @ moved(-w / 2, 1 - h), NEAR_M)

    def _drawn(self, gone: float, tail: float) -> F32:
        """Its silhouette at twice the size, nose to the right, after `gone` pixels of way."""
        h, w = self.fur.shape[:2]
        canvas, unit = np.zeros((h, w), np.uint8), 2 * self.length_px
        left, floor = 0.1 * w, h - 3.0
        phase = 2 * np.pi * gone / (0.6 * self.length_px)
        back = floor - 0.36 * unit + 0.015 * unit * np.sin(2 * phase)

        def at(x: float, y: float) -> tuple[int, int]:
            return round(FIXED * x), round(FIXED * y)

        for place, own in ((0.25, 0.0), (0.31, np.pi), (0.68, 0.5 * np.pi), (0.74, 1.5 * np.pi)):
            hip, reach = left + place * unit, 0.09 * unit * np.sin(phase + own)
            cv2.line(canvas, at(hip, back), at(hip + reach, floor), 255, max(2, round(0.055 * unit)), cv2.LINE_AA, BITS)
        body = [round(FIXED * v) for v in (0.3 * unit, 0.12 * unit)]
        cv2.ellipse(canvas, at(left + 0.5 * unit, back), (body[0], body[1]), 0, 0, 360, 255, -1, cv2.LINE_AA, BITS)
        cv2.circle(canvas, at(left + 0.84 * unit, back - 0.09 * unit), body[1] * 5 // 6, 255, -1, cv2.LINE_AA, BITS)
        tip = at(left + 0.02 * unit, back - (0.12 + 0.12 * tail) * unit)
        cv2.line(canvas, at(left + 0.22 * unit, back), tip, 255, max(2, round(0.03 * unit)), cv2.LINE_AA, BITS)
        return np.asarray(canvas, np.float32) / np.float32(255)


def pet(rng: Rng, duration_s: float) -> Pet:
    """A cat or a dog, 18 to 90 pixels long, that trots to and fro, stops, and wags its tail."""
    length = float(np.exp(rng.uniform(np.log(18), np.log(90))))
    h, w = int(2 * 0.62 * length) + 8, int(2 * 1.2 * length)
    fur = np.asarray(_paint(rng) * _texture(rng, h, w, 0.5)[..., np.newaxis], np.float32)
    floor = np.array([rng.uniform(0.2, 0.8) * WIDTH, rng.uniform(0.6, 1.0) * HEIGHT])
    across = Sway.draw(rng, rng.uniform(0.5, 2.5) * length, rng.uniform(0.15, 0.45))
    return Pet(fur, length, floor, across, Sway.draw(rng, 0.15, 0.2), Sway.draw(rng, 1.0, rng.uniform(0.4, 3)))


@dataclass(frozen=True)
class Insect:
    """A blurred spot close to the lens that darts about."""

    spot: F32
    centre: F64
    across: Sway
    down: Sway

    def layer(self, time_s: float, shift: Shift) -> Layer | None:
        """See `Mover`."""
        half = (self.spot.shape[0] - 1) / 2
        x, y = self.centre + np.asarray(shift) + [self.across.at(time_s), self.down.at(time_s)]
        return warped(self.spot, moved(x - half, y - half), LENS_M)


def insect(rng: Rng, duration_s: float) -> Insect:
    """2 to 12 pixels across; dark before the room, or bright in a lamp that stands by the camera."""
    radius = float(np.exp(rng.uniform(np.log(1.0), np.log(6.0))))
    size = 2 * int(np.ceil(2.5 * radius)) + 1
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) - (size - 1) / 2
    mask = np.float32(rng.uniform(0.4, 1.0)) * np.exp(-(((x**2 + y**2) / np.float32(radius) ** 2) ** 1.5))
    light = np.broadcast_to(_paint(rng) * (rng.uniform(2, 6) if rng.random() < 0.5 else 0.2), (size, size, 3))
    rate = rng.uniform(0.3, 1.6)
    sways = (Sway.draw(rng, rng.uniform(0.15, 0.7) * side, rate) for side in (WIDTH, HEIGHT))
    return Insect(bordered(light.astype(np.float32), mask), rng.uniform(0.1, 0.9, 2) * [WIDTH, HEIGHT], *sways)


@dataclass(frozen=True)
class Falling:
    """Drops or flakes before the lens, [N] each: places, speeds in pixels a second, radii, opacities, swings aside."""

    places: F64  # [N,2]
    speeds: F64
    radii: F64
    opacities: F64
    slant: float
    swing: Sway
    swings: F64  # [N]
    streak_s: float  # how much of its way a drop draws; 0: flakes
    light: F32  # [3]

    def layer(self, time_s: float, shift: Shift) -> Layer | None:
        """See `Mover`."""
        margin = 24.0
        high, wide = HEIGHT + 2 * margin, WIDTH + 2 * margin
        way = self.places[:, 1] + self.speeds * time_s
        # From below it returns to the top, at another column each time.
        column = self.places[:, 0] + self.slant * self.speeds * time_s + 97.0 * np.floor(way / high)
        column += self.swings * self.swing.at(time_s)
        x = np.mod(column + shift[0], wide) - margin
        y = np.mod(way + shift[1], high) - margin
        canvas = np.zeros((HEIGHT, WIDTH), np.uint8)
        for place, speed, radius, opacity in zip(
            np.stack([x, y], -1), self.speeds, self.radii, self.opacities, strict=True
        ):
            here = np.rint(FIXED * place).astype(int)
            if self.streak_s:
                back = np.rint(FIXED * (place - self.streak_s * speed * np.array([self.slant, 1]))).astype(int)
                cv2.line(canvas, here.tolist(), back.tolist(), opacity, max(1, round(2 * radius)), cv2.LINE_AA, BITS)
            else:
                cv2.circle(canvas, here.tolist(), max(1, round(FIXED * radius)), opacity, -1, cv2.LINE_AA, BITS)
        mask = np.asarray(cv2.GaussianBlur(canvas, (3, 3), 0.7), np.float32) / np.float32(255)
        return Layer(np.asarray(mask[..., np.newaxis] * self.light, np.float32), mask, (0, 0), LENS_M)


def rain(rng: Rng, duration_s: float) -> Falling:
    """10 to 100 drops, 300 to 1200 pixels a second, pale streaks along one slant."""
    count = int(rng.uniform(10, 100))
    return Falling(
        places=rng.uniform(0, [WIDTH + 48, HEIGHT + 48], (count, 2)),
        speeds=np.exp(rng.uniform(np.log(300), np.log(1200), count)),
        radii=rng.uniform(0.3, 0.9, count),
        opacities=255 * rng.uniform(0.1, 0.45, count),
        slant=rng.uniform(-0.3, 0.3),
        swing=Sway.draw(rng, 0.0, 1.0),
        swings=np.zeros(count),
        streak_s=0.02,
        light=np.asarray(colour(rng, 0.4, 1.5, 0.05), np.float32),
    )


def snow(rng: Rng, duration_s: float) -> Falling:
    """10 to 80 flakes, 30 to 200 pixels a second, the near ones large and fast; gusts take them aside."""
    count = int(rng.uniform(10, 80))
    size = np.exp(rng.uniform(np.log(0.6), np.log(4.0), count))
    return Falling(
        places=rng.uniform(0, [WIDTH + 48, HEIGHT + 48], (count, 2)),
        speeds=50 * np.sqrt(size) * rng.uniform(0.6, 2.0, count),
        radii=size,
        opacities=255 * rng.uniform(0.4, 0.9, count) / np.maximum(size / 2, 1),
        slant=rng.uniform(-0.6, 0.6),
        swing=Sway.draw(rng, 1.0, rng.uniform(0.2, 0.7)),
        swings=rng.uniform(3, 25, count),
        streak_s=0.0,
        light=np.asarray(colour(rng, 0.5, 1.5, 0.05), np.float32),
    )
