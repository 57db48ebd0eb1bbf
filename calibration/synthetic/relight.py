"""Real bodies, relit in the dark: depth recordings of people get clothes, a light, a place in a rendered scene.

A recording is an .npz with `depth_mm` uint16 [T,h,w] (0: background), `origin_yx` and `full_hw` (where the crop lies
in the depth camera's picture) and `skel_m` [T,20,3] (Kinect's joints, metres, in the depth camera's axes), at 30 fps.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from calibration.clip_sets import folder, video
from calibration.clip_sets.clips import Clip, ClipSet
from calibration.synthetic.clip import record, robot_motion
from calibration.synthetic.dark_camera import CAMERAS, LIGHTS, identity_of
from calibration.synthetic.scenery.scene import HEIGHT, OVERSAMPLING, WIDTH, Lighting, View, background, colour, decode
from edge.errors import DataError
from edge.picture.frame import Frame

F32 = npt.NDArray[np.float32]
Rng = np.random.Generator
REVISION = 2
RECORDED_FPS = 30.0
FOCAL_SHARE = 0.92  # focal length of the depth camera (Kinect, 57 degrees) by its picture's width
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


@dataclass(frozen=True)
class Recording:
    """depth_m [T,h,w] (0: background), joints_px [T,20,2] (column, row in the crop), pitch_m: a pixel's size."""

    depth_m: F32
    joints_px: F32
    pitch_m: float


def open_relit(name: str, root: Path, moving: bool = False) -> ClipSet:
    """`relit:DIR`: every recording under both lights, with every camera, which stands still or moves with a robot.

    Raises DataError.
    """
    listing = root / "labels.csv"
    if not listing.is_file():
        raise DataError(f"{name}: {listing} is missing; DIR needs labels.csv (file,class,actor) and the .npz it lists")
    rows = folder.table(listing)
    labels = tuple(sorted({row["class"] for row in rows}))
    clips = []
    for index, row in enumerate(rows):
        path = root / row["file"]
        for variant, (light, camera) in enumerate((light, camera) for light in LIGHTS for camera in CAMERAS):
            clips.append(
                Clip(
                    name=f"{path.stem}_{light}_{camera}",
                    label=labels.index(row["class"]),
                    source=partial(render, path, (3, index, variant), camera, light, moving),
                    made_by=f"relit {REVISION} {index} {light} {identity_of(camera)} {'moving' if moving else 'still'}",
                    file=video.existing(path),
                    actor=row.get("actor") or None,
                    camera=camera,
                    light=light,
                )
            )
    return ClipSet(name, labels, clips)


def load(path: Path) -> Recording:
    """Read a recording. Raises DataError that names the file and what is wrong with it."""
    try:
        with np.load(path, allow_pickle=False) as data:
            depth, origin, size, joints = (data[k] for k in ("depth_mm", "origin_yx", "full_hw", "skel_m"))
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: not a depth recording (depth_mm, origin_yx, full_hw, skel_m): {error}") from error
    if depth.ndim != 3 or not depth.any() or joints.shape[1:] != (20, 3) or not len(joints):
        raise DataError(f"{path}: depth_mm {depth.shape} or skel_m {joints.shape} is empty or not [T,h,w] and [T,20,3]")
    joints = joints[np.minimum(np.arange(len(depth)), len(joints) - 1)]
    focal = FOCAL_SHARE * float(size[1])
    column = size[1] / 2 + focal * joints[..., 0] / joints[..., 2] - origin[1]
    row = size[0] / 2 - focal * joints[..., 1] / joints[..., 2] - origin[0]
    depth_m = depth.astype(np.float32) / 1000
    pitch_m = float(np.median(depth_m[depth_m > 0])) / focal
    return Recording(depth_m, np.stack([column, row], axis=-1).astype(np.float32), pitch_m)


def render(path: Path, seed: Sequence[int], camera: str, light: str, moving: bool) -> Iterator[Frame]:
    """Frames of a relit recording: 320x240, at 15 or 30 fps; a pure function of the file and the seed."""
    rng = np.random.default_rng(list(seed))
    recording = load(path)
    step = 2 if rng.random() < 0.7 else 1
    yield from record(rng, _lights(rng, recording, step, moving), RECORDED_FPS / step, camera, light, live=True)


def _lights(rng: Rng, recording: Recording, step: int, moving: bool) -> Iterator[F32]:
    """Linear light [HEIGHT,WIDTH,3], every `step` recorded frames averaged into one (a long shutter)."""
    count = len(recording.depth_m) // step
    h, w = recording.depth_m.shape[1:]
    scale = rng.uniform(0.35, 1.6) * HEIGHT / h
    centre = np.array([np.clip(rng.normal(0.5, 0.2), 0.1, 0.9) * WIDTH, rng.uniform(0.45, 0.65) * HEIGHT])
    centre[1] += max(0.0, 0.4 * (scale * h - HEIGHT))  # what is larger than the picture loses its legs, not its head
    times = np.arange(count) * step / RECORDED_FPS
    shift = robot_motion(rng, times) if moving else np.zeros((count, 2), np.int64)
    backdrop, origin = background(rng, View(1.4, rng.uniform(-0.1, 0.3), WIDTH, shift))
    shader = _Shader(rng, recording, mirrored=rng.random() < 0.5)
    for t in range(count):
        layers = np.asarray(np.mean([shader.shade(s) for s in range(t * step, (t + 1) * step)], axis=0), np.float32)
        x, y = (origin - shift[t]).tolist()
        window = backdrop[y : y + HEIGHT * OVERSAMPLING, x : x + WIDTH * OVERSAMPLING]
        wall = decode(np.asarray(cv2.resize(window, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8))
        yield _composed(wall, layers, scale, centre - scale * np.array([w, h]) / 2 + shift[t] / OVERSAMPLING)


def _composed(wall: F32, layers: F32, scale: float, corner: npt.NDArray[np.float64]) -> F32:
    """Layers [h,w,4] (masked light and mask) scaled, their upper left corner at `corner`, over the wall."""
    matrix = np.array([[scale, 0, corner[0]], [0, scale, corner[1]]], np.float64)
    if scale < 0.7:  # what is made much smaller is averaged first
        layers = np.asarray(cv2.GaussianBlur(layers, (0, 0), 0.4 / scale), np.float32)
    placed = np.asarray(cv2.warpAffine(layers, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR), np.float32)
    return np.asarray(wall * (1 - placed[..., 3:]) + placed[..., :3])


class _Shader:
    """Clothes and light of one recording."""

    def __init__(self, rng: Rng, recording: Recording, mirrored: bool) -> None:
        self._recording, self._mirrored = recording, mirrored
        self._lighting = Lighting.draw(rng)
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

    def shade(self, t: int) -> F32:
        """Recorded frame t: masked linear light and the mask, [h,w,4]."""
        depth = self._recording.depth_m[t]
        h, w = depth.shape
        mask = cv2.morphologyEx((depth > 0).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
        light = np.asarray(self._lighting.shade(_normals(depth, self._recording.pitch_m)), np.float32)
        albedo = self._albedo[_nearest_bone(self._recording.joints_px[t], h, w)]
        hip = self._recording.joints_px[t, 3]
        x, y = (int(np.clip(0.5 * n - at + 0.5 * n, 0, n)) for n, at in ((w, hip[0]), (h, hip[1])))
        texture = self._texture[y : y + h, x : x + w]  # anchored at the hips, so that it moves along
        body = albedo * (light * texture * mask * self._gain)[..., None]
        layers = np.dstack([body, mask.astype(np.float32)])
        return layers[:, ::-1] if self._mirrored else layers


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
