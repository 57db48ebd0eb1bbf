"""A person before the camera: a movement, a body, clothes and a light, seen as a layer at any time.

person = Person.draw(rng)
movement = acted("walk", rng, person.proportions, 4.0)        # or hanging.hung(...) of a recording; `joined`
eye = Eye.draw(rng)                                           # one camera for all who are in the scene
at = eye.place(column=0.4, depth_m=eye.distance_for(person.proportions.stature_m, share=0.7))
ground = Ground(wall_m=5.0, lighting=Lighting.draw(rng))      # one light for all, too
figure = Figure(rng, movement.placed(turn, at), person, eye, ground, start_s=2.0)
composed(wall, [figure.shadow(t, shift), figure.layer(t, shift)])      # leave out what is None
figure.segments                                               # which action from when to when, in the scene's time
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from calibration.synthetic.bodies.body import I64, Proportions
from calibration.synthetic.bodies.movement import Movement
from calibration.synthetic.bodies.sequence import Segment
from calibration.synthetic.bodies.skin import Skin, cross
from calibration.synthetic.scenery.eye import Eye
from calibration.synthetic.scenery.layers import Layer, Shift
from calibration.synthetic.scenery.scene import F32, HEIGHT, NEAR_M, OVERSAMPLING, WIDTH
from calibration.synthetic.scenery.shadow import Ground, Shade
from calibration.synthetic.scenery.wear import Wear

Rng = np.random.Generator
SUBPIXEL_BITS = 4
FARTHEST_PX = 4000  # what lies farther outside of the picture is drawn at its edge
BLOCK = 32  # samples of a movement that are computed in one go
# What moves this far while the shutter is open is drawn twice, and three times.
BLURRED_PX = (1.6, 4.5)
# From a body's height in the picture, by the picture's: the share of the corners of a mesh that it needs.
DETAIL = ((1.2, 0.75), (0.5, 0.6), (0.0, 0.45))


@dataclass(frozen=True)
class Person:
    """Who it is and what is worn."""

    proportions: Proportions
    wear: Wear

    @staticmethod
    def draw(rng: Rng) -> Person:
        """Somebody at random."""
        return Person(Proportions.draw(rng), Wear.draw(rng))


class Figure:
    """A Mover. Absent before start_s and after its movement has ended.

    movement: of this person's body, in the room, metres from the eye. shutter_s: how long the shutter is open.
    """

    def __init__(
        self,
        rng: Rng,
        movement: Movement,
        person: Person,
        eye: Eye,
        ground: Ground,
        *,
        start_s: float = 0.0,
        shutter_s: float = 0.02,
    ) -> None:
        self._movement, self._person, self._eye, self._ground = movement, person, eye, ground
        self._start_s, self._shutter_s = start_s, shutter_s
        self._gain = float(rng.uniform(0.5, 1.6))
        share = _largest_share(movement, eye)
        detail = next(detail for least, detail in DETAIL if share >= least)
        self._skin = person.wear.skin(person.proportions, detail)
        self._albedo = (person.wear.albedo(self._skin) * self._gain).astype(np.float32)
        self._block: _Block | None = None

    @property
    def segments(self) -> tuple[Segment, ...]:
        """Its actions' true start and end, in the scene's seconds."""
        at = self._start_s
        return tuple(Segment(s.start_s + at, s.end_s + at, s.label) for s in self._movement.segments)

    @property
    def end_s(self) -> float:
        """When it is gone."""
        return self._start_s + self._movement.duration_s

    def layer(self, time_s: float, shift: Shift) -> Layer | None:
        """The body at a moment, blurred by what it moves while the shutter is open; None where it is out of sight."""
        if not self._start_s <= time_s <= self.end_s:
            return None
        half = 0.5 * self._shutter_s * self._movement.rate_hz
        block, sample = self._at(time_s, half)
        most = max(sample + half, block.last)
        ends = block.pixels(max(sample - half, 0.0)), block.pixels(min(sample + half, most))
        moved_px = float(np.abs(ends[1] - ends[0]).max())
        count = 1 + sum(moved_px > least for least in BLURRED_PX)
        offsets = half * ((2 * np.arange(count) + 1) / count - 1)
        return _painted(block, [float(np.clip(sample + offset, 0, most)) for offset in offsets], shift)

    def shadow(self, time_s: float, shift: Shift) -> Layer | None:
        """What its shadow takes from floor and wall at a moment; behind everybody."""
        if not self._start_s <= time_s <= self.end_s:
            return None
        block, sample = self._at(time_s, 0.0)
        return block.shade.layer(sample, shift)

    def _at(self, time_s: float, margin: float) -> tuple[_Block, float]:
        """The block in which a moment lies with a margin (in samples), and the moment in the block's samples."""
        at = (time_s - self._start_s) * self._movement.rate_hz
        if self._block is None or not self._block.holds(at, margin):
            first = max(0, int(at - margin))
            indices = np.arange(first, min(first + BLOCK, len(self._movement.points)))
            body = self._movement.skeleton(indices / self._movement.rate_hz)
            last = first + BLOCK >= len(self._movement.points)
            joints = self._person.wear.joints(body, self._person.proportions.stature_m)
            vertices = self._skin.vertices(body, joints)
            shade = Shade.cast(body, self._person.proportions, self._eye, self._ground)
            self._block = _Block.seen(first, last, vertices, self._skin, self._albedo, self._eye, shade)
        return self._block, at - self._block.first


@dataclass(frozen=True)
class _Block:
    """Some samples of a movement as the eye sees them: S samples, V corners, the quads that are seen in each."""

    first: int
    ends: bool  # with the movement
    corners_px: F32  # [S,V,2]
    quads: list[I64]  # by sample [Q,4], the farthest first, without what faces away
    colours: list[F32]  # by sample [Q,4]: linear light, BGR, and 1
    depth_m: F32  # [S]
    shade: Shade

    @property
    def last(self) -> float:
        return float(len(self.corners_px) - 1)

    def holds(self, at: float, margin: float) -> bool:
        """Whether a moment, in samples of the movement, and what is around it lies in here."""
        low, high = max(0.0, at - margin), at + margin
        return self.first <= low and (high <= self.first + self.last or (self.ends and at <= self.first + self.last))

    def pixels(self, sample: float) -> F32:
        """Corners [V,2] at any sample of the block."""
        before = min(int(sample), len(self.corners_px) - 1)
        after = min(before + 1, len(self.corners_px) - 1)
        share = np.float32(sample - before)
        return np.asarray(self.corners_px[before] * (1 - share) + self.corners_px[after] * share, np.float32)

    @staticmethod
    def seen(first: int, ends: bool, vertices: F32, skin: Skin, albedo: F32, eye: Eye, shade: Shade) -> _Block:
        """vertices [S,V,3] as the eye sees them, lit and sorted."""
        pixels, depth = (np.asarray(a, np.float32) for a in eye.project(np.asarray(vertices, np.float64)))
        a, b, c, d = (vertices[:, skin.quads[:, i]] for i in range(4))
        normals = cross(c - a, d - b)
        normals /= np.maximum(np.sqrt((normals * normals).sum(axis=-1, keepdims=True)), np.float32(1e-12))
        light = shade.ground.lighting.shade(normals).astype(np.float32)
        quad_depth = depth[:, skin.quads]
        facing = _facing(pixels, skin.quads) & (quad_depth.min(axis=-1) > NEAR_M)
        order = np.argsort(np.where(facing, -quad_depth.sum(axis=-1), np.inf), axis=1)
        seen = [row[:count] for row, count in zip(order, facing.sum(axis=1).tolist(), strict=True)]
        ones = np.ones((len(albedo), 1), np.float32)
        return _Block(
            first,
            ends,
            np.clip(pixels, -FARTHEST_PX, FARTHEST_PX),
            [skin.quads[row] for row in seen],
            [np.hstack([light[s, row, None] * albedo[row], ones[: len(row)]]) for s, row in enumerate(seen)],
            depth.mean(axis=1),
            shade,
        )


def _largest_share(movement: Movement, eye: Eye) -> float:
    """The largest height of the body in the picture, by the picture's height."""
    depth = eye.project(movement.points[:, 0])[1].min()
    return float(movement.proportions.stature_m * eye.focal_px / max(depth, 0.5) / HEIGHT)


def _facing(pixels: F32, quads: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """[S,Q]: which quads show their front."""
    diagonal = pixels[:, quads[:, 2]] - pixels[:, quads[:, 0]]
    other = pixels[:, quads[:, 3]] - pixels[:, quads[:, 1]]
    return np.asarray(diagonal[..., 0] * other[..., 1] > diagonal[..., 1] * other[..., 0])


def _painted(block: _Block, samples: list[float], shift: Shift) -> Layer | None:
    """The mean of the body at these samples of the block."""
    moments = [block.pixels(sample) + np.asarray(shift, np.float32) for sample in samples]
    low = np.min([moment.min(axis=0) for moment in moments], axis=0)
    high = np.max([moment.max(axis=0) for moment in moments], axis=0)
    x0, y0 = (int(v) for v in np.maximum(np.floor(low), 0))
    x1, y1 = (int(v) for v in np.minimum(np.ceil(high) + 1, [WIDTH, HEIGHT]))
    nearest = round(samples[len(samples) // 2])
    if x0 >= x1 or y0 >= y1 or not len(block.quads[nearest]):
        return None
    size = (x1 - x0, y1 - y0)
    total = np.zeros((*size[::-1], 4), np.float32)
    for moment, sample in zip(moments, samples, strict=True):
        total += _filled(moment, block.quads[round(sample)], block.colours[round(sample)], (x0, y0), size)
    total /= np.float32(len(samples))
    light = np.ascontiguousarray(total[..., :3])
    return Layer(light, np.ascontiguousarray(total[..., 3]), (x0, y0), float(block.depth_m[nearest]))


def _filled(moment: F32, quads: I64, colours: F32, corner: tuple[int, int], size: tuple[int, int]) -> F32:
    """Quads at one moment: [h,w,4], light times mask and the mask."""
    canvas = np.zeros((size[1] * OVERSAMPLING, size[0] * OVERSAMPLING, 4), np.float32)
    scale = np.float32(OVERSAMPLING << SUBPIXEL_BITS)
    fixed = ((moment - np.asarray(corner, np.float32)) * scale).astype(np.int32)
    for quad, colour in zip(fixed[quads], colours.tolist(), strict=True):
        cv2.fillConvexPoly(canvas, quad, colour, cv2.LINE_8, SUBPIXEL_BITS)
    return np.asarray(cv2.resize(canvas, size, interpolation=cv2.INTER_AREA), np.float32)
