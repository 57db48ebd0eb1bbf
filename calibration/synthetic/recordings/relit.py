"""A recorded body in new clothes and light, as something that moves before the wall, at its recording's own time."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from calibration.synthetic.recordings.depth import HIPS, Recording
from calibration.synthetic.scenery.layers import Layer, Shift
from calibration.synthetic.scenery.scene import HEIGHT, WIDTH, Lighting, colour

F32 = npt.NDArray[np.float32]
Rng = np.random.Generator
STATURE_M = 1.7
MARGIN_PX = 2  # around the body, for what smoothing spreads
LEAST_FLOW_PX = 48  # optical flow wants a picture of some size
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


class RelitBody:
    """A `Mover`: one recording, played once from `start_s` on at its own rate.

    rng: draws clothes and, unless given, the light. share: of the picture's height that the body has when it stands.
    place: column of its hips and row of its feet in the 320x240 picture, in pixels. at_end: it stays as it is, or is
    gone. mirrored: left and right exchanged. focal_px: of the camera, which tells how far off a body of this size is.
    """

    def __init__(
        self,
        rng: Rng,
        recording: Recording,
        share: float,
        place: tuple[float, float],
        *,
        start_s: float = 0.0,
        at_end: Literal["hold", "vanish"] = "hold",
        lighting: Lighting | None = None,
        mirrored: bool = False,
        focal_px: float = WIDTH,
    ) -> None:
        self._course = _Course(_Shader(rng, recording, lighting or Lighting.draw(rng)))
        self._recording, self._mirrored = recording, mirrored
        self._start_s, self._vanishes = start_s, at_end == "vanish"
        self._scale = share * HEIGHT / recording.stature_px
        column, row = recording.stand_px
        if mirrored:
            column = recording.depth_m.shape[2] - 1 - column
        # Of the crop's upper left pixel's corner.
        self._at = np.array(place) - self._scale * (np.array([column, row]) + 0.5)
        self._depth_m = STATURE_M * focal_px / (share * HEIGHT)
        self._placed: tuple[float, float, float, Layer] | None = None

    @property
    def end_s(self) -> float:
        """When the recording is over."""
        return self._start_s + self._recording.length_s

    def layer(self, time_s: float, shift: Shift) -> Layer | None:
        """See `Mover`."""
        if time_s < self._start_s or (self._vanishes and time_s >= self.end_s):
            return None
        position = min((time_s - self._start_s) * self._recording.fps, len(self._recording.depth_m) - 1.0)
        if self._placed is None or self._placed[:3] != (position, *shift):  # who holds still is drawn once
            layers = self._course.at(position)
            if self._mirrored:
                layers = np.ascontiguousarray(layers[:, ::-1])
            self._placed = (position, *shift, _placed(layers, self._scale, self._at + shift, self._depth_m))
        layer = self._placed[3]
        x, y = layer.corner
        h, w = layer.mask.shape
        return layer if x < WIDTH and y < HEIGHT and x + w > 0 and y + h > 0 and layer.mask.any() else None


def _placed(layers: F32, scale: float, at: npt.NDArray[np.float64], depth_m: float) -> Layer:
    """Layers [h,w,4] (masked light and mask) scaled, the corner of their first pixel at `at` (x, y) of the picture."""
    if scale < 0.7:  # what is made much smaller is averaged first
        layers = np.asarray(cv2.GaussianBlur(layers, (0, 0), 0.4 / scale), np.float32)
    h, w = layers.shape[:2]
    low = np.maximum(np.floor(at).astype(int) - MARGIN_PX, [-MARGIN_PX, -MARGIN_PX])
    high = np.minimum(np.ceil(at + scale * np.array([w, h])).astype(int) + MARGIN_PX, [WIDTH, HEIGHT])
    size = np.maximum(high - low, 1).tolist()
    # Pixel centres: of the recording at (i + 0.5) * scale, of the picture at whole numbers and a half.
    offset = at - low + 0.5 * scale - 0.5
    matrix = np.array([[scale, 0, offset[0]], [0, scale, offset[1]]], np.float64)
    placed = np.asarray(cv2.warpAffine(layers, matrix, size, flags=cv2.INTER_LINEAR), np.float32)
    corner = (int(low[0]), int(low[1]))
    return Layer(np.ascontiguousarray(placed[..., :3]), np.ascontiguousarray(placed[..., 3]), corner, depth_m)


class _Course:
    """A shaded recording between its frames: what moves is moved along its way, never shown twice."""

    def __init__(self, shader: _Shader) -> None:
        self._shader = shader
        self._shaded: dict[int, F32] = {}
        self._flows: tuple[int, F32, F32] | None = None
        # cv2 keeps its state in the object, and makes it anew for another size.
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)

    def at(self, position: float) -> F32:
        """[h,w,4] at a position in frames, 0 to the last one."""
        before = int(position)
        part = np.float32(position - before)
        first = self._frame(before)
        if part < 1e-3:
            return first
        second = self._frame(before + 1)
        there, back = self._between(before)
        # Jiang et al., CVPR 2018 (Super SloMo): flows from the moment to both frames, and the nearer one weighs more.
        to_first = part * part * back - part * (1 - part) * there
        to_second = (1 - part) * ((1 - part) * there - part * back)
        return np.asarray((1 - part) * _warped(first, to_first) + part * _warped(second, to_second), np.float32)

    def _frame(self, number: int) -> F32:
        if number not in self._shaded:
            self._shaded = {k: v for k, v in self._shaded.items() if k == number - 1}
            self._shaded[number] = self._shader.shade(number)
        return self._shaded[number]

    def _between(self, number: int) -> tuple[F32, F32]:
        """Flow from a frame to the next one, and back, [h,w,2] each."""
        if self._flows is None or self._flows[0] != number:
            a, b = self._shader.relief(number), self._shader.relief(number + 1)
            none = np.zeros((*a.shape, 2), np.float32)
            there, back = (
                np.asarray(self._flow.calc(one, other, none.copy()), np.float32) for one, other in ((a, b), (b, a))
            )
            h, w = self._shader.size
            self._flows = number, there[:h, :w], back[:h, :w]
        return self._flows[1:]


def _warped(layers: F32, flow: F32) -> F32:
    h, w = flow.shape[:2]
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    return np.asarray(cv2.remap(layers, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR), np.float32)


class _Shader:
    """Clothes and light of one recording."""

    def __init__(self, rng: Rng, recording: Recording, lighting: Lighting) -> None:
        self._recording, self._lighting = recording, lighting
        self._gain = np.float32(rng.uniform(0.5, 1.6))
        self._albedo = _albedo(rng)
        h, w = self.size = recording.depth_m.shape[1:3]
        noise = rng.standard_normal((2 * h, 2 * w)).astype(np.float32)
        cloth = np.asarray(cv2.GaussianBlur(noise, (0, 0), rng.uniform(1, 3)), np.float32) * rng.uniform(0.2, 1.0)
        if rng.random() < 0.3:
            cloth += (
                0.3 * np.sign(np.sin(2 * np.pi * np.arange(2 * h) / rng.uniform(8, 20))).astype(np.float32)[:, None]
            )
        self._texture = np.clip(1 + cloth, 0.3, 2)
        present = recording.depth_m[recording.depth_m > 0]
        self._near, self._far = (float(v) for v in np.percentile(present, (0.5, 99.5)))

    def shade(self, t: int) -> F32:
        """Recorded frame t: masked linear light and the mask, [h,w,4]."""
        depth = self._recording.depth_m[t]
        h, w = depth.shape
        mask = cv2.morphologyEx((depth > 0).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
        light = np.asarray(self._lighting.shade(_normals(depth, self._recording.pitch_m)), np.float32)
        albedo = self._albedo[_nearest_bone(self._recording.joints_px[t], h, w)]
        hip = self._recording.joints_px[t, HIPS]
        x, y = (int(np.clip(0.5 * n - at + 0.5 * n, 0, n)) for n, at in ((w, hip[0]), (h, hip[1])))
        texture = self._texture[y : y + h, x : x + w]  # anchored at the hips, so that it moves along
        body = albedo * (light * texture * mask * self._gain)[..., None]
        return np.dstack([body, mask.astype(np.float32)])

    def relief(self, t: int) -> npt.NDArray[np.uint8]:
        """Recorded frame t as a picture of its depths, in which motion can be found: the nearer the brighter."""
        depth = self._recording.depth_m[t]
        near = np.clip((self._far - depth) / max(self._far - self._near, 0.05), 0, 1)
        picture = np.where(depth > 0, 80 + 175 * near, 0).astype(np.uint8)
        h, w = (max(0, LEAST_FLOW_PX - side) for side in depth.shape)
        return np.asarray(cv2.copyMakeBorder(picture, 0, h, 0, w, cv2.BORDER_CONSTANT), np.uint8)


def _normals(depth: F32, pitch_m: float) -> F32:
    """Unit normals [h,w,3] in our axes (x right, y up, z away) from smoothed depth."""
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
