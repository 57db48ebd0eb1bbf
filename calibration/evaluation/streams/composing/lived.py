"""A rendered stream as a robot would live it: a room, people who come and go, light and camera that change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from calibration.evaluation.streams.composing.body import Body, place_seats
from calibration.evaluation.streams.composing.recorded import Cast, performed
from calibration.evaluation.streams.composing.script import GAP_S, LOST_SHARE, Rng, Script
from calibration.evaluation.streams.composing.visits import Stage, acted
from calibration.evaluation.streams.truth import Box, Circumstance, Happening, Notes
from calibration.synthetic.bodies.body import I64, Proportions
from calibration.synthetic.clip import ELL_SHARE, record
from calibration.synthetic.dark_camera import CAMERAS, identity_of
from calibration.synthetic.scenery import disturbances
from calibration.synthetic.scenery.eye import Eye
from calibration.synthetic.scenery.figure import Figure, Person
from calibration.synthetic.scenery.layers import Layer, Mover, Shift, composed
from calibration.synthetic.scenery.lights import Light, lit
from calibration.synthetic.scenery.scene import (
    F32,
    HEIGHT,
    OVERSAMPLING,
    U8,
    WIDTH,
    Lighting,
    View,
    background,
    decode,
)
from calibration.synthetic.scenery.shadow import Ground
from calibration.synthetic.scenery.wear import Wear
from calibration.synthetic.splits import PEOPLE
from edge.picture.frame import Frame

SHUTTER_S, PER_FRAME = 0.03, 2
LABELS = ("walk", "run", "turn", "jump", "sit", "stand", "wave", "clap", "push", "pick", "bend", "stretch")


@dataclass(frozen=True)
class LivedStream:
    """A stream of this length, a pure function of its split and number, and of its cast, where real people's motion is.

    The split's people are rendered ones; with a cast they lend their bodies to a real person's motion.
    """

    split: str
    number: int
    length_s: float
    seed: int = 0
    cast: Cast | None = None

    @property
    def name(self) -> str:
        """Unique among the streams of a split."""
        return f"life_{self.cast.person if self.cast else self.split}/{self.number:03d}"

    @property
    def person(self) -> str:
        """The first of those who come: each of the split's people in turn."""
        if self.cast is not None:
            return self.cast.person
        return f"{self.split}_{self._people[0]:02d}"

    @property
    def identity(self) -> str:
        """All that its frames hang on besides the renderer's code."""
        camera, light = self._taken_by
        cast = "" if self.cast is None else f" {[one.identity for one in self.cast.recordings]}"
        return f"life {self.split} {self.number} {self.length_s} {self.seed} {identity_of(camera)} {light}{cast}"

    def play(self, notes: Notes) -> Iterator[Frame]:
        """Frames as the camera delivers them, 320x240; what happens is written into `notes` on the way."""
        rng = np.random.default_rng([*self.entropy, 1])
        script = Script.draw(rng, self.length_s)
        people = [_proportions(self.split, one) for one in self._people]
        scene = _Scene.draw(rng, script, self.length_s, people, self.cast)
        seen = _Seen(scene)
        frames = record(rng, seen.lights(script.fps, self.length_s), script.fps, *self._taken_by, live=True)
        notes.goes_on(script.course.spans)
        notes.goes_on(script.spells)
        notes.goes_on(script.losses)
        notes.goes_on(Circumstance(0.0, self.length_s, kind) for kind in script.always)
        notes.happens(one for one in scene.happenings if one.start_s < self.length_s)
        lost = _Losses(rng, script.losses)
        for frame in frames:
            notes.frame(frame.capture_time_s + 1 / script.fps, seen.boxes[frame.sequence])
            if not lost.loses(frame.capture_time_s):
                yield frame

    @property
    def entropy(self) -> tuple[int, ...]:
        """What its random numbers are drawn from; the script's are `[*entropy, 1]`."""
        return (6, tuple(PEOPLE).index(self.split), self.number, self.seed)

    @property
    def _people(self) -> tuple[int, int]:
        count = PEOPLE[self.split]
        return self.number % count, (self.number + count // 2) % count

    @property
    def _taken_by(self) -> tuple[str, str]:
        """The camera and the light."""
        rng = np.random.default_rng([*self.entropy, 2])
        return str(rng.choice(CAMERAS)), "ELL" if rng.random() < ELL_SHARE else "LL"


def _proportions(split: str, person: int) -> Proportions:
    """The body of a split's person: the same one as in the clips of the synthetic sets."""
    return Proportions.draw(np.random.default_rng([2, tuple(PEOPLE).index(split), person]))


@dataclass(frozen=True)
class _Scene:
    """backdrop, origin: see `scene.background`. bodies: the number of the person in the stream, and one visit's body.

    shadows: of bodies, behind everybody.
    """

    script: Script
    happenings: Sequence[Happening]
    bodies: Sequence[tuple[int, Mover]]
    shadows: Sequence[Figure]
    backdrop: U8
    origin: I64
    movers: Sequence[Mover]
    lights: Sequence[tuple[float, float, Light]]

    @staticmethod
    def draw(rng: Rng, script: Script, length_s: float, people: Sequence[Proportions], cast: Cast | None) -> _Scene:
        course = np.rint(OVERSAMPLING * script.course.shift).astype(np.int64)
        focal = WIDTH / 2 / np.tan(np.radians(rng.uniform(48, 80)) / 2)
        # A body fills the picture at its nearest and a sixth of it at its farthest.
        stage = Stage(focal * 1.7 / (1.1 * HEIGHT), focal * 1.7 / (HEIGHT / 6), WIDTH / 2 / focal)
        still = np.zeros((1, 2), np.int64)
        height = float(rng.uniform(0.4, 1.8))
        view = View(height, float(np.arctan2(height - 0.9, rng.uniform(2.5, 5))), focal, still)
        lighting = Lighting.draw(rng)
        backdrop, origin = background(rng, View(view.height_m, view.tilt, focal, course))
        bodies: list[tuple[int, Mover]] = []
        happenings: list[Happening] = []
        figures: list[Figure] = []
        if cast is None:
            visits = [acted(rng, visit, people[visit.person], stage) for visit in script.visits]
            place_seats(rng, backdrop, origin, view, lighting, visits)
            for visit, poses in zip(script.visits, visits, strict=True):
                bodies.append((visit.person, Body(rng, poses, people[visit.person], view, lighting)))
                happenings += poses.happenings
        else:
            ground = Ground(float(stage.far_m + rng.uniform(0.5, 2)), lighting)
            for visit in script.visits:
                movement, done = performed(rng, visit, people[visit.person], stage, cast.recordings)
                wearer = Person(people[visit.person], Wear.draw(rng))
                eye = Eye(view.height_m, view.tilt, focal)
                figure = Figure(rng, movement, wearer, eye, ground, start_s=visit.start_s, shutter_s=0.01)
                figures.append(figure)
                bodies.append((visit.person, figure))
                happenings += done
        drawn = [disturbances.draw(kind, rng, length_s) for kind in script.always]
        spells = [(one, disturbances.draw(one.kind, rng, one.end_s - one.start_s)) for one in script.spells]
        return _Scene(
            script,
            happenings,
            bodies,
            figures,
            backdrop,
            origin,
            [mover for one in drawn for mover in one.movers],
            [(spell.start_s, spell.end_s, light) for spell, one in spells for light in one.lights],
        )


class _Seen:
    """The scene frame after frame. boxes: of every person in every frame so far."""

    def __init__(self, scene: _Scene) -> None:
        self._scene = scene
        self._wall: tuple[tuple[int, int], F32] | None = None
        self.boxes: list[Mapping[int, Box | None]] = []

    def lights(self, fps: float, length_s: float) -> Iterator[F32]:
        """Linear light [HEIGHT,WIDTH,3] of every frame; the shutter is open for SHUTTER_S, or a frame's time."""
        count = PER_FRAME if fps <= 20 else 1
        for number in range(round(length_s * fps)):
            time_s = number / fps
            self.boxes.append({})
            offsets = ((np.arange(count) + 0.5) / count - 0.5) * min(SHUTTER_S, 1 / fps)
            pictures = [self._instant(time_s + offset) for offset in offsets.tolist()]
            yield np.asarray(sum(pictures[1:], pictures[0]) / np.float32(count), np.float32)

    def _instant(self, time_s: float) -> F32:
        scene = self._scene
        x, y = np.rint(OVERSAMPLING * np.array(scene.script.course.at(time_s))).astype(int).tolist()
        shift: Shift = (x / OVERSAMPLING, y / OVERSAMPLING)
        seen = [mover.layer(time_s, shift) for mover in scene.movers]
        seen += [figure.shadow(time_s, shift) for figure in scene.shadows]
        layers: list[Layer] = [layer for layer in seen if layer is not None]
        for person, body in scene.bodies:
            layer = body.layer(time_s, shift)
            if layer is not None:
                layers.append(layer)
                self.boxes[-1] = {**self.boxes[-1], person: layer.box}
        picture = composed(self._walls(x, y), layers)
        lights = [(light, time_s - start) for start, end, light in scene.lights if start <= time_s < end]
        for light, since_s in lights:
            picture = lit(picture, [light], since_s, shift)
        return picture

    def _walls(self, x: int, y: int) -> F32:
        """The wall behind everything, moved by (x, y) oversampled pixels; kept while the camera stands."""
        if self._wall is None or self._wall[0] != (x, y):
            column, row = (self._scene.origin - [x, y]).tolist()
            window = self._scene.backdrop[row : row + HEIGHT * OVERSAMPLING, column : column + WIDTH * OVERSAMPLING]
            small = cv2.resize(window, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
            self._wall = (x, y), decode(np.asarray(small, np.uint8))
        return self._wall[1]


class _Losses:
    """Frames that never arrive: single ones, and gaps."""

    def __init__(self, rng: Rng, spells: Sequence[Circumstance]) -> None:
        self._rng, self._spells = rng, spells
        self._until_s = 0.0

    def loses(self, time_s: float) -> bool:
        """This one?"""
        if not any(spell.start_s <= time_s < spell.end_s for spell in self._spells):
            return False
        if time_s >= self._until_s and self._rng.random() < 0.02:
            self._until_s = time_s + float(self._rng.uniform(*GAP_S))
        return bool(time_s < self._until_s or self._rng.random() < LOST_SHARE)
