"""Every command that writes what it found at its end looks first whether it could; odd options are no traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edge.errors import EXIT_CONFIG, EXIT_FAILURE, EXIT_USAGE
from tests.edge.conftest import ROOT

LONG = "n" * 5000


def run(module: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    code = f"import sys; from {module} import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, timeout=120
    )


EDGE_EVAL, EDGE_FOLDS = "calibration.evaluation.cli", "calibration.evaluation.folds_cli"


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        (EDGE_EVAL, ["--set", "synthetic_test", "--html", "FOLDER"]),
        (EDGE_EVAL, ["--set", "synthetic_test", "--html", "FOLDER/none/report.html"]),
        ("calibration.cli", ["measure-camera", "--camera", "arducam", "--dark", "a", "--flat", "b", "--out", "FOLDER"]),
        ("calibration.cli", ["compare-statistics", "--set", "synthetic_val", "--out", "FOLDER/none/a.md"]),
        ("calibration.cli", ["demo", "--out", "FILE/demo.mp4"]),
        ("calibration.cli", ["demo", "--out", "FOLDER/folder.mp4"]),
        ("distill.cli", ["train", "distill/recipes/students/student.yaml", "--out", "FILE"]),
        ("distill.cli", ["pretrain", "distill/recipes/students/student.yaml", "--out", "FILE/below"]),
        ("distill.cli", ["export", "FOLDER", "--out", "FILE"]),
    ],
)
def test_a_target_that_cannot_be_written_is_refused_before_the_work(
    module: str, arguments: list[str], tmp_path: Path
) -> None:
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "file").write_text("mine")
    named = [text.replace("FOLDER", str(tmp_path)).replace("FILE", str(tmp_path / "file")) for text in arguments]
    done = run(module, *named)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (EXIT_USAGE, "", 1), done.stderr
    assert str(tmp_path) in done.stderr and "Traceback" not in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.mp4"]


def test_a_bundle_that_cannot_get_its_measurement_is_found_first(tmp_path: Path) -> None:
    done = run(EDGE_FOLDS, "--folds", tmp_path, "--set", "synthetic_test", "--record", tmp_path / "none")
    assert (done.returncode, done.stderr.count("\n")) == (EXIT_CONFIG, 1) and str(tmp_path / "none") in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--config", LONG], EXIT_CONFIG),
        (["--camera", f"file:{LONG}"], EXIT_FAILURE),
        (["--camera", f"images:{LONG}"], EXIT_FAILURE),
        (["--camera", LONG], EXIT_USAGE),
        (["--camera", f"{LONG}.yaml"], EXIT_CONFIG),
        (["demo", "--bundle", LONG], EXIT_CONFIG),
        (["demo", "--bundle", f"{LONG}.tar"], EXIT_CONFIG),
        (["--max-frames", "9" * 400], EXIT_USAGE),
        (["--max-frames", "9" * 5000], EXIT_USAGE),
        (["--threads", "9" * 400], EXIT_USAGE),
        (["--duration", "1e400"], EXIT_USAGE),
        (["--duration", "nan"], EXIT_USAGE),
        (["--gamma", "nan"], EXIT_USAGE),
        (["--fps", "-inf"], EXIT_USAGE),
        (["--board", "\ud800"], EXIT_USAGE),
        (["--camera", "\udcff"], EXIT_USAGE),
        (["--engine", "x" * 5000], EXIT_USAGE),
    ],
)
def test_odd_options_of_edge_run(arguments: list[str], code: int) -> None:
    try:
        done = run("edge.run.cli", *arguments)
    except UnicodeEncodeError:  # nobody can write that on a command line
        return
    assert (done.returncode, done.stdout) == (code, ""), done.stderr[-500:]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        (EDGE_EVAL, ["--set", "synthetic_test", "--gamma", "nan"]),
        (EDGE_EVAL, ["--set", LONG]),
        (EDGE_EVAL, ["--set", f"folder:{LONG}"]),
        (EDGE_EVAL, ["--set", "synthetic_test", "--bundle", LONG]),
        ("calibration.cli", ["check", f"folder:{LONG}"]),
        ("calibration.cli", ["check", "arid", "--data-root", LONG]),
        ("calibration.cli", ["demo", "--out", f"{LONG}.mp4"]),
        ("quantize.cli", ["--calib", "synthetic_val", "--model", LONG, "--out", "x"]),
        ("quantize.cli", ["--calib", "synthetic_val", "--model", "x", "--out", LONG]),
        ("distill.cli", ["train", LONG, "--out", "x"]),
        ("distill.cli", ["train", "distill/recipes/students/student.yaml", "--out", LONG]),
        ("distill.cli", ["resume", LONG]),
        ("edge.doctor.cli", ["--config", LONG]),
        ("edge.deploy.cli", ["install", "--root", LONG]),
        ("edge.deploy.cli", ["status", "--root", LONG]),
    ],
)
def test_odd_options_of_the_others(module: str, arguments: list[str]) -> None:
    done = run(module, *arguments)
    assert done.returncode in (EXIT_FAILURE, EXIT_USAGE, EXIT_CONFIG) and "Traceback" not in done.stderr, done.stderr[
        -900:
    ]
