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

from calibration.synthetic.bodies.body import F64, Mesh, Proportions, mesh
from calibration.synthetic.bodies.movement import Movement
from calibration.synthetic.bodies.sequence import Segment
from calibration.synthetic.scenery.eye import Eye
from calibration.synthetic.scenery.layers import Layer, Shift
from calibration.synthetic.scenery.scene import F32, HEIGHT, NEAR_M, OVERSAMPLING, WIDTH, Lighting, clothes
from calibration.synthetic.scenery.shadow import Ground, shadow_layer

Rng = np.random.Generator
SUBPIXEL_BITS = 4


@dataclass(frozen=True)
class Person:
    """Who it is: proportions, and the seed of what is worn."""

    proportions: Proportions
    wear_seed: int

    @staticmethod
    def draw(rng: Rng) -> Person:
        """Somebody at random."""
        return Person(Proportions.draw(rng), int(rng.integers(1 << 31)))


class Figure:
    """A Mover. Absent before start_s and after its movement has ended.

    movement: in the room, metres before the eye. shutter_s: how long the shutter is open around a moment.
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
        self._albedo: F64 | None = None

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
        instants = time_s - self._start_s + self._shutter_s * np.array([-1 / 3, 0.0, 1 / 3])
        body = mesh(self._movement.skeleton(instants), self._person.proportions)
        if self._albedo is None:
            self._albedo = clothes(np.random.default_rng(self._person.wear_seed), body)
        return _painted(body, self._albedo * self._gain, self._ground.lighting, self._eye, shift)

    def shadow(self, time_s: float, shift: Shift) -> Layer | None:
        """What its shadow takes from floor and wall at a moment; behind everybody."""
        if not self._start_s <= time_s <= self.end_s:
            return None
        body = self._movement.skeleton(np.array([time_s - self._start_s]))
        return shadow_layer(body, self._person.proportions, self._eye, self._ground, shift)


def _painted(body: Mesh, albedo: F64, lighting: Lighting, eye: Eye, shift: Shift) -> Layer | None:
    pixels, depth = eye.project(body.vertices)
    pixels = pixels + np.asarray(shift, np.float64)
    if depth.min() < NEAR_M:
        return None
    low, high = pixels.min(axis=(0, 1)), pixels.max(axis=(0, 1))
    x0, y0 = (int(v) for v in np.maximum(np.floor(low), 0))
    x1, y1 = (int(v) for v in np.minimum(np.ceil(high) + 1, [WIDTH, HEIGHT]))
    if x0 >= x1 or y0 >= y1:
        return None
    corners = (pixels[:, body.quads] - [x0, y0]) * OVERSAMPLING
    points = body.vertices[:, body.quads]
    normals = np.cross(points[:, :, 2] - points[:, :, 0], points[:, :, 3] - points[:, :, 1])
    normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-12)
    light = lighting.shade(normals)[..., None] * albedo
    a, b = corners[:, :, 2] - corners[:, :, 0], corners[:, :, 3] - corners[:, :, 1]
    facing = a[..., 0] * b[..., 1] > a[..., 1] * b[..., 0]
    far = depth[:, body.quads].mean(axis=-1)
    fixed = np.clip(corners * (1 << SUBPIXEL_BITS), -200_000, 200_000).astype(np.int32)
    total = np.zeros((y1 - y0, x1 - x0, 4), np.float32)
    for s in range(len(corners)):
        canvas = np.zeros(((y1 - y0) * OVERSAMPLING, (x1 - x0) * OVERSAMPLING, 4), np.float32)
        order = np.flatnonzero(facing[s])
        order = order[np.argsort(-far[s, order])]
        colours = np.column_stack([light[s, order], np.ones(len(order))])
        for quad, code in zip(fixed[s, order], colours.tolist(), strict=True):
            cv2.fillConvexPoly(canvas, quad, code, cv2.LINE_8, SUBPIXEL_BITS)
        total += cv2.resize(canvas, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA)
    total /= np.float32(len(corners))
    light_: F32 = total[..., :3].copy()
    mask: F32 = total[..., 3].copy()
    return Layer(light_, mask, (x0, y0), float(depth.mean()))
