"""Pulses of a known strength are measured as such, and files that have none are told so."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from calibration.cli import main
from calibration.measurement.key_frames import Pulse, pulses, read, still_change
from edge.errors import EXIT_USAGE


def noisy(extra: float, keys: list[int]) -> list[np.ndarray]:
    """A wall with noise of one level, anew in every frame; from every key frame on it looks a little different."""
    rng = np.random.default_rng(0)
    wall, frames = np.full((64, 80), 20.0), []
    for i in range(40):
        if i in keys:
            wall = wall + rng.normal(0, extra, wall.shape)
        frames.append((wall + rng.normal(0, 1, wall.shape)).astype(np.float32))
    return frames


def test_a_pulse_has_its_period_its_strength_and_what_it_adds() -> None:
    found = pulses(noisy(2.0, [0, 10, 25]), [0, 10, 25])
    assert [pulse.period for pulse in found] == [10, 15]
    for pulse in found:
        assert pulse.around == pytest.approx(2**0.5, rel=0.05)
        assert pulse.change == pytest.approx(6**0.5, rel=0.05)
        assert pulse.ratio == pytest.approx(3**0.5, rel=0.1)
        assert pulse.added == pytest.approx(2, rel=0.05)


def test_key_frames_at_the_ends_have_nothing_beside_them() -> None:
    assert pulses(noisy(2.0, [0, 2, 38]), [0, 2, 38]) == []


def test_one_who_moves_before_less_than_half_of_the_picture_is_not_measured() -> None:
    frames = noisy(0.0, [])
    moved = [frame.copy() for frame in frames]
    for i, frame in enumerate(moved):
        frame[:, :32] += 50 * (i % 2)
    assert still_change(moved).mean() == pytest.approx(still_change(frames).mean(), rel=0.1)


def test_nothing_at_all_is_no_infinite_pulse() -> None:
    assert np.isfinite(Pulse(30, 1.0, 0.0).ratio) and Pulse(30, 0.5, 1.0).added == 0


def written(file: Path, codec: str) -> Path:
    """A video of a dim noisy wall."""
    rng = np.random.default_rng(1)
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*codec), 15.0, (128, 96))
    wall = rng.integers(20, 90, (96, 128, 3))
    for _ in range(40):
        writer.write((wall + rng.integers(-3, 4, wall.shape)).astype(np.uint8))
    writer.release()
    return file


def test_a_video_tells_its_key_frames(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "walk").mkdir()
    frames, keys = read(written(tmp_path / "walk" / "clip.mp4", "mp4v"))
    assert len(frames) == 40 and keys == [0, 12, 24, 36], "MPEG-4's usual distance"
    assert main(["key-frames", "--set", f"folder:{tmp_path}"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("2 key frames in 1 recordings") and "period, frames" in said and " 12.00 (quartiles" in said


def test_rendered_clips_and_clips_of_key_frames_alone_have_no_pulses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["key-frames", "--set", "synthetic_val"]) == EXIT_USAGE
    assert "expected recordings" in capsys.readouterr().err
    (tmp_path / "walk").mkdir()
    written(tmp_path / "walk" / "clip.avi", "MJPG")
    assert main(["key-frames", "--set", f"folder:{tmp_path}"]) == EXIT_USAGE
    assert "with others around it" in capsys.readouterr().err
