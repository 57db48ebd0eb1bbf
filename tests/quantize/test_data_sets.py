"""quantize on the data sets that the README names: labels need not fit, and where none does float is the judge."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from calibration.evaluation.cli import main as edge_eval
from calibration.learnt import LearntClips
from edge.bundles.bundle import Bundle, write_bundle
from quantize.cli import main
from tests.clips import write_square_folder
from tests.students import tiny_files, tiny_manifest, tiny_student

ROOT = Path(__file__).parents[2]
REAL = ROOT.parent / "shared" / "data" / "arid_dark"
FLOAT_BUNDLE = ROOT / "bundles" / "ellar-edge-s-float32"
# As ELLAR's folders may name them; nobody in the real clips stretches, so a turn stands in for it.
ELLAR_NAMES = {"walk": "Walking", "run": "Running", "sit": "Sitting", "stand": "Standing up", "turn": "Stertching"}


@pytest.fixture
def strange(tmp_path: Path) -> Path:
    """Clips of moving squares under labels that no bundle here knows, and the float bundle of squares."""
    student = tiny_student()
    write_bundle(tmp_path / "float", tiny_manifest(student), tiny_files(student))
    folder = write_square_folder(tmp_path / "squares", 12)
    for name, other in (("left", "hop"), ("right", "skip"), ("still", "wait")):
        (folder / name).rename(folder / other)
    return tmp_path


def test_labels_that_do_not_fit_calibrate_and_float_judges(strange: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report, out = strange / "report.json", strange / "int8"
    arguments = ["--calib", f"folder:{strange / 'squares'}", "--model", str(strange / "float"), "--out", str(out)]
    # A student this small is not faster in INT8: forced.
    assert main([*arguments, "--workers=1", "--estimator=minmax", "--force", "--json", str(report)]) == 0
    assert "of the decisions are the float student's" in capsys.readouterr().out
    manifest = Bundle.load(out).manifest
    assert manifest.accuracy == ()  # nothing is claimed that was not measured
    assert any("INT8 against float: same decision on" in note for note in manifest.provenance.notes)
    assert len(LearntClips.of(Bundle.load(out)).calibration) == 6


def test_too_many_decisions_unlike_float_are_refused(strange: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = strange / "int8"
    arguments = ["--calib", f"folder:{strange / 'squares'}", "--model", str(strange / "float"), "--out", str(out)]
    assert main([*arguments, "--workers=1", "--estimator=minmax", "--max-drop=-1"]) == 1
    assert "otherwise than float, --max-drop -1 allows -3 %" in capsys.readouterr().out
    assert not out.exists()


@pytest.fixture
def imitation(tmp_path: Path) -> Path:
    """A data root with an ELLAR tree of real dark clips, some of each action."""
    if not REAL.is_dir():
        pytest.skip(f"{REAL} is not there")
    rows = list(csv.DictReader((REAL / "labels.csv").open(encoding="utf-8")))
    listed = []
    for number, (action, folder) in enumerate(ELLAR_NAMES.items()):
        for row in [row for row in rows if row["class"] == action][::6][:4]:
            path = tmp_path / "ELLAR" / "videos" / folder.replace(" ", "_") / row["file"]
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REAL / row["file"], path)
            listed.append(f"{path.relative_to(tmp_path / 'ELLAR' / 'videos').as_posix()} {number}\n")
    for split in ("train", "val", "test"):
        (tmp_path / "ELLAR" / f"ELLAR_label_{split}.txt").write_text("".join(listed))
    return tmp_path


def test_the_readmes_line_on_ellar_with_the_shipped_float_bundle(
    imitation: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--calib", "ellar_val", "--data-root", str(imitation), "--model", str(FLOAT_BUNDLE)]
    # Eight clips judge: one of them more or less is 12 points.
    few = ["--limit=16", "--estimator=minmax", "--max-drop=100", "--workers=1"]
    assert main([*where, "--out", str(imitation / "int8"), *few]) == 0
    assert "no such label in the bundle: 1 Stertching" in capsys.readouterr().out
    assert main_of_eval(imitation) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["evaluations"][0]["unknown"] == {"Stertching": 4}
    assert {decision["label"] for decision in found["evaluations"][0]["decisions"]} == {"walk", "run", "sit", "stand"}


def main_of_eval(root: Path) -> int:
    bundle = str(root / "int8")
    return edge_eval(["--bundle", bundle, "--set", "ellar_test", "--data-root", str(root), "--json"])
