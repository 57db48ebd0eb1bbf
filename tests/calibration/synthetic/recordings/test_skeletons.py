"""Recordings of joints: read, mirrored, cut; what is none is named."""

from pathlib import Path

import numpy as np
import pytest

from calibration.synthetic.recordings.skeletons import JOINTS, Joints, load
from edge.errors import DataError
from tests.calibration.synthetic import stick


def test_a_recording_is_read_in_metres_at_its_own_rate(tmp_path: Path) -> None:
    stick.write(tmp_path / "a.npz", stick.sitting_down(), fps=25)
    recording = load(tmp_path / "a.npz")
    assert recording.rate_hz == 25
    assert np.abs(recording.metres - stick.sitting_down().metres).max() < 0.001


def test_in_a_mirror_left_and_right_change_places() -> None:
    recording = stick.walking()[0]
    mirrored = recording.mirrored
    for name in JOINTS:
        other = name.replace("left", "x").replace("right", "left").replace("x_", "right_")
        ours, theirs = (r.metres[:, JOINTS.index(n)] for r, n in ((recording, name), (mirrored, other)))
        assert np.array_equal(ours * [-1, 1, 1], theirs)
    assert np.array_equal(mirrored.mirrored.metres, recording.metres)


def test_of_a_long_recording_the_part_is_taken_in_which_most_moves() -> None:
    places = stick.upright(300)
    stick.moved(places, ("right_wrist",), 0.2 * np.sin(np.arange(300) / 3)[:, None] * (np.arange(300) > 240)[:, None])
    part = stick.joints(places).busiest(2.0)
    assert len(part.metres) == 60
    assert np.array_equal(part.metres, stick.joints(places).metres[240:])


def test_a_short_recording_stays_whole() -> None:
    recording = stick.leaping()
    assert recording.busiest(5.0) is recording


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"nothing of the kind"])
def test_a_damaged_recording_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.npz: not a recording of joints"):
        load(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"skel_mm": np.zeros((9, 15, 3), np.int16)}, r"expected \[T,20,3\]"),
        ({"skel_mm": np.zeros((2, 20, 3), np.int16)}, "4 or more"),
        ({"skel_mm": np.zeros((9, 20, 3), np.int16)}, "expected a person"),
        ({"fps": np.float32(0)}, "fps is 0; expected 1 to 1000"),
        ({"fps": np.float32(np.nan)}, "fps is nan"),
        ({"up": np.array([0, 0, 1.0])}, r"expected \[0, 1, 0\]"),
        ({"up": np.array(["a"])}, "not a recording of joints"),
    ],
)
def test_what_is_no_person_is_named(tmp_path: Path, changed: dict[str, np.ndarray], told: str) -> None:
    stick.write(tmp_path / "a.npz", stick.leaping())
    with np.load(tmp_path / "a.npz") as data:
        whole = {name: data[name] for name in data}
    np.savez(tmp_path / "a.npz", **(whole | changed))
    with pytest.raises(DataError, match=told):
        load(tmp_path / "a.npz")


def test_metres_taken_for_millimetres_are_noticed(tmp_path: Path) -> None:
    stick.write(tmp_path / "a.npz", Joints(stick.leaping().metres / 1000, 30.0))
    with pytest.raises(DataError, match="in millimetres"):
        load(tmp_path / "a.npz")
