"""Which engine runs which build: measured once per bundle, remembered, measured again when anything changes."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge.bundles.bundle import Bundle, ModelSpec, write_bundle
from edge.engines import base, choice
from edge.engines.cache import Cache
from edge.engines.catalogue import ENGINES, Engine, Say
from edge.engines.choice import Choice, choose, open_student
from edge.engines.onnxruntime import OnnxRuntimeSession
from edge.errors import BundleError, ConfigError
from tests.students import TinyStudent, tiny_files, tiny_manifest, tiny_student

TINY = tiny_student()


class Wrong(OnnxRuntimeSession):
    """Nothing is faster than an engine that does not compute."""

    def _run(self, turn: int) -> None:
        self._logits[...] = 1.0


class Slow(OnnxRuntimeSession):
    """The same answers, each twice."""

    def _run(self, turn: int) -> None:
        for _ in range(20):
            super()._run(turn)


def refused(bundle: Bundle, threads: int, say: Say) -> base.StudentSession:
    raise BundleError("cannot be read here")


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    write_bundle(tmp_path / "bundle", tiny_manifest(TINY), tiny_files(TINY))
    return Bundle.load(tmp_path / "bundle")


@pytest.fixture
def two_builds(tmp_path: Path) -> Bundle:
    """`student.onnx` and, as an alternative, the same under another name."""
    files = tiny_files(TINY)
    model = ModelSpec("other", "onnxruntime", ("other.onnx",), TINY.states())
    manifest = dataclasses.replace(tiny_manifest(TINY), alternatives=(model,))
    write_bundle(tmp_path / "two", manifest, {**files, "other.onnx": files["student.onnx"]})
    return Bundle.load(tmp_path / "two")


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Engine]]:
    """A table of engines to fill; every one is installed as a version of onnxruntime."""
    table: dict[str, Engine] = {}
    monkeypatch.setattr(choice, "ENGINES", table)
    monkeypatch.setattr("edge.engines.catalogue.ENGINES", table)
    monkeypatch.setattr(choice, "ROUNDS", 30)
    yield table


def engine(student: type[OnnxRuntimeSession]) -> Engine:
    return dataclasses.replace(ENGINES["onnxruntime"], open=lambda bundle, threads, say: student(bundle, threads))


def chosen(bundle: Bundle, cache: Cache, name: str = "auto", threads: int = 1) -> tuple[Choice, list[str]]:
    said: list[str] = []
    return choose(bundle, name, threads, said.append, cache), said


def test_the_fastest_is_taken_and_remembered(bundle: Bundle, tmp_path: Path, engines: dict[str, Engine]) -> None:
    engines.update(slow=engine(Slow), fast=engine(OnnxRuntimeSession))
    cache = Cache(tmp_path / "cache")
    first, said = chosen(bundle, cache)
    assert first.taken.engine == "fast" and "times as fast" in first.why
    assert {c.engine for c in first.measured} == {"slow", "fast"} and all(c.step_ms for c in first.measured)
    assert "measuring slow, fast" in said[0] and first.why in said[-1] and str(cache.folder) in said[-1]
    again, said = chosen(bundle, cache)
    assert again == first and len(said) == 1 and "measured before" in said[0]


def test_what_changes_makes_it_measure_again(
    bundle: Bundle, tmp_path: Path, engines: dict[str, Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    engines.update(slow=engine(Slow), fast=engine(OnnxRuntimeSession))
    cache = Cache(tmp_path / "cache")

    def measured(bundle: Bundle = bundle, threads: int = 1) -> bool:
        return any("measuring" in line for line in chosen(bundle, cache, threads=threads)[1])

    assert measured() and not measured()
    assert measured(threads=2) and not measured(threads=2)
    assert measured(dataclasses.replace(bundle, digest="of another"))
    monkeypatch.setattr(Engine, "version", lambda self: "99.0")
    assert measured() and not measured()
    assert cache.folder is not None
    for path in cache.folder.iterdir():
        path.write_bytes(path.read_bytes()[:-1])
    assert measured()


def test_a_tie_goes_to_the_default(bundle: Bundle, tmp_path: Path, engines: dict[str, Engine]) -> None:
    engines.update(first=engine(OnnxRuntimeSession), second=engine(OnnxRuntimeSession))
    assert choice._taken(
        bundle, [choice.EngineCandidate("first", 0, 1.0), choice.EngineCandidate("second", 0, 0.96)], []
    ) == Choice(
        choice.EngineCandidate("first", 0, 1.0),
        "first, none is 5 % faster (first 1.000 ms, second 0.960 ms)",
        (choice.EngineCandidate("first", 0, 1.0), choice.EngineCandidate("second", 0, 0.96)),
    )


def test_wrong_answers_are_never_taken_however_fast(bundle: Bundle, tmp_path: Path, engines: dict[str, Engine]) -> None:
    engines.update(right=engine(Slow), wrong=engine(Wrong))
    found, _ = chosen(bundle, Cache(tmp_path / "cache"))
    assert found.taken.engine == "right"
    assert "wrong: answers differ from the default's" in found.why


def test_an_engine_that_refuses_the_bundle_is_named(bundle: Bundle, tmp_path: Path, engines: dict[str, Engine]) -> None:
    engines.update(one=engine(OnnxRuntimeSession), other=dataclasses.replace(ENGINES["onnxruntime"], open=refused))
    found, _ = chosen(bundle, Cache(tmp_path / "cache"))
    assert found.taken.engine == "one" and "other: cannot be read here" in found.why
    engines.pop("one")
    engines["another"] = engines["other"]
    with pytest.raises(ConfigError, match="no engine can run it: cannot be read here; cannot be read here"):
        chosen(bundle, Cache(tmp_path / "cache2"))


def test_the_board_decides_between_builds(two_builds: Bundle, tmp_path: Path) -> None:
    found, said = chosen(two_builds, Cache(tmp_path / "cache"), "onnxruntime")
    assert [(c.engine, c.build) for c in found.measured] == [("onnxruntime", 0), ("onnxruntime", 1)]
    assert "onnxruntime (default build), onnxruntime (other)" in said[0]
    x = np.random.default_rng(0).integers(0, 256, (1, 24, 32, 3), np.uint8)
    student = open_student(two_builds, "onnxruntime", say=said.append, cache=Cache(tmp_path / "cache"))
    np.testing.assert_allclose(student.step(x), TINY.clip_logits(x)[0], rtol=1e-5, atol=1e-5)


def with_ir(folder: Path, other: TinyStudent = TINY) -> Bundle:
    """As made for `openvino`: `student.onnx`, and another student's IR beside it, which OpenVINO alone reads."""
    openvino = pytest.importorskip("openvino")
    model = openvino.Core().read_model(io.BytesIO(other.streaming_onnx()))
    openvino.save_model(model, folder / "student.xml", compress_to_fp16=False)
    names = ("student.xml", "student.bin")
    alternative = ModelSpec("NNCF", "openvino", names, TINY.states())
    manifest = dataclasses.replace(tiny_manifest(TINY), alternatives=(alternative,))
    files = {**tiny_files(TINY), **{name: (folder / name).read_bytes() for name in names}}
    write_bundle(folder / "ir", manifest, files)
    return Bundle.load(folder / "ir")


def test_a_build_is_offered_to_the_engines_that_read_it(tmp_path: Path) -> None:
    bundle = with_ir(tmp_path)
    found, said = chosen(bundle, Cache(tmp_path / "cache"))
    assert [(c.engine, c.build, c.note) for c in found.measured] == [
        ("onnxruntime", 0, ""),
        ("openvino", 0, ""),
        ("openvino", 1, ""),
    ]
    assert "onnxruntime (default build), openvino (default build), openvino (NNCF)" in said[0]
    assert chosen(bundle, Cache(tmp_path / "cache"), "onnxruntime")[0].why == "as configured"


def test_what_was_remembered_is_the_build_that_runs(tmp_path: Path) -> None:
    other = tiny_student(1)
    bundle, cache = with_ir(tmp_path, other), Cache(tmp_path / "cache")
    key = choice._key(bundle, choice._candidates(bundle, "openvino"), 1)
    x = np.random.default_rng(0).integers(0, 256, (1, 24, 32, 3), np.uint8)
    for build, tiny in enumerate((TINY, other)):
        cache.put(key, choice._to_json(Choice(choice.EngineCandidate("openvino", build), "as measured")))
        student = open_student(bundle, "openvino", say=lambda line: None, cache=cache)
        np.testing.assert_allclose(student.step(x), tiny.clip_logits(x)[0], rtol=1e-5, atol=1e-5)


def test_what_was_remembered_under_the_builds_old_name_still_holds(two_builds: Bundle, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    found, _ = chosen(two_builds, cache, "onnxruntime")
    key = choice._key(two_builds, choice._candidates(two_builds, "onnxruntime"), 1)
    cache.put(key, choice._to_json(found).replace(b'"build"', b'"form"'))
    assert chosen(two_builds, cache, "onnxruntime")[0] == found


def test_without_a_choice_nothing_is_measured_or_written(bundle: Bundle, tmp_path: Path) -> None:
    found, said = chosen(bundle, Cache(tmp_path / "cache"), "onnxruntime")
    assert (found.taken.engine, found.why, said) == ("onnxruntime", "as configured", [])
    assert not (tmp_path / "cache").exists()


def test_an_engine_that_is_not_installed_is_one_clear_error(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Engine, "version", lambda self: None)
    with pytest.raises(ConfigError, match=r"engine openvino: is not installed; pip install 'openvino>="):
        open_student(bundle, "openvino")


def test_a_bundle_for_another_board_is_not_offered_to_tensorrt(bundle: Bundle) -> None:
    manifest = dataclasses.replace(bundle.manifest, target="x86", precision="int8")
    with pytest.raises(ConfigError, match=r"engine tensorrt: reads none of its builds \(target x86\); quantize it for"):
        open_student(dataclasses.replace(bundle, manifest=manifest), "tensorrt")


def test_the_engines_that_are_installed_here_agree(bundle: Bundle, tmp_path: Path) -> None:
    if not ENGINES["openvino"].version():
        pytest.skip("OpenVINO is not installed: pip install openvino")
    found, _ = chosen(bundle, Cache(tmp_path / "cache"))
    assert {c.engine for c in found.measured} == {"onnxruntime", "openvino"}
    assert not any(c.note for c in found.measured)
