"""UTD-MHAD as it is published becomes recordings that `relit:DIR` reads, at the rate at which they were made."""

from __future__ import annotations

import csv
import struct
import zlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest

from calibration.cli import main
from calibration.sets import open_set
from calibration.synthetic.real.depth import load
from calibration.synthetic.recordings.matlab import read_arrays
from calibration.synthetic.recordings.utd_mhad import read_take
from edge.errors import DataError

Order = Literal["<", ">"]
Arrays = dict[str, npt.NDArray[Any]]
FRAMES, SAMPLES = 38, 100  # two seconds of the inertial sensor: 19 frames a second
CODES = {"f8": (6, 9), "f4": (7, 7), "u1": (9, 2), "u2": (11, 4), "i2": (10, 3)}


def element(kind: int, body: bytes, order: Order = "<") -> bytes:
    if 0 < len(body) <= 4:
        return struct.pack(f"{order}I", len(body) << 16 | kind) + body.ljust(4, b"\0")
    return struct.pack(f"{order}II", kind, len(body)) + body + b"\0" * (-len(body) % 8)


def mat_file(arrays: Arrays, compressed: bool = True, order: Order = "<") -> bytes:
    """What MATLAB's `save -v7` (or -v6, without compression) writes, after MathWorks' description of the format."""
    text = b"MATLAB 5.0 MAT-file, Platform: PCWIN64".ljust(124)
    file = text + struct.pack(f"{order}H", 0x0100) + (b"IM" if order == "<" else b"MI")
    for name, array in arrays.items():
        kind, stored = CODES[array.dtype.str[1:]]
        parts = element(6, struct.pack(f"{order}II", kind, 0), order)
        parts += element(5, struct.pack(f"{order}{array.ndim}i", *array.shape), order)
        parts += element(1, name.encode(), order)
        parts += element(stored, array.astype(array.dtype.newbyteorder(order)).tobytes(order="F"), order)
        whole = element(14, parts, order)
        if compressed:
            packed = zlib.compress(whole)
            whole = struct.pack(f"{order}II", 15, len(packed)) + packed
        file += whole
    return file


def depth_of(frames: int = FRAMES) -> npt.NDArray[np.uint16]:
    """A person who leans to the right, two metres away, before nothing: [240,320,frames]."""
    depth = np.zeros((240, 320, frames), np.uint16)
    for t in range(frames):
        depth[60:200, 140 + t // 2 : 180 + t // 2, t] = 2000 + t
    return depth


def write_take(folder: Path, name: str, depth: npt.NDArray[np.uint16], samples: int = SAMPLES) -> None:
    rng = np.random.default_rng(0)
    skeleton = np.zeros((20, 3, depth.shape[2]))
    skeleton[:, :, :] = np.array([0.0, 0.2, 2.0])[:, None] + 0.2 * rng.standard_normal((20, 3, 1))
    arrays: dict[str, tuple[str, Arrays]] = {
        "Depth": ("depth", {"d_depth": depth}),
        "Skeleton": ("skeleton", {"d_skel": skeleton}),
        "Inertial": ("inertial", {"d_iner": rng.standard_normal((samples, 6))}),
    }
    for place, (kind, content) in arrays.items():
        (folder / place).mkdir(parents=True, exist_ok=True)
        (folder / place / f"{name}_{kind}.mat").write_bytes(mat_file(content))


@pytest.fixture
def published(tmp_path: Path) -> Path:
    folder = tmp_path / "UTD-MHAD"
    for name in ("a22_s1_t1", "a22_s2_t1", "a1_s1_t1", "a27_s3_t4"):
        write_take(folder, name, depth_of())
    return folder


def test_what_is_published_can_be_relit(published: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "utd_depth"
    assert main(["convert", "utd-mhad", "--from", str(published), "--out", str(out)]) == 0
    assert "3 recordings: run 2, squat 1" in capsys.readouterr().out
    with (out / "labels.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == ["a22_s1_t1.npz", "a22_s2_t1.npz", "a27_s3_t4.npz"]
    assert rows[0] | {"source": "", "licence": ""} == {
        **{"file": "a22_s1_t1.npz", "class": "run", "orig_action": "jog_in_place", "actor": "s1", "trial": "1"},
        **{"frames": str(FRAMES), "fps": "19.00", "source": "", "licence": ""},
    }
    with np.load(out / rows[0]["file"]) as data:
        assert data["depth_mm"].dtype == np.uint16 and data["depth_mm"].shape == (FRAMES, 140, 58)
        assert data["origin_yx"].tolist() == [60, 140] and data["full_hw"].tolist() == [240, 320]
        assert data["skel_m"].dtype == np.float32 and data["skel_m"].shape == (FRAMES, 20, 3)
        assert data["fps"] == 19.0
    assert len(load(out / rows[0]["file"]).depth_m) == FRAMES
    clips = open_set(f"relit:{out}")
    assert clips.labels == ("run", "squat")
    frame = next(iter(clips.clips[0].frames()))
    assert frame.bgr().shape == (240, 320, 3)


def test_people_and_other_actions_can_be_chosen(published: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ["--from", str(published), "--out", str(out), "--people", "s1", "--other"]
    assert main(["convert", "utd-mhad", *options]) == 0
    table = (out / "labels.csv").read_text()
    assert "a01_s1_t1.npz,other,swipe_left,s1" in table and "s2" not in table


def test_a_take_whose_parts_do_not_belong_together_is_refused(published: Path) -> None:
    write_take(published, "a22_s1_t1", depth_of(), samples=10)
    files = [published / place / f"a22_s1_t1_{place.lower()}.mat" for place in ("Depth", "Skeleton", "Inertial")]
    with pytest.raises(DataError, match=r"a22_s1_t1_inertial\.mat: 10 samples .* 190\.0 frames a second"):
        read_take(files[0], files[1], files[2])


def test_a_scene_with_its_background_is_refused(published: Path) -> None:
    write_take(published, "a22_s1_t1", np.full((240, 320, FRAMES), 3000, np.uint16))
    files = [published / place / f"a22_s1_t1_{place.lower()}.mat" for place in ("Depth", "Skeleton", "Inertial")]
    with pytest.raises(DataError, match="background"):
        read_take(files[0], files[1], files[2])


def test_a_missing_part_is_named(published: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (published / "Inertial" / "a22_s1_t1_inertial.mat").unlink()
    assert main(["convert", "utd-mhad", "--from", str(published), "--out", str(tmp_path / "out")]) == 2
    assert "a22_s1_t1_inertial.mat is missing" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compressed", [True, False])
def test_arrays_of_every_kind_are_read_as_they_were_written(order: Order, compressed: bool, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    arrays: Arrays = {
        "small": np.array([[7]], np.uint8),
        "cube": rng.integers(0, 60000, (3, 4, 5)).astype(np.uint16),
        "real": rng.standard_normal((2, 6)),
        "single": rng.standard_normal((1, 3)).astype(np.float32),
    }
    (tmp_path / "a.mat").write_bytes(mat_file(arrays, compressed, order))
    found = read_arrays(tmp_path / "a.mat")
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_scipy_and_this_reader_agree(tmp_path: Path) -> None:
    scipy = pytest.importorskip("scipy.io")
    arrays = {"d_iner": np.arange(12.0).reshape(2, 6), "d_depth": depth_of(3), "text": "passed over"}
    scipy.savemat(tmp_path / "a.mat", arrays, do_compression=True)
    found = read_arrays(tmp_path / "a.mat")
    assert set(found) == {"d_iner", "d_depth"}
    np.testing.assert_array_equal(found["d_iner"], arrays["d_iner"])
    np.testing.assert_array_equal(found["d_depth"], arrays["d_depth"])


def test_a_damaged_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    whole = mat_file({"d_iner": np.arange(600.0).reshape(100, 6)})
    cases = (whole[:-9], b"", b"RIFF" * 99, whole[:140] + b"\xff" * 40 + whole[180:])
    for data in cases:
        (tmp_path / "bad.mat").write_bytes(data)
        with pytest.raises(DataError, match=r"bad\.mat"):
            read_arrays(tmp_path / "bad.mat")
    (tmp_path / "bad.mat").write_bytes(b"MATLAB 7.3 MAT-file".ljust(600))
    with pytest.raises(DataError, match="-v7"):
        read_arrays(tmp_path / "bad.mat")
