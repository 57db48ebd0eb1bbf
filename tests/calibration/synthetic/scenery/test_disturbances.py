"""Every kind can be drawn for any length of a scene, by name, and says what it is."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.synthetic.scenery.disturbances import KINDS, LIGHTS, MOST_INSECTS, MOVERS, draw


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("duration_s", [0.5, 3.0, 600.0])
def test_a_kind_has_movers_or_lights_or_pulses(kind: str, duration_s: float) -> None:
    one = draw(kind, np.random.default_rng(0), duration_s)
    assert one.kind == kind
    assert bool(one.movers) == (kind in MOVERS)
    assert bool(one.lights) == (kind in LIGHTS)
    assert one.key_frames == (kind == "key_frames")
    assert len(one.movers) <= MOST_INSECTS
    for mover in one.movers:
        mover.layer(duration_s / 2, (0.0, 0.0))


def test_an_unknown_kind_is_an_error() -> None:
    with pytest.raises(KeyError):
        draw("ghost", np.random.default_rng(0), 1.0)
