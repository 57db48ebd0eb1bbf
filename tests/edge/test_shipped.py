"""What a hint tells to give to pip: where this installation came from, never a name that no index has."""

from __future__ import annotations

import json
import re
import shlex
from importlib import metadata
from pathlib import Path

import pytest

from edge import shipped

COMMIT = "c0ffee" * 6 + "c0ff"


def came_as(monkeypatch: pytest.MonkeyPatch, package: Path, direct_url: dict[str, object] | None) -> None:
    """An installation of which pip wrote this `direct_url.json` (PEP 610), or none."""
    info = package / "ellar_edge-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ellar-edge\nVersion: 0.1.0\n")
    if direct_url is not None:
        (info / "direct_url.json").write_text(json.dumps(direct_url))
    monkeypatch.setattr(metadata, "distribution", lambda name: metadata.PathDistribution(info))
    monkeypatch.setattr(shipped, "__file__", str(package / "edge" / "shipped.py"))


def test_a_wheel_is_named_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = tmp_path / "my wheels" / "ellar_edge-0.1.0-cp310-abi3-linux_x86_64.whl"
    wheel.parent.mkdir()
    wheel.touch()
    came_as(monkeypatch, tmp_path / "site", {"url": wheel.as_uri(), "archive_info": {}})
    assert shlex.split(shipped.install_extra("quantize")) == ["pip", "install", f"{wheel}[quantize]"]
    assert shlex.split(shipped.reinstall()) == ["pip", "install", "--force-reinstall", str(wheel)]


def test_a_tree_is_named_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    came_as(monkeypatch, tmp_path / "site", {"url": tmp_path.as_uri(), "dir_info": {"editable": True}})
    assert shipped.install_extra("distill") == f"pip install '{tmp_path}[distill]'"


def test_an_address_is_named_with_its_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    came_as(monkeypatch, tmp_path, {"url": "https://host/edge.git", "vcs_info": {"vcs": "git", "commit_id": COMMIT}})
    address = f"git+https://host/edge.git@{COMMIT}"
    assert shlex.split(shipped.reinstall())[-1] == address
    assert shlex.split(shipped.install_extra("quantize"))[-1] == f"ellar-edge[quantize] @ {address}"


@pytest.mark.parametrize("direct_url", [None, {"url": "file:///gone/ellar_edge-0.1.0.whl"}, {"url": "file:///%"}])
def test_where_it_is_gone_a_wheel_is_asked_for(
    direct_url: dict[str, object] | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    came_as(monkeypatch, tmp_path, direct_url)
    assert shipped.reinstall() == "pip install --force-reinstall ellar_edge-*.whl"
    hint = shipped.install_extra("quantize")
    assert hint.startswith("pip install 'WHEEL[quantize]' (WHEEL: the file ellar_edge-*.whl")


def test_the_tree_that_runs_without_being_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    came_as(monkeypatch, tmp_path, None)
    (tmp_path / "setup.py").touch()
    assert shipped.reinstall() == f"pip install --force-reinstall {tmp_path}"


def test_no_hint_names_a_package_that_no_index_has() -> None:
    root = Path(__file__).parents[2]
    for folder in ("edge", "calibration", "quantize", "distill"):
        for path in (root / folder).rglob("*.py"):
            assert not re.search(r"pip install (--\S+ )*[\"']?ellar-edge", path.read_text()), path
