"""A person as a layer: as tall as asked, seen from any side, where the camera's shift has it, and gone at its end."""

from dataclasses import replace

import numpy as np
import pytest

from calibration.synthetic.bodies.body import TUBES, Pose, Proportions, skeleton
from calibration.synthetic.bodies.movement import RATE_HZ, Movement, acted, joined, measured
from calibration.synthetic.bodies.sequence import Segment
from calibration.synthetic.scenery.eye import Eye
from calibration.synthetic.scenery.figure import Figure, Person
from calibration.synthetic.scenery.layers import Layer, composed
from calibration.synthetic.scenery.scene import HEIGHT, WIDTH, Lighting
from calibration.synthetic.scenery.shadow import Ground
from calibration.synthetic.scenery.wear import Wear

ADULT = Proportions()
PLAIN = Person(ADULT, Wear(TUBES, 0.0, "left", 7))
LIGHT = Lighting(np.array([[0.3, 0.9, -0.3], [0.0, 1.0, 0.0]]), np.array([0.8, 0.1]), 0.3)
EYE = Eye(0.9, 0.0, 280.0)
STILL = (0.0, 0.0)


def standing_still(seconds: float = 2.0, left_arm_out: float = 0.0) -> Movement:
    ticks = round(seconds * RATE_HZ) + 1
    pose = Pose.standing(ADULT, ticks)
    pose.arm_out[:, 0] += left_arm_out
    ways, points = measured(skeleton(pose, ADULT))
    return Movement(ways, points, RATE_HZ, ADULT, (Segment(0.0, seconds, "stand_about"),))


def figure(movement: Movement, person: Person = PLAIN, eye: Eye = EYE, seed: int = 0, **options: float) -> Figure:
    return Figure(np.random.default_rng(seed), movement, person, eye, Ground(9.0, LIGHT), **options)


def layer(figure: Figure, time_s: float = 1.0, shift: tuple[float, float] = STILL) -> Layer:
    found = figure.layer(time_s, shift)
    assert found is not None
    return found


def in_picture(layer: Layer) -> np.ndarray:
    """The mask in the whole picture."""
    white = Layer(np.repeat(layer.mask[..., None], 3, axis=2), layer.mask, layer.corner, layer.depth_m)
    return composed(np.zeros((HEIGHT, WIDTH, 3), np.float32), [white])[..., 0]


@pytest.mark.parametrize("share", [1 / 6, 0.4, 0.9])
def test_somebody_is_as_tall_in_the_picture_as_asked(share: float) -> None:
    at = EYE.place(0.5, EYE.distance_for(ADULT.stature_m, share))
    box = layer(figure(standing_still().placed(0.0, at))).box
    assert box is not None
    assert box[3] == pytest.approx(share * HEIGHT, rel=0.06, abs=2)
    assert box[0] + box[2] / 2 == pytest.approx(WIDTH / 2, abs=3)


def test_seen_from_behind_it_is_the_mirrored_view() -> None:
    movement = standing_still(left_arm_out=1.2)
    far = EYE.place(0.5, 5.0)  # from afar, so that near parts are not larger
    front, back = (in_picture(layer(figure(movement.placed(turn, far)))) for turn in (0.0, np.pi))
    mirrored = back[:, ::-1]
    shared = np.minimum(front, mirrored).sum() / np.maximum(front, mirrored).sum()
    unmirrored = np.minimum(front, back).sum() / np.maximum(front, back).sum()
    assert shared > 0.8 and shared > unmirrored + 0.15
    assert front[:, WIDTH // 2 + 25 :].sum() > 50  # who faces us raises the left arm at our right


def test_the_face_is_seen_from_the_front_alone() -> None:
    person = replace(PLAIN, wear=replace(PLAIN.wear, seed=3))
    at = EYE.place(0.5, 2.0)
    heads = []
    for turn in (0.0, np.pi):
        seen = layer(figure(standing_still().placed(turn, at), person))
        assert seen.box is not None
        top, left = seen.box[1] - seen.corner[1], seen.box[0] - seen.corner[0] + seen.box[2] // 2
        heads.append(seen.light[top + 8 : top + 14, left - 2 : left + 3].mean())
    assert heads[0] > 1.5 * heads[1]  # skin against hair


def test_mask_light_and_box_agree() -> None:
    seen = layer(figure(standing_still().placed(0.4, EYE.place(0.3, 3.0))))
    assert seen.mask.min() >= 0 and seen.mask.max() <= 1.0001
    assert (seen.light[seen.mask == 0] == 0).all() and (seen.light >= 0).all()
    mask = in_picture(seen)
    assert seen.box is not None
    x, y, w, h = seen.box
    assert (mask[y : y + h, x : x + w] > 0.5).any(axis=1).all()
    mask[y : y + h, x : x + w] = 0
    assert mask.max() <= 0.5


def test_a_shifted_camera_shifts_the_body() -> None:
    shown = figure(standing_still().placed(0.0, EYE.place(0.5, 3.0)))
    here, there = layer(shown), layer(shown, 1.0, (20.0, -11.0))
    assert here.box is not None and there.box is not None
    assert np.array(there.box) - here.box == pytest.approx([20, -11, 0, 0], abs=1)


def test_out_of_its_time_and_out_of_sight_there_is_nobody() -> None:
    shown = figure(standing_still(2.0).placed(0.0, EYE.place(0.5, 3.0)), start_s=5.0)
    assert [shown.layer(t, STILL) is None for t in (0.0, 4.9, 5.0, 7.0, 7.1)] == [True, True, False, False, True]
    assert shown.shadow(4.0, STILL) is None and shown.shadow(6.0, STILL) is not None
    assert figure(standing_still().placed(0.0, EYE.place(2.5, 3.0))).layer(1.0, STILL) is None
    assert figure(standing_still().placed(0.0, np.array([0, 0, -3.0]))).layer(1.0, STILL) is None  # behind the camera


def test_it_tells_what_is_done_from_when_to_when() -> None:
    rng = np.random.default_rng(0)
    movement = joined([acted("walk", rng, ADULT, 2.0), acted("sit", rng, ADULT, 2.0)], pause_s=0.5)
    walk, sit = figure(movement, start_s=10.0).segments
    assert (walk.label, walk.start_s, walk.end_s) == ("walk", 10.0, 12.0)
    assert sit.label == "sit" and sit.end_s == pytest.approx(10.0 + movement.duration_s)


def test_who_is_nearer_covers_who_is_farther() -> None:
    near, far = (layer(figure(standing_still().placed(0.0, EYE.place(0.5, d)), seed=d)) for d in (3, 5))
    assert near.depth_m == pytest.approx(3.0, abs=0.1) and far.depth_m == pytest.approx(5.0, abs=0.1)
    wall = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    both = composed(wall, [near, far])
    covered = in_picture(near) > 0.999
    assert np.allclose(both[covered], composed(wall, [near])[covered], atol=1e-4)


def test_what_moves_fast_is_blurred() -> None:
    rng = np.random.default_rng(1)
    movement = acted("run", rng, ADULT, 2.0).placed(0.0, EYE.place(0.5, 3.0))
    sharp, blurred = (figure(movement, shutter_s=s) for s in (0.001, 0.06))
    times = np.linspace(0.3, 1.7, 9)
    soft = [
        np.mean([((lay.mask > 0.05) & (lay.mask < 0.95)).sum() for t in times if (lay := one.layer(t, STILL))])
        for one in (sharp, blurred)
    ]
    assert soft[1] > 1.4 * soft[0]


def test_times_may_go_on_block_after_block() -> None:
    """Long movements are computed in parts: what is seen does not depend on where one part ends."""
    movement = acted("wave", np.random.default_rng(2), ADULT, 5.0).placed(0.0, EYE.place(0.5, 3.0))
    on, times = figure(movement), np.arange(75) / 15
    layers = [on.layer(t, STILL) for t in times]
    for at in (20, 31, 32, 33, 64, 74):
        alone = figure(movement).layer(times[at], STILL)
        ours = layers[at]
        assert ours is not None and alone is not None
        assert ours.corner == alone.corner and np.abs(ours.mask - alone.mask).max() < 0.35
        assert np.abs(ours.mask - alone.mask).mean() < 0.002


def test_a_shadow_lies_where_the_light_does_not_come_from_and_is_no_body() -> None:
    shown = figure(standing_still().placed(0.0, EYE.place(0.5, 3.5)))  # light from the right, so shade to the left
    shade = shown.shadow(1.0, STILL)
    assert shade is not None and shade.box is None and 0.1 < shade.mask.max() < 0.5
    assert (shade.light == 0).all()
    columns = shade.corner[0] + np.flatnonzero(shade.mask.max(axis=0) > 0.1)
    assert columns.mean() < WIDTH / 2 - 3
    body = layer(shown)
    assert shade.depth_m > body.depth_m and body.box is not None
    assert shade.corner[1] + shade.mask.shape[0] > body.box[1] + body.box[3] - 12  # from the feet on


def test_what_is_worn_changes_the_outline() -> None:
    at = EYE.place(0.5, 2.5)
    areas = {}
    for name, wear in {
        "plain": PLAIN.wear,
        "others": [Wear.draw(np.random.default_rng(seed)) for seed in range(60)],
    }.items():
        for number, one in enumerate(wear if isinstance(wear, list) else [wear]):
            seen = layer(figure(standing_still().placed(0.5, at), Person(ADULT, one)))
            areas[name, number] = float(seen.mask.sum())
    others = [area for (name, _), area in areas.items() if name == "others"]
    assert sum(area > 1.05 * areas["plain", 0] for area in others) > 10
    assert max(others) < 2.2 * areas["plain", 0]
