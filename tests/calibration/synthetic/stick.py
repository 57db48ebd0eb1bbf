"""Recorded joints made by hand: somebody who stands, sits down, walks, leaps, with a depth camera's faults."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from calibration.synthetic.recordings.skeletons import JOINTS, Joints

F64 = npt.NDArray[np.float64]
RATE = 30.0
THIGH, SHIN, ANKLE = 0.44, 0.42, 0.08
SIDE = {"left": 1.0, "right": -1.0}


def upright(frames: int) -> dict[str, F64]:
    """Standing at x = 0, z = 3 and facing the camera (-z), the left side at +x; each joint [T,3], to be moved."""
    hip = THIGH + SHIN + ANKLE
    places: dict[str, tuple[float, float, float]] = {
        "hips": (0, hip + 0.06, 3),
        "spine": (0, hip + 0.13, 3),
        "neck": (0, hip + 0.5, 3),
    }
    places["head"] = (0.0, hip + 0.7, 2.97)
    for side, x in SIDE.items():
        places |= {
            f"{side}_shoulder": (0.18 * x, hip + 0.42, 3),
            f"{side}_elbow": (0.21 * x, hip + 0.14, 3.02),
            f"{side}_wrist": (0.23 * x, hip - 0.1, 2.98),
            f"{side}_hand": (0.23 * x, hip - 0.18, 2.97),
            f"{side}_hip": (0.09 * x, hip, 3),
            f"{side}_knee": (0.09 * x, ANKLE + SHIN, 2.99),
            f"{side}_ankle": (0.09 * x, ANKLE, 3),
            f"{side}_foot": (0.1 * x, 0.02, 2.86),
        }
    return {name: np.tile(np.array(places[name], np.float64), (frames, 1)) for name in JOINTS}


def joints(places: dict[str, F64]) -> Joints:
    return Joints(np.stack([places[name] for name in JOINTS], axis=1), RATE)


def moved(places: dict[str, F64], names: tuple[str, ...], by: F64) -> None:
    """Add `by` [T,3] to every joint whose name ends with one of `names`; no names: to all."""
    for name in places:
        if not names or name.endswith(names):
            places[name] = places[name] + by


def swimming(seed: int, frames: int = 60) -> Joints:
    """Somebody who stands still, as a depth camera has it: feet that swim by centimetres."""
    rng = np.random.default_rng(seed)
    places = upright(frames)
    for side in SIDE:
        drift = 0.015 * np.sin(2 * np.pi * rng.uniform(0.2, 0.5, 3) * np.arange(frames)[:, None] / RATE)
        moved(places, (f"{side}_ankle", f"{side}_foot"), drift * [1, 0.3, 1])
    return joints(places)


def sitting_down(frames: int = 60, seen: float = 1.0) -> Joints:
    """Onto a seat behind, facing the camera; seen: the share of a thigh's depth that the camera noticed."""
    places = upright(frames)
    angle = np.clip(np.linspace(-0.3, 1.4, frames), 0, 1) * np.pi / 2
    down = THIGH * (1 - np.cos(angle))
    back = THIGH * np.sin(angle) * seen
    by = np.stack([np.zeros(frames), -down, back], axis=1)
    trunk = ("hips", "spine", "neck", "head", "shoulder", "elbow", "wrist", "hand", "hip")
    moved(places, trunk, by)
    return joints(places)


def walking(frames: int = 90, speed_m_s: float = 1.2, in_place: bool = False) -> tuple[Joints, F64]:
    """To the left of the picture (+x is right), a step each half second; and where each ankle [T,2,3] really is."""
    places = upright(frames)
    time = np.arange(frames) / RATE
    ankles = []
    for i, side in enumerate(SIDE):
        phase = time + 0.5 * i
        step = np.floor(phase)
        swing = np.clip((phase - step - 0.5) / 0.5, 0, 1)
        ahead = speed_m_s * (step - 0.5 * i + 0.25 + (3 * swing**2 - 2 * swing**3)) - speed_m_s * (
            time if in_place else 0
        )
        lift = 0.14 * np.sin(np.pi * swing)
        at = np.stack([-ahead, lift, np.zeros(frames)], axis=1)
        moved(places, (f"{side}_ankle", f"{side}_foot"), at)
        ankles.append(places[f"{side}_ankle"])
    if not in_place:
        trunk = ("hips", "spine", "neck", "head", "shoulder", "elbow", "wrist", "hand", "hip")
        moved(places, trunk, np.stack([-speed_m_s * time, np.zeros(frames), np.zeros(frames)], axis=1))
    _turn_to_minus_x(places, time, 0.0 if in_place else speed_m_s)
    for side in SIDE:
        hip, ankle = places[f"{side}_hip"], places[f"{side}_ankle"]
        places[f"{side}_knee"] = 0.5 * (hip + ankle) + [-0.06, 0, 0]
    return joints(places), np.stack(ankles, axis=1)


def _turn_to_minus_x(places: dict[str, F64], time: F64, speed_m_s: float) -> None:
    """The trunk faces -x: its left is at -z."""
    for name, at in places.items():
        if not name.endswith(("ankle", "foot", "knee")):
            x = at[:, 0] + speed_m_s * time
            z = at[:, 2] - 3
            places[name] = np.stack([z - speed_m_s * time, at[:, 1], 3 - x], axis=1)
        elif name.endswith(("ankle", "foot")):
            side = SIDE[name.partition("_")[0]]
            places[name] = at + np.array([-0.09 * side, 0, -0.09 * side])
            if name.endswith("foot"):
                places[name] = places[name] + [-0.14, 0, 0.14]


def leaping(frames: int = 60, height_m: float = 0.3) -> Joints:
    """One leap in the middle of standing."""
    places = upright(frames)
    flight = 2 * np.sqrt(2 * height_m / 9.81)
    u = (np.arange(frames) / RATE - 1 + flight / 2) / flight
    up = np.where((u > 0) & (u < 1), 4 * height_m * u * (1 - u), 0)
    moved(places, (), np.stack([np.zeros(frames), up, np.zeros(frames)], axis=1))
    return joints(places)


def write(path: Path, recording: Joints, fps: float = RATE) -> None:
    """As the data set has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    millimetres = np.rint(1000 * recording.metres).astype(np.int16)
    np.savez(path, skel_mm=millimetres, fps=np.float32(fps), up=np.array([0, 1, 0], np.float32))
