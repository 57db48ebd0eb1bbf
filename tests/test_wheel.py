"""The wheel as a user gets it: built here, installed into an empty environment, run far from the source tree."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ALLOWED = {"numpy", "opencv-python-headless", "onnxruntime", "pyyaml", "ellar-edge"}


def run(*command: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    texts = [str(part) for part in command]
    return subprocess.run(texts, cwd=cwd, env={**clean, **environment}, capture_output=True, text=True, timeout=600)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    built = run(sys.executable, "-m", "pip", "wheel", ROOT, "--no-deps", "-w", folder, cwd=folder, CI="true")
    assert built.returncode == 0, built.stderr
    return next(folder.glob("ellar_edge-*.whl"))


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """bin/ of an environment with the wheel and what it requires, and nothing else."""
    folder = tmp_path_factory.mktemp("environment")
    assert run(sys.executable, "-m", "venv", folder / "env", cwd=folder).returncode == 0
    installed = run(folder / "env/bin/pip", "install", "--quiet", wheel, cwd=folder)
    assert installed.returncode == 0, installed.stderr
    return folder / "env" / "bin"


def test_the_wheel_holds_what_runs_and_no_more(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in ("edge/data/demo.mp4", "edge/data/bundle/manifest.json", "edge/py.typed", "edge/_native.pyi"):
        assert wanted in names
    assert any(name.startswith("edge/_native.") and name.endswith(".so") for name in names)
    assert any(name.startswith("firmware_configs/cameras/") for name in names)
    assert any(name.startswith("distill/recipes/") for name in names)
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/", "bundles/", "docs/"))]


def test_edge_run_recognises_the_demo(environment: Path, tmp_path: Path) -> None:
    done = run(environment / "edge-run", "--camera", "demo", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "NumPy" not in done.stderr  # the C core is there
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    labels = {line["label"] for line in lines if line["type"] == "prediction"}
    assert len(labels - {None}) >= 5


def test_quantize_says_what_it_needs(environment: Path, tmp_path: Path) -> None:
    assert run(environment / "quantize", "--help", cwd=tmp_path).returncode == 0
    done = run(environment / "quantize", "--calib", "synthetic_val", "--model", "none", "--out", "none2", cwd=tmp_path)
    assert done.returncode == 2
    assert re.search(r"pip install '?/\S+\.whl\[quantize\]'?$", done.stderr.strip()), done.stderr  # the wheel itself
    assert "Traceback" not in done.stderr


def test_only_the_allowed_dependencies(environment: Path, tmp_path: Path) -> None:
    listed = run(environment / "python", "-m", "pip", "list", "--format", "json", cwd=tmp_path)
    script = "import importlib.metadata as m; print(*m.requires('ellar-edge'), sep='\\n')"
    required = run(environment / "python", "-c", script, cwd=tmp_path).stdout.splitlines()
    plain = {line.split(">")[0].split("=")[0].strip().lower() for line in required if "extra" not in line}
    assert plain == ALLOWED - {"ellar-edge"}
    assert not {"torch", "onnx"} & {package["name"].lower() for package in json.loads(listed.stdout)}
