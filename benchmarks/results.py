"""The tables of docs/results.md: what corrections, gate, heads and noise-aware experts are worth on relit bodies.

python -m benchmarks.results --data-root DATA [--out runs/results] [--only ROW ...]
python -m benchmarks.results --data-root DATA --folds runs/relit12 --member int8
python -m benchmarks.results --data-root DATA --folds FOLDS --member int8 --against runs/relit12 [--of 0 2]

With --folds: what `distill folds distill/recipes/students/relit12.yaml` left there, on all relit clips; INT8 bundles
are made first, calibrated on the actors that the fold was trained on. Otherwise the ablation: every row is one change
of distill/recipes/students/ablation.yaml, trained by folds that leave actors out (a finished training is not
repeated). All are judged on the left-out actors: the chain of input stage, gate and student,
tick by tick, with the input stage's results taken from the cache that training filled.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from calibration.clip_sets.clips import Clip, ClipSet
from calibration.evaluation.report import comparison_line
from calibration.evaluation.scores import ClipResult, Estimate, Evaluation, compare
from calibration.jobs.progress import show_progress
from calibration.sets import open_set
from calibration.tensors import ClipTensors, store_tensors
from distill.students.recipe import Recipe, recipe_of
from distill.training.job import read_document
from edge.bundles.bundle import Bundle
from edge.engines.onnxruntime import OnnxRuntimeSession
from edge.picture.front_end import FrameStatistics
from edge.recognition.gate import Gate
from edge.recognition.smoothing import softmax

RECIPE = Path(__file__).parents[1] / "distill" / "recipes" / "students" / "ablation.yaml"
FULL_RECIPE = RECIPE.with_name("relit12.yaml")
PAPER = (
    "geometry.form=luma_flow",
    "geometry.fraction_bits=0",
    "geometry.gammas=[1.0, 1.5, 2.0, 2.5, 3.0]",
    "geometry.experts=[]",
)
RGB = (*PAPER, "geometry.form=rgb", "geometry.height=60", "geometry.width=80", "geometry.input_height=60")
WIDE = ("student.size=m", "student.stages=[]")
SHARED = ("student.shared_head=true",)
MOVING_CLIPS, CALIBRATION_CLIPS = 480, 144
HEADER = "| trained | answered by | LL | ELL | both |\n|---|---|---|---|---|"


@dataclass(frozen=True)
class Row:
    """name: of its folder. title: for people. changes: of the recipe. teacher: the row that teaches it."""

    name: str
    title: str
    changes: tuple[str, ...] = ()
    teacher: str | None = None


ROWS = (
    Row("paper", "luma and flow, the five gammas of the paper", PAPER),
    Row("paper_shared", "the same, one head for all gammas", (*PAPER, *SHARED)),
    Row("rgb", "RGB 80x60, the five gammas: the papers' form", (*RGB, "geometry.input_width=80")),
    Row("noise_aware", "noise-aware experts"),
    Row("motion", "noise-aware experts, the core's motion stage", ("geometry.form=motion",)),
    Row("noise_aware_shared", "the same, one head for all experts", SHARED),
    Row("eight_bits", "noise-aware experts, 8-bit shrink", ("geometry.fraction_bits=0",)),
    Row("slow_ticks", "noise-aware experts, half as many ticks a second", ("geometry.interval_ms=133.4",)),
    Row("wiid", "noise-aware experts, WiiD's masks and consistency", ("wiid={mmd_weight: 0.0}",)),
    Row(
        "consistency",
        "noise-aware experts, WiiD's consistency alone (self-supervision)",
        ("wiid={mmd_weight: 0.0, background_share: 0.0, target_share: 0.0}",),
    ),
    Row("wide", "noise-aware experts, a student of twice the width", WIDE),
    Row("distilled", "noise-aware experts, taught by the wide one's average", ("distillation={weight: 1.0}",), "wide"),
    Row("ll_only", "noise-aware experts, trained on LL alone", ("sources.0.light=LL",)),
    Row("ell_only", "noise-aware experts, trained on ELL alone", ("sources.0.light=ELL",)),
)


@dataclass(frozen=True)
class Way:
    """How a bundle is run: head fixed to an expert, chosen by the gate, or all of them averaged."""

    title: str
    head: int | None = None
    average: bool = False


GATED, AVERAGED = Way("the gate's choice"), Way("all experts, averaged", average=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train what is missing, judge every row, print the tables as Markdown."""
    options = _parser().parse_args(arguments)
    if options.folds is not None:
        folds(options)
        return
    rows = [row for row in ROWS if not options.only or row.name in options.only]
    for row in rows:
        train(row, options)
    notes: list[str] = []
    print(HEADER)
    for row in rows:
        for line in judged(row, options, "relit", notes):
            print(line, flush=True)
    print(f"\nA camera that turns and shakes:\n\n{HEADER}")
    for row in (row for row in rows if row.name == "noise_aware"):
        for line in judged(row, options, "relit_moving", notes):
            print(line, flush=True)
    print("", *notes, sep="\n")


def train(row: Row, options: argparse.Namespace) -> None:
    """`distill folds` of this row, unless it is finished."""
    folder = options.out / row.name
    if (folder / "finished").exists():
        return
    changes = [part for change in row.changes for part in ("--with", change)]
    if row.teacher is not None:
        train(next(one for one in ROWS if one.name == row.teacher), options)
        changes += ["--teacher", str(options.out / row.teacher)]
    command = [sys.executable, "-m", "distill.cli", "folds", str(RECIPE), "--data-root", str(options.data_root)]
    command += ["--out", str(folder), "--cache", str(options.cache), "--workers", str(options.workers)]
    subprocess.run([*command, *changes], check=True)
    (folder / "finished").touch()


def folds(options: argparse.Namespace) -> None:
    """The table of the student that is trained on all relit clips."""
    recipe = recipe_of(read_document(FULL_RECIPE), FULL_RECIPE.name)
    if options.member == "int8":
        for number in _chosen(recipe, options):
            quantise(options.folds / str(number), recipe.folds.actors[number], options)
    notes: list[str] = []
    print(HEADER)
    for kind, limit in (("relit", None), ("relit_moving", MOVING_CLIPS)):
        clips = open_set(f"{kind}:{options.data_root}/utd_depth", None, limit)
        title = "still camera" if kind == "relit" else "moving camera"
        for line in lines(title, recipe, options.folds, options.member, clips, options, notes):
            print(line, flush=True)
    print("", *notes, sep="\n")


def quantise(fold: Path, left_out: Sequence[str], options: argparse.Namespace) -> None:
    """The fold's INT8 bundle, calibrated on relit clips of the actors that it was trained on, unless it is there."""
    if (fold / "int8").exists():
        return
    recordings = options.data_root.resolve() / "utd_depth"
    calibration = fold / "calibration"
    calibration.mkdir(exist_ok=True)
    with (recordings / "labels.csv").open(newline="") as source, (calibration / "labels.csv").open("w") as target:
        writer = csv.writer(target)
        writer.writerow(("file", "class", "actor"))
        for row in csv.DictReader(source):
            if row["actor"] not in left_out:
                writer.writerow((row["file"], row["class"], row["actor"]))
                (calibration / row["file"]).unlink(missing_ok=True)
                (calibration / row["file"]).symlink_to(recordings / row["file"])
    command = [
        sys.executable,
        "-m",
        "quantize.cli",
        "--calib",
        f"relit:{calibration}",
        "--limit",
        str(CALIBRATION_CLIPS),
    ]
    command += ["--workers", str(options.workers), "--force", "--model", str(fold / "bundle")]
    subprocess.run([*command, "--out", str(fold / "int8")], check=True)


def judged(row: Row, options: argparse.Namespace, kind: str, notes: list[str]) -> Iterator[str]:
    """A line of the table for every way to run this row's bundles."""
    recipe = recipe_of(read_document(RECIPE, row.changes), row.name)
    clips = open_set(f"{kind}:{options.data_root}/utd_depth", None, 720 if kind == "relit" else MOVING_CLIPS)
    yield from lines(row.title, recipe, options.out / row.name, "bundle", clips, options, notes)


def lines(
    title: str,
    recipe: Recipe,
    folder: Path,
    member: str,
    clips: ClipSet,
    options: argparse.Namespace,
    notes: list[str],
) -> Iterator[str]:
    """A line of the table for every way to run the folds' bundles; one more where others are to compare with.

    notes: takes what pairs of them come to, clip by clip.
    """
    progress = show_progress(title)
    tensors = store_tensors(clips.clips, recipe.geometry, options.cache, options.workers, progress)
    of_way = {}
    for way in _ways(recipe):
        found = of_way[way] = evaluated(way, recipe, folder, member, clips, tensors, options)
        yield _line(title, way, found)
        if options.against is not None:
            other = evaluated(way, recipe, options.against, "bundle", clips, tensors, options)
            yield _line(f"{title}, {options.against}", way, other)
            names = f"{options.against}/bundle", f"{folder}/{member}"
            notes.append(f"{title}, {way.title}: {comparison_line(compare(other, found), *names)}")
    if AVERAGED in of_way:
        pair = compare(of_way[GATED], of_way[AVERAGED])
        notes.append(f"{title}: {comparison_line(pair, GATED.title, AVERAGED.title)}")


def evaluated(
    way: Way,
    recipe: Recipe,
    folder: Path,
    member: str,
    clips: ClipSet,
    tensors: Sequence[ClipTensors],
    options: argparse.Namespace,
) -> Evaluation:
    """The folds' bundles, run this way, each on its left-out actors."""
    results = []
    for number in _chosen(recipe, options):
        run = _Run(Bundle.load(folder / str(number) / member), way)
        for clip, tensor in zip(clips.clips, tensors, strict=True):
            if clip.actor in recipe.folds.actors[number]:
                results.append(run(clip, recipe.labels.index(clips.labels[clip.label]), tensor))
    return Evaluation(clips.name, recipe.labels, tuple(results), {})


def _chosen(recipe: Recipe, options: argparse.Namespace) -> Sequence[int]:
    return options.of or range(len(recipe.folds.actors))


def _ways(recipe: Recipe) -> Iterator[Way]:
    experts = recipe.geometry.experts
    for head, gamma in enumerate(recipe.geometry.gammas):
        averaged = f", {experts[head].binning}^2 pixels x {experts[head].accumulation} frames" if experts else ""
        yield Way("no correction" if gamma == 1 else f"gamma {gamma:g}{averaged}", head)
    yield GATED
    if experts:
        yield AVERAGED


class _Run:
    """A bundle over clips whose input is known for every expert."""

    def __init__(self, bundle: Bundle, way: Way) -> None:
        manifest = bundle.manifest
        self._way, self._heads = way, len(manifest.gate.gammas)
        self._gate = Gate(bundle.gate_weights(), manifest.gate.gammas, manifest.gate.hold)
        self._students = [OnnxRuntimeSession(bundle) for _ in range(self._heads if way.average else 1)]

    def __call__(self, clip: Clip, label: int, tensors: ClipTensors) -> ClipResult:
        self._gate.reset()
        for student in self._students:
            student.reset()
        answers = [self._tick(tensors, t) for t in range(len(tensors.statistics))]
        return ClipResult(clip, label, np.mean(answers, axis=0).astype(np.float32), len(answers))

    def _tick(self, tensors: ClipTensors, t: int) -> npt.NDArray[np.float32]:
        if self._way.average:
            looks = enumerate(zip(self._students, tensors.x[:, t], strict=True))
            answers = [softmax(student.step(x[None])[head]) for head, (student, x) in looks]
            return np.asarray(np.mean(answers, axis=0), np.float32)
        mean, std, entropy = tensors.statistics[t].tolist()
        head = self._way.head
        if head is None:
            head = self._gate.step(FrameStatistics(mean, std, entropy, 0, 255))
        return softmax(self._students[0].step(tensors.x[head, t][None])[head])


def _line(title: str, way: Way, evaluation: Evaluation) -> str:
    lights = evaluation.by("light")
    cells = " | ".join(_percent(lights[light].macro_estimate) for light in ("LL", "ELL"))
    return f"| {title} | {way.title} | {cells} | {_percent(evaluation.macro_estimate)} |"


def _percent(estimate: Estimate) -> str:
    return f"{100 * estimate.value:.1f} [{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, required=True, help="the folder that holds utd_depth/")
    parser.add_argument("--out", type=Path, default=Path("runs/results"), help="trainings (%(default)s)")
    parser.add_argument("--cache", type=Path, default=Path(".cache/tensors"), help="prepared clips (%(default)s)")
    parser.add_argument("--folds", type=Path, help="judge these folds instead (see above)")
    parser.add_argument("--member", default="bundle", help="which bundle of every fold (%(default)s)")
    parser.add_argument("--against", type=Path, metavar="FOLDS", help="compare with these folds' float bundles")
    parser.add_argument("--of", type=int, nargs="*", metavar="N", help="of these folds alone (default: all)")
    parser.add_argument("--workers", type=int, default=2, help="processes and threads (%(default)s)")
    parser.add_argument("--only", nargs="*", choices=[row.name for row in ROWS], help="some of the rows")
    return parser


if __name__ == "__main__":
    main()
