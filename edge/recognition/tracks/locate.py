"""From a look's change and flow to tracks: what changes is claimed by known tracks, and the rest may be somebody new.

Causal, and a pure function of the looks since the last reset. Cells are those of the map, 4x4 pixels of the luma.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.picture import kernels
from edge.picture.regions import CLAIM, MOST_CLAIMS, MOST_REGIONS, REGION, SUMS
from edge.recognition.tracks.track import Track

U8 = npt.NDArray[np.uint8]

MOST_TRACKS = 4  # that are told of; twice as many are followed, so that a curtain takes nobody's place
BELIEVED_TICKS = 8  # in which a track has to be seen before it gets a number
BELIEVED, DOUBTED = 0.6, 0.4  # confidence from which it is told of, and below which no more
REACH_ACROSS, REACH_ALONG = 1 / 27, 1 / 12  # of the map's width and height: pieces this far apart are one body
LEAST_MASS = 0.04  # levels of change a cell of the map that a new region has: two cells that change fully, at 80x60
SEEN_MASS, SEEN_SHARE = 0.4, 0.05  # of that, and of what it mostly has, enough for a track to be seen: not noise
ASIDE, ALONG, YOUNG, YOUNG_TICKS = 0.15, 0.25, 0.25, 20  # body heights around a box that it claims; more while young
SETTLED_TICKS, SURE_TICKS = 10, 3  # after which a track is somebody by itself; see `_proof`
CROSSING = 0.1  # the same while two share cells
BESIDE, SMALL = 0.4, 0.5  # a region this near to a track, in its heights, and this much smaller is a part of it
INSIDE, ALIKE, ALIKE_SHARE = 0.6, 0.5, 0.25  # of a track in another one that moves alike: one body
SLIM = 0.65  # width by height of two that overlap, up to which they are one body
STRIP, SIDES = 0.45, 0.8  # width by height of one side of a body, and of both together
STACKED, STACKED_GAP, JOINED_GAP = 0.5, 0.25, 0.35  # overlap across, and gap along, of pieces that stand on each other
ONE_BODY = 0.55  # of all significant change in one piece: somebody, whatever else trembles
TILES_ALONG, TILES_ACROSS, TILE_SHARE = 6, 8, 40  # a tile changes from a 40th of its cells on
UNSTEADY_TILES, UNSTEADY_COLUMNS, COLUMN_CELLS, UNSTEADY_TICKS = 18, 7, 4, 2  # for how long it is distrusted
LEAVES_TICKS, EDGE = 6, 1.5  # unseen ticks at a picture's side, within so many cells, after which it has left
PREFERRED = 1.25  # so much more prominent than the first one another has to be to take its place
STIRRED, STIRRED_TICKS, STIRRED_MEMORY = 0.02, 15, 15  # share of significant cells without a track: somebody unseen
WHOLE_CONFIDENCE = 0.5


@dataclass(frozen=True)
class Located:
    """One person, as far as can be told.

    identity: from 1 upwards, never used again within a stream. box: left, top, width, height as shares of the picture.
    age, unseen: ticks since it began, and since something of it changed. confidence: that it is a person. owner: its
    number in the map of owners, 0 for `whole`: nobody was found, but something goes on, so the whole picture is meant.
    """

    identity: int
    box: tuple[float, float, float, float]
    age: int
    unseen: int
    confidence: float
    owner: int
    whole: bool = False


class Locator:
    """Tracks of one stream. height, width: of the map; levels: of uint8 for a velocity of a cell a tick."""

    def __init__(self, height: int, width: int, levels: float) -> None:
        self._height, self._width, self._levels = height, width, levels
        self._reach = max(1, round(REACH_ACROSS * width)), max(1, round(REACH_ALONG * height))
        self._least = max(1, round(LEAST_MASS * height * width))
        self.owner = np.zeros((height, width), np.uint8)
        self._claims = np.zeros((MOST_CLAIMS, CLAIM), np.int32)
        self._sums = np.zeros((MOST_CLAIMS, SUMS), np.int32)
        self._regions = np.zeros((MOST_REGIONS, REGION), np.int32)
        self._work = np.zeros(kernels.regions_work(height, width), np.uint8)
        self.reset()

    @property
    def followed(self) -> tuple[Track, ...]:
        """Every track, also those that nobody is told of."""
        return tuple(self._tracks)

    def reset(self) -> None:
        """Forget the stream; numbers begin anew."""
        self._tracks: list[Track] = []
        self._last_identity = self._first = 0
        self._stirred, self._stirred_ticks, self._whole = 0.0, 0, 0
        self._unsteady_ticks = 0

    def step(self, x: U8) -> list[Located]:
        """Take the next look, uint8 [h,w,3] of change and velocity at 128; who is where, the most prominent first."""
        tracks = self._tracks
        for track in tracks:
            track.predict()
        self._claim()
        found = kernels.regions_find(
            x, self._claims, len(tracks), *self._reach, self._least, self.owner, self._sums, self._regions, self._work
        )
        owners = {id(track): k + 1 for k, track in enumerate(tracks)}
        spread = bool(found or tracks) and self._is_spread(found)
        self._unsteady_ticks = UNSTEADY_TICKS if spread else max(0, self._unsteady_ticks - 1)
        steady = not self._unsteady_ticks
        for sums, track in zip(self._sums, tracks, strict=False):
            enough = max(SEEN_MASS * self._least, SEEN_SHARE * track.mass)
            if (steady or track.identity) and sums[0] >= enough:
                track.observe(sums, self._levels)
            else:
                track.rest()
        self._merge()
        if steady and found:
            self._give_birth(self._regions[:found].tolist())
        self._tracks = [track for track in self._tracks if not self._is_gone(track)]
        if steady:
            self._believe()
        return self._told(owners) or self._somebody(steady)

    # ---- Claims ----

    def _claim(self) -> None:
        """The boxes in which tracks look for their cells."""
        for k, track in enumerate(self._tracks):
            track.shared = any(_near(track, other) for other in self._tracks if other is not track)
            young = YOUNG * max(0.0, 1.0 - track.age / YOUNG_TICKS)
            aside, along = (ASIDE + young, ALONG + young) if not track.shared else (CROSSING, CROSSING)
            least = 2.0 if not track.shared else 1.0
            aside, along = max(least, aside * track.height), max(least, along * track.height)
            edges = (track.left - aside, track.right + aside, track.top - along, track.bottom + along)
            velocity = (track.vx * self._levels, track.vy * self._levels)
            self._claims[k] = [round(16 * min(max(value, -4096.0), 4096.0)) for value in (*edges, *velocity)]

    def _is_spread(self, found: int) -> bool:
        """Where change is spread over the picture as by no body: the camera moved in a way that was not understood."""
        masses = np.concatenate([self._sums[: len(self._tracks), 0], self._regions[:found, 0]])
        if masses.max() > ONE_BODY * masses.sum():
            return False
        high, wide = self._height // TILES_ALONG, self._width // TILES_ACROSS
        seen = self.owner[: TILES_ALONG * high, : TILES_ACROSS * wide] > 0
        tiles = seen.reshape(TILES_ALONG, high, TILES_ACROSS, wide).sum(axis=(1, 3))
        spread = int((tiles >= max(2, high * wide // TILE_SHARE)).sum())
        columns = int((tiles.sum(axis=0) >= COLUMN_CELLS).sum())
        return spread >= UNSTEADY_TILES and columns >= UNSTEADY_COLUMNS

    # ---- Births, unions and ends ----

    def _give_birth(self, regions: list[list[int]]) -> None:
        for mass, _, left, right, top, bottom, mass_vx, mass_vy in _joined(regions):
            track = Track(left, right + 1.0, top, bottom + 1.0, 0.0, 0.0)
            if len(self._tracks) < MOST_CLAIMS and not any(_is_part(track, other) for other in self._tracks):
                track.vx, track.vy = mass_vx / mass / self._levels, mass_vy / mass / self._levels
                self._tracks.append(track)

    def _merge(self) -> None:
        """Of two tracks on one body the older, believed one stays."""
        kept: list[Track] = []
        for track in sorted(self._tracks, key=lambda track: (track.identity == 0, -track.age)):
            body = next((other for other in kept if _is_same_body(track, other)), None)
            whole = body or next((other for other in kept if _is_limb(track, other)), None)
            track.together = track.together + 1 if whole is not None else 0
            if whole is None or track.together < _proof(track):
                kept.append(track)
            elif body is not None:
                body.embrace(track)
        self._tracks = kept

    def _is_gone(self, track: Track) -> bool:
        outside = track.right < 1 or track.left > self._width - 1 or track.bottom < 1 or track.top > self._height - 1
        at_side = track.left < EDGE or track.right > self._width - EDGE
        return track.is_over or outside or (at_side and track.unseen > LEAVES_TICKS)

    def _believe(self) -> None:
        for track in self._tracks:
            if not track.identity and track.seen >= BELIEVED_TICKS and track.confidence >= BELIEVED:
                self._last_identity += 1
                track.identity = self._last_identity

    # ---- What is told ----

    def _told(self, owners: dict[int, int]) -> list[Located]:
        known = [track for track in self._tracks if track.identity and track.confidence >= DOUBTED]
        known.sort(key=lambda track: (-self._prominence(track), track.identity))
        if known:
            self._first = known[0].identity
        return [self._located(track, owners.get(id(track), 0)) for track in known[:MOST_TRACKS]]

    def _prominence(self, track: Track) -> float:
        own = PREFERRED if track.identity == self._first else 1.0
        return own * track.confidence * track.height / (1.0 + track.unseen / YOUNG_TICKS)

    def _located(self, track: Track, owner: int) -> Located:
        left, right = max(track.left, 0.0) / self._width, min(track.right, self._width) / self._width
        top, bottom = max(track.top, 0.0) / self._height, min(track.bottom, self._height) / self._height
        box = (left, top, max(right - left, 0.0), max(bottom - top, 0.0))
        return Located(track.identity, box, track.age, track.unseen, track.confidence, owner)

    def _somebody(self, steady: bool) -> list[Located]:
        """The whole picture, where much changes for long and no region becomes a track: it is too dark for outlines."""
        fails = steady and all(track.age < SETTLED_TICKS for track in self._tracks)
        share = np.count_nonzero(self.owner) / self.owner.size if fails else 0.0
        self._stirred += (share - self._stirred) / STIRRED_MEMORY
        self._stirred_ticks = self._stirred_ticks + 1 if self._stirred >= STIRRED else 0
        if self._stirred_ticks < STIRRED_TICKS:
            self._whole = 0
            return []
        if not self._whole:
            self._last_identity += 1
            self._whole = self._last_identity
        age = self._stirred_ticks
        return [Located(self._whole, (0.0, 0.0, 1.0, 1.0), age, 0, WHOLE_CONFIDENCE, 0, whole=True)]


def _near(track: Track, other: Track) -> bool:
    """Two that have been there for a while, side by side or one before the other."""
    if min(track.age, other.age) < SETTLED_TICKS or track.together or other.together:
        return False
    across = min(track.right, other.right) - max(track.left, other.left)
    along = min(track.bottom, other.bottom) - max(track.top, other.top)
    return across > -CROSSING * track.height and along > 0


def _is_part(track: Track, other: Track) -> bool:
    """A newborn beside a believed track, and too small for somebody else at its distance."""
    aside, along = BESIDE * other.height, 0.75 * BESIDE * other.height
    across = track.left < other.right + aside and track.right > other.left - aside
    down = track.top < other.bottom + along and track.bottom > other.top - along
    return bool(other.identity) and track.height < SMALL * other.height and across and down


def _is_same_body(track: Track, other: Track) -> bool:
    across = min(track.right, other.right) - max(track.left, other.left)
    along = min(track.bottom, other.bottom) - max(track.top, other.top)
    apart = math.hypot(track.vx - other.vx, track.vy - other.vy)
    if apart >= ALIKE + ALIKE_SHARE * math.hypot(other.vx, other.vy):
        return False
    if across <= 0:
        return _are_sides(track, other, along)
    if across * max(along, 0.0) > INSIDE * min(track.width * track.height, other.width * other.height):
        return True
    tall = max(track.bottom, other.bottom) - min(track.top, other.top)
    wide = max(track.right, other.right) - min(track.left, other.left)
    if wide < SLIM * tall and along > INSIDE * min(track.height, other.height):
        return True
    overlaps = across >= STACKED * min(track.width, other.width)
    stands = -STACKED_GAP * max(track.height, other.height) < along <= INSIDE * min(track.height, other.height)
    return overlaps and stands and tall > wide


def _are_sides(track: Track, other: Track, along: float) -> bool:
    """Two upright strips, beside each other: the outline of somebody near, whose middle shows no change."""
    tall = max(track.bottom, other.bottom) - min(track.top, other.top)
    wide = max(track.right, other.right) - min(track.left, other.left)
    strips = all(one.width < STRIP * one.height for one in (track, other))
    near = wide < SIDES * tall and along > 0.5 * min(track.height, other.height)
    return not (track.identity and other.identity) and strips and near


def _is_limb(track: Track, other: Track) -> bool:
    """A small one in the reach of a believed body: a foot that stands while the rest walks on."""
    aside, along = ASIDE * other.height, ALONG * other.height
    across = other.left - aside < track.x < other.right + aside
    down = other.top - along < track.y < other.bottom + along
    return bool(other.identity) and track.height < SMALL * other.height and across and down


def _proof(track: Track) -> int:
    """Ticks in a row that a track has to look like a part of another one to be one: many for who was apart before."""
    if track.age < SETTLED_TICKS:
        return 1
    return SURE_TICKS if track.age - track.together < 2 * SETTLED_TICKS else 2 * SETTLED_TICKS


def _joined(regions: Sequence[Sequence[int]]) -> list[list[int]]:
    """Regions (REGION of edge/picture/regions.py), those that stand on each other as one, the heaviest first."""
    bodies: list[list[int]] = []
    for region in sorted(regions, key=lambda region: -region[0]):
        for body in bodies:
            tall = max(region[5], body[5]) - min(region[4], body[4]) + 1
            wide = max(region[3], body[3]) - min(region[2], body[2]) + 1
            across = min(region[3], body[3]) - max(region[2], body[2]) + 1
            gap = max(region[4], body[4]) - min(region[5], body[5]) - 1
            narrower = min(region[3] - region[2], body[3] - body[2]) + 1
            if across >= STACKED * narrower and gap <= JOINED_GAP * tall and wide <= tall:
                for k in (0, 1, 6, 7):
                    body[k] += region[k]
                body[2], body[3] = min(region[2], body[2]), max(region[3], body[3])
                body[4], body[5] = min(region[4], body[4]), max(region[5], body[5])
                break
        else:
            bodies.append(list(region))
    return bodies
