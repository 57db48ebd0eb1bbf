"""One track: a box that follows what changes, and waits where nothing does."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge.recognition.tracks.evidence import Evidence, Look

I32 = npt.NDArray[np.int32]

# Shares of a tick. A body's outline changes on all sides while it walks, so its edges follow what changes; where less
# than FULL_VIEW of its height changes, a limb moves alone, and what stands still keeps its place in the box.
FULL_VIEW = 0.6
OUTWARDS, INWARDS, INWARDS_IN_PART = 0.4, 0.2, 0.02
WIDEST = 1.5  # body heights: nobody is wider, so a box does not grow beyond
GROWTH = 0.06  # body heights that an edge moves outwards at most, so that one region too many is no new body
BY_FLOW, BY_EDGES = 0.25, 0.06  # how fast the velocity follows the flow, and what the edges say
SHARED_PLACE, SHARED_FLOW, SHARED_DRIFT = 0.1, 0.05, 0.02  # the same while two cross: both go on as they went
MASS_MEMORY = 0.05  # a tick's share in the running mean of what changes of a track
REST = 0.7  # of its velocity that a track keeps in a tick in which nothing of it changes
STANDS_TICKS, STANDS_BY_SEEN, STANDS_LEAST = 150, 2, 4  # who was seen for a second may stand for two, at most for ten


class Track:
    """left, right, top, bottom: edges in cells; vx, vy: cells a tick; age, seen, unseen: ticks. mass: of its
    cells, mostly.

    together: ticks in a row in which it looked like a part of another track. identity: 0 until it is believed.
    shared: another track is so near that cells may be either's.
    """

    def __init__(self, left: float, right: float, top: float, bottom: float, vx: float, vy: float) -> None:
        self.left, self.right, self.top, self.bottom = left, right, top, bottom
        self.vx, self.vy = vx, vy
        self.identity = self.age = self.unseen = 0
        self.seen, self.together = 1, 0
        self.shared = False
        self._seen_x, self._seen_top = self.x, top
        self.confidence = self.mass = 0.0
        self.evidence = Evidence()

    @property
    def width(self) -> float:
        """Cells."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Cells, at least one."""
        return max(self.bottom - self.top, 1.0)

    @property
    def x(self) -> float:
        """Of its middle, cells."""
        return 0.5 * (self.left + self.right)

    @property
    def y(self) -> float:
        """Of its middle, cells."""
        return 0.5 * (self.top + self.bottom)

    @property
    def is_over(self) -> bool:
        """Nothing of it changed for too long, for the time that it was seen."""
        patience = STANDS_LEAST + STANDS_BY_SEEN * self.seen if self.identity else STANDS_LEAST // 2
        return self.unseen > min(patience, STANDS_TICKS)

    def predict(self) -> None:
        """A tick later, at constant velocity."""
        self.age += 1
        self._move(self.vx, self.vy)

    def rest(self) -> None:
        """Nothing of it changes: it stands, and slows down where it is."""
        self.unseen += 1
        self.evidence.rest(self.unseen)
        self.vx *= REST
        self.vy *= REST

    def observe(self, sums: I32, levels: float) -> None:
        """What it claimed (SUMS of edge/picture/regions.py); levels: of velocity, a cell a tick."""
        mass, mass_x, _, mass_vx, mass_vy, _, _, cells, *extents = (float(value) for value in sums)
        left, right, top, bottom = extents[0], extents[1] + 1, extents[2], extents[3] + 1
        vx, vy = mass_vx / mass / levels, mass_vy / mass / levels
        self.unseen = 0
        self.seen += 1
        self.mass += MASS_MEMORY * (mass - self.mass)
        if self.shared:
            self._go_on(mass_x / mass + 0.5 - self.x, vx)
        else:
            self._follow((left, right, top, bottom), vx, vy)
        fill = cells / ((right - left) * (bottom - top))
        height = self.height
        self.evidence.add(
            Look((self.x - self._seen_x) / height, (self.top - self._seen_top) / height, vx / height, fill)
        )
        self._seen_x, self._seen_top = self.x, self.top
        self.confidence = self.evidence.confidence

    def embrace(self, other: Track) -> None:
        """Take in another one that is a part of the same body."""
        self.left, self.right = min(self.left, other.left), max(self.right, other.right)
        self.top, self.bottom = min(self.top, other.top), max(self.bottom, other.bottom)

    def _go_on(self, aside: float, vx: float) -> None:
        moved = SHARED_PLACE * aside
        self._move(moved, 0.0)
        self.vx += SHARED_FLOW * (vx - self.vx) + SHARED_DRIFT * moved
        self.vy *= REST

    def _follow(self, seen: tuple[float, float, float, float], vx: float, vy: float) -> None:
        cover = min(1.0, (seen[3] - seen[2]) / self.height)
        inwards = INWARDS if cover >= FULL_VIEW else INWARDS_IN_PART
        most = (0.5 + GROWTH * self.height) / OUTWARDS
        left, right, top, bottom = (
            new - old for new, old in zip(seen, (self.left, self.right, self.top, self.bottom), strict=True)
        )
        if cover >= FULL_VIEW:
            self.vx += BY_EDGES * (left + right)
            self.vy += 0.5 * BY_EDGES * (top + bottom)
        self.vx += BY_FLOW * cover * (vx - self.vx)
        self.vy += BY_FLOW * cover * (vy - self.vy)
        if self.width > WIDEST * self.height:
            left, right = max(left, 0.0), min(right, 0.0)
        self.left += max(left, -most) * (OUTWARDS if left < 0 else inwards)
        self.right += min(right, most) * (OUTWARDS if right > 0 else inwards)
        self.top += max(top, -most) * (OUTWARDS if top < 0 else inwards)
        self.bottom += min(bottom, most) * (OUTWARDS if bottom > 0 else inwards)

    def _move(self, across: float, down: float) -> None:
        self.left += across
        self.right += across
        self.top += down
        self.bottom += down
