"""How good a bundle is: the device's own chain run over clip sets, one decision per clip, with honest intervals.

edge-eval --bundle BUNDLE --set synthetic_test
edge-eval --bundle INT8 --against FLOAT --set folder:CLIPS --gamma 2
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from calibration.clips import Clip, ClipSet
from calibration.sets import open_set
from edge.bundle import Bundle, default_bundle_path
from edge.cadence import Cadence, Step
from edge.errors import EXIT_FAILURE, DataError, EdgeError, UsageError
from edge.recogniser import Recogniser
from edge.smoothing import softmax

F32 = npt.NDArray[np.float32]
Z95 = 1.959964  # two-sided 95 % of the normal distribution
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class ClipResult:
    """label: the truth, as an index of the bundle's labels. probabilities: float32 [classes], mean over the ticks.

    A clip too short for a single tick has ticks 0 and no decision, and counts as wrong: the device would stay silent.
    """

    clip: Clip
    label: int
    probabilities: F32
    ticks: int

    @property
    def decision(self) -> int | None:
        """Index of the likeliest label."""
        return int(np.argmax(self.probabilities)) if self.ticks else None

    @property
    def right(self) -> bool:
        return self.decision == self.label


@dataclass(frozen=True)
class Evaluation:
    """One bundle on one set. unknown: clips left out because the bundle has no such label, counted by label."""

    set_name: str
    labels: tuple[str, ...]
    results: tuple[ClipResult, ...]
    unknown: dict[str, int]

    @property
    def top1(self) -> float:
        """Fraction of clips decided rightly."""
        return sum(r.right for r in self.results) / len(self.results)

    @property
    def macro(self) -> float:
        """Mean of the classes' recalls, over the classes that the set has."""
        recalls = [right / count for right, count in self.per_class.values()]
        return sum(recalls) / len(recalls)

    @property
    def interval95(self) -> tuple[float, float]:
        """Wilson interval of top1."""
        return wilson(sum(r.right for r in self.results), len(self.results))

    @property
    def per_class(self) -> dict[str, tuple[int, int]]:
        """Label -> (decided rightly, clips), in the bundle's order."""
        counts, rights = Counter(r.label for r in self.results), Counter(r.label for r in self.results if r.right)
        return {self.labels[i]: (rights[i], counts[i]) for i in sorted(counts)}


@dataclass(frozen=True)
class Comparison:
    """Two bundles on the same clips. only_first, only_second: clips that one alone decides rightly.

    agreement: fraction of clips with the same decision. p_value: McNemar's exact test (1947; binomial form).
    """

    agreement: float
    only_first: int
    only_second: int
    p_value: float


def evaluate(
    bundles: Sequence[Bundle],
    clips: ClipSet,
    gamma: float | None = None,
    threads: int = 1,
    progress: Progress | None = None,
) -> list[Evaluation]:
    """Run the device's chain over every clip, once for all bundles; they must share labels and cadence.

    gamma: fixed, or None for the gate's choice. progress: called with (clips done, all). Raises UsageError (bundles
    that cannot be compared, a gamma without a head), DataError (no clip that the bundles know, a damaged clip).
    """
    manifest = bundles[0].manifest
    if any((b.manifest.labels, b.manifest.cadence) != (manifest.labels, manifest.cadence) for b in bundles):
        raise UsageError("the bundles differ in labels or cadence; compare bundles that were made from one another")
    known, unknown = known_clips(clips, manifest.labels)
    recognisers = [Recogniser(bundle, threads=threads, gamma=gamma) for bundle in bundles]
    pace = manifest.cadence
    results: list[list[ClipResult]] = [[] for _ in bundles]
    for done, (clip, label) in enumerate(known, 1):
        cadence = Cadence(pace.interval_ms, pace.tolerance_ms, pace.reset_after_ms)
        for mine, result in zip(results, _run(recognisers, clip, label, cadence, len(manifest.labels)), strict=True):
            mine.append(result)
        if progress is not None:
            progress(done, len(known))
    return [Evaluation(clips.name, manifest.labels, tuple(mine), unknown) for mine in results]


def known_clips(clips: ClipSet, labels: Sequence[str]) -> tuple[list[tuple[Clip, int]], dict[str, int]]:
    """Clips with their label as an index of `labels` (matched by name), and how many of which other label there are.

    Raises DataError where none is left.
    """
    index = {label: i for i, label in enumerate(labels)}
    names = [clips.labels[clip.label] for clip in clips.clips]
    known = [(clip, index[name]) for clip, name in zip(clips.clips, names, strict=True) if name in index]
    if not known:
        raise DataError(
            f"{clips.name}: none of its {len(names)} clips has a label that the bundle knows; the bundle knows "
            f"{', '.join(labels)}, the set has {', '.join(clips.labels)}"
        )
    return known, dict(sorted(Counter(name for name in names if name not in index).items()))


def compare(first: Evaluation, second: Evaluation) -> Comparison:
    """Pair two evaluations of the same clips. Raises ValueError where the clips differ."""
    if [r.clip.name for r in first.results] != [r.clip.name for r in second.results]:
        raise ValueError("expected evaluations of the same clips in the same order")
    pairs = list(zip(first.results, second.results, strict=True))
    only_first = sum(a.right and not b.right for a, b in pairs)
    only_second = sum(b.right and not a.right for a, b in pairs)
    agreement = sum(a.decision == b.decision for a, b in pairs) / len(pairs)
    return Comparison(agreement, only_first, only_second, mcnemar(only_first, only_second))


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """95 % score interval of a fraction (Wilson 1927); stays inside [0, 1] and is honest near its ends."""
    p, z2 = successes / trials, Z95 * Z95
    centre = (p + z2 / (2 * trials)) / (1 + z2 / trials)
    half = Z95 * math.sqrt(p * (1 - p) / trials + z2 / (4 * trials * trials)) / (1 + z2 / trials)
    return max(0.0, min(p, centre - half)), min(1.0, max(p, centre + half))


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided exact p-value that two classifiers are equally good, from the clips on which one alone is right."""
    n, least = only_first + only_second, min(only_first, only_second)
    tail = sum(math.comb(n, k) for k in range(least + 1))
    return min(1.0, 2 * tail / (1 << n))


def _run(
    recognisers: Sequence[Recogniser], clip: Clip, label: int, cadence: Cadence, classes: int
) -> Iterator[ClipResult]:
    """Every recogniser over one clip, which is decoded once and frame by frame."""
    sums = np.zeros((len(recognisers), classes), np.float64)
    ticks = 0
    for recogniser in recognisers:
        recogniser.reset()
    for frame in clip.frames():
        step = cadence.offer(frame)
        if step is Step.SKIP:
            continue
        if step is Step.GAP:
            for recogniser in recognisers:
                recogniser.reset()
        answers = [recogniser.tick(frame) for recogniser in recognisers]
        ticks += answers[0] is not None
        for row, answer in zip(sums, answers, strict=True):
            if answer is not None:
                row += softmax(answer.logits)
    for row in sums:
        yield ClipResult(clip, label, (row / max(ticks, 1)).astype(np.float32), ticks)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command `edge-eval`; returns its exit code."""
    options = _parser().parse_args(arguments)
    try:
        bundles = [Bundle.load(path) for path in (options.bundle, options.against) if path is not None]
        clips = open_set(options.set, options.data_root, options.limit, options.seed)
        evaluations = evaluate(bundles, clips, options.gamma, options.threads, show_progress("evaluating"))
    except EdgeError as error:
        print(f"edge-eval: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("edge-eval: stopped", file=sys.stderr)
        return EXIT_FAILURE
    print(json.dumps(_as_dict(evaluations), indent=2) if options.json else report(evaluations))
    return 0


def show_progress(what: str) -> Progress | None:
    """A counter on stderr, for people: None where stderr is not a terminal."""
    if not sys.stderr.isatty():
        return None

    def show(done: int, total: int) -> None:
        print(f"\r{what} {done}/{total} clips", end="\n" if done == total else "", file=sys.stderr, flush=True)

    return show


def summary_line(evaluation: Evaluation) -> str:
    """`63.2 % top-1 [58.1, 68.0], 61.0 % macro, 240 clips of synthetic_test`."""
    low, high = evaluation.interval95
    return (
        f"{evaluation.top1:.1%} top-1 [{low:.1%}, {high:.1%}], {evaluation.macro:.1%} macro, "
        f"{len(evaluation.results)} clips of {evaluation.set_name}"
    )


def comparison_line(comparison: Comparison, first: str = "the first", second: str = "the second") -> str:
    """Agreement, and the clips that one alone has right."""
    return (
        f"same decision on {comparison.agreement:.1%} of the clips; {first} alone is right on {comparison.only_first}, "
        f"{second} on {comparison.only_second} (McNemar p = {comparison.p_value:.2g})"
    )


def left_out(evaluation: Evaluation) -> list[str]:
    """Lines on clips that were not scored or gave no decision; empty where all is well."""
    lines = []
    if evaluation.unknown:
        listed = ", ".join(f"{count} {label}" for label, count in evaluation.unknown.items())
        lines.append(f"left out, no such label in the bundle: {listed}")
    silent = [r.clip.name for r in evaluation.results if not r.ticks]
    if silent:
        lines.append(f"too short for one tick, counted as wrong: {len(silent)} clips, the first is {silent[0]}")
    return lines


def report(evaluations: Sequence[Evaluation]) -> str:
    """For people: a line per evaluation, right and all clips of every class, and how two of them compare."""
    lines = [summary_line(evaluation) for evaluation in evaluations]
    for label in evaluations[0].per_class:
        shares = ["{}/{}".format(*evaluation.per_class[label]) for evaluation in evaluations]
        lines.append(f"  {label:<16}" + "".join(f"{share:>10}" for share in shares))
    if len(evaluations) == 2:
        lines.append(comparison_line(compare(*evaluations)))
    return "\n".join(lines + left_out(evaluations[0]))


def _as_dict(evaluations: Sequence[Evaluation]) -> dict[str, object]:
    one = [
        {
            "set": e.set_name,
            "clips": len(e.results),
            "top1": e.top1,
            "macro": e.macro,
            "interval95": e.interval95,
            "per_class": {label: {"right": right, "clips": count} for label, (right, count) in e.per_class.items()},
            "unknown": e.unknown,
            "decisions": [
                {
                    "clip": r.clip.name,
                    "label": e.labels[r.label],
                    "decision": None if r.decision is None else e.labels[r.decision],
                    "probabilities": [round(p, 6) for p in r.probabilities.tolist()],
                    "ticks": r.ticks,
                }
                for r in e.results
            ],
        }
        for e in evaluations
    ]
    result: dict[str, object] = {"evaluations": one}
    if len(evaluations) == 2:
        result["comparison"] = vars(compare(*evaluations))
    return result


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="edge-eval", description="Accuracy of a bundle on a set of clips, as the device would decide them."
    )
    parser.add_argument("--bundle", type=Path, default=default_bundle_path(), help="default: the one in the package")
    parser.add_argument("--against", type=Path, metavar="BUNDLE", help="a second bundle, compared clip by clip")
    parser.add_argument("--set", required=True, help="a data set by name: `calibration list` shows them")
    parser.add_argument("--data-root", type=Path, help="where downloaded data sets lie")
    parser.add_argument("--gamma", type=float, help="fix the gamma (default: the gate chooses)")
    parser.add_argument("--limit", type=int, help="at most so many clips, spread over classes, cameras and lights")
    parser.add_argument("--seed", type=int, default=0, help="of the choice that --limit makes (default: 0)")
    parser.add_argument("--threads", type=int, default=1, help="of the engine (default: 1)")
    parser.add_argument("--json", action="store_true", help="print JSON, with every clip's probabilities")
    return parser


if __name__ == "__main__":
    sys.exit(main())
