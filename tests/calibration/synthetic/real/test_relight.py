"""Relit depth recordings: made up here, and the real ones where they are present."""

import math
from pathlib import Path

import numpy as np
import pytest

from calibration.sets import open_set
from calibration.synthetic.real.depth import LOOKS_DOWN, load
from calibration.synthetic.real.relit_body import Place, RelitBody
from calibration.synthetic.real.staging import Board, Staging
from calibration.synthetic.scenery.layers import Layer, composed
from calibration.synthetic.scenery.scene import HEIGHT, WIDTH, Lighting
from edge.errors import DataError
from tests.calibration.synthetic.real.recordings import write_recording

DATA = Path(__file__).parents[5] / "shared" / "data"
FPS = 19


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_recording(tmp_path / "a.npz")
    (tmp_path / "labels.csv").write_text(f"file,class,actor,fps\na.npz,wave,s1,{FPS}\n")
    return tmp_path


def body(root: Path, rate_hz: float = FPS, share: float = 0.5, **more: object) -> RelitBody:
    """The recording in the middle of the picture; without a choice of its own but for its clothes."""
    recording = load(root / "a.npz", rate_hz)
    place = Place.of(recording, 0.5, 120, share)
    lighting = Lighting(np.array([[0.0, 0.7, -0.7], [0.0, 0.0, -1.0]]), np.array([0.5, 0.5]), 0.5)
    return RelitBody(np.random.default_rng(0), recording, place, lighting, **more)  # type: ignore[arg-type]


def column(layer: Layer | None) -> float:
    """Of the middle of what is covered."""
    assert layer is not None
    columns = layer.mask.sum(axis=0)
    return layer.corner[0] + 0.5 + float((columns * np.arange(len(columns))).sum() / columns.sum())


def test_every_recording_comes_under_both_lights_with_every_camera(root: Path) -> None:
    clips = open_set(f"relit:{root}")
    assert clips.labels == ("wave",)
    assert {(c.light, c.camera) for c in clips.clips} == {
        (li, c) for li in ("LL", "ELL") for c in ("brio", "c920", "arducam")
    }
    assert {c.actor for c in clips.clips} == {"s1"}


@pytest.mark.parametrize("kind", ["relit", "relit_staged"])
def test_it_renders_the_same_twice_and_keeps_the_recording_s_time(root: Path, kind: str) -> None:
    for clip in open_set(f"{kind}:{root}").clips:
        frames, again = list(clip.frames()), list(clip.frames())
        assert all(np.array_equal(a.image, b.image) for a, b in zip(frames, again, strict=True))
        spacing_s = frames[1].capture_time_s - frames[0].capture_time_s
        assert 1 / spacing_s == pytest.approx(15) or 1 / spacing_s == pytest.approx(30)
        lasts_s = frames[-1].capture_time_s
        recorded_s = clip.spans[0].end_s - clip.spans[0].start_s if clip.spans else lasts_s
        assert recorded_s == pytest.approx((24 - 1) / FPS, abs=1e-6 if clip.spans else spacing_s)
        assert not clip.spans or clip.spans[0].end_s <= lasts_s + spacing_s


@pytest.mark.parametrize("rate_hz", [11.0, 19.0, 21.0])
def test_who_is_recorded_moves_at_the_recorded_speed_whatever_the_camera_s_rate(root: Path, rate_hz: float) -> None:
    one = body(root, rate_hz, share=160 / HEIGHT)  # a recorded pixel is a pixel of the picture
    times = np.arange(0.2, 22 / rate_hz, 1 / 30)
    columns = [column(one.layer(float(time), (0.0, 0.0))) for time in times]
    speed, _ = np.polyfit(times, columns, 1)
    assert speed == pytest.approx(-0.5 * rate_hz, rel=0.05), "half a pixel a frame, to the left once it is unmirrored"
    steps = np.diff(columns)
    assert steps.max() < 0.25, "between recorded frames it moves, too, and never back"


def test_kinect_s_mirror_is_undone_and_joints_stay_in_the_body(root: Path) -> None:
    recording = load(root / "a.npz", FPS)
    with np.load(root / "a.npz") as data:
        assert np.array_equal(recording.depth_m[3] > 0, data["depth_mm"][3, :, ::-1] > 0)
        hips_right_of_left_hand = data["skel_m"][0, 3, 0] > data["skel_m"][0, 7, 0]
    assert hips_right_of_left_hand, "mirrored: a left hand is on the left"
    hips, left_hand = recording.joints_px[0, 3], recording.joints_px[0, 7]
    assert left_hand[0] > hips[0]
    assert 25 < hips[0] < 55 and 60 < hips[1] < 110


def test_a_mirror_is_a_mirror(root: Path) -> None:
    plain, mirrored = body(root).layer(0.5, (0.0, 0.0)), body(root, mirrored=True).layer(0.5, (0.0, 0.0))
    assert plain is not None and mirrored is not None
    assert column(plain) - WIDTH / 2 == pytest.approx(WIDTH / 2 - column(mirrored), abs=0.1)


@pytest.mark.parametrize("share", [1 / 6, 0.5, 1.0])
def test_somebody_is_as_tall_as_told_and_as_far_as_that_makes(root: Path, share: float) -> None:
    one = body(root, share=share)
    layer = one.layer(0.0, (0.0, 0.0))
    assert layer is not None and layer.box is not None
    assert layer.box[3] == pytest.approx(share * HEIGHT, abs=2)
    recording = load(root / "a.npz", FPS)
    tall_m = recording.pitch_m * recording.tall_px
    assert one.depth_m == pytest.approx(WIDTH * tall_m / (share * HEIGHT))


def test_all_who_stand_on_one_floor_have_one_horizon(root: Path) -> None:
    recording = load(root / "a.npz", FPS)
    near = Place.of(recording, 0.5, 130, 0.9)
    far = Place(0.2, near.horizon_px, 0.3)
    assert near.tilt(WIDTH) == pytest.approx(math.atan((HEIGHT / 2 - near.horizon_px) / WIDTH))
    kinect = 120 - 0.92 * 320 * math.tan(LOOKS_DOWN)  # the depth camera's horizon lies above its picture's middle
    assert recording.horizon_px == pytest.approx(kinect - 58)
    one, other = (
        RelitBody(np.random.default_rng(0), recording, at, Lighting.draw(np.random.default_rng(0)))
        for at in (near, far)
    )
    feet = [layer.box[1] + layer.box[3] for o in (one, other) if (layer := o.layer(0.0, (0.0, 0.0))) and layer.box]
    # Feet lie below the horizon by as much as a body is tall in the picture: on one floor.
    assert (feet[1] - near.horizon_px) / (feet[0] - near.horizon_px) == pytest.approx(0.3 / 0.9, abs=0.03)


def test_who_comes_later_is_held_and_ends_as_told(root: Path) -> None:
    one = body(root, start_s=2.0, held_before_s=0.5, held_after_s=1.0)
    end_s = 2.0 + 23 / FPS
    assert (one.start_s, one.end_s) == pytest.approx((2.0, end_s))
    there = {time: one.layer(time, (0.0, 0.0)) for time in (1.4, 1.6, 1.9, end_s + 0.2, end_s + 0.9, end_s + 1.1)}
    assert [layer is not None for layer in there.values()] == [False, True, True, True, True, False]
    assert column(there[1.6]) == column(there[1.9])
    assert column(there[end_s + 0.2]) == column(there[end_s + 0.9])


def test_the_camera_s_shift_moves_a_body_by_parts_of_a_pixel(root: Path) -> None:
    one = body(root)
    still, moved = one.layer(0.5, (0.0, 0.0)), one.layer(0.5, (10.25, 0.0))
    assert column(moved) - column(still) == pytest.approx(10.25, abs=0.02)
    assert one.layer(0.5, (WIDTH, 0.0)) is None, "out of sight"


def test_a_course_brings_somebody_in(root: Path) -> None:
    one = body(root, held_before_s=1.0, start_s=1.0, course=((0.0, -400.0), (1.0, 0.0)))
    assert one.layer(0.0, (0.0, 0.0)) is None
    assert column(one.layer(1.0, (0.0, 0.0))) > column(one.layer(0.9, (0.0, 0.0))) > column(one.layer(0.8, (0.0, 0.0)))


def test_who_comes_from_behind_a_board_is_hidden_until_then(root: Path) -> None:
    stage = Staging(comes_s=1.0, goes_s=0.8, side=-1, behind=True, low=0.2, others=1)
    recording = load(root / "a.npz", FPS)
    place, rng = Place.of(recording, 0.6, 120, 0.5), np.random.default_rng(1)
    actor, *rest = stage.movers(rng, recording, place, Lighting.draw(rng), False, 0.02)
    wall = np.full((HEIGHT, WIDTH, 3), 9, np.float32)

    def seen(time_s: float, with_actor: bool) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        movers = [actor, *rest] if with_actor else rest
        layers = [layer for mover in movers if (layer := mover.layer(time_s, (0.0, 0.0))) is not None]
        return composed(wall, layers)

    assert sum(isinstance(mover, Board) for mover in rest) == 2 and sum(isinstance(m, RelitBody) for m in rest) == 1
    lasts_s = stage.lasts_s(recording.duration_s)
    assert stage.acts(recording.duration_s) == pytest.approx((1.0, lasts_s - 0.8))
    for time_s in (0.0, lasts_s - 1e-6):
        assert np.array_equal(seen(time_s, True), seen(time_s, False)), "behind the board"
    changed = (seen(1.5, True) != seen(1.5, False)).any(axis=2)
    assert changed.sum() > 500


def test_stagings_differ_and_the_table_of_clips_knows_them(root: Path) -> None:
    drawn = [Staging.draw((3, index, 0)) for index in range(60)]
    assert {one.others for one in drawn} == {0, 1, 2}
    assert {one.behind for one in drawn} == {one.comes_s > 0 for one in drawn} == {True, False}
    assert any(one.low for one in drawn) and any(not one.low for one in drawn)
    assert all(clip.spans[0].label == clip.label for clip in open_set(f"relit_staged:{root}").clips)


def test_sizes_go_from_a_sixth_of_the_picture_to_more_than_all_of_it(root: Path) -> None:
    from calibration.synthetic.real.relight import _place

    recording, rng = load(root / "a.npz", FPS), np.random.default_rng(0)
    shares = [_place(rng, recording).share for _ in range(400)]
    assert min(shares) < 0.18 and max(shares) > 1.4
    assert 0.3 < np.mean(np.array(shares) < 0.45) < 0.6, "small is no exception"


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"nothing of the kind"])
def test_a_damaged_recording_is_named(root: Path, content: bytes) -> None:
    (root / "a.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.npz: not a depth recording"):
        list(open_set(f"relit:{root}").clips[0].frames())


def test_missing_arrays_are_named(root: Path) -> None:
    np.savez(root / "a.npz", depth_mm=np.ones((3, 4, 5), np.uint16))
    with pytest.raises(DataError, match="skel_m"):
        load(root / "a.npz", FPS)


def test_no_rate_is_guessed(root: Path) -> None:
    (root / "labels.csv").write_text("file,class,actor\na.npz,wave,s1\n")
    with pytest.raises(DataError, match="how many frames a second"):
        list(open_set(f"relit:{root}").clips[0].frames())
    write_recording(root / "a.npz", fps=16.5)
    assert load(root / "a.npz").rate_hz == 16.5, "as `calibration convert` writes it"
    assert load(root / "a.npz", 12.0).rate_hz == 12.0, "the table has the last word"


@pytest.mark.parametrize(("told", "found"), [("fast", "found 'fast'"), ("0", "found 0"), ("nan", "found nan")])
def test_a_rate_that_is_none_is_named(root: Path, told: str, found: str) -> None:
    (root / "labels.csv").write_text(f"file,class,actor,fps\na.npz,wave,s1,{told}\n")
    with pytest.raises(DataError, match=rf"a\.npz: fps: expected .*, {found}"):
        open_set(f"relit:{root}")


def test_a_folder_without_a_table_says_what_is_needed(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"labels\.csv is missing"):
        open_set(f"relit:{tmp_path}")


@pytest.mark.skipif(not (DATA / "utd_depth").is_dir(), reason="the real depth recordings are not here")
def test_real_recordings_relight() -> None:
    clips = open_set(f"relit:{DATA / 'utd_depth'}", limit=12)
    assert len(clips.labels) == 12 and {c.label for c in clips.clips} == set(range(12))
    for clip in clips.clips[:2]:
        frames = list(clip.frames())
        assert len(frames) > 15 and frames[0].image.shape == (240, 320, 3)


@pytest.mark.skipif(not (DATA / "utd_depth_other").is_dir(), reason="the real depth recordings are not here")
def test_what_is_none_of_the_classes_joins_those_that_are() -> None:
    both = open_set(f"relit:{DATA / 'utd_depth'}@test+relit:{DATA / 'utd_depth_other'}@test")
    assert "other" in both.labels and len(both.labels) == 13
    assert {clip.actor for clip in both.clips} == {"s8"}
    assert {clip.terms.licence for clip in both.clips} == {"research use"}


@pytest.mark.skipif(not (DATA / "utd_depth").is_dir(), reason="the real depth recordings are not here")
def test_a_real_walk_takes_as_long_as_it_took() -> None:
    """At 30 frames a second it would be over in two thirds of that."""
    clip = next(c for c in open_set(f"relit:{DATA / 'utd_depth'}").clips if c.name.startswith("a23_s1_t1"))
    assert clip.file is not None
    rows = (DATA / "utd_depth" / "labels.csv").read_text().splitlines()
    row = next(line for line in rows if line.startswith("a23_s1_t1")).split(",")
    frames, fps = int(row[5]), float(row[6])
    assert 11 <= fps <= 21
    last_s = max(frame.capture_time_s for frame in clip.frames())
    assert last_s == pytest.approx((frames - 1) / fps, abs=0.07)


def test_a_moving_camera_is_a_set_of_its_own(root: Path) -> None:
    still, moving = (open_set(f"{kind}:{root}").clips[0] for kind in ("relit_staged", "relit_staged_moving"))
    assert still.spans == moving.spans and still.identity != moving.identity
    assert not np.array_equal(list(still.frames())[-1].image, list(moving.frames())[-1].image)
