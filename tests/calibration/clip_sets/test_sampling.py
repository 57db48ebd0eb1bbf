"""Which frames a network sees: properties that hold for every clip, and Delta Sampling against its paper's formulas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.clip_sets.sampling import BLANK, DRAWS, delta, delta_views, dense, multi_view, squares, take, uniform

FRAMES, COUNT, SEED = st.integers(1, 600), st.integers(1, 64), st.one_of(st.none(), st.integers(0, 99))


def rng_of(seed: int | None) -> np.random.Generator | None:
    return None if seed is None else np.random.default_rng(seed)


@given(FRAMES, COUNT, SEED)
def test_uniform_takes_one_frame_of_every_part(frames: int, count: int, seed: int | None) -> None:
    chosen = uniform(frames, count, rng_of(seed))
    parts = np.arange(count) * frames / count
    assert chosen.shape == (count,)
    assert np.all(chosen >= np.floor(parts)) and np.all(chosen <= np.minimum(parts + frames / count, frames - 1))


@given(FRAMES, COUNT, st.integers(1, 4), SEED)
def test_dense_keeps_its_stride_and_wraps_only_short_clips(
    frames: int, count: int, stride: int, seed: int | None
) -> None:
    chosen = dense(frames, count, stride, rng_of(seed))
    assert chosen.shape == (count,) and chosen.min() >= 0 and chosen.max() < frames
    assert np.all((np.diff(chosen) - stride) % frames == 0)
    if frames >= count * stride:
        assert np.all(np.diff(chosen) == stride)
    else:
        assert chosen[0] == 0


def test_dense_reaches_both_ends() -> None:
    rng = np.random.default_rng(0)
    starts = {int(dense(20, 4, 2, rng)[0]) for _ in range(400)}
    assert starts == set(range(13))


@given(FRAMES, COUNT, st.integers(1, 5), st.integers(1, 3))
def test_views_are_every_crop_of_every_clip(frames: int, count: int, clips: int, crops: int) -> None:
    views = multi_view(frames, count, 30, 40, 2, clips, crops)
    assert len(views) == clips * crops
    assert {view.box for view in views} == set(squares(30, 40, crops))
    starts = [int(view.indices[0]) for view in views]
    assert starts == sorted(starts) and starts[0] == 0
    if clips > 1 and frames > count * 2:
        assert starts[-1] == frames - count * 2


@given(st.integers(1, 200), st.integers(1, 200), st.integers(2, 5))
def test_squares_reach_both_ends_of_the_picture(height: int, width: int, crops: int) -> None:
    boxes = squares(height, width, crops)
    side = min(height, width)
    assert all(box[2] == side for box in boxes) and len(boxes) == crops
    assert boxes[0][:2] == (0, 0) and boxes[-1][:2] == (height - side, width - side)


@given(FRAMES, COUNT, st.integers(0, 10_000))
def test_delta_is_a_run_of_frames_at_one_rate_between_blanks(frames: int, count: int, seed: int) -> None:
    chosen = delta(frames, count, np.random.default_rng(seed))
    # The paper's draw, repeated: the same seed gives the same delta first.
    rate = min((frames + count * np.random.default_rng(seed).uniform(0, 1.5)) / count, 4.0)
    places = np.flatnonzero(chosen != BLANK)
    seen = chosen[places]
    assert chosen.shape == (count,)
    assert np.array_equal(places, np.arange(places[0], places[0] + len(places)))  # no blank between frames
    assert len(seen) == min(max(1, int(frames / rate)), count)
    first = round(float(seen[0]) / rate)
    while int(first * rate) < seen[0]:
        first += 1
    assert np.array_equal(seen, [min(int((first + i) * rate), frames - 1) for i in range(len(seen))])


@given(st.integers(1, 256), st.just(64))
def test_delta_never_needs_more_than_its_count_up_to_four_times_it(frames: int, count: int) -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        rate = min((frames + count * rng.uniform(0, 1.5)) / count, 4.0)
        assert int(frames / rate) <= count
        assert delta(frames, count, np.random.default_rng(seed)).max() <= frames - 1


def test_delta_uses_all_its_rates_and_places() -> None:
    rng = np.random.default_rng(1)
    draws = [delta(64, 64, rng) for _ in range(2000)]
    lengths = [int((draw != BLANK).sum()) for draw in draws]
    assert min(lengths) == 25 and 62 <= max(lengths) <= 64  # rates 1 to 2.5
    before = [int(np.argmax(draw != BLANK)) / max(1, 64 - length) for draw, length in zip(draws, lengths, strict=True)]
    assert abs(np.mean(before) - 0.5) < 0.03 and min(before) == 0 and max(before) == 1


def test_the_test_draws_are_five_and_repeatable() -> None:
    views = delta_views(90, 64, np.random.default_rng(3))
    assert views.shape == (DRAWS, 64) == (5, 64)
    assert np.array_equal(views, delta_views(90, 64, np.random.default_rng(3)))
    assert len({view.tobytes() for view in views}) == 5


def test_take_fetches_frames_and_blanks() -> None:
    images = [np.full((2, 3, 3), 10 + i, np.uint8) for i in range(4)]
    taken = take(images, np.array([BLANK, 3, 0]))
    assert taken.dtype == np.uint8 and taken.shape == (3, 2, 3, 3)
    assert taken[:, 0, 0, 0].tolist() == [0, 13, 10]


@pytest.mark.parametrize("indices", [[4], [-2]])
def test_take_refuses_frames_that_do_not_exist(indices: list[int]) -> None:
    with pytest.raises(ValueError, match="expected frame numbers from 0 to 3"):
        take([np.zeros((1, 1, 3), np.uint8)] * 4, np.array(indices))


def test_empty_clips_are_refused() -> None:
    for call in (lambda: uniform(0, 4), lambda: dense(5, 0), lambda: delta(0, 4, np.random.default_rng())):
        with pytest.raises(ValueError, match="must be 1 or more"):
            call()
