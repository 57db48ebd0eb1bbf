"""The bundle: whole, unaltered, and quick enough on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from edge.bundle import Bundle
from edge.doctor.findings import Finding, error, ok, warning
from edge.errors import BundleError, EdgeError
from edge.recogniser import Recogniser
from edge.selftest import self_test

AREA = "model"


def check(path: Path, threads: int) -> Iterator[Finding]:
    """Verify a bundle as edge-run does, then let it work."""
    try:
        bundle = Bundle.load(path)
    except BundleError as problem:
        yield error(AREA, "bundle", str(problem), "edge-run without --bundle runs the one in the package")
        return
    manifest = bundle.manifest
    labels = ", ".join(manifest.labels)
    yield ok(AREA, "bundle", f"{manifest.name} ({manifest.precision}), verified, {bundle.digest[:12]}: {labels}")
    yield check_speed(bundle, threads)


def check_speed(bundle: Bundle, threads: int) -> Finding:
    """A tick must end before the next one begins, with room for everything else that a robot does."""
    interval_ms = bundle.manifest.cadence.interval_ms
    try:
        tick_ms = self_test(bundle, partial(Recogniser, threads=threads))
    except EdgeError as problem:
        return error(AREA, "self-test", str(problem), "edge-run without --bundle runs the one in the package")
    found = f"a tick of the demo takes {tick_ms:.2f} ms; the next one comes after {interval_ms:g} ms"
    if tick_ms > interval_ms / 2:
        return warning(AREA, "self-test", found, "end other programs (top), or take an int8 bundle (docs/quantize.md)")
    return ok(AREA, "self-test", found)
