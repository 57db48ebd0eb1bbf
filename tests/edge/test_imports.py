"""`edge` stays light: it never imports what a robot does not have."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import edge

ROOT = Path(__file__).parents[2]
FORBIDDEN = ("torch", "onnx", "calibration", "quantize", "distill", "scipy", "rich", "sklearn")
MODULES = sorted(module.name for module in pkgutil.walk_packages(edge.__path__, "edge."))


def imported_by(code: str) -> set[str]:
    """The top-level packages that a fresh interpreter has loaded after `code`."""
    report = f"{code}; import sys; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", report], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_no_module_of_edge_imports_a_heavy_package() -> None:
    assert len(MODULES) > 20
    loaded = imported_by("import " + ", ".join(MODULES))
    assert loaded.isdisjoint(FORBIDDEN), loaded.intersection(FORBIDDEN)
    assert {"numpy", "cv2", "onnxruntime", "yaml"} <= loaded


@pytest.mark.parametrize("module", ["edge", "edge.run.cli"])
def test_the_command_line_answers_before_the_libraries_are_loaded(module: str) -> None:
    assert imported_by(f"import {module}").isdisjoint({"numpy", "cv2", "onnxruntime", *FORBIDDEN})
