"""The articulated body: proportions, poses over time, joints (legs by inverse kinematics) and a mesh of elliptic tubes.

World axes: x to the right of the picture, y up, z away from the camera; metres. A heading of 0 faces the camera.
Every array has time as its first axis, so that a whole clip is posed by a few NumPy expressions.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
LEFT, RIGHT = 0, 1
SIDES = np.array([1.0, -1.0])  # sign of the body's left axis for LEFT and RIGHT
UP = np.array([0.0, 1.0, 0.0])
TOES = 0.115  # from heel to toes, by stature


@dataclass(frozen=True)
class Proportions:
    """Sizes of one person: stature in metres, the others as factors around 1."""

    stature_m: float = 1.72
    leg: float = 1.0
    arm: float = 1.0
    shoulder: float = 1.0
    girth: float = 1.0
    limb: float = 1.0

    @property
    def thigh_m(self) -> float:
        return 0.245 * self.stature_m * self.leg

    @property
    def leg_m(self) -> float:
        """Hip to ankle, stretched."""
        return 2 * self.thigh_m

    @property
    def ankle_m(self) -> float:
        """Ankle's height over the floor."""
        return 0.045 * self.stature_m

    @property
    def pelvis_m(self) -> float:
        """Pelvis height when standing upright, knees not quite stretched."""
        return self.ankle_m + 0.985 * self.leg_m

    @property
    def hip_half_m(self) -> float:
        return 0.052 * self.stature_m

    @staticmethod
    def draw(rng: np.random.Generator) -> Proportions:
        """A person at random."""
        return Proportions(
            stature_m=float(np.clip(rng.normal(1.71, 0.09), 1.5, 1.95)),
            leg=float(rng.uniform(0.95, 1.05)),
            arm=float(rng.uniform(0.94, 1.06)),
            shoulder=float(rng.uniform(0.88, 1.1)),
            girth=float(rng.uniform(0.82, 1.35)),
            limb=float(rng.uniform(0.85, 1.3)),
        )


@dataclass
class Pose:
    """Joint parameters over time; angles in radians; pairs are (left, right).

    pelvis [T,3] m; yaw, lean (forward), side (to the left), twist (chest against pelvis), head_yaw, head_pitch [T];
    arm_flex (forward, 0 hangs along the trunk), arm_out, elbow, arm_in (forearm turned inwards) [T,2];
    ankles [T,2,3] m, foot_yaw, foot_pitch (toes up) [T,2].
    """

    pelvis: F64
    yaw: F64
    lean: F64
    side: F64
    twist: F64
    head_yaw: F64
    head_pitch: F64
    arm_flex: F64
    arm_out: F64
    elbow: F64
    arm_in: F64
    ankles: F64
    foot_yaw: F64
    foot_pitch: F64

    @staticmethod
    def standing(proportions: Proportions, ticks: int, half_width_m: float = 0.1) -> Pose:
        """Upright at the origin, facing the camera, arms hanging; every array may be changed in place."""
        pelvis = np.zeros((ticks, 3))
        pelvis[:, 1] = proportions.pelvis_m
        ankles = np.zeros((ticks, 2, 3))
        ankles[:, :, 0] = SIDES * half_width_m
        ankles[:, :, 1] = proportions.ankle_m
        names = ("yaw", "lean", "side", "twist", "head_yaw", "head_pitch")
        pairs = {"arm_flex": 0.0, "arm_out": 0.07, "elbow": 0.2, "arm_in": 0.0, "foot_yaw": 0.0, "foot_pitch": 0.0}
        single = {name: np.zeros(ticks) for name in names}
        double = {name: np.full((ticks, 2), value) for name, value in pairs.items()}
        return Pose(pelvis=pelvis, ankles=ankles, **single, **double)


def forward(yaw: F64) -> F64:
    """Unit vector of a heading: [...] -> [...,3]."""
    return np.stack([np.sin(yaw), np.zeros_like(yaw), -np.cos(yaw)], axis=-1)


def leftward(yaw: F64) -> F64:
    """Unit vector to the left of a heading: [...] -> [...,3]."""
    return np.stack([np.cos(yaw), np.zeros_like(yaw), np.sin(yaw)], axis=-1)


def turned(points: F64, heading: float) -> F64:
    """Points [...,3] around the origin, turned about the vertical from heading 0 to `heading`."""
    yaw = np.full(points.shape[:-1], heading)
    return np.asarray(leftward(yaw) * points[..., :1] + UP * points[..., 1:2] - forward(yaw) * points[..., 2:])


def _turn(a: F64, b: F64, angle: F64) -> tuple[F64, F64]:
    """Turn the orthogonal axes a, b in their plane, a towards b."""
    c, s = np.cos(angle)[:, None], np.sin(angle)[:, None]
    return a * c + b * s, b * c - a * s


def _unit(v: F64) -> F64:
    return np.asarray(v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9))


@dataclass(frozen=True)
class Axes:
    """An orthonormal frame over time: left, up, forward, each [T,3]."""

    left: F64
    up: F64
    forward: F64

    def turned(self, lean: F64, side: F64, twist: F64) -> Axes:
        """Twist about up (to the left), then lean forward, then to the left side."""
        left, ahead = _turn(self.left, -self.forward, twist)
        ahead = -ahead
        up, ahead = _turn(self.up, ahead, lean)
        up, left = _turn(up, left, side)
        return Axes(left, up, ahead)


@dataclass(frozen=True)
class Skeleton:
    """Joints over time, each [T,3], and the frames of pelvis, chest and head."""

    pelvis: Axes
    chest: Axes
    head: Axes
    joints: dict[str, F64] = field(default_factory=dict)


def skeleton(pose: Pose, proportions: Proportions) -> Skeleton:
    """Joint positions of a pose: trunk and arms by forward kinematics, legs by two-link inverse kinematics."""
    h = proportions.stature_m
    base = Axes(leftward(pose.yaw), np.broadcast_to(UP, pose.pelvis.shape), forward(pose.yaw))
    hips = base.turned(0.35 * pose.lean, 0.3 * pose.side, 0 * pose.twist)
    chest = base.turned(pose.lean, pose.side, pose.twist)
    head = base.turned(0.45 * pose.lean + pose.head_pitch, 0.4 * pose.side, pose.twist + pose.head_yaw)
    joints = {"pelvis": pose.pelvis, "waist": pose.pelvis + 0.09 * h * hips.up}
    joints["neck"] = joints["waist"] + 0.215 * h * chest.up
    joints["chin"] = joints["neck"] + 0.042 * h * (0.6 * chest.up + 0.4 * head.up)
    joints["crown"] = joints["chin"] + 0.125 * h * head.up
    for i, side in enumerate(("left", "right")):
        _arm(joints, side, i, pose, chest, proportions)
        _leg(joints, side, i, pose, hips, proportions)
    return Skeleton(hips, chest, head, joints)


def _arm(joints: dict[str, F64], side: str, i: int, pose: Pose, chest: Axes, p: Proportions) -> None:
    h, sign = p.stature_m, SIDES[i]
    flex, out, bend, inward = (a[:, i, None] for a in (pose.arm_flex, pose.arm_out, pose.elbow, pose.arm_in))
    shoulder = joints["neck"] + chest.left * (sign * 0.105 * h * p.shoulder) - chest.up * 0.02 * h
    upper = (chest.forward * np.sin(flex) - chest.up * np.cos(flex)) * np.cos(out) + chest.left * sign * np.sin(out)
    hinge = chest.forward * np.cos(flex) + chest.up * np.sin(flex)
    hinge = hinge * np.cos(inward) - chest.left * sign * np.sin(inward)
    hinge = _unit(hinge - upper * (hinge * upper).sum(-1, keepdims=True))
    fore = upper * np.cos(bend) + hinge * np.sin(bend)
    joints[f"{side}_shoulder"] = shoulder
    joints[f"{side}_elbow"] = shoulder + 0.172 * h * p.arm * upper
    joints[f"{side}_wrist"] = joints[f"{side}_elbow"] + 0.15 * h * p.arm * fore
    joints[f"{side}_fingers"] = joints[f"{side}_wrist"] + 0.09 * h * p.arm * fore


def _leg(joints: dict[str, F64], side: str, i: int, pose: Pose, hips: Axes, p: Proportions) -> None:
    hip = pose.pelvis + hips.left * (SIDES[i] * p.hip_half_m)
    pitch = pose.foot_pitch[:, i, None]
    # Toes that point down stay over the floor: the heel rises instead.
    tiptoe = np.maximum(0, p.ankle_m - TOES * p.stature_m * np.sin(pitch[:, 0]) - pose.ankles[:, i, 1])
    reach = pose.ankles[:, i] + UP * np.where(pitch[:, 0] < 0, tiptoe, 0)[:, None] - hip
    length = np.linalg.norm(reach, axis=-1, keepdims=True)
    along = reach / np.maximum(length, 1e-6)
    length = np.clip(length, 0.25 * p.leg_m, 0.998 * p.leg_m)
    ahead = forward(pose.foot_yaw[:, i]) + leftward(pose.foot_yaw[:, i]) * (0.12 * SIDES[i])
    # Knees bend forward; where the thigh already points forward (seated), "forward" has to mean up.
    bend = _unit(ahead + 0.3 * UP - along * ((ahead + 0.3 * UP) * along).sum(-1, keepdims=True))
    ankle = hip + along * length
    joints[f"{side}_hip"] = hip
    joints[f"{side}_knee"] = hip + along * length / 2 + bend * np.sqrt(np.maximum(p.thigh_m**2 - length**2 / 4, 0))
    joints[f"{side}_ankle"] = ankle
    toes = forward(pose.foot_yaw[:, i]) * np.cos(pitch) + UP * np.sin(pitch)
    heel = ankle - 0.7 * p.ankle_m * UP
    joints[f"{side}_heel"] = heel - 0.03 * p.stature_m * toes
    joints[f"{side}_toes"] = heel + TOES * p.stature_m * toes


@dataclass(frozen=True)
class Tube:
    """A limb: joints it spans, the axis that its width follows, and rings along it.

    rings: (position along the limb, half width, half depth), the last two as fractions of the stature.
    cloth: what covers it: `skin`, `hair`, `shirt`, `sleeve`, `trousers`, `shin` or `shoe`.
    """

    start: str
    end: str
    axes: str
    rings: tuple[tuple[float, float, float], ...]
    sectors: int
    cloth: str
    girth: str = "limb"


def _limb(start: str, end: str, thick: float, thin: float, cloth: str, sectors: int = 8) -> Tube:
    rings = ((-0.04, 0.5 * thick, 0.5 * thick), (0.04, thick, thick), (0.55, (thick + thin) / 2, (thick + thin) / 2))
    return Tube(start, end, "free", (*rings, (0.97, thin, thin), (1.03, 0.5 * thin, 0.5 * thin)), sectors, cloth)


TORSO = (
    (-0.3, 0.099, 0.072),
    (0.05, 0.09, 0.064),
    (0.3, 0.087, 0.062),
    (0.55, 0.095, 0.066),
    (0.75, 0.108, 0.064),
    (0.9, 0.11, 0.055),
    (0.98, 0.08, 0.04),
    (1.03, 0.03, 0.025),
)
HIPS = ((-0.75, 0.055, 0.045), (-0.35, 0.093, 0.066), (0.1, 0.094, 0.067), (0.5, 0.08, 0.056), (0.9, 0.06, 0.04))
HEAD = (
    (-0.08, 0.012, 0.018),
    (0.0, 0.026, 0.036),
    (0.25, 0.041, 0.052),
    (0.55, 0.047, 0.058),
    (0.8, 0.043, 0.054),
    (0.95, 0.027, 0.035),
    (1.02, 0.008, 0.01),
)
TUBES = (
    Tube("pelvis", "waist", "pelvis", HIPS, 14, "trousers", "girth"),
    Tube("waist", "neck", "chest", TORSO, 18, "shirt", "girth"),
    Tube("neck", "chin", "chest", ((-0.3, 0.034, 0.034), (1.1, 0.03, 0.032)), 8, "skin"),
    Tube("chin", "crown", "head", HEAD, 14, "hair", "none"),
    *(
        tube
        for side in ("left", "right")
        for tube in (
            _limb(f"{side}_shoulder", f"{side}_elbow", 0.033, 0.026, "shirt"),
            _limb(f"{side}_elbow", f"{side}_wrist", 0.026, 0.018, "sleeve"),
            _limb(f"{side}_wrist", f"{side}_fingers", 0.022, 0.018, "skin", 6),
            _limb(f"{side}_hip", f"{side}_knee", 0.05, 0.035, "trousers", 10),
            _limb(f"{side}_knee", f"{side}_ankle", 0.034, 0.023, "shin", 8),
            _limb(f"{side}_heel", f"{side}_toes", 0.026, 0.018, "shoe", 6),
        )
    ),
)


@dataclass(frozen=True)
class Mesh:
    """vertices [T,V,3] in metres; quads [Q,4] indices; part [Q] index into its tubes; along, around [Q] in 0..1."""

    vertices: F64
    quads: I64
    part: I64
    along: F64
    around: F64


def mesh(figure: Skeleton, proportions: Proportions) -> Mesh:
    """The skin of a skeleton. `around` starts at the left of a part and passes its front at 0.25."""
    vertices, quads, labels = [], [], []
    count = 0
    for index, tube in enumerate(TUBES):
        points = _rings(tube, figure, proportions)
        rings, sectors = points.shape[1:3]
        r, s = np.meshgrid(np.arange(rings - 1), np.arange(sectors), indexing="ij")
        corner = count + r * sectors + s
        beside = count + r * sectors + (s + 1) % sectors
        quads.append(np.stack([corner, beside, beside + sectors, corner + sectors], -1).reshape(-1, 4))
        labels.append(np.stack([np.full(r.size, index), (r.ravel() + 0.5) / (rings - 1), (s.ravel() + 0.5) / sectors]))
        vertices.append(points.reshape(len(points), -1, 3))
        count += rings * sectors
    part, along, around = np.concatenate(labels, axis=1)
    return Mesh(np.concatenate(vertices, axis=1), np.concatenate(quads), part.astype(np.int64), along, around)


def _rings(tube: Tube, figure: Skeleton, p: Proportions) -> F64:
    """[T,R,N,3]: the rings of a tube."""
    start, end = figure.joints[tube.start], figure.joints[tube.end]
    axis = _unit(end - start)
    frame = {"pelvis": figure.pelvis, "chest": figure.chest, "head": figure.head, "free": figure.chest}[tube.axes]
    # A skew axis for limbs: they hardly ever point along it, so their skin does not spin.
    across = frame.left if tube.axes != "free" else 0.6 * frame.left + 0.5 * frame.forward + 0.62 * frame.up
    wide = _unit(across - axis * (across * axis).sum(-1, keepdims=True))
    deep = np.cross(axis, wide)
    along, half_width, half_depth = np.array(tube.rings).T
    thickness = p.stature_m * {"girth": p.girth**0.5, "limb": p.limb**0.5, "none": 1.0}[tube.girth]
    angle = 2 * np.pi * np.arange(tube.sectors) / tube.sectors
    centre = start[:, None] + along[:, None] * (end - start)[:, None]
    offset = (
        wide[:, None, None] * (half_width[:, None] * np.cos(angle))[..., None]
        + deep[:, None, None] * (half_depth[:, None] * np.sin(angle))[..., None]
    )
    return np.asarray(centre[:, :, None] + thickness * offset)
