"""Hard negatives: every kind of thing that moves and of light that changes where nobody is, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from calibration.synthetic.scenery import movers
from calibration.synthetic.scenery.courses import Rng
from calibration.synthetic.scenery.layers import Mover
from calibration.synthetic.scenery.lights import Exposure, Headlights, Light, PassingShadow, Switch, Television, Torch


@dataclass(frozen=True)
class Disturbance:
    """What disturbs a room, by kind: what moves in it, how its light changes. `key_frames`: the recorder pulses."""

    kind: str
    movers: tuple[Mover, ...] = ()
    lights: tuple[Light, ...] = ()
    key_frames: bool = False


MOVERS: dict[str, Callable[[Rng, float], Mover]] = {
    "curtain": movers.curtain,
    "fan": movers.fan,
    "door": movers.door,
    "pet": movers.pet,
    "insects": movers.insect,
    "rain": movers.rain,
    "snow": movers.snow,
    "tree": movers.tree,
}
LIGHTS: dict[str, Callable[[Rng, float], Light]] = {
    "television": Television.draw,
    "headlights": Headlights.draw,
    "torch": Torch.draw,
    "switch": Switch.draw,
    "shadow": PassingShadow.draw,
    "exposure": Exposure.draw,
}
KEY_FRAMES = "key_frames"
KINDS = (*MOVERS, *LIGHTS, KEY_FRAMES)
MOST_INSECTS = 4


def draw(kind: str, rng: Rng, duration_s: float) -> Disturbance:
    """One of a kind (of `KINDS`; KeyError otherwise) for a scene of this length; something happens within it.

    Times of its movers and lights count from 0 at the scene's start.
    """
    if kind == KEY_FRAMES:
        return Disturbance(kind, key_frames=True)
    if kind in LIGHTS:
        return Disturbance(kind, lights=(LIGHTS[kind](rng, duration_s),))
    count = int(rng.integers(1, MOST_INSECTS + 1)) if kind == "insects" else 1
    return Disturbance(kind, tuple(MOVERS[kind](rng, duration_s) for _ in range(count)))
