"""What a person wears and carries, as tubes of a mesh: loose cloth, a skirt or a coat, a rucksack, a bag."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from calibration.synthetic.bodies.body import F64, TUBES, UP, Proportions, Skeleton, Tube
from calibration.synthetic.bodies.skin import Skin, coarse
from calibration.synthetic.scenery.scene import clothes, colour

Rng = np.random.Generator
LOOSE = {"shirt": ("shirt", "sleeve"), "trousers": ("trousers", "shin")}
CARRIED = "bag"  # begins the names of joints that bags hang on
RUCKSACK = ((-0.1, 0.05, 0.03), (0.0, 0.085, 0.055), (0.6, 0.085, 0.06), (1.0, 0.06, 0.035), (1.05, 0.02, 0.015))
BAG = ((0.0, 0.01, 0.01), (0.35, 0.012, 0.012), (0.4, 0.08, 0.03), (1.0, 0.09, 0.045), (1.02, 0.05, 0.02))
SKIRT = ((-0.15, 0.085, 0.06), (0.2, 0.105, 0.085), (0.6, 0.12, 0.105), (1.0, 0.13, 0.12))


@dataclass(frozen=True)
class Wear:
    """tubes: of the mesh. hem: how far down to the knees a skirt or coat reaches, 0 for none. seed: draws the colours.

    hand: which side carries a bag.
    """

    tubes: tuple[Tube, ...]
    hem: float
    hand: str
    seed: int

    @staticmethod
    def draw(rng: Rng) -> Wear:
        """Half of all people wear what fits and carry nothing."""
        tubes = TUBES
        for cloths in LOOSE.values():
            if rng.random() < 0.3:
                tubes = tuple(_loose(tube, rng.uniform(1.1, 1.5)) if tube.cloth in cloths else tube for tube in tubes)
        hem = float(rng.uniform(0.7, 1.4)) if rng.random() < 0.15 else 0.0
        if hem:
            tubes += (Tube("pelvis", "hem", "pelvis", SKIRT, 12, str(rng.choice(["shirt", "trousers"])), "girth"),)
        if rng.random() < 0.12:
            tubes += (Tube("bag_low", "bag_high", "chest", RUCKSACK, 10, "shoe", "none"),)
        hand = str(rng.choice(["left", "right"]))
        if rng.random() < 0.1:
            tubes += (Tube("bag_strap", "bag_bottom", "pelvis", BAG, 8, "shoe", "none"),)
        return Wear(tubes, hem, hand, int(rng.integers(1 << 31)))

    def skin(self, proportions: Proportions, detail: float = 1.0) -> Skin:
        """The tubes around a body of these proportions; detail: below 1 with fewer corners."""
        return Skin(self.tubes if detail >= 1 else coarse(self.tubes, detail), proportions)

    def joints(self, body: Skeleton, stature_m: float) -> dict[str, F64]:
        """The body's joints and those that skirts and bags hang on."""
        h = stature_m
        j = dict(body.joints)
        knees = 0.5 * (j["left_knee"] + j["right_knee"])
        j["hem"] = j["pelvis"] + self.hem * (knees - j["pelvis"])
        j["bag_low"] = j["waist"] - 0.1 * h * body.chest.forward + 0.01 * h * body.chest.up
        j["bag_high"] = j["neck"] - 0.085 * h * body.chest.forward - 0.04 * h * body.chest.up
        j["bag_strap"] = j[f"{self.hand}_fingers"]
        bottom = j[f"{self.hand}_fingers"] - 0.28 * h * UP
        j["bag_bottom"] = np.maximum(bottom, [-np.inf, 0.02, -np.inf])
        return j

    def albedo(self, skin: Skin) -> F64:
        """Of every quad of its skin, BGR [Q,3]; the same for the same wear."""
        rng = np.random.default_rng(self.seed)
        albedo = clothes(rng, skin, self.tubes)
        for index, tube in enumerate(self.tubes):
            if tube.start.startswith(CARRIED):
                albedo[skin.part == index] *= colour(rng, 0.5, 3.0, 0.3)
        return np.clip(albedo, 0.01, 1.0)


def _loose(tube: Tube, factor: float) -> Tube:
    return replace(tube, rings=tuple((along, factor * wide, factor * deep) for along, wide, deep in tube.rings))
