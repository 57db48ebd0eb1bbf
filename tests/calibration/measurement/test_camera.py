"""Photon transfer finds the values that a simulated camera was given; the profile keeps everything else."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from calibration.cli import main
from calibration.measurement.camera import _from_camera, profile_of, write_sensor
from calibration.measurement.photon_transfer import level_edges, photon_transfer
from calibration.synthetic.dark_camera import CAMERAS, SENSORS, DarkCamera, level_table
from edge.cameras.profile import CameraProfile, Sensor, camera_profile_path
from edge.errors import EXIT_FAILURE, EXIT_USAGE, DataError, UsageError
from edge.fields import build, read_yaml
from edge.picture.frame import Image

SIZE = (240, 320)


def recording(
    sensor: Sensor, seed: int, level: float, frames: int = 60, *, poisson: bool = False, size: tuple[int, int] = SIZE
) -> Image:
    """uint8 [T,H,W,3] of an evenly lit wall behind a lens that shades its corners; level: of white; settled."""
    camera = DarkCamera(sensor, level, np.random.default_rng(seed), poisson=poisson)
    y, x = np.mgrid[-1 : 1 : size[0] * 1j, -1 : 1 : size[1] * 1j]
    wall = np.repeat((1 - 0.15 * (x * x + y * y))[..., None], 3, axis=2).astype(np.float32)
    return np.stack([camera.shoot(wall) for _ in range(frames + 8)][8:])


@pytest.mark.parametrize("camera", CAMERAS)
@pytest.mark.parametrize(("seed", "levels", "poisson"), [(0, (0.1,), False), (1, (0.04, 0.15), True)])
def test_it_recovers_the_truth_within_a_tenth(camera: str, seed: int, levels: tuple[float, ...], poisson: bool) -> None:
    true = SENSORS[camera]
    flats = [recording(true, seed + 10, level, 45, poisson=poisson)[..., 1] for level in levels]
    found = photon_transfer(recording(true, seed, 0)[..., 1], flats, true.slope)
    assert found.full_electrons == pytest.approx(true.full_electrons, rel=0.1)
    assert found.read_electrons == pytest.approx(true.read_electrons, rel=0.1)
    assert found.black_electrons == pytest.approx(true.black_electrons, rel=0.1)
    assert found.hot_pixels_per_million == 0


@pytest.mark.parametrize(("read", "full", "black"), [(1.8, 500.0, 0.5), (4.0, 1200.0, -1.0), (6.0, 3000.0, 3.0)])
def test_it_recovers_other_sensors_too(read: float, full: float, black: float) -> None:
    true = replace(SENSORS["arducam"], read_electrons=read, full_electrons=full, black_electrons=black)
    found = photon_transfer(recording(true, 3, 0)[..., 1], [recording(true, 4, 0.1)[..., 1]], true.slope)
    measured = (found.read_electrons, found.full_electrons, found.black_electrons)
    assert measured == pytest.approx((read, full, black), rel=0.1)


def test_hot_pixels_are_counted_and_do_not_count_as_noise() -> None:
    true = replace(SENSORS["arducam"], hot_pixels_per_million=500.0, hot_electrons=200.0, blur_px=0.01)
    found = photon_transfer(recording(true, 5, 0)[..., 1], [recording(true, 6, 0.1)[..., 1]], true.slope)
    assert found.hot_pixels_per_million == pytest.approx(500, rel=0.35)  # 38 of them, and the weakest do not stand out
    assert found.hot_electrons == pytest.approx(200, rel=0.5)
    assert found.read_electrons == pytest.approx(true.read_electrons, rel=0.1)


def test_edges_are_where_the_level_changes() -> None:
    table, edges = level_table(4.0).astype(int), level_edges(4.0)
    for level in (1, 2, 40, 200):
        first = int(edges[level])
        assert table[first] >= level > table[first - 1]


@pytest.mark.parametrize(
    ("dark_level", "flat_level", "frames", "message"),
    [
        (0.0, 0.1, 20, "20 frames, expected 39 or more"),
        (0.0, 0.0001, 45, "black or white"),
        (0.0, 5.0, 45, "black or white"),
    ],
)
def test_recordings_that_tell_nothing_are_refused(
    dark_level: float, flat_level: float, frames: int, message: str
) -> None:
    sensor = SENSORS["arducam"]
    dark, flat = (recording(sensor, 7, level, frames, size=(48, 64))[..., 1] for level in (dark_level, flat_level))
    with pytest.raises(DataError, match=message):
        photon_transfer(dark, [flat], sensor.slope)


def test_a_black_picture_without_noise_is_refused() -> None:
    sensor = SENSORS["arducam"]
    flat = recording(sensor, 8, 0.1, 45, size=(48, 64))[..., 1]
    with pytest.raises(DataError, match="fewer than three levels"):
        photon_transfer(np.zeros_like(flat), [flat], sensor.slope)


def write_video(path: Path, images: Image) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"FFV1"), 30.0, (images.shape[2], images.shape[1]))
    for image in images:
        writer.write(image)
    writer.release()
    return path


def test_the_command_measures_files_and_writes_the_profile(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    true = replace(SENSORS["arducam"], read_electrons=3.4, full_electrons=700.0)
    dark = write_video(tmp_path / "dark.avi", recording(true, 9, 0, 75))
    flat = write_video(tmp_path / "flat.avi", recording(true, 10, 0.1, 75))
    out = tmp_path / "mine.yaml"
    arguments = ["measure-camera", "--camera", "arducam", "--dark", str(dark), "--flat", str(flat), "--out", str(out)]
    assert main(arguments) == 0
    assert f"written: {out}" in capsys.readouterr().out
    before, after = profile_of("arducam"), build(CameraProfile, read_yaml(out), str(out))
    assert before.sensor is not None and after.sensor is not None
    assert after.sensor.read_electrons == pytest.approx(3.4, rel=0.1)
    assert after.sensor.full_electrons == pytest.approx(700, rel=0.1)
    assert after.sensor.measured and "320x240" in after.sensor.sources["read_electrons"]
    assert "model value" in after.sensor.sources["mean_luma"]
    assert replace(after, sensor=None) == replace(before, sensor=None)
    assert main(arguments) == 0  # again, over the first
    assert out.read_text().count("\nsensor:") == 1
    assert "# Manual exposure first" in out.read_text()  # people's comments stay


def test_a_camera_is_recorded_twice_when_enter_is_pressed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recording stands for the camera: 15 frames to settle and 40 to keep, dark, then the same lit."""
    sensor = SENSORS["arducam"]
    takes = [recording(sensor, seed, level, 55, size=(48, 64)) for seed, level in ((1, 0.0), (2, 0.1))]
    path = write_video(tmp_path / "camera.avi", np.concatenate(takes))
    monkeypatch.setattr("sys.stdin", io.StringIO("\n\n"))
    dark, flat = _from_camera(f"file:{path}", 40)
    assert np.array_equal(dark, takes[0][15:]) and np.array_equal(flat, takes[1][15:])
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(UsageError, match="nobody is there to press Enter"):
        _from_camera(f"file:{path}", 40)


def test_a_bigger_picture_is_brought_to_the_model_s_pixel(tmp_path: Path) -> None:
    small = replace(SENSORS["arducam"], blur_px=0.01, row_electrons=0.0)
    native = replace(small, full_electrons=small.full_electrons / 4, read_electrons=2.4, black_electrons=-0.3)
    videos = [
        write_video(tmp_path / f"{i}.avi", recording(native, 20 + i, level, size=(240, 640)))
        for i, level in enumerate((0.0, 0.1))
    ]
    out = tmp_path / "out.yaml"
    arguments = ["--dark", str(videos[0]), "--flat", str(videos[1]), "--frames", "45", "--out", str(out)]
    assert main(["measure-camera", "--camera", "arducam", *arguments]) == 0
    section = yaml.safe_load(out.read_text())["sensor"]
    assert section["full_electrons"] == pytest.approx(small.full_electrons, rel=0.1)
    assert section["read_electrons"] == pytest.approx(4.8, rel=0.1)  # four pixels' noise
    assert section["black_electrons"] == pytest.approx(-1.2, rel=0.1)


def test_only_the_section_is_replaced(tmp_path: Path) -> None:
    profile = profile_of("brio")
    assert profile.sensor is not None
    text = camera_profile_path(profile).read_text()
    own = tmp_path / "brio.yaml"
    own.write_text(
        text.replace("cannot:", "sensor:\n  full_electrons: 1\n\n  # a comment\ncannot:", 1).split(
            "sensor:\n  full_electrons: 2600"
        )[0]
    )
    write_sensor(own, profile, profile.sensor)
    assert build(CameraProfile, read_yaml(own), "brio") == profile
    assert "a comment" not in own.read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--camera", "nothing"], EXIT_USAGE, "no camera profile is called 'nothing'"),
        (["--camera", "generic_uvc"], EXIT_USAGE, "no section `sensor`"),
        (["--camera", "brio", "--dark", "x.avi"], EXIT_USAGE, "belong together"),
        (["--camera", "brio", "--frames", "-1"], EXIT_USAGE, "must be 39 or more"),
        (["--camera", "brio", "--dark", "no.avi", "--flat", "no.avi"], EXIT_FAILURE, "no such video file"),
    ],
)
def test_wrong_input_gets_one_message(
    arguments: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["measure-camera", *arguments]) == code
    assert message in capsys.readouterr().err


def test_a_profile_that_cannot_be_written_is_refused_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sensor = SENSORS["arducam"]
    paths = [write_video(tmp_path / f"{i}.avi", recording(sensor, i, 0.1 * i, size=(120, 160))) for i in range(2)]
    arguments = ["--camera", "arducam", "--dark", str(paths[0]), "--flat", str(paths[1])]
    assert main(["measure-camera", *arguments, "--out", str(tmp_path / "no" / "x.yaml")]) == EXIT_USAGE
    assert "there is no folder" in capsys.readouterr().err
