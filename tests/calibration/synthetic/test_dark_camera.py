"""The dark camera against its own physics, and against noise measured on real dark clips."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.measurement.input_features import _of_noise
from calibration.measurement.key_frames import pulses, still_change
from calibration.sets import open_set
from calibration.synthetic import dark_camera
from calibration.synthetic.dark_camera import (
    CODES,
    F32,
    SENSORS,
    DarkCamera,
    InterCoder,
    TemporalDenoiser,
    exposure_for,
    identity_of,
    open_shutter,
    recorded,
    tone_curve,
)

MEASURED = Path(__file__).parents[3].parent / "shared" / "data" / "noise" / "arid_measured_temporal_noise.json"
PLAIN = replace(SENSORS["brio"], row_electrons=0.0, black_electrons=0.0, blur_px=0.01, memory=0.0)


@given(st.floats(3, 6), st.lists(st.floats(0, 1), min_size=2, max_size=20))
def test_the_tone_curve_rises_from_0_and_is_steepest_at_black(slope: float, light: list[float]) -> None:
    levels = tone_curve(np.sort(light), slope)
    assert (np.diff(levels) >= -1e-12).all() and levels.min() >= 0
    assert tone_curve(0.0, slope) == 0
    assert tone_curve(1e-4, slope) == pytest.approx(slope * 1e-4)


def test_the_curve_is_rec709_at_its_slope() -> None:
    assert tone_curve(0.5, 4.5) == pytest.approx(1.099 * 0.5**0.45 - 0.099)
    assert tone_curve(1.0, 4.5) == pytest.approx(1.0)


@pytest.mark.parametrize("sensor", SENSORS)
@pytest.mark.parametrize("level", [1.5, 12.0, 40.0])
def test_the_exposure_gives_the_mean_level(sensor: str, level: float) -> None:
    light = np.random.default_rng(0).gamma(2, 0.3, (60, 80, 3)).astype(np.float32)
    exposure = exposure_for(light, SENSORS[sensor], level)
    assert 255 * tone_curve(light * exposure, SENSORS[sensor].slope).mean() == pytest.approx(level, rel=1e-3)


@pytest.mark.parametrize("electrons", [5.0, 40.0])
def test_noise_is_shot_noise_plus_read_noise(electrons: float) -> None:
    """Photon transfer in green (gain 1): variance in electrons = signal + read noise squared."""
    light = np.full((200, 300, 3), electrons / PLAIN.full_electrons, np.float32)
    steep = replace(PLAIN, slope=4.5 * 20)  # 12-bit codes stay apart in 8 bits
    image = DarkCamera(steep, 1.0, np.random.default_rng(1)).shoot(light)[..., 1].astype(np.float64)
    codes = np.interp(image, 255 * tone_curve(np.arange(CODES) / (CODES - 1), steep.slope), np.arange(CODES))
    measured = codes * PLAIN.full_electrons / (CODES - 1)
    assert measured.mean() == pytest.approx(electrons, rel=0.12)
    if electrons > 20:  # below, black clips a part of the noise
        assert measured.var() == pytest.approx(electrons + PLAIN.read_electrons**2, rel=0.12)


def test_the_rendered_sets_keep_their_arithmetic() -> None:
    """To the last bit: a training set must not change under a training."""
    sensor, light = SENSORS["brio"], np.random.default_rng(5).random((48, 64, 3), np.float32)
    shot = [(camera := DarkCamera(sensor, 0.02, np.random.default_rng(6))).shoot(light), camera.shoot(light)]
    rng = np.random.default_rng(6)
    bank = np.random.default_rng(20_240).standard_normal(1 << 22, dtype=np.float32)
    balance = np.array([rng.uniform(1.2, 1.9), 1.0, rng.uniform(1.1, 1.7)], np.float32)
    table, previous = np.rint(255 * tone_curve(np.arange(CODES) / (CODES - 1), 4.5)).astype(np.uint8), None
    for image in shot:
        signal = light * (0.02 * 2600 / balance)
        start = rng.integers(len(bank) - light.size)
        signal += np.sqrt(signal + np.float32(2.4**2)) * bank[start : start + light.size].reshape(light.shape)
        signal += rng.standard_normal((48, 1, 1), dtype=np.float32) * np.float32(0.15) - np.float32(0.6)
        signal = cv2.GaussianBlur(signal, (3, 3), 0.5)
        signal = signal if previous is None else cv2.addWeighted(signal, 0.65, previous, 0.35, 0)
        previous = signal
        codes = np.clip(signal * (balance * (4095 / 2600)), 0, 4095).astype(np.uint16)
        assert np.array_equal(image, table[codes])


@pytest.mark.parametrize("poisson", [False, True])
def test_both_ways_to_draw_photons_agree_in_mean_and_variance(poisson: bool) -> None:
    sensor = replace(PLAIN, black_electrons=20.0)  # nothing is cut
    light = np.full((200, 300, 3), 30 / sensor.full_electrons, np.float32)
    image = DarkCamera(sensor, 1.0, np.random.default_rng(7), poisson=poisson, gain=8.0).shoot(light)[..., 1]
    codes = np.interp(image, 255 * tone_curve(np.arange(CODES) / (CODES - 1), sensor.slope), np.arange(CODES))
    electrons = codes * sensor.full_electrons / (CODES - 1) / 8
    assert electrons.mean() == pytest.approx(50, rel=0.03)
    assert electrons.var() == pytest.approx(30 + 2.4**2, rel=0.08)


def test_illumination_and_exposure_are_the_same_to_the_sensor_and_gain_is_not() -> None:
    light = np.full((40, 40, 3), 0.2, np.float32)

    def shoot(exposure: float, **terms: float) -> np.ndarray:
        return DarkCamera(PLAIN, exposure, np.random.default_rng(8), **terms).shoot(light)[..., 1]  # type: ignore[arg-type]

    assert np.array_equal(shoot(0.4), shoot(0.1, illumination=4.0))
    bright, lifted = shoot(0.4).astype(float), shoot(0.1, gain=4.0).astype(float)
    assert bright.mean() == pytest.approx(lifted.mean(), rel=0.02)
    assert lifted.std() > 1.5 * bright.std()  # fewer photons, the same level


def test_hot_pixels_stay_where_they_are_and_leave_the_others_alone() -> None:
    hot = replace(PLAIN, hot_pixels_per_million=2000.0, hot_electrons=400.0)
    light = np.full((100, 100, 3), 0.005, np.float32)
    cameras = [
        DarkCamera(sensor, 1.0, np.random.default_rng(9), specimen=specimen)
        for sensor, specimen in ((PLAIN, 0), (hot, 1), (hot, 1), (hot, 2))
    ]
    none, one, same, other = ([camera.shoot(light) for _ in range(2)] for camera in cameras)
    places = [(a != b).any(axis=2) for a, b in zip(none, one, strict=True)]
    assert np.array_equal(places[0], places[1]) and 5 < places[0].sum() < 40
    assert np.array_equal(one[0], same[0])
    assert not np.array_equal((other[0] != none[0]).any(axis=2), places[0])


def test_an_open_shutter_is_the_mean_of_its_instants() -> None:
    instants = np.random.default_rng(10).random((6, 4, 5, 3), np.float32)
    blurred = list(open_shutter((i.copy() for i in instants), 3))
    assert len(blurred) == 2
    np.testing.assert_allclose(blurred, instants.reshape(2, 3, 4, 5, 3).mean(axis=1), rtol=1e-6)


def test_a_measured_camera_has_another_identity() -> None:
    assert identity_of("brio") == "brio"
    measured = {**SENSORS, "brio": replace(SENSORS["brio"], measured="2026-11-21T08:00:00+00:00")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dark_camera, "SENSORS", measured)
        assert identity_of("brio") == "brio 2026-11-21T08:00:00+00:00"


def test_darker_pictures_have_a_lower_signal_to_noise_ratio() -> None:
    light = np.full((120, 160, 3), 0.3, np.float32)
    ratios = []
    for level in (2.0, 10.0, 60.0):
        camera = DarkCamera(
            SENSORS["arducam"], exposure_for(light, SENSORS["arducam"], level), np.random.default_rng(2)
        )
        image = camera.shoot(light)[..., 1].astype(float)
        ratios.append(image.mean() / image.std())
    assert ratios == sorted(ratios)


def test_the_inter_coder_freezes_noise_and_follows_movement() -> None:
    rng = np.random.default_rng(3)
    still = np.full((64, 96, 3), 40.0)
    noisy = [np.clip(still + rng.normal(0, 1.5, still.shape), 0, 255).astype(np.uint8) for _ in range(12)]
    coder = InterCoder(step=10.0)
    decoded = np.stack([coder(image) for image in noisy]).astype(float)
    assert decoded[2:].std(axis=0).mean() < 0.3 * np.stack(noisy).std(axis=0).mean()
    moved = noisy[-1].copy()
    moved[16:48, 32:64] = 90
    assert coder(moved)[20:44, 36:60].mean() == pytest.approx(90, abs=3)


def test_the_inter_coder_is_exact_within_its_step() -> None:
    image = np.random.default_rng(4).integers(0, 256, (32, 48, 1), np.uint8).repeat(3, axis=2)
    fine = InterCoder(step=0.5)(image).astype(int)
    assert np.abs(fine - image).mean() < 1


@pytest.mark.skipif(not MEASURED.is_file(), reason="the measured noise of real dark clips is not here")
def test_coded_clips_have_the_temporal_noise_of_real_ones() -> None:
    """Median sigma over time in still regions, by luma: within a factor of 2.5 of the measured one, from 4 to 48."""
    measured = json.loads(MEASURED.read_text())["bins_lo_hi_n_medianSigma_p90Sigma"]
    means, sigmas = [], []
    clips = [c for c in open_set("synthetic_val").clips if c.light == "LL"]
    for clip in clips[:10]:
        luma = np.stack([f.image[..., 1] for f in clip.frames()][4:20]).astype(np.float32)
        blocks = luma[:, :240, :320].reshape(len(luma), 15, 16, 20, 16)
        drift = blocks.mean(axis=(2, 4)).std(axis=0)
        still = drift <= np.quantile(drift, 0.4)
        means.append(luma.mean(axis=0).reshape(15, 16, 20, 16).mean(axis=(1, 3))[still])
        sigmas.append(
            np.median(luma.std(axis=0).reshape(15, 16, 20, 16).transpose(0, 2, 1, 3).reshape(15, 20, -1), 2)[still]
        )
    mean, sigma = np.concatenate(means), np.concatenate(sigmas)
    compared = 0
    for low, high, _, median, _ in measured:
        inside = (mean >= low) & (mean < high)
        if low >= 4 and high <= 48 and inside.sum() >= 60:
            assert median / 2.5 < np.median(sigma[inside]) < median * 2.5, (low, high)
            compared += 1
    assert compared >= 3


def test_a_recorder_pulses_at_its_key_frames_and_as_strongly_as_real_ones() -> None:
    """Still blocks of real clips differ 1.38 times as much there in the calmer half of the clips, 0.70 levels more."""
    wall = np.full((240, 320, 3), 0.2, np.float32)
    wall[:, ::32] = 0.3
    found = []
    for seed, sensor in enumerate(SENSORS.values()):
        rng = np.random.default_rng(seed)
        camera, recorder = DarkCamera(sensor, exposure_for(wall, sensor, 20.0), rng), recorded(rng)
        pictures = [recorder(camera.shoot(wall.copy())).mean(axis=2).astype(np.float32) for _ in range(66)]
        change = still_change(pictures)
        first = 5 + int(np.argmax(change[5:35]))  # the encoder's first pictures settle
        assert int(np.argmax(change[first + 5 :])) == 25, "30 pictures later the next one"
        found += pulses(pictures, [0, first + 1, first + 31])
    assert 1.2 < np.median([pulse.ratio for pulse in found]) < 1.6
    assert 0.4 < np.median([pulse.added for pulse in found]) < 1.0


def test_a_recorder_without_key_frames_is_the_one_that_it_was() -> None:
    pictures = np.random.default_rng(5).integers(0, 40, (6, 32, 48, 3)).astype(np.uint8)
    plain, never = InterCoder(3.0), InterCoder(3.0, key_every=100)
    assert all(np.array_equal(plain(picture), never(picture)) for picture in pictures)


def test_a_recorder_that_keeps_its_rate_leaves_as_much_noise_as_real_clips_have() -> None:
    """Quartiles of real ones: strength 2^-1.45 to 2^-0.5, correlation 0.22 to 0.29, frozen 0.02 to 0.14."""
    wall = np.full((240, 320, 3), 0.2, np.float32)
    wall[:, ::32] = 0.3
    found = []
    for seed, sensor in enumerate(SENSORS.values()):
        rng = np.random.default_rng(seed)
        camera, coder = DarkCamera(sensor, exposure_for(wall, sensor, 16.0), rng), recorded(rng)
        pictures = [coder(camera.shoot(wall.copy())).mean(axis=2).astype(np.float32) for _ in range(24)][8::2]
        found.append(_of_noise([_at_half_size(picture) for picture in pictures]))
    strength, grain, frozen = (np.median([one[name] for one in found]) for name in ("noise", "noise_grain", "frozen"))
    assert -1.8 < strength < -0.2
    assert 0.05 < grain < 0.3, "in a still picture; what moves leaves less of the rate to what is still"
    assert frozen < 0.25


def _at_half_size(picture: F32) -> F32:
    return np.asarray(cv2.resize(picture, (160, 120), interpolation=cv2.INTER_AREA), np.float32)


def test_the_step_follows_the_rate_whatever_it_begins_with() -> None:
    rng = np.random.default_rng(3)
    coders = [InterCoder(step, kept=0.04) for step in (1.0, 15.0)]
    for _ in range(25):
        picture = np.clip(rng.normal(20, 3, (64, 64, 3)), 0, 255).astype(np.uint8)
        decoded = [coder(picture) for coder in coders]
    assert coders[0]._step == pytest.approx(coders[1]._step, rel=0.4)
    assert decoded[0].std() > 0


def test_a_telephone_averages_noise_away_and_lets_what_moves_move() -> None:
    rng = np.random.default_rng(4)
    denoiser, moved = TemporalDenoiser(0.6), TemporalDenoiser(0.6)
    still = [denoiser(rng.normal(30, 3, (64, 64, 3)).astype(np.uint8)) for _ in range(12)]
    assert np.std(still[-1].astype(float)) < 0.75 * 3
    for i in range(8):
        picture = rng.normal(30, 1, (64, 64, 3))
        picture[20:40, 5 * i : 5 * i + 20] += 60
        seen = moved(np.clip(picture, 0, 255).astype(np.uint8)).astype(float)
    assert seen[22:38, 38:52].mean() > 85 and seen[22:38, 5:25].mean() < 36, "no trail"
