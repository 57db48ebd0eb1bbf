"""`edge-run --engine` and `--prepare`: what takes long at the first start is done before, and said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge.engines import NAMES
from edge.engines.catalogue import ENGINES

ROOT = Path(__file__).parents[3]


def edge_run(home: Path, *options: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}
    for variable in ("CACHE_DIRECTORY", "STATE_DIRECTORY"):
        environment.pop(variable, None)
    command = [sys.executable, "-c", "import sys; from edge.run.cli import main; sys.exit(main())", *options]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_the_names_that_the_command_line_knows_are_the_engines() -> None:
    assert tuple(ENGINES) == NAMES


def test_what_prepare_measured_the_run_takes_and_says(tmp_path: Path) -> None:
    if not ENGINES["openvino"].version():
        pytest.skip("with one engine there is nothing to choose")
    prepared = edge_run(tmp_path, "--prepare", "--engine", "auto")
    assert prepared.returncode == 0 and prepared.stdout == ""
    assert "engine: measuring onnxruntime, openvino, once for this bundle" in prepared.stderr
    assert "ready: " in prepared.stderr
    (kept,) = (tmp_path / "cache" / "ellar-edge" / "engines").iterdir()
    before = kept.stat().st_mtime_ns
    ran = edge_run(tmp_path, "demo", "--engine", "auto", "--max-frames", "8", "--quiet")
    assert ran.returncode == 0 and ran.stderr == ""
    chosen, started = (json.loads(line) for line in ran.stdout.splitlines()[:2])
    assert chosen["event"] == "engine" and "measured before" in chosen["message"] and str(kept) in chosen["message"]
    assert started["engine"].split()[0] in ("onnxruntime", "openvino")
    assert prepared.stderr.splitlines()[-1] == f"ready: {started['engine']}"
    assert kept.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--engine", "tflite"), 2, "command line: engine: expected auto, onnxruntime, openvino, tensorrt, found 'tfl"),
        (("--engine", "tensorrt"), 78, "engine tensorrt: reads none of its builds (target "),
    ],
)
def test_an_engine_that_cannot_run_is_one_clear_error(
    tmp_path: Path, options: tuple[str, ...], code: int, message: str
) -> None:
    done = edge_run(tmp_path, "demo", *options)
    assert done.returncode == code and message in done.stderr and "Traceback" not in done.stderr
