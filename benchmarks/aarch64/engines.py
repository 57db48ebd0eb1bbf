"""The work of one step of the same student in every engine, on a Cortex-A76 model, in instructions.

python -m benchmarks.aarch64.engines [BUNDLE ...]      (default: the package's INT8 bundle, its float origin, and the
                                                        S8S8 build that `quantize --target arm` makes of that)

Each engine runs N and 2 N steps under qemu; the difference, over N, is a step, and what start-up costs cancels out.
Instructions are no time. The bound beside them is the least number of cycles that a core can need which starts four
instructions a cycle, two of them vector or floating point, two of them loads or stores (Arm, Cortex-A76 Software
Optimization Guide: four decoded a cycle, two vector pipelines, two load/store pipelines).
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.aarch64.guest import FOLDER, Guest, guest
from benchmarks.aarch64.to_litert import litert_file
from benchmarks.aarch64.to_ncnn import ncnn_files
from benchmarks.pipeline import FLOAT_BUNDLE
from edge.bundles.bundle import Bundle, default_bundle_path
from edge.engines.catalogue import ENGINES
from edge.engines.choice import alike_db

STEPS = 50
LIBRARIES = ("onnxruntime", "openvino", "ai_edge_litert", "ncnn")


@dataclass(frozen=True)
class Subject:
    """One engine with one build of a bundle. model: the converted file, where the engine does not read the bundle."""

    label: str
    engine: str
    bundle: Path
    build: int
    model: Path | None = None


@dataclass(frozen=True)
class Work:
    """Instructions of one step: all, vector and floating point, loads and stores. engine: share in its libraries.

    logits: of the first step.
    """

    all: float
    vector: float
    memory: float
    engine: float
    logits: npt.NDArray[np.float64]

    @property
    def least_cycles(self) -> float:
        """Four, two and two a cycle."""
        return max(self.all / 4, self.vector / 2, self.memory / 2)


def main() -> None:
    """Print the table of docs/results.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundles", nargs="*", type=Path)
    options = parser.parse_args()
    board = guest()
    print("| student | engine | instructions a step | vector | loads, stores | least cycles | in the engine | answer |")
    print("|---|---|---|---|---|---|---|---|")
    for path in options.bundles or (default_bundle_path(), FLOAT_BUNDLE):
        compare(board, subjects(path))
    if not options.bundles:
        compare(board, [signed(FLOAT_BUNDLE)])


def compare(board: Guest, students: Iterable[Subject]) -> None:
    """A row each; answers against the first one's, which is onnxruntime with the default build."""
    reference: Work | None = None
    for subject in students:
        try:
            work = counted(board, subject)
        except RuntimeError as error:
            print(f"| {subject.label} | {subject.engine} | does not run: {str(error).splitlines()[-1]} |", flush=True)
            continue
        reference = reference or work
        print(row(subject, work, reference), flush=True)


def signed(source: Path) -> Subject:
    """S8S8 in onnxruntime, of a few clips: what they are changes the answers, not the work."""
    path = FOLDER / "arm"
    shutil.rmtree(path, ignore_errors=True)
    options = ["--calib", "synthetic_val", "--limit", "8", "--estimator", "minmax", "--target", "arm", "--force"]
    command = [sys.executable, "-m", "quantize.cli", *options, "--model", str(source), "--out", str(path)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return Subject("INT8, S8S8", "onnxruntime", path, 1)


def subjects(path: Path) -> Iterable[Subject]:
    """Every engine that can run a bundle, in every build."""
    bundle = Bundle.load(path)
    names = ("", *(f", {model.name}" for model in bundle.manifest.alternatives))
    label = f"{bundle.manifest.name} {bundle.manifest.precision}"
    for index, build in enumerate(bundle.builds()):
        for engine in ("onnxruntime", "openvino"):
            if ENGINES[engine].reads(build):
                yield Subject(f"{label}{names[index]}", engine, path.resolve(), index)
    for engine, converted in (("litert", litert_file), ("ncnn", ncnn_files)):
        yield Subject(label, engine, path.resolve(), 0, converted(bundle, FOLDER / "models"))


def counted(board: Guest, subject: Subject) -> Work:
    """One step, from runs of STEPS and twice as many. Raises RuntimeError (it does not run)."""
    (once, logits), (twice, _) = (_run(board, subject, steps) for steps in (STEPS, 2 * STEPS))
    step = {kind: (twice[kind] - once[kind]) / STEPS for kind in twice}
    return Work(step["all"], step["vector"], step["memory"], step["engine"] / step["all"], logits)


def row(subject: Subject, work: Work, reference: Work) -> str:
    """Thousands of instructions; the answer against the reference's."""
    numbers = (work.all, work.vector, work.memory, work.least_cycles)
    cells = " | ".join(f"{number / 1e3:,.0f} k" for number in numbers)
    answer = "-" if work is reference else f"{min(99.0, alike_db(reference.logits, work.logits)):.0f} dB"
    return f"| {subject.label} | {subject.engine} | {cells} | {work.engine:.0%} | {answer} |"


def _run(board: Guest, subject: Subject, steps: int) -> tuple[Counter[str], npt.NDArray[np.float64]]:
    """Instructions of a whole run, by kind, and those inside the engine's libraries; its first logits."""
    path = board.folder / "counts.txt"
    script = board.folder / "site" / "benchmarks" / "aarch64" / "steps.py"
    arguments = (subject.engine, subject.bundle, str(subject.build), subject.model or "-", str(steps))
    printed = [line.split() for line in board.run(script, *arguments, counts=path).splitlines()]
    inside = [
        (int(words[1], 16), int(words[2], 16))
        for words in printed
        if words[0] == "map" and any(name in words[3] for name in LIBRARIES)
    ]
    total: Counter[str] = Counter()
    for line in path.read_text().splitlines():
        page, *counts = map(int, line.split())
        total.update(dict(zip(("all", "vector", "memory"), counts, strict=True)))
        total["engine"] += counts[0] * any(low <= page << 12 < high for low, high in inside)
    logits = next(words[1:] for words in printed if words[0] == "logits")
    return total, np.array(logits, np.float64)


if __name__ == "__main__":
    main()
