"""The motion stage in NumPy: the definition that the C core repeats bit for bit, and the fallback without it.

A frame becomes a slot of a ring: luma at half the size in 1/128 of a level, blurred, and its halves. A look takes an
expert's frames from the ring and gives change above the noise and velocities relative to the camera. Integers wherever
pixels are summed; the few floating point numbers follow the core's order of operations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

U8 = npt.NDArray[np.uint8]
I16 = npt.NDArray[np.int16]
I64 = npt.NDArray[np.int64]
U16 = npt.NDArray[np.uint16]
F64 = npt.NDArray[np.float64]

PAD = 16  # pixels around a plane that repeat its edge
BINS, MOST_NOISE, LEAST_SIGMA, MOST_RATIO = 8, 512, 8.0, 2.0
FIRST, MOST = 40, 128  # change is counted from 2.5 sigma, 8 sigma at most, in sixteenths
SEED, REACH = 96, 3  # change in 3x3 cells from which flow is looked for (64: one sigma over a cell), and how far around
RADIUS = 4
SIDE = 2 * RADIUS + 1
LABELS = SIDE * SIDE  # of the coarse search
COST_MOST, NEAR_COST, SMOOTH_COST, SMOOTH_MOST, SWEEPS = 128, 24, 53, 6, 4
PATCH, STEPS, TAU = 8, 2, 0.3
EGO_RADIUS, EGO_PATCHES, EGO_FITS = 4, 256, 4
EGO_ROWS, EGO_COLUMNS, EGO_OUTER, EGO_SUPPORT = 6, 8, 3, 3  # tiles; those that have to follow, in the outer columns
EGO_BETTER = 0.5  # sigma a pixel, from which a tile follows the camera's motion
EGO_TAU, EGO_SPREAD, EGO_PRIOR, EGO_SATURATION, EGO_LEAST, EGO_GAIN = 2.0, 0.5, 0.01, 0.01, 0.1, 0.94
MEDIAN_TO_SIGMA, HALVED = 1.4826, 0.7


def motion_sizes(height: int, width: int) -> tuple[int, int]:
    """Elements (int16) of a ring's slot and bytes of work memory for a luma of this size. Raises ValueError."""
    if any(side < 32 or side > 640 or side % 4 for side in (height, width)):
        raise ValueError(f"height, width: expected multiples of 4 from 32 to 640, found {height} x {width}")
    return sum(_plane_size(height >> k, width >> k) for k in (1, 2, 3)), 1


def motion_take(luma: U16, slot: I16) -> None:
    """A frame's luma, uint16 [h,w] in sixteenths of a level, to a slot of the ring, int16 [elements]."""
    height, width = luma.shape
    fine = np.minimum(luma, 4080).astype(np.int64)
    half = fine.reshape(height // 2, 2, width // 2, 2).sum(axis=(1, 3))
    half = _blurred(_blurred(half, 0, 4), 0, 3)
    quarter = _halved(half)
    largest, middle, smallest = _planes(slot, height, width)
    largest[...], middle[...] = _padded(half), _padded(quarter)
    smallest[PAD:-PAD, PAD:-PAD] = _halved(quarter)  # nobody reads beyond its edge


def motion_look(
    ring: I16,
    newest: int,
    accumulation: int,
    stride: int,
    binning: int,
    levels: float,
    work: U8,
    x: U8,
    report: F64,
) -> None:
    """One expert's look at the ring, int16 [slots, elements], whose newest frame lies in slot `newest`.

    levels: uint8 levels of a velocity of one pixel a tick. work: unused here. x: uint8 [h/4,w/4,3]. report: float64
    [8]: significant share of the cells before and after the camera's motion was taken out; how much the picture
    differs from the frame before, by what there is to see (1: another scene); noise (sigma, 1/128 of a level); the
    camera's motion towards the frame before: x, y in half-size pixels a tick, zoom, rotation.
    """
    del work
    height, width = 4 * x.shape[0], 4 * x.shape[1]
    slots = [_planes(ring[(newest - back) % len(ring)], height, width) for back in range(max(accumulation + stride, 3))]
    look = _Look([slot[0][PAD:-PAD, PAD:-PAD].astype(np.int64) for slot in slots], accumulation, stride, binning)
    look.run([[plane.astype(np.int64) for plane in slot] for slot in slots[: look.frames + 1]])
    report[:] = look.report
    x[..., 0] = np.clip(128 + ((15 * look.cells + 32) >> 6), 0, 255)
    x[..., 1:] = 128
    if look.motion is not None:
        velocity = np.clip(np.rint(128.0 + look.motion * (2.0 * levels / 256.0)), 0, 255)
        x[..., 1:] = np.where(look.listed[..., np.newaxis], velocity, 128)


# ---- Planes ----


def _plane_size(height: int, width: int) -> int:
    return (height + 2 * PAD) * (width + 2 * PAD)


def _planes(slot: I16, height: int, width: int) -> list[I16]:
    """Views on the three levels of a slot, borders included."""
    planes, at = [], 0
    for k in (1, 2, 3):
        h, w = (height >> k) + 2 * PAD, (width >> k) + 2 * PAD
        planes.append(slot[at : at + h * w].reshape(h, w))
        at += h * w
    return planes


def _padded(picture: I64) -> I64:
    return np.pad(picture, PAD, mode="edge")


def _blurred(picture: I64, down: int, across: int) -> I64:
    """(1 2 1) along both axes; sums of a column are divided by 2^down, of a row by 2^across."""
    p = np.pad(picture, ((1, 1), (0, 0)), mode="edge")
    p = (p[:-2] + 2 * p[1:-1] + p[2:] + ((1 << down) >> 1)) >> down
    p = np.pad(p, ((0, 0), (1, 1)), mode="edge")
    return (p[:, :-2] + 2 * p[:, 1:-1] + p[:, 2:] + ((1 << across) >> 1)) >> across


def _halved(picture: I64) -> I64:
    h, w = picture.shape[0] // 2, picture.shape[1] // 2
    return np.asarray((picture[: 2 * h, : 2 * w].reshape(h, 2, w, 2).sum(axis=(1, 3)) + 2) >> 2, np.int64)


def _scaled(a: I64, b: I64 | F64) -> I64:
    """a * b / 32768, rounded half up: what the core's vectors do."""
    return (a * np.asarray(b, np.int64) + 16384) >> 15


def _bin_of(picture: I64) -> I64:
    """0 below 4 levels, then one more for every power of two; of values in 1/128 of a level."""
    return np.frexp((picture >> 9).astype(np.float64))[1].astype(np.int64)


def _sequential_sum(rows: F64) -> F64:
    """Over the first axis from the first to the last, as a loop does; NumPy's sum takes pairs."""
    return np.asarray(np.add.accumulate(rows, axis=0)[-1])


# ---- One patch, many at once ----


@dataclass(frozen=True)
class _Patches:
    """velocity [N,2] in pixels a tick; xx, xy, yy [N]: information in 1 / (pixels a tick)^2."""

    velocity: F64
    xx: F64
    xy: F64
    yy: F64


def _sampled(plane: I64, x: I64, y: I64) -> I64:
    """Patches and a pixel around them, from (x, y) [N] in 1/32 pixels on, bilinear: [N,10,10]."""
    high, wide = plane.shape[0] - 2 * PAD, plane.shape[1] - 2 * PAD
    column = np.clip(x >> 5, -PAD, wide + PAD - 2 * PATCH - 1) + PAD
    line = np.clip(y >> 5, -PAD, high + PAD - PATCH - 3) + PAD
    rows = (line[:, None] + np.arange(PATCH + 3))[:, :, None]
    columns = (column[:, None] + np.arange(PATCH + 3))[:, None, :]
    tile = plane[rows, columns]
    right, down = ((x & 31) << 10)[:, None, None], ((y & 31) << 10)[:, None, None]
    tile = tile[:, :, :-1] + _scaled(tile[:, :, 1:] - tile[:, :, :-1], right)
    return np.asarray(tile[:, :-1] + _scaled(tile[:, 1:] - tile[:, :-1], down))


def _refined(planes: list[I64], x: I64, y: I64, sigma: F64, tau: float, steps: int, start: F64) -> _Patches:
    """Lucas-Kanade over the newest frame and the earlier ones at constant velocity.

    The gradients are those of the average along the motion: noise would shorten those of a single frame. x, y [N]:
    where patches begin in the newest; sigma [N]: of two frames' difference; start [N,2]: velocities.
    """
    frames = len(planes) - 1
    prior, unit = 1.0 / (tau * tau), frames * frames / (sigma * sigma)
    velocity = start.copy()
    xx = xy = yy = np.zeros(len(x))
    first = _sampled(planes[0], 32 * (x - 1), 32 * (y - 1))
    for _ in range(steps):
        tiles = [first]
        for j in range(1, frames + 1):
            back = np.rint(velocity * (32 * j)).astype(np.int64)
            tiles.append(_sampled(planes[j], 32 * (x - 1) - back[:, 0], 32 * (y - 1) - back[:, 1]))
        average = (first + tiles[frames] + 1) >> 1
        if frames == 2:
            average = (average + tiles[1] + 1) >> 1
        inner = (slice(None), slice(1, -1), slice(1, -1))
        gx = np.clip(average[:, 1:-1, 2:] - average[:, 1:-1, :-2], -8191, 8191) >> 1
        gy = np.clip(average[:, 2:, 1:-1] - average[:, :-2, 1:-1], -8191, 8191) >> 1
        gt = np.clip(tiles[frames][inner] - first[inner], -4095, 4095)
        xx, xy, yy = ((a * b).sum(axis=(1, 2)) * unit for a, b in ((gx, gx), (gx, gy), (gy, gy)))
        a, b, c = xx + prior, xy, yy + prior
        rx = (gx * gt).sum(axis=(1, 2)) * (unit / frames) + (start[:, 0] - velocity[:, 0]) * prior
        ry = (gy * gt).sum(axis=(1, 2)) * (unit / frames) + (start[:, 1] - velocity[:, 1]) * prior
        determinant = a * c - b * b
        step = np.stack([(c * rx - b * ry) / determinant, (a * ry - b * rx) / determinant], axis=1)
        velocity = velocity + np.clip(step, -1.0, 1.0)
    return _Patches(velocity, xx, xy, yy)


# ---- A look ----


class _Look:
    """frames_of: of the expert, [h,w] each, the newest first."""

    def __init__(self, frames_of: list[I64], accumulation: int, stride: int, binning: int) -> None:
        self._all = frames_of
        self._accumulation, self._stride, self._binning = accumulation, stride, binning
        self.frames = 2 if accumulation > 1 else 1
        self.report = np.zeros(8)
        self.model = np.zeros(4)
        self.motion: I64 | None = None

    def run(self, slots: list[list[I64]]) -> None:
        """slots: the three levels, borders included, of the newest frame and those that flow is taken from."""
        self._levels = slots
        change = self._change(self._all)
        self.cells, self._sigma = change
        self.report[0] = self.report[1] = np.count_nonzero(self.cells) / self.cells.size
        seeds = self._list_cells()
        if seeds:
            if self._compensate():
                seeds = self._list_cells()
            self.report[1] = np.count_nonzero(self.cells) / self.cells.size
        if seeds:
            self._flow()
        self.report[2] = self._unexplained()
        self.report[3] = self._sigma
        self.report[4:] = self.model

    def _level(self, back: int, level: int) -> I64:
        plane = self._levels[back][level]
        return plane[PAD:-PAD, PAD:-PAD]

    def _change(self, frames: list[I64]) -> tuple[I64, float]:
        """Change of every cell, the sum of its 2x2 pixels, 16 a sigma; the picture's sigma."""
        means = []
        for first in (0, self._stride):
            total = np.sum(frames[first : first + self._accumulation], axis=0)
            mean = (total * (65536 // self._accumulation) + 32768) >> 16
            for _ in range(2 if self._binning >= 4 else 0):
                mean = _blurred(mean, 2, 2)
            means.append(mean)
        now, before = means
        by_bin, sigma = _noise(now, before)
        scale = _inverse(_halved(now), by_bin, 16.0).repeat(2, axis=0).repeat(2, axis=1)
        twice = np.minimum(2 * np.abs(now - before), 32767)
        above = np.clip(_scaled(twice, scale) - FIRST, 0, MOST)
        high, wide = above.shape
        return above.reshape(high // 2, 2, wide // 2, 2).sum(axis=(1, 3)), sigma

    def _list_cells(self) -> int:
        """Mark the cells around seeds; returns how many seeds there are."""
        p = np.pad(self.cells, 1)
        rows = p[:-2] + p[1:-1] + p[2:]
        seeds = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:] >= SEED
        self.listed = np.zeros(seeds.shape, bool)
        for y, x in np.argwhere(seeds).tolist():
            self.listed[max(y - REACH, 0) : y + REACH + 1, max(x - REACH, 0) : x + REACH + 1] = True
        return int(seeds.sum())

    # ---- The camera's own motion ----

    def _compensate(self) -> bool:
        """Find the camera's motion; where it explains the picture better than none, take it out."""
        newest, last = self._level(0, 0), self._level(1, 0)
        self._pair, sigma = _noise(newest, last)
        shift = self._shift(sigma)
        self.model = np.array([4.0 * shift[0] / self.frames, 4.0 * shift[1] / self.frames, 0.0, 0.0])
        self._follow(1, 4)
        if self._farthest() < EGO_LEAST or not self._is_believable(sigma):
            self.model = np.zeros(4)
            return False
        self._follow(0, 8)
        warped = _warped(self.model, 1, last, newest)
        self._pair, _ = _noise(newest, warped)
        followed = [_warped(self.model, j, frame, newest) if j else frame for j, frame in enumerate(self._all)]
        self._levels = [self._levels[0]]
        for frame in followed[1 : self.frames + 1]:
            quarter = _halved(frame)
            self._levels.append([_padded(p) for p in (frame, quarter, _halved(quarter))])
        cells, sigma = self._change(followed)
        if cells.sum() <= self.cells.sum():
            self.cells, self._sigma = cells, sigma
        return True

    def _farthest(self) -> float:
        """How far a picture's corner moves at most, in its pixels along either axis."""
        turn = abs(self.model[2]) + abs(self.model[3])
        return float(max(abs(self.model[0]), abs(self.model[1])) + turn * max(self._level(0, 0).shape) / 2.0)

    def _is_believable(self, sigma: float) -> bool:
        """Judged on level 2, where it costs little."""
        now, before = self._level(0, 1), self._level(1, 1)
        halved = np.array([self.model[0] / 2.0, self.model[1] / 2.0, self.model[2], self.model[3]])
        return _believable(now, _warped(halved, 1, before, now), before, HALVED * sigma)

    def _shift(self, sigma: float) -> tuple[int, int]:
        """Of level 3 between the newest frame and the last of those that flow is taken from."""
        a, b = self._level(0, 2), self._level(self.frames, 2)
        high, wide = a.shape
        most, best, found = int(8.0 * sigma), -1, (0, 0)
        for dy in range(-EGO_RADIUS, EGO_RADIUS + 1):
            for dx in range(-EGO_RADIUS, EGO_RADIUS + 1):
                if high - abs(dy) < high // 2 or wide - abs(dx) < wide // 2:
                    continue
                p = a[max(-dy, 0) : high - max(dy, 0), max(-dx, 0) : wide - max(dx, 0)]
                q = b[max(dy, 0) : high + min(dy, 0), max(dx, 0) : wide + min(dx, 0)]
                total = int(np.minimum(np.abs(p - q), most).sum()) * 1024 // p.size
                if not dx and not dy:
                    total -= total >> 5
                if best < 0 or total < best:
                    best, found = total, (dx, dy)
        return found

    def _follow(self, level: int, spacing: int) -> None:
        """Patches on one level, each refined from where the model has it, and the model fitted to them."""
        high, wide = self._level(0, level).shape
        scale = float(1 << level)
        middle = np.array([(wide * scale - 1.0) / 2.0, (high * scale - 1.0) / 2.0])
        y, x = np.meshgrid(np.arange(1, high - PATCH, spacing), np.arange(1, wide - PATCH, spacing), indexing="ij")
        corner = np.stack([x.ravel(), y.ravel()], axis=1).astype(np.int64)
        place = (corner + (PATCH - 1) / 2.0) * scale + (scale - 1.0) / 2.0 - middle
        moved = _displacement(self.model, place) / scale
        far = corner + moved * float(self.frames)
        inside = ((far >= -1.0) & (far + PATCH <= np.array([wide, high]) + 1.0)).all(axis=1)
        corner = corner[inside][:EGO_PATCHES]
        place, moved = (values[inside][:EGO_PATCHES] for values in (place, moved))
        if not len(corner):
            return
        centre = self._level(0, level)[corner[:, 1] + PATCH // 2, corner[:, 0] + PATCH // 2]
        planes = [self._levels[j][level] for j in range(self.frames + 1)]
        found = _refined(planes, corner[:, 0], corner[:, 1], self._pair[_bin_of(centre)], EGO_TAU, 2, -moved)
        saturated = 1.0 / (1.0 + (found.xx + found.yy) * EGO_SATURATION) / (scale * scale)
        information = np.stack([found.xx * saturated, found.xy * saturated, found.yy * saturated], axis=1)
        if len(corner) >= 6:
            size = float(middle[0] * middle[0] + middle[1] * middle[1])
            self.model = _fitted(self.model, place, -found.velocity * scale, information, EGO_SPREAD * scale, size)

    def _unexplained(self) -> float:
        """How much the picture differs from the frame before, where the camera had it, by what there is to see.

        At level 3, where hardly any noise is left. About 1 for two scenes that have nothing to do with each other.
        """
        a, b = self._level(0, 2), self._level(1, 2)
        structure = max(int(np.abs(p - int(p.sum()) // p.size).sum()) for p in (a, b))
        rest = int(np.maximum(np.abs(a - b) - int(LEAST_SIGMA), 0).sum())
        return float(rest) / float(max(structure, 1))

    # ---- Flow ----

    def _flow(self) -> None:
        """Coarse motion on every second cell of the region around what changes, fine motion of the listed cells."""
        rows, columns = (np.flatnonzero(self.listed.any(axis=axis)) for axis in (1, 0))
        top, left = int(rows[0]) // 2, int(columns[0]) // 2
        high, wide = int(rows[-1]) // 2 - top + 1, int(columns[-1]) // 2 - left + 1
        label = _smoothed_labels(self._costs(top, left, high, wide), self.frames)
        y, x = np.nonzero(self.listed)
        coarse = label[y // 2 - top, x // 2 - left]
        start = 2.0 * np.stack([coarse % SIDE - RADIUS, coarse // SIDE - RADIUS], axis=1).astype(np.float64)
        planes = [self._levels[j][0] for j in range(self.frames + 1)]
        sigma = self._pair[_bin_of(self._level(0, 1)[y, x])]
        found = _refined(planes, 2 * x - 3, 2 * y - 3, sigma, TAU, STEPS, start)
        motion = np.zeros((*self.listed.shape, 2), np.int64)
        weight = np.zeros(self.listed.shape, np.int64)
        motion[y, x] = np.rint(found.velocity * 256.0)
        weight[y, x] = 1 + np.minimum(254.0, (found.xx + found.yy) * 0.25).astype(np.int64)
        for _ in range(2):
            sums = [_box_sum(field) for field in (weight * motion[..., 0], weight * motion[..., 1], weight)]
            for k in (0, 1):
                motion[y, x, k] = np.rint(sums[k][y, x] / sums[2][y, x].astype(np.float64))
            weight[y, x] = 1 + sums[2][y, x] // 25
        self.motion = motion

    def _costs(self, top: int, left: int, high: int, wide: int) -> I64:
        """Of every shift at every node, [labels, high, wide]: sums over 8x8 pixels of level 2, 16 a sigma."""
        rows = np.arange(2 * top - 3, 2 * (top + high - 1) + 5)[:, None]
        columns = np.arange(2 * left - 3, 2 * (left + wide - 1) + 5)[None]
        cells_high, cells_wide = self.listed.shape
        inverse = _inverse(self._level(0, 1), self._pair, 16.0 / HALVED)
        scale = inverse[np.clip(rows, 0, cells_high - 1), np.clip(columns, 0, cells_wide - 1)]
        now = self._levels[0][1][rows + PAD, columns + PAD]
        costs = np.zeros((LABELS, high, wide), np.int64)
        for label in range(LABELS):
            dx, dy = label % SIDE - RADIUS, label // SIDE - RADIUS
            pixels = np.zeros_like(now)
            for j in range(1, self.frames + 1):
                before = self._levels[j][1][rows - j * dy + PAD, columns - j * dx + PAD]
                twice = np.minimum(2 * np.abs(now - before), 32767)
                pixels += np.minimum(_scaled(twice, scale), COST_MOST)
            windows = np.lib.stride_tricks.sliding_window_view(pixels, (PATCH, PATCH))[::2, ::2]
            costs[label] = windows.sum(axis=(2, 3)) + NEAR_COST * self.frames * (abs(dx) + abs(dy))
        return costs


def _noise(a: I64, b: I64) -> tuple[F64, float]:
    """Standard deviations from the median of |a - b|: of every brightness bin of a's cells, and of the picture."""
    difference = np.minimum(np.abs(a - b), MOST_NOISE - 1).ravel()
    bins = _bin_of(_halved(a)).repeat(2, axis=0).repeat(2, axis=1).ravel()
    sigma = max(_median_sigma(difference), LEAST_SIGMA)
    by_bin = np.full(BINS, sigma)
    for k in range(BINS):
        inside = difference[bins == k]
        own = _median_sigma(inside) if 32 * inside.size >= difference.size else sigma
        by_bin[k] = max(min(max(own, sigma / MOST_RATIO), sigma * MOST_RATIO), LEAST_SIGMA)
    return by_bin, sigma


def _median_sigma(difference: I64) -> float:
    up_to = np.bincount(difference, minlength=MOST_NOISE).cumsum()
    return MEDIAN_TO_SIGMA * min(int(np.searchsorted(2 * up_to, difference.size)), MOST_NOISE - 1)


def _inverse(coarse: I64, by_bin: F64, unit: float) -> I64:
    """Of every cell: what scales twice a difference to `unit` a sigma of its brightness."""
    table = np.minimum(32767.0, np.rint(16384.0 * unit / by_bin)).astype(np.int64)
    return np.asarray(table[_bin_of(coarse)])


def _displacement(model: F64, place: F64) -> F64:
    """Towards the frame before, at places [N,2] from the middle of level 1."""
    x, y = place[:, 0], place[:, 1]
    return np.stack([model[0] + model[2] * x - model[3] * y, model[1] + model[3] * x + model[2] * y], axis=1)


def _fitted(model: F64, place: F64, moved: F64, information: F64, spread: float, size: float) -> F64:
    """Shift, zoom and rotation that fit the patches, those that do something else weighing little."""
    one, none = np.ones(len(place)), np.zeros(len(place))
    x, y = place[:, 0], place[:, 1]
    columns = ((one, none), (none, one), (x, y), (-y, x))
    for _ in range(EGO_FITS):
        error = moved - _displacement(model, place)
        weight = 1.0 / (1.0 + (error[:, 0] * error[:, 0] + error[:, 1] * error[:, 1]) / (spread * spread))
        weight = weight * weight
        matrix = np.zeros((4, 5))
        for r, (cx, cy) in enumerate(columns):
            hx = (cx * information[:, 0] + cy * information[:, 1]) * weight
            hy = (cx * information[:, 1] + cy * information[:, 2]) * weight
            for c, (dx, dy) in enumerate((*columns, (moved[:, 0], moved[:, 1]))):
                matrix[r, c] = _sequential_sum(hx * dx + hy * dy)
        for r, prior in enumerate((EGO_PRIOR, EGO_PRIOR, EGO_PRIOR * 4.0 * size, EGO_PRIOR * 4.0 * size)):
            matrix[r, r] += prior
        model = _solved(matrix.tolist())
    return model


def _solved(m: list[list[float]]) -> F64:
    """Gauss-Jordan elimination with pivots, in the core's order of operations; m [4][5] is used up."""
    for i in range(4):
        pivot = max(range(i, 4), key=lambda r: abs(m[r][i]))
        m[i], m[pivot] = m[pivot], m[i]
        for r in range(4):
            if r != i:
                factor = m[r][i] / m[i][i]
                for c in range(i, 5):
                    m[r][c] = m[r][c] - factor * m[i][c]
    return np.array([m[i][4] / m[i][i] for i in range(4)])


def _believable(now: I64, warped: I64, before: I64, sigma: float) -> bool:
    """Whether the picture as a whole follows the model, and not just somebody before a dark wall.

    What a camera's motion makes better lies to the left and to the right, and hardly anything gets worse.
    """
    most = int(4.0 * sigma)
    rows = [j * now.shape[0] // EGO_ROWS for j in range(EGO_ROWS + 1)]
    columns = [i * now.shape[1] // EGO_COLUMNS for i in range(EGO_COLUMNS + 1)]
    pixels = np.outer(np.diff(rows), np.diff(columns))
    with_it, without = (
        np.add.reduceat(np.add.reduceat(np.minimum(np.abs(now - other), most), rows[:-1], 0), columns[:-1], 1)
        for other in (warped, before)
    )
    better = without - with_it > EGO_BETTER * sigma * pixels
    worse = int((with_it - without > EGO_BETTER * sigma * pixels).sum())
    supported = all(int(side.sum()) >= EGO_SUPPORT for side in (better[:, :EGO_OUTER], better[:, -EGO_OUTER:]))
    gained = float(with_it.sum()) < EGO_GAIN * float(without.sum())
    return supported and int(better.sum()) >= 2 * worse and gained


def _warped(model: F64, ticks: int, frame: I64, now: I64) -> I64:
    """`frame` where the model, `ticks` times, has it; what lies outside shows `now`, so that nothing changes there."""
    high, wide = frame.shape
    by = model * ticks
    line = np.arange(high, dtype=np.float64)
    place = np.stack([np.full(high, -((wide - 1) / 2.0)), line - (high - 1) / 2.0], axis=1)
    moved = _displacement(by, place)
    start = np.rint(65536.0 * np.stack([moved[:, 0], moved[:, 1] + line], axis=1)).astype(np.int64) + 1024
    step = np.arange(wide)
    x = start[:, :1] + int(np.rint(65536.0 * (1.0 + by[2]))) * step
    y = start[:, 1:] + int(np.rint(65536.0 * by[3])) * step
    column, row, fx, fy = x >> 16, y >> 16, (x >> 11) & 31, (y >> 11) & 31
    outside = (column < 0) | (row < 0) | (column + (fx > 0) >= wide) | (row + (fy > 0) >= high)
    p = np.pad(frame, ((0, 1), (0, 1)), mode="edge")
    column, row = np.clip(column, 0, wide - 1), np.clip(row, 0, high - 1)
    upper = p[row, column] * (32 - fx) * (32 - fy) + p[row, column + 1] * fx * (32 - fy)
    lower = p[row + 1, column] * (32 - fx) * fy + p[row + 1, column + 1] * fx * fy
    return np.where(outside, now, (upper + lower + 512) >> 10)


def _smoothed_labels(costs: I64, frames: int) -> I64:
    """The label of every node that costs least with what its neighbours have, [high, wide]; costs [labels,high,wide].

    Iterated: a node may take its own label, a neighbour's, or none.
    """
    _, high, wide = costs.shape
    y, x = np.mgrid[0:high, 0:wide]
    label = np.asarray(costs.argmin(axis=0), np.int64)
    around = [(j, i) for j in (-1, 0, 1) for i in (-1, 0, 1) if j or i]
    for _ in range(SWEEPS):
        p = np.pad(label, 1, constant_values=-1)
        neighbours = [p[1 + j : 1 + j + high, 1 + i : 1 + i + wide] for j, i in around]
        least = np.full(label.shape, -1)
        best = np.zeros_like(label)
        for candidate in (np.full_like(label, LABELS // 2), label, *reversed(neighbours)):
            known = candidate >= 0
            apart = np.zeros_like(label)
            for (j, i), other in zip(around, neighbours, strict=True):
                steps = np.abs(candidate % SIDE - other % SIDE) + np.abs(candidate // SIDE - other // SIDE)
                apart += np.where(other >= 0, (2 if j and i else 3) * np.minimum(steps, SMOOTH_MOST), 0)
            total = costs[np.maximum(candidate, 0), y, x] + SMOOTH_COST * frames * apart
            better = known & ((least < 0) | (total < least))
            least, best = np.where(better, total, least), np.where(better, candidate, best)
        if np.array_equal(best, label):
            break
        label = best
    return label


def _box_sum(field: I64) -> I64:
    """Over the 5x5 cells around each."""
    p = np.pad(field, 2)
    return np.asarray(np.lib.stride_tricks.sliding_window_view(p, (5, 5)).sum(axis=(2, 3)), np.int64)
