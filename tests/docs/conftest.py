"""A workplace, prepared once and given fresh to every test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.docs.workplace import Workplace


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("documents") / "workplace"
    Workplace.prepare(folder)
    return folder


@pytest.fixture
def workplace(prepared: Path, tmp_path: Path) -> Workplace:
    shutil.copytree(prepared, tmp_path / "workplace", symlinks=True)
    return Workplace(tmp_path / "workplace")
