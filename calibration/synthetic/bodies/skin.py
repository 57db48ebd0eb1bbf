"""The mesh of body.py for all tubes at once: what a long clip costs when thousands of them are rendered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from calibration.synthetic.bodies.body import F64, I64, TUBES, Proportions, Skeleton, Tube

F32 = npt.NDArray[np.float32]
FREE = (0.6, 0.5, 0.62)  # left, forward, up of the chest: the skew axis that limbs' width follows


class Skin:
    """Tubes of one person; `vertices` lays them around a skeleton.

    quads [Q,4] indices of corners; part [Q] index into tubes; along, around [Q] in 0..1: as of `body.Mesh`.
    """

    def __init__(self, tubes: Sequence[Tube], proportions: Proportions) -> None:
        self.tubes = tuple(tubes)
        self._names = tuple(dict.fromkeys(name for tube in tubes for name in (tube.start, tube.end)))
        self._start = np.array([self._names.index(tube.start) for tube in tubes])
        self._end = np.array([self._names.index(tube.end) for tube in tubes])
        thick = {"girth": proportions.girth**0.5, "limb": proportions.limb**0.5, "none": 1.0}
        rings = [
            (i, along, wide * thick[tube.girth], deep * thick[tube.girth])
            for i, tube in enumerate(tubes)
            for along, wide, deep in tube.rings
        ]
        self._tube_of_ring = np.array([ring[0] for ring in rings])
        self._along = np.array([ring[1] for ring in rings], np.float32)[:, None]
        self._widths = np.array([ring[2:] for ring in rings], np.float32) * np.float32(proportions.stature_m)
        self._ring_of_vertex, self._cos, self._sin = _around(tubes)
        self.quads, self.part, self.along, self.around = _quads(tubes)

    def vertices(self, body: Skeleton, joints: Mapping[str, F64]) -> F32:
        """Corners over time, metres [T,V,3]; joints: those of the body and whatever else tubes hang on."""
        at = np.stack([joints[name] for name in self._names], axis=1).astype(np.float32)
        start, way = at[:, self._start], at[:, self._end] - at[:, self._start]
        axis = _unit(way)
        across = self._across(body)
        wide = _unit(across - axis * (across * axis).sum(axis=-1, keepdims=True))
        deep = cross(axis, wide)
        tube = self._tube_of_ring
        centre = start[:, tube] + self._along * way[:, tube]
        wide, deep = wide[:, tube] * self._widths[:, :1], deep[:, tube] * self._widths[:, 1:]
        ring = self._ring_of_vertex
        vertices = wide[:, ring] * self._cos
        vertices += deep[:, ring] * self._sin
        vertices += centre[:, ring]
        return np.asarray(vertices, np.float32)

    def _across(self, body: Skeleton) -> F32:
        """[T,tubes,3]: what the width of every tube follows."""
        chest = body.chest
        frames = {
            "pelvis": body.pelvis.left,
            "chest": chest.left,
            "head": body.head.left,
            "free": FREE[0] * chest.left + FREE[1] * chest.forward + FREE[2] * chest.up,
        }
        return np.stack([frames[tube.axes] for tube in self.tubes], axis=1).astype(np.float32)


def coarse(tubes: Sequence[Tube] = TUBES, sectors: float = 0.7) -> tuple[Tube, ...]:
    """The same tubes with fewer corners, for bodies that are small in the picture."""
    return tuple(
        replace(
            tube,
            sectors=max(4, round(sectors * tube.sectors)),
            rings=tube.rings if len(tube.rings) < 5 else (*tube.rings[:-2:2], *tube.rings[-2:]),
        )
        for tube in tubes
    )


def cross(a: F32, b: F32) -> F32:
    """Cross product of [...,3]; numpy's own takes several times as long."""
    x, y, z = a[..., 0], a[..., 1], a[..., 2]
    u, v, w = b[..., 0], b[..., 1], b[..., 2]
    return np.stack([y * w - z * v, z * u - x * w, x * v - y * u], axis=-1)


def _unit(v: F32) -> F32:
    length = np.sqrt((v * v).sum(axis=-1, keepdims=True))
    return np.asarray(v / np.maximum(length, np.float32(1e-9)), np.float32)


def _around(tubes: Sequence[Tube]) -> tuple[I64, F32, F32]:
    """For every corner its ring, and cosine and sine of its angle on it [V,1]."""
    rings: list[int] = []
    angles: list[float] = []
    count = 0
    for tube in tubes:
        for _ in tube.rings:
            rings += [count] * tube.sectors
            angles += [2 * np.pi * i / tube.sectors for i in range(tube.sectors)]
            count += 1
    angle = np.array(angles)[:, None]
    return np.array(rings), np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)


def _quads(tubes: Sequence[Tube]) -> tuple[I64, I64, F64, F64]:
    quads, labels = [], []
    count = 0
    for index, tube in enumerate(tubes):
        rings, sectors = len(tube.rings), tube.sectors
        r, s = np.meshgrid(np.arange(rings - 1), np.arange(sectors), indexing="ij")
        corner = count + r * sectors + s
        beside = count + r * sectors + (s + 1) % sectors
        quads.append(np.stack([corner, beside, beside + sectors, corner + sectors], -1).reshape(-1, 4))
        labels.append(np.stack([np.full(r.size, index), (r.ravel() + 0.5) / (rings - 1), (s.ravel() + 0.5) / sectors]))
        count += rings * sectors
    part, along, around = np.concatenate(labels, axis=1)
    return np.concatenate(quads), part.astype(np.int64), along, around
