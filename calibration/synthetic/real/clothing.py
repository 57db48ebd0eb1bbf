"""Clothes and light for one depth recording, and its pictures at any time, between recorded frames, too."""

from __future__ import annotations

import math
from collections import OrderedDict

import cv2
import numpy as np
import numpy.typing as npt

from calibration.synthetic.real.depth import LOOKS_DOWN, Recording
from calibration.synthetic.scenery.scene import F32, Lighting, colour

Rng = np.random.Generator
# Bones between Kinect's joints, and what covers them.
BONES = (
    (0, 1, "head"),
    (1, 2, "shirt"),
    (2, 3, "shirt"),
    (4, 5, "shirt"),
    (8, 9, "shirt"),
    (5, 7, "sleeve"),
    (9, 11, "sleeve"),
    (12, 13, "trousers"),
    (16, 17, "trousers"),
    (13, 15, "shin"),
    (17, 19, "shin"),
)
KEPT = 4  # shaded frames, and flows between them
ON_FRAME = 0.02  # nearer to a recorded frame than this share of the time between two: that frame


class Clothing:
    """One recording, dressed and lit; `at` gives its picture."""

    def __init__(self, rng: Rng, recording: Recording, lighting: Lighting) -> None:
        self._recording, self._lighting = recording, lighting
        self._gain = np.float32(rng.uniform(0.5, 1.6))
        self._albedo = _albedo(rng)
        h, w = recording.depth_m.shape[1:]
        noise = rng.standard_normal((2 * h, 2 * w)).astype(np.float32)
        cloth = np.asarray(cv2.GaussianBlur(noise, (0, 0), rng.uniform(1, 3)), np.float32) * rng.uniform(0.2, 1.0)
        if rng.random() < 0.3:
            cloth += (
                0.3 * np.sign(np.sin(2 * np.pi * np.arange(2 * h) / rng.uniform(8, 20))).astype(np.float32)[:, None]
            )
        self._texture = np.clip(1 + cloth, 0.3, 2)
        self._shaded: OrderedDict[int, F32] = OrderedDict()
        self._flows: OrderedDict[int, F32] = OrderedDict()
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def at(self, position: float) -> F32:
        """Masked linear light and the mask, float32 [h,w,4], at a position in recorded frames, held at both ends.

        Between two frames what moves is moved along: shown as they were recorded, unevenly, limbs would jump and stop.
        """
        position = min(max(position, 0.0), len(self._recording.depth_m) - 1.0)
        before = math.floor(position)
        share = position - before
        if share < ON_FRAME or share > 1 - ON_FRAME:
            return self._frame(round(position))
        flow = self._flow(before)
        first = _moved(self._frame(before), flow, -share)
        second = _moved(self._frame(before + 1), flow, 1 - share)
        return np.asarray(cv2.addWeighted(first, 1 - share, second, share, 0), np.float32)

    def _flow(self, before: int) -> F32:
        """Of the pictures, from frame `before` to the next: float32 [h,w,2]."""
        if before not in self._flows:
            pair = [self._frame(t) for t in (before, before + 1)]
            top = max(float(layers[..., 1].max()) for layers in pair) + 1e-6
            seen = [np.asarray(np.clip(110 * p[..., 3] + 145 * p[..., 1] / top, 0, 255), np.uint8) for p in pair]
            _keep(
                self._flows,
                before,
                np.asarray(self._dis.calc(seen[0], seen[1], np.zeros((*seen[0].shape, 2), np.float32)), np.float32),
            )
        return self._flows[before]

    def _frame(self, t: int) -> F32:
        if t not in self._shaded:
            _keep(self._shaded, t, self._shade(t))
        return self._shaded[t]

    def _shade(self, t: int) -> F32:
        """Recorded frame t, [h,w,4]."""
        depth = self._recording.depth_m[t]
        h, w = depth.shape
        mask = cv2.morphologyEx((depth > 0).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
        light = np.asarray(self._lighting.shade(_upright(_normals(depth, self._recording.pitch_m))), np.float32)
        albedo = self._albedo[_nearest_bone(self._recording.joints_px[t], h, w)]
        hip = self._recording.joints_px[t, 3]
        x, y = (int(np.clip(0.5 * n - at + 0.5 * n, 0, n)) for n, at in ((w, hip[0]), (h, hip[1])))
        texture = self._texture[y : y + h, x : x + w]  # anchored at the hips, so that it moves along
        body = albedo * (light * texture * mask * self._gain)[..., None]
        return np.dstack([body, mask.astype(np.float32)]).astype(np.float32)


def _keep(kept: OrderedDict[int, F32], key: int, value: F32) -> None:
    kept[key] = value
    if len(kept) > KEPT:
        kept.popitem(last=False)


def _moved(layers: F32, flow: F32, share: float) -> F32:
    """What is seen at x + share * flow(x), at x."""
    h, w = flow.shape[:2]
    x, y = np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32))
    place = (x + np.float32(share) * flow[..., 0], y + np.float32(share) * flow[..., 1])
    return np.asarray(cv2.remap(layers, *place, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT), np.float32)


def _upright(normals: F32) -> F32:
    """From the axes of a camera that looks down into those of the room, in which lamps have their places."""
    c, s = math.cos(LOOKS_DOWN), math.sin(LOOKS_DOWN)
    y, z = normals[..., 1], normals[..., 2]
    return np.stack([normals[..., 0], c * y - s * z, s * y + c * z], axis=-1)


def _normals(depth: F32, pitch_m: float) -> F32:
    """Unit normals [h,w,3] in the camera's axes (x right, y up, z away) from smoothed depth."""
    present = (depth > 0).astype(np.float32)
    weight = cv2.GaussianBlur(present, (0, 0), 1.6) + 1e-4
    smooth = cv2.GaussianBlur(depth, (0, 0), 1.6) / weight
    smooth = np.where(weight > 0.02, smooth, np.float32(np.median(depth[depth > 0]) if present.any() else 1.0))
    gx, gy = (np.clip(cv2.Sobel(smooth, cv2.CV_32F, *d, scale=1 / (8 * pitch_m)), -3, 3) for d in ((1, 0), (0, 1)))
    normals = np.stack([gx, -gy, np.full_like(gx, -1)], axis=-1)
    return np.asarray(normals / np.sqrt(gx * gx + gy * gy + 1)[..., None], np.float32)


def _nearest_bone(joints: F32, h: int, w: int) -> npt.NDArray[np.int64]:
    """[h,w]: index into BONES of the bone nearest to each pixel (of every second one: cloth has no finer seams)."""
    x0, y0 = joints[[b[0] for b in BONES]].T
    x1, y1 = joints[[b[1] for b in BONES]].T
    dx, dy = x1 - x0, y1 - y0
    y, x = np.mgrid[0:h:2, 0:w:2].astype(np.float32)
    away_x, away_y = x[..., None] - x0, y[..., None] - y0
    along = np.clip((away_x * dx + away_y * dy) / np.maximum(dx * dx + dy * dy, 1e-3), 0, 1)
    bone = ((away_x - along * dx) ** 2 + (away_y - along * dy) ** 2).argmin(axis=-1)
    return np.asarray(bone.repeat(2, axis=0).repeat(2, axis=1)[:h, :w])


def _albedo(rng: Rng) -> F32:
    """[bones,3] BGR."""
    skin = rng.uniform(0.15, 0.5) * np.array([0.65, 0.85, 1.2])
    shirt, trousers = (colour(rng, *(((0.2, 0.8), (0.03, 0.14))[rng.integers(2)]), 0.3) for _ in range(2))
    sleeve, shin = (skin if rng.random() < p else cloth for p, cloth in ((0.6, shirt), (0.3, trousers)))
    covers = {"head": 0.6 * skin, "shirt": shirt, "sleeve": sleeve, "trousers": trousers, "shin": shin}
    return np.array([covers[b[2]] for b in BONES], np.float32)
