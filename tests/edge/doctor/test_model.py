"""The bundle is verified and works before the doctor says that it is fine."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edge.doctor import engine, model


def test_a_good_bundle(tiny_bundle: Path) -> None:
    whole, quick = model.check(tiny_bundle, threads=1, engine=None)
    assert (whole.level, quick.level) == ("ok", "ok")
    assert "tiny (float32), verified" in whole.found
    assert "in onnxruntime" in quick.found
    assert "the next one comes after 66.6667 ms" in quick.found


def test_a_changed_file_is_found(tiny_bundle: Path, tmp_path: Path) -> None:
    bundle = shutil.copytree(tiny_bundle, tmp_path / "changed")
    with (bundle / "gate.npz").open("r+b") as file:
        file.seek(100)
        file.write(b"!")
    (finding,) = model.check(bundle, threads=1, engine=None)
    assert finding.level == "error"
    assert "gate.npz" in finding.found
    assert finding.repair


@pytest.mark.parametrize(("tick_ms", "level"), [(40.0, "warning"), (20.0, "ok")])
def test_a_tick_that_leaves_little_room(tick_ms: float, level: str) -> None:
    assert model.judge_tick(tick_ms, 66.7, "onnxruntime 1").level == level


def test_every_library_is_named_with_its_version() -> None:
    findings = {finding.what: finding for finding in engine.check()}
    for name in ("numpy", "opencv-python-headless", "onnxruntime", "pyyaml"):
        assert findings[name].level == "ok"
        assert findings[name].found[0].isdigit()


def test_a_library_that_does_not_load_is_an_error() -> None:
    finding = engine.check_library("edge.no_such_library", "no-such-library")
    assert finding.level == "error"
    assert finding.repair == "pip install --force-reinstall no-such-library"
