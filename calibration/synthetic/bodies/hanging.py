"""A body hung on recorded joints: directions are the recording's, lengths of bones the body's, feet stand still.

Depth cameras shrink legs when somebody bends or sits and let feet swim. So legs get their length back along the
recorded directions, feet that stand are nailed to the floor, and the pelvis goes where they leave it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from calibration.synthetic.bodies.body import F64, SIDES, UP, Proportions
from calibration.synthetic.bodies.movement import WAYS, Movement, unit
from calibration.synthetic.bodies.sequence import Segment
from calibration.synthetic.recordings.skeletons import JOINTS, Joints

STANDING_M_S = 0.4  # a foot that is slower stands
STANDING_M = 0.07  # if it is not higher than this over where it stands
SHORTEST_STAND_S = 0.13
LONGEST_DRIFT_M = 0.12  # a foot that swims farther than this has made a step
STEP_S = 0.13
LONGEST_LEAP_S = 0.8
SHORT = 0.88  # of a thigh's length; what is seen shorter was seen from its end


@dataclass(frozen=True)
class _Leg:
    """One leg over time: hip to ankle and where the knee bends to, of the body's lengths; the ankle's height."""

    reach: F64  # [T,3]
    knee: F64  # [T,3]
    raised: F64  # [T], over where it stands
    stands: list[tuple[int, int]]  # frames [first, last) in which the foot stands


def hung(recording: Joints, label: str, proportions: Proportions, travel_m_s: float = 0.0) -> Movement:
    """The movement of a body of these proportions that does what was recorded, from the first sample to the last.

    travel_m_s: added forwards, for who walked or ran in place. Its path through the room is kept, scaled as the legs
    are.
    """
    rate = recording.rate_hz
    joint = dict(zip(JOINTS, recording.metres.transpose(1, 0, 2), strict=True))
    ways = _trunk_and_arms(joint, rate)
    ahead = np.cross(UP, ways["pelvis_left"]) * [1, 0, 1]
    scale = proportions.leg_m / _recorded_leg_m(joint)
    legs = [_leg(joint, side, proportions, scale, rate, ahead) for side in ("left", "right")]
    _grounded(legs, rate)
    middle = 0.5 * (joint["left_hip"] + joint["right_hip"])
    root = smooth(middle * scale, 0.03 * rate) * [1, 0, 1]
    root += unit(ahead.mean(axis=0)) * (travel_m_s * np.arange(len(root)) / rate)[:, None]
    hips = [ways["pelvis_left"] * (sign * proportions.hip_half_m) for sign in SIDES]
    free = [root + hip + leg.reach for hip, leg in zip(hips, legs, strict=True)]
    pulls = [_pull(at, leg.stands, rate) for at, leg in zip(free, legs, strict=True)]
    if not travel_m_s:  # feet that step in place would hold back who is to travel
        root = root + smooth(_shared(pulls, legs), 0.1 * rate)
    ankles = []
    for at, pull, leg in zip(free, pulls, legs, strict=True):
        ankle = at + pull
        ankle[:, 1] = proportions.ankle_m + leg.raised
        ankles.append(ankle)
    root[:, 1] = _height(root, hips, legs, ankles, proportions, rate)
    for side, leg in zip(("left", "right"), legs, strict=True):
        ways[f"{side}_knee"] = leg.knee
        ways[f"{side}_toes"] = _toes(joint, side, leg, ahead, rate)
    stacked = unit(np.stack([ways[name] for name in WAYS], axis=1))
    points = np.stack([root, *ankles], axis=1)
    duration_s = (len(points) - 1) / rate
    return Movement(stacked, points, rate, proportions, (Segment(0.0, duration_s, label),))


def stands(recording: Joints) -> list[list[tuple[int, int]]]:
    """For the left and the right foot the frames [first, last) in which it stands."""
    joint = dict(zip(JOINTS, recording.metres.transpose(1, 0, 2), strict=True))
    return [
        _stands(joint[f"{side}_ankle"], _raised(joint[f"{side}_ankle"]), recording.rate_hz)
        for side in ("left", "right")
    ]


def smooth(values: F64, sigma: float) -> F64:
    """Gaussian over the first axis, the ends held; sigma in samples."""
    if sigma < 0.3:
        return values.copy()
    flat = np.ascontiguousarray(values.reshape(len(values), -1))
    size = 2 * min(int(3 * sigma) + 1, len(values)) + 1
    blurred = cv2.GaussianBlur(flat, (1, size), 1e-6, sigmaY=sigma, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.float64).reshape(values.shape)


def _recorded_leg_m(joint: dict[str, F64]) -> float:
    """Hip to ankle, stretched: nearly the longest that was seen, since legs are only ever seen too short."""
    lengths = [
        np.linalg.norm(joint[f"{side}_{a}"] - joint[f"{side}_{b}"], axis=-1)
        for side in ("left", "right")
        for a, b in (("hip", "knee"), ("knee", "ankle"))
    ]
    return float(max(np.percentile(np.sum(lengths, axis=0) / 2, 80), 0.2))


def _trunk_and_arms(joint: dict[str, F64], rate: float) -> dict[str, F64]:
    """Unit vectors of everything over the hips."""
    middle = 0.5 * (joint["left_hip"] + joint["right_hip"])
    trunk = smooth(unit(joint["neck"] - middle), 0.03 * rate)
    # As long as they are sure: seen from the side both are short and noisy.
    shoulders = joint["left_shoulder"] - joint["right_shoulder"]
    hips = joint["left_hip"] - joint["right_hip"]
    level = np.array([1, 0.5, 1])
    ways = {
        "pelvis_up": unit(trunk + 0.5 * UP),
        "pelvis_left": unit(smooth((hips + 0.4 * shoulders) * level, 0.06 * rate)),
        "chest_up": unit(1.2 * trunk - 0.2 * UP),
        "chest_left": unit(smooth(shoulders + 0.3 * hips, 0.04 * rate)),
        "head_up": unit(0.5 * trunk + unit(joint["head"] - joint["neck"])),
    }
    ways["head_left"] = ways["chest_left"]
    for side in ("left", "right"):
        upper, fore, hand = (
            unit(joint[f"{side}_{b}"] - joint[f"{side}_{a}"])
            for a, b in (("shoulder", "elbow"), ("elbow", "wrist"), ("wrist", "hand"))
        )
        ways |= {f"{side}_upper": upper, f"{side}_fore": fore, f"{side}_hand": unit(fore + 0.7 * hand)}
    return ways


def _raised(ankle: F64) -> F64:
    """How high over where it stands; a hand's breadth of noise is nothing."""
    level = min(float(np.percentile(ankle[:, 1], 10)), 0.12)
    return np.asarray(np.maximum(ankle[:, 1] - level - 0.02, 0.0))


def _stands(ankle: F64, raised: F64, rate: float) -> list[tuple[int, int]]:
    still = smooth(ankle * [1, 0, 1], 0.05 * rate)
    speed = np.linalg.norm(np.gradient(still, axis=0), axis=-1) * rate
    standing = (speed < STANDING_M_S) & (raised < STANDING_M - 0.02)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], standing.astype(np.int8), [0]])))
    shortest, step = max(2, round(SHORTEST_STAND_S * rate)), max(1, round(STEP_S * rate))
    found: list[tuple[int, int]] = []
    for first, last in edges.reshape(-1, 2).tolist():
        anchor = first
        for at in range(first, last):
            if np.linalg.norm(still[at] - still[anchor : at + 1].mean(axis=0)) > LONGEST_DRIFT_M:
                found.append((anchor, at - step))
                anchor = at
        found.append((anchor, last))
    return [(first, last) for first, last in found if last - first >= shortest]


def _leg(joint: dict[str, F64], side: str, p: Proportions, scale: float, rate: float, ahead: F64) -> _Leg:
    hip, knee, ankle = (joint[f"{side}_{part}"] for part in ("hip", "knee", "ankle"))
    thigh = _lengthened(knee - hip, ahead, joint["neck"] - joint["hips"], p.thigh_m / scale)
    reach = p.thigh_m * (thigh + unit(ankle - knee))
    reach = smooth(reach, 0.03 * rate)
    along = unit(ankle - hip)
    out = (knee - hip) - along * ((knee - hip) * along).sum(-1, keepdims=True)
    raised = _raised(ankle)
    found = _stands(ankle, raised, rate)
    raised = smooth(scale * raised, 0.02 * rate)
    for first, last in found:
        raised[first:last] = 0.0
    # A knee that is all but straight tells nothing of where it bends to.
    return _Leg(reach, unit(out + 0.06 * unit(ahead) + 0.02 * UP), raised, found)


def _grounded(legs: list[_Leg], rate: float) -> None:
    """Nobody hangs in the air: where both feet are up for longer than a leap, or at an end, the lower one stands."""
    lower = np.minimum(legs[0].raised, legs[1].raised)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], (lower > 0.01).astype(np.int8), [0]])))
    for first, last in edges.reshape(-1, 2).tolist():
        if first == 0 or last == len(lower) or last - first > LONGEST_LEAP_S * rate:
            for leg in legs:
                leg.raised[first:last] -= lower[first:last]


def _lengthened(thigh: F64, ahead: F64, trunk: F64, length_m: float) -> F64:
    """Direction of a thigh [T,3] that may have been seen too short.

    Who sits and faces the camera has thighs that point at it: what is missing lies ahead. Who bends has hips that were
    seen too low, so the direction is all that counts.
    """
    seen = np.linalg.norm(thigh, axis=-1, keepdims=True) / length_m
    missing = length_m * np.sqrt(np.maximum(0.0, 1 - (seen / SHORT) ** 2))
    upright = np.clip((unit(trunk)[:, 1:2] - 0.6) / 0.25, 0, 1)
    return unit(thigh + unit(ahead) * missing * upright)


def _pull(at: F64, stands: list[tuple[int, int]], rate: float) -> F64:
    """What moves an ankle [T,3] to where it stands; between two stands it goes over smoothly."""
    pull = np.zeros_like(at)
    if not stands:
        return pull
    frames = np.concatenate([np.arange(first, last) for first, last in stands])
    nails = np.concatenate([np.tile(at[first:last].mean(axis=0), (last - first, 1)) for first, last in stands])
    held = nails - at[frames]
    every = np.arange(len(at))
    for axis in (0, 2):
        pull[:, axis] = np.interp(every, frames, held[:, axis])
    return pull


def _shared(pulls: list[F64], legs: list[_Leg]) -> F64:
    """The pelvis goes with the feet that stand."""
    weights = np.full((2, len(pulls[0])), 1e-3)
    for weight, leg in zip(weights, legs, strict=True):
        for first, last in leg.stands:
            weight[first:last] = 1.0
    weights = smooth(weights.T, 2.0).T
    return np.asarray((np.stack(pulls) * weights[..., None]).sum(axis=0) / weights.sum(axis=0)[:, None])


def _height(
    root: F64, hips: list[F64], legs: list[_Leg], ankles: list[F64], p: Proportions, rate: float
) -> npt.NDArray[np.float64]:
    """The pelvis [T] so high that the lower foot reaches its place, and no standing foot is torn off the floor."""
    heights = np.stack(
        [ankle[:, 1] - leg.reach[:, 1] - hip[:, 1] for hip, leg, ankle in zip(hips, legs, ankles, strict=True)]
    )
    weights = np.exp((heights - heights.max(axis=0)) / 0.04)
    height = smooth((heights * weights).sum(axis=0) / weights.sum(axis=0), 0.04 * rate)
    for hip, leg, ankle in zip(hips, legs, ankles, strict=True):
        beside = np.linalg.norm((root + hip - ankle) * [1, 0, 1], axis=-1)
        most = ankle[:, 1] - hip[:, 1] + np.sqrt(np.maximum((0.996 * p.leg_m) ** 2 - beside**2, (0.4 * p.leg_m) ** 2))
        for first, last in leg.stands:
            height[first:last] = np.minimum(height[first:last], most[first:last])
    return np.asarray(height)


def _toes(joint: dict[str, F64], side: str, leg: _Leg, ahead: F64, rate: float) -> F64:
    """Where toes point: half as the pelvis does, for feet are noisy; down while the heel is up; still on the floor."""
    foot = (joint[f"{side}_foot"] - joint[f"{side}_ankle"]) * [1, 0, 1]
    level = smooth(unit(ahead) + 0.7 * unit(foot) * (np.linalg.norm(foot, axis=-1, keepdims=True) > 0.05), 0.1 * rate)
    for first, last in leg.stands:
        level[first:last] = level[first:last].mean(axis=0)
    return unit(unit(level) - UP * np.minimum(2.0 * leg.raised, 0.7)[:, None])
