"""The quick mesh is the mesh."""

import numpy as np

from calibration.synthetic.bodies.body import TUBES, Proportions, mesh, skeleton
from calibration.synthetic.bodies.motions import MOTIONS
from calibration.synthetic.bodies.skin import Skin, coarse


def test_all_tubes_at_once_give_the_mesh_of_each_in_turn() -> None:
    person = Proportions(girth=1.2, limb=0.9)
    body = skeleton(MOTIONS["jump"](np.random.default_rng(0), person, np.arange(20) / 15), person)
    expected, skin = mesh(body, person), Skin(TUBES, person)
    assert np.abs(skin.vertices(body, body.joints) - expected.vertices).max() < 1e-4
    for name in ("quads", "part", "along", "around"):
        assert np.array_equal(getattr(skin, name), getattr(expected, name)), name


def test_a_coarse_body_is_as_large_with_half_the_quads() -> None:
    person = Proportions()
    body = skeleton(MOTIONS["wave"](np.random.default_rng(0), person, np.arange(5) / 15), person)
    fine, rough = Skin(TUBES, person), Skin(coarse(TUBES, 0.45), person)
    assert len(rough.quads) < 0.5 * len(fine.quads)
    extents = [np.ptp(skin.vertices(body, body.joints), axis=1) for skin in (fine, rough)]
    assert np.abs(extents[0] - extents[1]).max() < 0.05
