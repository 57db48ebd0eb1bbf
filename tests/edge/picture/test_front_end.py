"""From a camera's picture to statistics and a corrected small frame."""

from __future__ import annotations

import numpy as np
import pytest

from edge.picture.frame import Frame
from edge.picture.front_end import FrontEnd


def night(height: int = 480, width: int = 640) -> np.ndarray:
    return np.clip(np.random.default_rng(1).normal(6, 4, (height, width, 3)), 0, 255).astype(np.uint8)


def test_statistics_describe_the_small_frame() -> None:
    front_end = FrontEnd(120, 160)
    statistics = front_end.measure(night())
    small = front_end.small.astype(np.float64)
    assert statistics.mean == pytest.approx(small.mean(), rel=1e-12)
    assert statistics.std == pytest.approx(small.std(ddof=1), rel=1e-12)
    assert (statistics.minimum, statistics.maximum) == (small.min(), small.max())


def test_the_whole_field_of_view_is_kept() -> None:
    picture = np.zeros((480, 640, 3), np.uint8)
    picture[:, :4] = picture[:4] = picture[-4:] = picture[:, -4:] = 255
    front_end = FrontEnd(120, 160)
    front_end.measure(picture)
    edges = (front_end.small[0], front_end.small[-1], front_end.small[:, 0], front_end.small[:, -1])
    assert all((edge == 255).all() for edge in edges)


@pytest.mark.parametrize("gamma", [1.0, 2.0, 3.0])
def test_correction_keeps_the_ends_and_lifts_between(gamma: float) -> None:
    front_end = FrontEnd(60, 80)
    statistics = front_end.measure(night())
    before = front_end.small.copy()
    corrected = front_end.correct(statistics, gamma)
    assert (corrected.min(), corrected.max()) == (statistics.minimum, statistics.maximum)
    assert (corrected >= before).all()
    np.testing.assert_array_equal(front_end.small, before)


def test_pictures_smaller_than_the_small_frame_and_mirrored_ones() -> None:
    front_end = FrontEnd(60, 80)
    assert front_end.measure(np.full((10, 10, 3), 7, np.uint8)).mean == 7
    picture = night()
    plain = front_end.measure(picture)
    mirrored = front_end.measure(picture[:, ::-1])
    assert mirrored.mean == pytest.approx(plain.mean, abs=0.05)


SHAPES = {"rgb": (480, 640, 3), "grey": (480, 640), "yuyv": (480, 640, 2), "uyvy": (480, 640, 2), "nv12": (720, 640)}


@pytest.mark.parametrize("format", [*SHAPES, "i420"])
def test_a_drivers_format_gives_what_its_bgr_picture_gives(format: str) -> None:
    raw = np.random.default_rng(2).integers(16, 60, SHAPES.get(format, (720, 640)), np.uint8)
    ours, converted = FrontEnd(120, 160), FrontEnd(120, 160)
    statistics = ours.measure(raw, format), converted.measure(Frame(raw, 0, 0.0, format).bgr())
    assert np.abs(ours.small.astype(int) - converted.small).max() <= 1  # both round the conversion
    assert statistics[0].mean == pytest.approx(statistics[1].mean, abs=0.3)


@pytest.mark.parametrize("format", SHAPES)
def test_a_drivers_padding_between_rows_is_no_part_of_the_picture(format: str) -> None:
    shape = SHAPES[format]
    padded = np.random.default_rng(3).integers(0, 256, (shape[0], shape[1] + 32, *shape[2:]), np.uint8)
    padded[:, :640] = 50
    front_end = FrontEnd(120, 160)
    plain = front_end.measure(np.ascontiguousarray(padded[:, :640]), format)
    assert front_end.measure(padded[:, :640], format) == plain


def test_sixteenths_of_a_level_are_kept_where_they_are_used() -> None:
    fine = np.random.default_rng(4).integers(0, 64, (180, 320, 3), np.uint16)
    plain, exact = FrontEnd(60, 80), FrontEnd(60, 80, fraction_bits=4)
    statistics = [front_end.measure(fine, "bgr16") for front_end in (plain, exact)]
    assert statistics[0] == statistics[1]
    expected = fine.reshape(60, 3, 80, 4, 3).mean(axis=(1, 3)) / 16
    assert np.abs(exact.luma / 16 - expected @ [0.114, 0.587, 0.299]).max() < 0.1
    assert np.abs(plain.small - expected).max() <= 0.55
    assert FrontEnd(60, 80).measure(np.full((20, 30, 3), 7 * 16 + 8, np.uint16), "bgr16").mean == 8
    ends = Frame(np.array([[[0, 7, 8], [4080, 65535, 4071]]], np.uint16), 0, 0.0, "bgr16")
    assert ends.bgr().tolist() == [[[0, 0, 1], [255, 255, 254]]]


def test_the_format_may_change_from_frame_to_frame() -> None:
    front_end, grey = FrontEnd(60, 80), night()[..., 0]
    expected = [FrontEnd(60, 80).measure(night()), FrontEnd(60, 80).measure(grey, "grey")]
    found = [front_end.measure(night()), front_end.measure(grey, "grey")]
    assert [*found, front_end.measure(night())] == [*expected, expected[0]]
    assert front_end.measure(grey[:, ::-1], "grey").mean == pytest.approx(expected[1].mean, abs=0.05)
    assert front_end.measure(np.full((10, 10, 2), 128, np.uint8), "yuyv").mean == pytest.approx(130, abs=1)
    with pytest.raises(ValueError, match="format: expected bgr, rgb"):
        front_end.measure(grey, "grey10")


def test_a_wrong_picture_is_named() -> None:
    with pytest.raises(TypeError, match="source: expected dtype uint8"):
        FrontEnd(60, 80).measure(night().astype(np.float32))
