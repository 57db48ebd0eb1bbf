"""What the network sees of known pictures is measured as what it is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from calibration.clip_sets.clips import Clip
from calibration.measurement.input_features import CHUNK_S, NAMES, _of_noise, pieces, samples, watched
from edge.bundles.bundle import Bundle, default_bundle_path
from edge.picture.frame import Frame

BUNDLE = Bundle.load(default_bundle_path())


def walled(speed_px: float, size: int = 40, sigma: float = 0.7, seconds: float = 2.0) -> Iterator[Frame]:
    """A dim textured wall, 320x240 at 15 fps, and before it a bright patched square that moves to the right."""
    rng = np.random.default_rng(0)
    wall = 18 + 4 * rng.random((240, 320)).repeat(1, axis=0)
    patches = 45 + 40 * rng.random((size // 8, size // 8)).repeat(8, axis=0).repeat(8, axis=1)
    for i in range(int(15 * seconds)):
        picture = wall.copy()
        x = 40 + round(i * speed_px)
        if size and x + size < 320:
            picture[100 : 100 + size, x : x + size] = patches
        picture += rng.normal(0, sigma, picture.shape)
        yield Frame(np.clip(np.rint(picture), 0, 255).astype(np.uint8)[..., np.newaxis].repeat(3, axis=2), i, i / 15)


def test_a_moving_square_is_as_large_and_as_fast_as_it_is() -> None:
    seen = watched(walled(4.0), BUNDLE)
    assert seen is not None
    luma, features = seen
    assert luma == pytest.approx(22, rel=0.1)
    assert features.without_change == 0
    assert features.speed == pytest.approx(2.0, rel=0.25), "pixels at half size per tick"
    assert 40 / 240 <= features.height < 2 * 40 / 240 and 40 / 320 <= features.width < 2 * 40 / 320
    assert features.upper_speed == pytest.approx(features.lower_speed, rel=0.3)
    assert features.camera_speed < 0.05


def test_a_still_wall_has_ticks_without_change_and_nothing_else_to_measure() -> None:
    seen = watched(walled(0.0, size=0), BUNDLE)
    assert seen is not None
    features = seen[1]
    assert features.without_change > 0.9
    assert np.isfinite(features.noise)


def test_a_faster_square_is_faster() -> None:
    speeds = [seen[1].speed for v in (2.0, 4.0, 6.0) if (seen := watched(walled(v), BUNDLE)) is not None]
    assert len(speeds) == 3 and speeds == sorted(speeds) and speeds[2] > 2 * speeds[0]


def test_noise_has_its_strength_and_its_grain() -> None:
    rng = np.random.default_rng(1)
    white = [rng.normal(0, 1.0, (120, 160)).astype(np.float32) for _ in range(12)]
    coarse = [frame.repeat(2, axis=1)[:, :160] for frame in white]
    fine, grainy = _of_noise(white), _of_noise([frame.astype(np.float32) for frame in coarse])
    assert 2 ** fine["noise"] == pytest.approx(2**0.5, rel=0.15)
    assert abs(fine["noise_grain"]) < 0.1 and grainy["noise_grain"] > 0.3
    assert fine["frozen"] == 0


def test_a_picture_that_a_codec_froze_is_told() -> None:
    still = [np.full((120, 160), 9.0, np.float32)] * 6
    found = _of_noise(still)
    assert found["frozen"] == 1 and np.isnan(found["noise_grain"])


def test_long_recordings_are_taken_in_pieces_and_nothing_is_lost() -> None:
    picture = np.zeros((4, 4, 3), np.uint8)
    for seconds, count in ((2.0, 1), (5.9, 1), (6.2, 2), (20.0, 6)):
        frames = [Frame(picture, i, i / 15) for i in range(int(15 * seconds))]
        found = list(pieces(frames))
        assert [frame.sequence for piece in found for frame in piece] == list(range(len(frames)))
        assert all(len(piece) / 15 < 2 * CHUNK_S + 0.1 for piece in found)
        assert len(found) == count


def test_a_clip_s_samples_know_their_person_and_a_short_one_gives_none() -> None:
    clip = Clip("a", 0, lambda: walled(4.0), "", actor="p1")
    (sample,) = samples(clip, "walls", BUNDLE)
    assert (sample.clip, sample.person) == ("walls a", "walls p1") and len(sample.vector) == len(NAMES)
    assert samples(Clip("b", 0, lambda: walled(4.0, seconds=0.4), ""), "walls", BUNDLE) == []
