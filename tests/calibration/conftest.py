"""No data root of the person who runs the tests reaches them."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def no_data_root(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for settings that is empty, and no EDGE_DATA; returns the folder."""
    settings = tmp_path_factory.mktemp("settings")
    monkeypatch.delenv("EDGE_DATA", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(settings))
    return settings
