"""Regions of change in NumPy: the definition that the C core repeats bit for bit, and the fallback without it.

What a look of the motion stage gives, uint8 [h,w,3] of change and velocity, all zero at 128, becomes cells that known
tracks claim, regions that none does, and windows around tracks. Integers throughout.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

U8 = npt.NDArray[np.uint8]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

ZERO, FREE = 128, 255  # the level of no change and no velocity; the owner of a significant cell that no track claims
MOST_SIDE, MOST_CLAIMS, MOST_REGIONS = 160, 8, 16
LEAST_SIGNIFICANT, MOST_SIGNIFICANT = 36, 110  # levels of change in 3x3 cells from which their middle counts
NOISE_ABOVE, NOISE_TIMES = 24, 5  # where the upper quartile of all such sums is noise, it has to be so far above
CLAIM = 6  # left, right, top, bottom of the box that claims in 1/16 cells, velocity x, y in 1/16 levels
SUMS = 12  # mass, mass * x, mass * y, mass * vx, mass * vy, mass * speed, moving mass, cells, left, right, top, bottom
REGION = 8  # mass, cells, left, right, top, bottom, mass * vx, mass * vy
FARTHEST = 16384  # that a claim may reach, or move
TAIL = 64  # of a claim's mass, 1/TAIL on each side lies outside its extents
ONE_CELL = 256  # units of a place in a window
ONE = 4096  # the weight of all cells of a window's pixel along one axis
VELOCITY_SHARE, VELOCITY_MOST = 3, 32768


def regions_work(height: int, width: int) -> int:
    """Bytes of work memory for a map of this size. Raises ValueError."""
    if any(not 4 <= side <= MOST_SIDE for side in (height, width)):
        raise ValueError(f"height, width: expected 4 to {MOST_SIDE}, found {height} x {width}")
    return 1


def regions_find(
    x: U8,
    claims: I32,
    count: int,
    reach_x: int,
    reach_y: int,
    least_mass: int,
    owner: U8,
    sums: I32,
    regions: I32,
    work: U8,
) -> int:
    """Share the significant cells of x, uint8 [h,w,3], among claims; the others become regions. Returns their count.

    claims: int32 [8, 6], the first `count` of them: a box in 1/16 cells (left, right, top, bottom) and its velocity in
    1/16 levels (x, y). A cell belongs to the claim in whose box it lies nearest to the middle, by the box's own size,
    and most like in velocity. reach_x, reach_y: cells this far apart are one region. owner: uint8 [h,w]: 0 nothing
    significant, 1.. the claims in order, 255 a region's. sums: int32 [8, 12] (SUMS); left to bottom are the first and
    last column and row, without the outer 1/64 of the mass on each side. regions: int32 [16, 8] (REGION): the first of
    the mass wanted. work: unused here.
    """
    change = x[..., 0].astype(np.int64) - ZERO
    change[change < 0] = 0
    p = np.pad(change, 1)
    rows = p[:-2] + p[1:-1] + p[2:]
    around = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    quartile = int(np.sort(around, axis=None)[around.size * 3 // 4])
    threshold = min(max(NOISE_ABOVE + NOISE_TIMES * quartile, LEAST_SIGNIFICANT), MOST_SIGNIFICANT)
    significant = (around >= threshold) & (change > 0)
    del work
    owner[...] = _claimed(x, significant, np.clip(claims[:count], -FARTHEST, FARTHEST))
    for k in range(count):
        sums[k] = _sums(x, change, owner == k + 1)
    return _regions(x, change, owner == FREE, (reach_x, reach_y), least_mass, regions)


def _claimed(x: U8, significant: npt.NDArray[np.bool_], claims: I32) -> U8:
    height, width = significant.shape
    least = np.full(significant.shape, np.iinfo(np.int64).max)
    owner = np.where(significant, FREE, 0).astype(np.uint8)
    across, down = 16 * np.arange(width) + 8, 16 * np.arange(height)[:, np.newaxis] + 8
    velocity = 16 * (x[..., 1:].astype(np.int64) - ZERO)
    for k, (left, right, top, bottom, vx, vy) in enumerate(claims.tolist()):
        inside = significant & (across >= left) & (across < right) & (down >= top) & (down < bottom)
        dx = (2 * across - left - right) * (65536 // max(right - left, 1)) >> 8
        dy = (2 * down - top - bottom) * (65536 // max(bottom - top, 1)) >> 8
        apart = (velocity[..., 0] - vx) ** 2 + (velocity[..., 1] - vy) ** 2 >> VELOCITY_SHARE
        cost = dx * dx + dy * dy + np.minimum(apart, VELOCITY_MOST)
        better = inside & (cost < least)
        owner[better] = k + 1
        least[better] = cost[better]
    return owner


def _sums(x: U8, change: I64, mine: npt.NDArray[np.bool_]) -> I64:
    total = np.zeros(SUMS, np.int64)
    y, column = np.nonzero(mine)
    if not len(y):
        return total
    mass = change[y, column]
    vx, vy = (x[y, column, k].astype(np.int64) - ZERO for k in (1, 2))
    speed = np.abs(vx) + np.abs(vy)
    total[:8] = (
        mass.sum(),
        (mass * column).sum(),
        (mass * y).sum(),
        (mass * vx).sum(),
        (mass * vy).sum(),
        (mass * speed).sum(),
        mass[speed > 0].sum(),
        len(y),
    )
    for at, places, size in ((8, column, change.shape[1]), (10, y, change.shape[0])):
        up_to = np.cumsum(np.bincount(places, mass, size).astype(np.int64))
        total[at] = np.searchsorted(up_to * TAIL, up_to[-1], side="right")
        total[at + 1] = np.searchsorted(up_to * TAIL, up_to[-1] * (TAIL - 1), side="left")
    return total


def _regions(
    x: U8, change: I64, free: npt.NDArray[np.bool_], reach: tuple[int, int], least_mass: int, regions: I32
) -> int:
    """Cells within reach of one another are one region; in the order of their first cells, rows first."""
    if not free.any():
        return 0
    kernel = np.ones((reach[1], reach[0]), np.uint8)
    labels = cv2.connectedComponents(cv2.dilate(free.astype(np.uint8), kernel, anchor=(0, 0)), connectivity=8)[1]
    y, column = np.nonzero(free)
    label = labels[y, column]
    found = 0
    for name in dict.fromkeys(label.tolist()):
        inside = label == name
        rows, columns = y[inside], column[inside]
        mass = change[rows, columns]
        if mass.sum() < least_mass or found == len(regions):
            continue
        vx, vy = (x[rows, columns, k].astype(np.int64) - ZERO for k in (1, 2))
        regions[found] = (
            mass.sum(),
            len(rows),
            columns.min(),
            columns.max(),
            rows.min(),
            rows.max(),
            (mass * vx).sum(),
            (mass * vy).sum(),
        )
        found += 1
    return found


# ---- Windows ----


def regions_window(x: U8, owner: U8, which: int, middle_x: int, middle_y: int, tall: int, scale: int, out: U8) -> None:
    """The map x, uint8 [h,w,3], around a place, resampled to `out`, uint8 [rows,columns,3], its aspect kept.

    which: the owner whose window it is: cells of others count as unchanged (0: nobody's do). middle_x, middle_y: in
    1/256 cells; tall: the window's height in 1/256 cells. scale: of velocities, in 1/256. What lies outside of the map
    is unchanged.
    """
    down, across = out.shape[:2]
    support = max(tall // down, 256)
    left, top = middle_x - tall * across // (2 * down), middle_y - tall // 2
    rows = _taps(top + (2 * np.arange(down) + 1) * tall // (2 * down), support, x.shape[0])
    columns = _taps(left + (2 * np.arange(across) + 1) * tall // (2 * down), support, x.shape[1])
    seen = x.astype(np.int64) - ZERO
    if which:
        seen[(owner != 0) & (owner != which) & (owner != FREE)] = 0
    total = np.einsum("jy,yxk->jxk", rows, seen)
    total = np.einsum("ix,jxk->jik", columns, total)
    change = (total[..., :1] + (1 << 23)) >> 24
    velocity = (total[..., 1:] * scale + (1 << 31)) >> 32
    out[...] = np.clip(np.concatenate([change, velocity], axis=2) + ZERO, 0, 255)


def _taps(middle: I64, support: int, size: int) -> I64:
    """Weight of every cell for every pixel [pixels, size]: linear between cells, or a triangle over more of them."""
    off = np.arange(-size - 64, 2 * size + 64)
    near = np.maximum(support - np.abs(middle[:, np.newaxis] - (256 * off + 128)), 0)
    total = np.maximum(near.sum(axis=1, keepdims=True), 1)
    return np.asarray((near * ONE + total // 2) // total)[:, size + 64 : 2 * size + 64]
