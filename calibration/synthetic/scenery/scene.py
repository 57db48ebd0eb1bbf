"""The scene around the body: viewpoint, background, clothes, furniture and light, and the painter that draws it.

Pictures are drawn at twice their size in uint8 with light stored as its square root (`encode`), which keeps both dark
cloth and lamps; quads are painted back to front.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from calibration.synthetic.bodies.body import F64, I64, TUBES, Mesh, Tube
from calibration.synthetic.bodies.skin import Skin
from calibration.synthetic.dark_camera import open_shutter

F32 = npt.NDArray[np.float32]
U8 = npt.NDArray[np.uint8]
WIDTH, HEIGHT, OVERSAMPLING = 320, 240, 2
BRIGHTEST = 6.0  # linear light at code 255; white cloth in the main light is about 1
NEAR_M = 0.35
SUBPIXEL_BITS = 3
Rng = np.random.Generator


def encode(light: npt.ArrayLike) -> U8:
    """Linear light -> square-root code."""
    return np.asarray(np.clip(255 * np.sqrt(np.maximum(light, 0) / BRIGHTEST), 0, 255), np.uint8)


_DECODED = (BRIGHTEST * (np.arange(256) / 255.0) ** 2).astype(np.float32)


def decode(codes: U8) -> F32:
    """Square-root code -> linear light, float32 of the same shape."""
    return np.asarray(cv2.LUT(codes, _DECODED), np.float32)


@dataclass(frozen=True)
class View:
    """A camera's place: height over the floor, tilt downwards, focal length in pixels of the final picture.

    shift [S,2]: how far the picture moves (pan, tilt, shake), whole pixels of the oversampled picture, per sub-frame.
    """

    height_m: float
    tilt: float
    focal_px: float
    shift: I64

    def project(self, points: F64) -> tuple[F64, F64]:
        """World [S,...,3] -> oversampled pixels [S,...,2] and depth in metres [S,...]."""
        y, z = points[..., 1] - self.height_m, points[..., 2]
        c, s = np.cos(self.tilt), np.sin(self.tilt)
        depth = z * c - y * s
        down = -(y * c + z * s)
        scale = OVERSAMPLING * self.focal_px / np.maximum(depth, NEAR_M)
        centre = 0.5 * OVERSAMPLING * np.array([WIDTH, HEIGHT])
        pixels = np.stack([points[..., 0] * scale, down * scale], axis=-1) + centre
        return pixels + self.shift.reshape(-1, *[1] * (points.ndim - 2), 2), depth

    @property
    def horizon_px(self) -> float:
        """Row of the horizon in the unshifted oversampled picture."""
        return float(OVERSAMPLING * (HEIGHT / 2 - self.focal_px * np.tan(self.tilt)))


@dataclass(frozen=True)
class Lighting:
    """Where light comes from: directions (towards the light) [2,3], their strengths [2], and the ambient part."""

    directions: F64
    strengths: F64
    ambient: float

    @staticmethod
    def draw(rng: Rng) -> Lighting:
        """One main light from above or from a side, a weak second one."""
        azimuth, height = rng.uniform(0, 2 * np.pi, 2), rng.uniform(0.1, 1.4, 2)
        directions = np.stack([np.cos(azimuth) * np.cos(height), np.sin(height), np.sin(azimuth) * np.cos(height)], -1)
        return Lighting(directions, np.array([rng.uniform(0.3, 1.0), rng.uniform(0, 0.3)]), rng.uniform(0.15, 0.7))

    def shade(self, normals: F64 | F32) -> F64:
        """Unit normals [...,3] -> light that falls on them [...]."""
        facing = np.maximum(normals @ self.directions.T, 0)
        return np.asarray(self.ambient + facing @ self.strengths)


# Clothes ------------------------------------------------------------------------------------------------------------


def colour(rng: Rng, low: float, high: float, saturation: float) -> F64:
    """A reflectance, BGR [3]: its mean between low and high, the channels apart by up to `saturation`."""
    tint = 1 + saturation * rng.uniform(-1, 1, 3)
    return np.asarray(rng.uniform(low, high) * tint / tint.mean())


def clothes(rng: Rng, mesh: Mesh | Skin, tubes: Sequence[Tube] = TUBES) -> F64:
    """Albedo of every quad, [Q,3] BGR: skin, hair, cloth with stripes, blotches or a print, short or long sleeves."""
    dark, light = (0.03, 0.14), (0.2, 0.8)
    skin = rng.uniform(0.12, 0.5) * np.array([0.65, 0.85, 1.2])
    shirt = colour(rng, *(light if rng.random() < 0.5 else dark), 0.35)
    trousers = colour(rng, *(light if rng.random() < 0.3 else dark), 0.25)
    short_sleeves, shorts = rng.random() < 0.6, rng.random() < 0.3
    colours = {
        "skin": skin,
        "hair": colour(rng, 0.01, 0.08, 0.2),
        "shirt": shirt,
        "sleeve": skin if short_sleeves else shirt,
        "trousers": trousers,
        "shin": skin if shorts else trousers,
        "shoe": colour(rng, *(light if rng.random() < 0.4 else dark), 0.1),
    }
    albedo = np.array([colours[tubes[part].cloth] for part in mesh.part])
    head = np.array([tube.cloth == "hair" for tube in tubes])[mesh.part]
    face = head & (np.abs(mesh.around - 0.25) < rng.uniform(0.14, 0.2)) & (mesh.along < 0.7)
    albedo[face] = skin
    return np.clip(albedo * _pattern(rng, mesh, shirt, tubes)[:, None], 0.01, 1.0)


def _pattern(rng: Rng, mesh: Mesh | Skin, shirt: F64, tubes: Sequence[Tube]) -> F64:
    """Factors around 1 per quad: cloth is never even, and what is on it moves with the body."""
    factor = np.exp(rng.normal(0, rng.uniform(0.03, 0.2), len(mesh.part)))
    cloth = np.array([tube.cloth in ("shirt", "sleeve") for tube in tubes])[mesh.part]
    torso = cloth & np.array([tube.start == "waist" for tube in tubes])[mesh.part]
    kind = rng.random()
    if kind < 0.25:
        factor[cloth] *= 1 + 0.5 * np.sign(np.sin(2 * np.pi * rng.uniform(2, 4) * mesh.along[cloth]))
    elif kind < 0.4:
        factor[torso] *= np.where(np.abs(mesh.around[torso] - 0.25) < 0.05, rng.uniform(0.3, 3), 1.0)
    elif kind < 0.65:
        print_ = torso & (np.abs(mesh.around - 0.25) < 0.12) & (np.abs(mesh.along - 0.65) < 0.15)
        factor[print_] *= rng.uniform(1.5, 6) if shirt.mean() < 0.2 else rng.uniform(0.2, 0.7)
    return factor


# Background ---------------------------------------------------------------------------------------------------------


def background(rng: Rng, view: View) -> tuple[U8, I64]:
    """An encoded picture that covers every shift of the view, and the shift's origin in it [2] (x, y)."""
    picture, origin = wall(rng, view)
    h, w = picture.shape[:2]
    width, height = (np.array([WIDTH, HEIGHT]) * OVERSAMPLING + np.ptp(view.shift, axis=0)).tolist()
    large = cv2.resize(picture, (2 * w, 2 * h), interpolation=cv2.INTER_LINEAR)
    return encode(large)[:height, :width].copy(), origin


def wall(rng: Rng, view: View) -> tuple[F32, I64]:
    """Linear light of a room at the picture's own size, wide enough for every shift of the view; its origin [2].

    The origin, as the shift, counts oversampled pixels.
    """
    low, high = view.shift.min(axis=0), view.shift.max(axis=0)
    origin = high
    width, height = (np.array([WIDTH, HEIGHT]) * OVERSAMPLING + high - low).tolist()
    # Drawn at the final size: nothing finer would survive.
    w, h = width // 2 + 1, height // 2 + 1
    horizon = (view.horizon_px + origin[1]) / 2
    floor = int(np.clip(horizon + rng.uniform(0.05, 0.45) * HEIGHT, 0.3 * h, 1.1 * h))
    picture = np.empty((h, w, 3), np.float32)
    picture[:] = colour(rng, 0.08, 0.5, 0.12)
    picture[floor:] = colour(rng, 0.06, 0.4, 0.12)
    _stripes(rng, picture[:floor])
    _clutter(rng, picture, floor)
    _grain(rng, picture)
    picture *= _illumination(rng, h, w)[..., None]
    _lamps(rng, picture, floor)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.5, 1.2)), np.float32), origin


def _stripes(rng: Rng, wall: F32) -> None:
    """A shutter, panels, or bricks on the wall, at times."""
    kind = rng.random()
    x, y = np.arange(wall.shape[1], dtype=np.float32), np.arange(wall.shape[0], dtype=np.float32)
    if kind < 0.25:
        wall *= (1 + rng.uniform(0.05, 0.35) * np.sin(2 * np.pi * x / rng.uniform(5, 25)))[None, :, None]
    elif kind < 0.4:
        wall *= (1 + rng.uniform(0.05, 0.3) * np.sign(np.sin(2 * np.pi * y / rng.uniform(10, 40))))[:, None, None]


def _clutter(rng: Rng, picture: F32, floor: int) -> None:
    """Furniture, doors, windows, edges of the floor: upright rectangles and slanted shapes."""
    h, w = picture.shape[:2]
    for _ in range(int(rng.integers(2, 16))):
        x, y = rng.uniform(-0.1 * w, w), rng.uniform(-0.1 * h, h)
        size = np.exp(rng.uniform(np.log(6), np.log(110), 2))
        corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * size + [x, y]
        if rng.random() < 0.3:
            corners += rng.uniform(-0.4, 0.4, (4, 2)) * size
        cv2.fillConvexPoly(picture, np.rint(corners).astype(np.int32), colour(rng, 0.02, 0.8, 0.25).tolist())
    if rng.random() < 0.4:  # lines that run into the depth
        vanishing = np.array([rng.uniform(0, w), 0.7 * floor])
        for _ in range(int(rng.integers(1, 4))):
            ends = np.array([[rng.uniform(-w, 2 * w), 1.5 * h], [rng.uniform(-w, 2 * w), 1.5 * h]])
            triangle = np.rint(np.vstack([vanishing[None], ends])).astype(np.int32)
            cv2.fillConvexPoly(picture, triangle, colour(rng, 0.05, 0.6, 0.15).tolist())


def _grain(rng: Rng, picture: F32) -> None:
    """Texture at several scales."""
    h, w = picture.shape[:2]
    for scale, most in ((1, 0.08), (4, 0.05), (14, 0.05)):
        noise = rng.standard_normal((h // scale + 2, w // scale + 2)).astype(np.float32)
        noise = np.asarray(cv2.resize(noise, (w, h), interpolation=cv2.INTER_CUBIC))
        picture *= np.maximum(1 + rng.uniform(0.005, most) * noise, 0.1)[..., None]


def _illumination(rng: Rng, h: int, w: int) -> F32:
    """Uneven light: a slope and a few pools of light or shade."""
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    light = 1 + rng.uniform(-0.5, 0.5) * (x / w - 0.5) + rng.uniform(-0.5, 0.5) * (y / h - 0.5)
    for _ in range(int(rng.integers(1, 5))):
        cx, cy, radius = rng.uniform(0, w), rng.uniform(0, h), rng.uniform(0.1, 0.6) * w
        pool = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * radius**2))
        light *= 1 + (rng.uniform(0, 4.0) if rng.random() < 0.5 else rng.uniform(-0.9, 0)) * pool
    return np.asarray(np.maximum(light, 0.05), np.float32)


def _lamps(rng: Rng, picture: F32, floor: int) -> None:
    """Lamps or bright windows, in a third of the scenes."""
    if rng.random() > 0.35:
        return
    h, w = picture.shape[:2]
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    for _ in range(int(rng.integers(1, 4))):
        cx, cy, radius = rng.uniform(0, w), rng.uniform(0, 0.8 * floor), rng.uniform(1.5, 7)
        distance = (x - cx) ** 2 + (y - cy) ** 2
        tint = np.array([rng.uniform(0.4, 1), 0.9, 1.0], np.float32)
        glow = rng.uniform(0.2, 1) * np.exp(-distance / (2 * (4 * radius) ** 2))
        picture += (rng.uniform(2, 6) * (distance < radius**2) + glow)[..., None] * tint


# Furniture ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Solid:
    """Boxes of a piece of furniture: corner points [V,3], quads [Q,4], albedo [Q,3]."""

    vertices: F64
    quads: I64
    albedo: F64


_BOX = np.array([[3, 2, 1, 0], [4, 5, 6, 7], [1, 5, 4, 0], [3, 7, 6, 2], [2, 6, 5, 1], [7, 3, 0, 4]])


def _box(centre: F64, size: F64, left: F64, ahead: F64) -> F64:
    """Eight corners of an upright box: bottom four, then top four."""
    sides = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) / 2
    ring = centre + sides[:, :1] * size[0] * left + sides[:, 1:] * size[2] * ahead
    half = np.array([0, size[1] / 2, 0])
    return np.vstack([ring - half, ring + half])


def seat(rng: Rng, at: F64, left: F64, ahead: F64, seat_m: float) -> Solid:
    """A chair, a stool or a box, its seat's centre above `at` (on the floor), its front towards `ahead`."""
    up = np.array([0.0, 1.0, 0.0])
    wide = rng.uniform(0.36, 0.55) if rng.random() < 0.75 else rng.uniform(0.9, 2.2)  # a bench
    deep, kind = rng.uniform(0.36, 0.5), rng.choice(["chair", "stool", "block"])
    boxes = []
    if kind == "block":
        boxes.append(_box(at + up * seat_m / 2, np.array([wide, seat_m, deep]), left, ahead))
    else:
        boxes.append(_box(at + up * (seat_m - 0.03), np.array([wide, 0.06, deep]), left, ahead))
        for x in (-0.45, 0.45):
            for z in (-0.45, 0.45):
                foot = at + left * x * wide + ahead * z * deep + up * (seat_m - 0.06) / 2
                boxes.append(_box(foot, np.array([0.04, seat_m - 0.06, 0.04]), left, ahead))
    if kind == "chair":
        back = at - ahead * (deep / 2 + 0.03) + up * (seat_m + 0.27)
        boxes.append(_box(back, np.array([0.9 * wide, 0.4, 0.04]), left, ahead))
    quads = np.concatenate([_BOX + 8 * i for i in range(len(boxes))])
    return Solid(np.vstack(boxes), quads, np.tile(colour(rng, 0.03, 0.5, 0.3), (len(quads), 1)))


def foreground(rng: Rng, view: View) -> list[tuple[npt.NDArray[np.int32], tuple[float, ...]]]:
    """A table's edge, a screen or a pole between camera and body, in one scene of six: oversampled polygons."""
    if rng.random() > 0.17:
        return []
    w, h = WIDTH * OVERSAMPLING, HEIGHT * OVERSAMPLING
    code = tuple(encode(colour(rng, 0.02, 0.3, 0.2)).tolist())
    if rng.random() < 0.7:
        top, slope = rng.uniform(0.62, 0.95) * h, rng.uniform(-0.15, 0.15) * h
        left, right = (-w, 2 * w) if rng.random() < 0.4 else np.sort(rng.uniform(-0.5, 1.5, 2)) * w
        corners = np.array([[left, top - slope], [right, top + slope], [right, 2 * h], [left, 2 * h]])
    else:
        x, wide = rng.uniform(0, w), rng.uniform(0.02, 0.12) * w
        corners = np.array([[x, -h], [x + wide, -h], [x + wide, 2 * h], [x, 2 * h]])
    return [(corners.astype(np.int32), code)]


# Painting -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Painting:
    """Everything that is needed to draw the sub-frames of a clip."""

    view: View
    backdrop: U8
    origin: I64
    corners: npt.NDArray[np.int32]  # [S,Q,4,2], fixed point
    depth: F32  # [S,Q]; infinity where a quad is not to be drawn
    codes: U8  # [S,Q,3]
    foreground: list[tuple[npt.NDArray[np.int32], tuple[float, ...]]]

    def sub_frame(self, s: int) -> F32:
        """Linear light, float32 [HEIGHT,WIDTH,3] BGR."""
        x, y = (self.origin - self.view.shift[s]).tolist()
        canvas = self.backdrop[y : y + HEIGHT * OVERSAMPLING, x : x + WIDTH * OVERSAMPLING].copy()
        order = np.argsort(-self.depth[s])
        order = order[np.isinf(self.depth[s]).sum() :]
        for corners, code in zip(self.corners[s][order], self.codes[s][order].tolist(), strict=True):
            cv2.fillConvexPoly(canvas, corners, code, cv2.LINE_8, SUBPIXEL_BITS)
        for polygon, code in self.foreground:
            cv2.fillConvexPoly(canvas, polygon + self.view.shift[s].astype(np.int32), code)
        return decode(np.asarray(cv2.resize(canvas, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8))

    def frames(self, per_frame: int) -> Iterator[F32]:
        """Linear light frame after frame, each the mean of `per_frame` sub-frames (motion blur)."""
        return open_shutter(map(self.sub_frame, range(len(self.depth))), per_frame)


def paint(rng: Rng, view: View, body: Mesh, lighting: Lighting, solids: list[Solid]) -> Painting:
    """Dress and light the body (vertices [S,V,3], one per sub-frame) and set it into a scene."""
    vertices, quads, albedo = body.vertices, [body.quads], [clothes(rng, body)]
    count = vertices.shape[1]
    for solid in solids:
        still = np.broadcast_to(solid.vertices, (len(vertices), *solid.vertices.shape))
        vertices = np.concatenate([vertices, still], axis=1)
        quads.append(solid.quads + count)
        albedo.append(solid.albedo)
        count += len(solid.vertices)
    faces = np.concatenate(quads)
    points = vertices[:, faces]  # [S,Q,4,3]
    normals = np.cross(points[:, :, 2] - points[:, :, 0], points[:, :, 3] - points[:, :, 1])
    normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-12)
    pixels, depth = view.project(vertices)
    corners = pixels[:, faces]
    nearest = depth[:, faces].min(axis=-1)
    a, b = corners[:, :, 2] - corners[:, :, 0], corners[:, :, 3] - corners[:, :, 1]
    facing = (a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]) > 0
    light = lighting.shade(normals) * rng.uniform(0.5, 1.6)
    codes = encode(light[..., None] * np.concatenate(albedo))
    order = np.where(facing & (nearest > NEAR_M), depth[:, faces].mean(axis=-1), np.inf).astype(np.float32)
    backdrop, origin = background(rng, view)
    fixed = np.clip(corners * (1 << SUBPIXEL_BITS), -20_000, 20_000).astype(np.int32)
    return Painting(view, backdrop, origin, fixed, order, codes, foreground(rng, view))
