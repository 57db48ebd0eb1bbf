"""A recorded person, relit, as something that moves before a wall (`layers.Mover`).

recording = load(path, rate_hz)                                   # rate_hz: the column `fps` of labels.csv
place = Place.of(recording, column=0.4, middle_px=130, share=0.5)  # half as tall as the picture
body = RelitBody(rng, recording, place, lighting, start_s=2.0, held_after_s=1.0)
composed(wall, [layer for mover in movers if (layer := mover.layer(time_s, shift))])
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from calibration.synthetic.real.clothing import Clothing
from calibration.synthetic.real.depth import Recording
from calibration.synthetic.scenery.layers import Layer, Shift
from calibration.synthetic.scenery.scene import F32, HEIGHT, WIDTH, Lighting

Rng = np.random.Generator
LEAST_SEEN = 1e-3  # of a mask: what is less is nothing


@dataclass(frozen=True)
class Place:
    """Where somebody is in the picture. column: of the body's middle, by the picture's width; horizon_px: the row of
    the room's horizon, the same for all who stand on one floor; share: the body's height by the picture's.
    """

    column: float
    horizon_px: float
    share: float

    @classmethod
    def of(cls, recording: Recording, column: float, middle_px: float, share: float) -> Place:
        """That at which the body's middle row is `middle_px`."""
        scale = share * HEIGHT / recording.tall_px
        h = recording.depth_m.shape[1]
        return cls(column, middle_px + scale * (recording.horizon_px - h / 2), share)

    def tilt(self, focal_px: float) -> float:
        """How far a camera looks down whose horizon is there, radians."""
        return math.atan((HEIGHT / 2 - self.horizon_px) / focal_px)


class RelitBody:
    """A Mover: one recording from start_s on, in clothes of its own.

    lighting: one for all who are in a room. mirrored: as in a mirror. held_before_s, held_after_s: how long before its
    start and after its end it stands in its first and last pose (math.inf: always); at other times it is not there.
    course: (time_s, columns) pairs in order, by how much it stands beside its place, straight between them: for who
    comes, goes or walks; empty: it stays. focal_px: of the picture's camera, which the distance hangs on. shutter_s:
    how long the shutter is open. Times may come in any order; rising ones are quickest.
    """

    def __init__(
        self,
        rng: Rng,
        recording: Recording,
        place: Place,
        lighting: Lighting,
        *,
        start_s: float = 0.0,
        mirrored: bool = False,
        held_before_s: float = 0.0,
        held_after_s: float = 0.0,
        course: Sequence[tuple[float, float]] = (),
        focal_px: float = float(WIDTH),
        shutter_s: float = 0.025,
    ) -> None:
        self._clothing = Clothing(rng, recording, lighting)
        self._rate_hz, self._shutter_s, self._mirrored = recording.rate_hz, shutter_s, mirrored
        self._scale = place.share * HEIGHT / recording.tall_px
        w = recording.depth_m.shape[2]
        left = place.column * WIDTH - self._scale * w / 2
        self._corner = left, place.horizon_px - self._scale * recording.horizon_px
        self._course = np.array([(time, by) for time, by in course] or [(0.0, 0.0)])
        self._there = start_s - held_before_s, start_s + recording.duration_s + held_after_s
        self.start_s, self.end_s = start_s, start_s + recording.duration_s
        kinect_focal_px = recording.away_m / recording.pitch_m
        self.depth_m = focal_px * recording.away_m / (kinect_focal_px * self._scale)

    def layer(self, time_s: float, shift: Shift) -> Layer | None:
        """As seen at `time_s`; the mean of two instants while the shutter is open. None: not there, out of sight."""
        if not self._there[0] <= time_s <= self._there[1]:
            return None
        instants = (time_s - self._shutter_s / 4, time_s + self._shutter_s / 4)
        first, second = (self._clothing.at((instant - self.start_s) * self._rate_hz) for instant in instants)
        layers = first if first is second else np.asarray(cv2.addWeighted(first, 0.5, second, 0.5, 0), np.float32)
        beside = float(np.interp(time_s, self._course[:, 0], self._course[:, 1]))
        return self._placed(layers, self._corner[0] + beside + shift[0], self._corner[1] + shift[1])

    def _placed(self, layers: F32, left: float, top: float) -> Layer | None:
        """[h,w,4] at its size, its upper left corner there; only the part that the picture shows."""
        scale, (h, w) = self._scale, layers.shape[:2]
        if self._mirrored:
            layers = layers[:, ::-1]
        x0, y0 = max(math.floor(left), 0), max(math.floor(top), 0)
        x1, y1 = min(math.ceil(left + scale * w) + 1, WIDTH), min(math.ceil(top + scale * h) + 1, HEIGHT)
        if x0 >= x1 or y0 >= y1:
            return None
        if scale < 0.7:  # what is made much smaller is averaged first
            layers = np.asarray(cv2.GaussianBlur(layers, (0, 0), 0.4 / scale), np.float32)
        # Pixels' centres lie at halves.
        middle = (scale - 1) / 2
        matrix = np.array([[scale, 0, left - x0 + middle], [0, scale, top - y0 + middle]], np.float64)
        warped = cv2.warpAffine(np.ascontiguousarray(layers), matrix, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR)
        placed = np.asarray(warped, np.float32)
        if placed[..., 3].max() < LEAST_SEEN:
            return None
        return Layer(placed[..., :3].copy(), placed[..., 3].copy(), (x0, y0), self.depth_m)
