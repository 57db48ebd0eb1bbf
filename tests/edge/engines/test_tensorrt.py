"""TensorRT's engine: built once, kept, built anew when bundle, version or device change, its progress shown.

There is no GPU here. A module of TensorRT's names stands in for the builder; everything around it is the real code.
What TensorRT itself does with a student is not tested.
"""

from __future__ import annotations

import dataclasses
import re
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from edge.bundles.bundle import Bundle
from edge.engines.cache import Cache
from edge.engines.tensorrt import BuildProgress, prepared
from edge.errors import BundleError
from tests.students import tiny_files, tiny_manifest, tiny_student

TINY = tiny_student()
BUNDLE = Bundle("here", "digest", tiny_manifest(TINY), tiny_files(TINY))
DEVICE = "Orin sm_87"


@pytest.fixture
def builder(monkeypatch: pytest.MonkeyPatch) -> types.SimpleNamespace:
    """Stands in for the module tensorrt; `built` counts, `refuses` makes the parser refuse."""
    module = types.SimpleNamespace(__version__="10.3.0", built=0, refuses=False)

    class Logger:
        ERROR = 1

        def __init__(self, severity: int) -> None:
            pass

    class ProgressMonitor:
        pass

    class Builder:
        def __init__(self, logger: Logger) -> None:
            pass

        def create_network(self, flags: int) -> str:
            assert flags == 1 << 3
            return "network"

        def create_builder_config(self) -> types.SimpleNamespace:
            return types.SimpleNamespace()

        def build_serialized_network(self, network: str, config: Any) -> bytes:
            module.built += 1
            config.progress_monitor.phase_start("Building Engine", None, 2)
            for step in range(2):
                assert config.progress_monitor.step_complete("Building Engine", step)
            config.progress_monitor.phase_finish("Building Engine")
            return f"engine {module.built}".encode()

    class OnnxParser:
        def __init__(self, network: str, logger: Logger) -> None:
            pass

        def parse(self, student: bytes) -> bool:
            assert student == TINY.streaming_onnx()
            return not module.refuses

        def get_error(self, index: int) -> types.SimpleNamespace:
            return types.SimpleNamespace(desc=lambda: "zero point must be zero")

    module.Logger, module.IProgressMonitor, module.Builder, module.OnnxParser = (
        Logger,
        ProgressMonitor,
        Builder,
        OnnxParser,
    )
    module.NetworkDefinitionCreationFlag = types.SimpleNamespace(STRONGLY_TYPED=3)
    module.ProfilingVerbosity = types.SimpleNamespace(DETAILED=2)
    monkeypatch.setitem(sys.modules, "tensorrt", module)
    return module


def test_an_engine_is_built_once_and_kept(builder: types.SimpleNamespace, tmp_path: Path) -> None:
    said: list[str] = []
    for _ in range(3):
        assert prepared(BUNDLE, said.append, Cache(tmp_path), DEVICE) == b"engine 1"
    assert builder.built == 1
    assert said[0].startswith("building the engine for Orin sm_87: Building Engine 0/2; 0 s")
    assert any(re.fullmatch(r"building the engine for Orin sm_87: done after \d+ s", line) for line in said)
    assert "kept from before" in said[-1] and str(tmp_path) in said[-1]


@pytest.mark.parametrize("change", ["bundle", "student", "version", "device", "damage"])
def test_it_is_built_anew_when_anything_changes(
    builder: types.SimpleNamespace, tmp_path: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = Cache(tmp_path)
    prepared(BUNDLE, print, cache, DEVICE)
    bundle, device = BUNDLE, DEVICE
    if change == "bundle":
        bundle = dataclasses.replace(BUNDLE, digest="another")
    elif change == "student":
        other = tiny_student(1)
        bundle = dataclasses.replace(BUNDLE, files=tiny_files(other))
        monkeypatch.setitem(globals(), "TINY", other)
    elif change == "version":
        builder.__version__ = "10.4.0"
    elif change == "device":
        device = "Orin sm_72"
    else:
        (path,) = tmp_path.iterdir()
        path.write_bytes(path.read_bytes()[:-1])
    assert prepared(bundle, print, cache, device) == b"engine 2"
    assert prepared(bundle, print, cache, device) == b"engine 2"


def test_a_student_that_tensorrt_refuses_is_named_with_its_reason(
    builder: types.SimpleNamespace, tmp_path: Path
) -> None:
    builder.refuses = True
    with pytest.raises(BundleError, match=r"here: student\.onnx: tensorrt 10\.3\.0 cannot load it \(zero point must"):
        prepared(BUNDLE, print, Cache(tmp_path), DEVICE)
    assert list(tmp_path.iterdir()) == []


def test_progress_is_a_line_every_few_seconds_with_all_open_phases() -> None:
    said: list[str] = []
    now_s = [100.0]
    progress = BuildProgress(said.append, "building", every_s=2.0, clock=lambda: now_s[0])
    progress.start("all", None, 3)
    progress.start("tactics", "all", 50)
    for step in range(50):
        now_s[0] += 0.125
        progress.step("tactics", step)
    progress.finish("tactics")
    progress.step("all", 0)
    progress.step("never started", 7)
    now_s[0] += 60
    progress.step("all", 1)
    progress.done()
    assert said == [
        "building: all 0/3; 0 s",
        "building: all 0/3, tactics 16/50; 2 s",
        "building: all 0/3, tactics 32/50; 4 s",
        "building: all 0/3, tactics 48/50; 6 s",
        "building: all 2/3; 66 s",
        "building: done after 66 s",
    ]
