"""A package that was installed without a compiler: it warns once, and recognises the same."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import edge

PACKAGE = Path(edge.__file__).parent
# An editable installation would lend its own core to the package in the folder.
ENTRY = """
import sys
sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in repr(finder)]
sys.path.insert(0, ".")
from edge.run.cli import main
sys.exit(main())
"""


@pytest.fixture(scope="module")
def without_core(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packages of the device, as an installation without the C core leaves them."""
    folder = tmp_path_factory.mktemp("without_core")
    shutil.copytree(PACKAGE, folder / "edge", ignore=shutil.ignore_patterns("*.so", "__pycache__", "native"))
    shutil.copytree(PACKAGE.parent / "firmware_configs", folder / "firmware_configs")
    return folder


def labels_of(folder: Path) -> tuple[list[str | None], str]:
    done = subprocess.run(
        [sys.executable, "-P", "-c", ENTRY, "--camera", "demo", "--max-frames", "150"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return [line["label"] for line in lines if line["type"] == "prediction"], done.stderr


def test_it_warns_and_recognises_the_same(without_core: Path) -> None:
    labels, errors = labels_of(without_core)
    expected, quiet = labels_of(PACKAGE.parent)
    assert errors.count("its C core was not built") == 1
    assert "C core" not in quiet
    # The two round the area average differently now and then, so that a label may come a tick sooner or later.
    assert sum(a == b for a, b in zip(labels, expected, strict=True)) >= 0.9 * len(expected)
