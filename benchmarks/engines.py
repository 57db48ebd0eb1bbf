"""The same student in every engine that is installed here: times in turn, answers, integer kernels, memory, start.

python -m benchmarks.engines [BUNDLE ...]      (default: the package's INT8 bundle and its float origin)
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import quantize  # noqa: F401  before the engines: see there
from benchmarks.pipeline import FLOAT_BUNDLE
from edge.bundles.bundle import Bundle, default_bundle_path
from edge.engines.cache import Cache
from edge.engines.catalogue import ENGINES
from edge.engines.choice import choose
from quantize.judging.execution import executed
from quantize.judging.verify import peak_mb

START = """
import sys, time
started_s = time.perf_counter()
from pathlib import Path
from edge.bundles.bundle import Bundle
from edge.engines.catalogue import open_with
open_with(sys.argv[2], Bundle.load(Path(sys.argv[1])), 1, print)
print((time.perf_counter() - started_s) * 1e3)
"""


def main() -> None:
    """A line per engine and build, then what `--engine auto` would take."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundles", nargs="*", type=Path, default=[default_bundle_path(), FLOAT_BUNDLE])
    for path in parser.parse_args().bundles:
        compare(path)


def compare(path: Path) -> None:
    """Every engine that reads the bundle."""
    bundle = Bundle.load(path)
    with tempfile.TemporaryDirectory() as nothing_remembered:
        choice = choose(bundle, "auto", 1, lambda line: None, Cache(Path(nothing_remembered)))
    print(f"{bundle.manifest.name} {bundle.manifest.precision}: {choice.why}")
    for candidate in choice.measured:
        if candidate.step_ms is None:
            continue
        build = bundle.builds()[candidate.build]
        execution = executed(build, candidate.engine)
        print(
            f"  {execution.engine}, build {candidate.build}: {candidate.step_ms:.3f} ms a step; "
            f"{execution.integer} of {len(execution.kernels)} layers with weights as integers; "
            f"{peak_mb(bundle, candidate.build, candidate.engine):.0f} MB at its peak; "
            f"{start_ms(path, candidate.engine):.0f} ms to import and open"
        )
    missing = [f"{name} ({engine.install})" for name, engine in ENGINES.items() if engine.version() is None]
    if missing:
        print(f"  not installed: {'; '.join(missing)}")


def start_ms(path: Path, engine: str) -> float:
    """Import and open in a fresh process, median of three."""
    command = [sys.executable, "-c", START, str(path), engine]
    runs = [subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(3)]
    return statistics.median(float(printed.split()[-1]) for printed in runs)


if __name__ == "__main__":
    main()
