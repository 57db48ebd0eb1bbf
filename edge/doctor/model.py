"""The bundle: whole, unaltered, and quick enough on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edge.bundles.bundle import Bundle
from edge.doctor.findings import Finding, error, ok, warning
from edge.errors import BundleError, EdgeError
from edge.recognition.chain import Chain
from edge.run.self_test import self_test

AREA = "model"
OTHER = "edge-run without --bundle runs the one in the package"


def check(path: Path, threads: int, engine: str | None) -> Iterator[Finding]:
    """Verify a bundle as edge-run does, then let it work as edge-run would. engine: as in `edge.run.config.Config`."""
    try:
        bundle = Bundle.load(path)
    except BundleError as problem:
        yield error(AREA, "bundle", str(problem), OTHER)
        return
    manifest = bundle.manifest
    labels = ", ".join(manifest.labels)
    yield ok(AREA, "bundle", f"{manifest.name} ({manifest.precision}), verified, {bundle.digest[:12]}: {labels}")
    yield check_work(bundle, threads, engine)


def check_work(bundle: Bundle, threads: int, engine: str | None) -> Finding:
    """A tick must end before the next one begins, with room for everything else that a robot does."""
    engines: list[str] = []

    def make(loaded: Bundle) -> Chain:
        chain = Chain(loaded, threads=threads, engine=engine, say=lambda text: None)
        engines.append(chain.engine)
        return chain

    try:
        tick_ms = self_test(bundle, make)
    except EdgeError as problem:
        return error(AREA, "self-test", str(problem), OTHER)
    return judge_tick(tick_ms, bundle.manifest.cadence.interval_ms, engines[0])


def judge_tick(tick_ms: float, interval_ms: float, engine: str) -> Finding:
    """Whether a tick leaves room."""
    found = f"a tick of the demo takes {tick_ms:.2f} ms in {engine}; the next one comes after {interval_ms:g} ms"
    if tick_ms > interval_ms / 2:
        return warning(AREA, "self-test", found, "end other programs (top), or take an int8 bundle (docs/quantize.md)")
    return ok(AREA, "self-test", found)
