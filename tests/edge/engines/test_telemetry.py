"""No engine leaves an id on the disk or sends anything when it is imported after `edge.engines`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge.engines.catalogue import ENGINES

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("module", ["onnxruntime", "openvino"])
def test_importing_an_engine_writes_nothing_at_home(module: str, tmp_path: Path) -> None:
    if not ENGINES[module].version():
        pytest.skip(f"{module} is not installed")
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    code = f"import edge.engines, {module}; print({module}.__version__)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=True, timeout=120)
    assert list(tmp_path.rglob("*")) == []
