"""Who else is there, what stands before them, how they come and go: drawn from a seed, for one relit recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from calibration.synthetic.real.depth import Recording
from calibration.synthetic.real.relit_body import Place, RelitBody
from calibration.synthetic.scenery.layers import Layer, Mover, Shift
from calibration.synthetic.scenery.scene import F32, HEIGHT, WIDTH, Lighting, colour

Rng = np.random.Generator
COMES_S = (0.6, 1.6)  # how long it takes to come from behind something, or to go there
NEARER = 0.8  # by the depth of who acts, that of a piece of furniture before them
MARGIN = 0.15  # by the body's height, between its edge and what it comes from behind


@dataclass(frozen=True)
class Staging:
    """comes_s, goes_s: how long who acts comes before and goes after; 0: is there from the first frame to the last.

    side: -1 from the left, 1 from the right. behind: a screen or wardrobe is what they come from behind; otherwise it
    is the picture's edge. low: something low stands before them, and how much of the height it hides; 0: nothing.
    others: how many more people are there, farther off, who do the same at another time.
    """

    comes_s: float
    goes_s: float
    side: int
    behind: bool
    low: float
    others: int

    @classmethod
    def draw(cls, seed: Sequence[int]) -> Staging:
        """A pure function of the seed: the table of clips must know, without rendering, when something is done."""
        rng = np.random.default_rng(list(seed))
        comes, goes = (float(rng.uniform(*COMES_S)) if rng.random() < 0.5 else 0.0 for _ in range(2))
        return cls(
            comes,
            goes,
            int(rng.choice((-1, 1))),
            bool(rng.random() < 0.6),
            float(rng.uniform(0.1, 0.35)) if rng.random() < 0.35 else 0.0,
            int(rng.choice(3, p=(0.4, 0.4, 0.2))),
        )

    def lasts_s(self, recorded_s: float) -> float:
        """How long the clip is."""
        return self.comes_s + recorded_s + self.goes_s

    def acts(self, recorded_s: float) -> tuple[float, float]:
        """From when to when what was recorded is done, in full sight."""
        return self.comes_s, self.comes_s + recorded_s

    def movers(
        self, rng: Rng, recording: Recording, place: Place, lighting: Lighting, mirrored: bool, shutter_s: float
    ) -> list[Mover]:
        """Everybody and everything that is there."""
        start_s, end_s = self.acts(recording.duration_s)
        wide = 0.5 * place.share * HEIGHT  # of a body with its arms
        hidden = self._hidden_px(rng, place, wide)
        course = [(start_s, 0.0), (end_s, 0.0)]
        if self.comes_s:
            course.insert(0, (0.0, hidden))
        if self.goes_s:
            course.append((self.lasts_s(recording.duration_s), hidden))
        actor = RelitBody(
            rng,
            recording,
            place,
            lighting,
            start_s=start_s,
            mirrored=mirrored,
            held_before_s=self.comes_s,
            held_after_s=self.goes_s,
            course=course,
            shutter_s=shutter_s,
        )
        found: list[Mover] = [actor]
        if self.behind and (self.comes_s or self.goes_s):
            middle = place.column * WIDTH + hidden
            found.append(Board(rng, middle - 0.6 * wide, middle + 0.6 * wide, -HEIGHT, NEARER * actor.depth_m))
        if self.low:
            feet_px = place.horizon_px + 0.55 * place.share * HEIGHT
            top = feet_px - self.low * place.share * HEIGHT
            reach = rng.uniform(0.4, 1.2, 2) * place.share * HEIGHT
            at = place.column * WIDTH
            found.append(Board(rng, at - reach[0], at + reach[1], top, NEARER * actor.depth_m))
        return found + [self._other(rng, recording, place, lighting, shutter_s) for _ in range(self.others)]

    def _hidden_px(self, rng: Rng, place: Place, wide: float) -> float:
        """How far beside the place who acts is out of sight: behind a board, or beyond the picture's edge."""
        if self.behind:
            return float(self.side * (1.2 * wide + MARGIN * place.share * HEIGHT + rng.uniform(0, 0.3) * WIDTH))
        edge = -0.6 * wide if self.side < 0 else WIDTH + 0.6 * wide
        return edge - place.column * WIDTH

    def _other(self, rng: Rng, recording: Recording, place: Place, lighting: Lighting, shutter_s: float) -> RelitBody:
        """Somebody farther off on the same floor. Of the same recording, so that nobody of another split gets in."""
        share = place.share * rng.uniform(0.35, 0.75)
        away = rng.uniform(0.15, 0.5) * rng.choice((-1, 1))
        return RelitBody(
            rng,
            recording,
            Place((place.column + away) % 1.0, place.horizon_px, share),
            lighting,
            start_s=float(rng.uniform(0, self.lasts_s(0.3 * recording.duration_s))),
            mirrored=bool(rng.random() < 0.5),
            held_before_s=np.inf,
            held_after_s=np.inf,
            shutter_s=shutter_s,
        )


class Board:
    """A Mover that does not move: an upright plane of one colour, from `top_px` to the lower edge of the picture."""

    def __init__(self, rng: Rng, left_px: float, right_px: float, top_px: float, depth_m: float) -> None:
        self._box = left_px, right_px, top_px
        self._colour = np.asarray(colour(rng, 0.02, 0.3, 0.2), np.float32)
        self._depth_m = depth_m

    def layer(self, time_s: float, shift: Shift) -> Layer | None:
        """As seen in a picture that is moved by `shift`."""
        left, right, top = self._box
        columns = _covered(left + shift[0], right + shift[0], WIDTH)
        rows = _covered(top + shift[1], 2.0 * HEIGHT, HEIGHT)
        if not columns.any() or not rows.any():
            return None
        mask = np.outer(rows, columns).astype(np.float32)
        return Layer(mask[..., np.newaxis] * self._colour, mask, (0, 0), self._depth_m)


def _covered(first: float, last: float, length: int) -> F32:
    """The share of each of `length` pixels that lies between."""
    edges = np.arange(length, dtype=np.float64)
    return np.asarray(np.clip(np.minimum(edges + 1, last) - np.maximum(edges, first), 0, 1), np.float32)
