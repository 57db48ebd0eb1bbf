"""How good a bundle is: the device's own chain run over clip sets, one decision per clip, with honest intervals.

edge-eval --bundle BUNDLE --set synthetic_test
edge-eval --bundle INT8 --against FLOAT --set folder:CLIPS --gamma 2
edge-eval --set ellar_test --data-root DIR --protocol ellar-table4 --baselines --html report.html
torchrun --nproc-per-node 2 -m calibration.evaluation.evaluate --set synthetic_test
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np

from calibration.clip_sets.clips import Clip, ClipSet
from calibration.clip_sets.labels import known_clips
from calibration.evaluation import html_report
from calibration.evaluation.protocols import PROTOCOLS, check_protocol
from calibration.evaluation.report import (
    Progress,
    Report,
    as_dict,
    comparison_line,
    left_out,
    report,
    show_progress,
    summary_line,
    text,
)
from calibration.evaluation.scores import (
    GROUPS,
    ClipResult,
    Comparison,
    Evaluation,
    LiveTicks,
    compare,
    mcnemar,
    wilson,
)
from calibration.evaluation.variants import Variant, ablations, baselines, form_alone
from calibration.parallel import WorkerError, in_order
from calibration.sets import open_set
from calibration.shards import Team, team
from edge.bundles.bundle import Bundle, CadenceSpec, default_bundle_path
from edge.engines import NAMES
from edge.errors import EXIT_FAILURE, DataError, EdgeError, UsageError
from edge.picture.frame import Frame
from edge.picture.front_end import FrontEnd
from edge.recognition.cadence import Cadence, Step, at_cadence
from edge.recognition.gate import Gate
from edge.recognition.health import PictureHealth
from edge.recognition.recogniser import Recogniser
from edge.recognition.smoothing import Smoother, softmax

__all__ = [
    "ClipResult",
    "Comparison",
    "Evaluation",
    "attributes",
    "compare",
    "comparison_line",
    "contend",
    "evaluate",
    "left_out",
    "main",
    "mcnemar",
    "report",
    "show_progress",
    "summary_line",
    "wilson",
]


def evaluate(
    bundles: Sequence[Bundle],
    clips: ClipSet,
    gamma: float | None = None,
    threads: int = 1,
    progress: Progress | None = None,
    processes: Team | None = None,
    skip_damaged: bool = False,
) -> list[Evaluation]:
    """Run the device's chain over every clip, once for all bundles; they must share labels and cadence.

    gamma: fixed, or None for the gate's choice. progress: called with (clips done, all of this process's). processes:
    who shares the clips. skip_damaged: as in `contend`. Raises UsageError (bundles that cannot be compared, a gamma
    without a head), DataError (no clip that the bundles know, a damaged clip).
    """
    contestants = [(bundle, Variant(gamma=gamma)) for bundle in bundles]
    return contend(
        contestants, clips, threads=threads, progress=progress, processes=processes, skip_damaged=skip_damaged
    )


def contend(
    contestants: Sequence[tuple[Bundle, Variant]],
    clips: ClipSet,
    *,
    whole_clip: bool = False,
    threads: int = 1,
    progress: Progress | None = None,
    processes: Team | None = None,
    skip_damaged: bool = False,
    workers: int = 1,
) -> list[Evaluation]:
    """Every bundle in its variant over every clip, decoded once for all; one evaluation each, in their order.

    whole_clip: the gate sees the clip's statistics first and chooses one gamma for all of it; otherwise it chooses tick
    by tick, as on the device. processes: who shares the clips (calibration/shards.py); all get all results.
    skip_damaged: a clip that cannot be decoded is left out and named, if there is another. workers: processes of this
    machine that share this process's clips; results do not depend on it. Raises as `evaluate`.
    """
    processes = processes or Team()
    manifest = contestants[0][0].manifest
    if any((b.manifest.labels, b.manifest.cadence) != (manifest.labels, manifest.cadence) for b, _ in contestants):
        raise UsageError("the bundles differ in labels or cadence; compare bundles that were made from one another")
    known, unknown = known_clips(clips, manifest.labels)
    mine = processes.share(known)
    answers: list[dict[str, Any]] = []
    for future in _futures(_Contest(contestants, threads, whole_clip), mine, workers):
        try:
            answers.append({"runs": future.result()})
        except (DataError, WorkerError) as error:
            if not skip_damaged:
                raise
            answers.append({"damage": str(error)})
        if progress is not None:
            progress(len(answers), len(mine))
    everything = list(zip(known, processes.gather(answers), strict=True))
    damaged = {clip.name: answer["damage"] for (clip, _), answer in everything if "damage" in answer}
    if len(damaged) == len(known):
        raise DataError(f"{clips.name}: no clip can be decoded; the first: {next(iter(damaged.values()))}")
    return [
        Evaluation(
            set_name=clips.name,
            labels=manifest.labels,
            results=tuple(
                _result(clip, label, answer["runs"][i]) for (clip, label), answer in everything if "runs" in answer
            ),
            unknown=unknown,
            damaged=damaged,
            name=variant.name,
            whole_clip=whole_clip,
        )
        for i, (_, variant) in enumerate(contestants)
    ]


class _Runner:
    """One bundle in one variant, clip after clip."""

    def __init__(self, bundle: Bundle, variant: Variant, threads: int, whole_clip: bool) -> None:
        manifest, smoothing = bundle.manifest, bundle.manifest.smoothing
        gammas = manifest.gate.gammas
        self._variant, self._manifest = variant, manifest
        self._head = None if variant.head is None else gammas.index(variant.head)
        self._gate = Gate(bundle.gate_weights(), gammas) if whole_clip and variant.gamma is None else None
        self._whole_clip = whole_clip
        # For whole clips the gamma is known before the first tick, and one recogniser per gamma keeps it.
        chosen = gammas if self._gate is not None else (variant.gamma,)
        self._recognisers = [
            Recogniser(bundle, threads=threads, gamma=gamma, engine=variant.engine, say=_say, average=variant.average)
            for gamma in chosen
        ]
        self._recogniser = self._recognisers[0]
        self._smoother = Smoother(
            len(manifest.labels), smoothing.window_ms, smoothing.minimum_confidence, smoothing.warm_up_ms
        )
        self._health = PictureHealth()

    def start(self, clip: Clip, label: int) -> None:
        """Begin a clip; with a gate that judges it as a whole, look at all of it."""
        if self._gate is not None:
            self._recogniser = self._recognisers[self._chosen_head(clip, self._gate)]
        self._label, self._ticks = label, 0
        self._sum = np.zeros(len(self._manifest.labels), np.float64)
        self._gammas: Counter[float] = Counter()
        self._live: Counter[str] = Counter()
        self.reset()

    def reset(self) -> None:
        """Forget the stream, as the device does after a gap; what was counted stays."""
        self._recogniser.reset()
        self._smoother.reset()
        self._health.reset()

    def tick(self, frame: Frame) -> None:
        """Take a frame of the cadence."""
        answer = self._recogniser.tick(self._prepared(frame))
        if answer is None:
            return
        logits = answer.logits if self._head is None else answer.all_logits[self._head]
        self._ticks += 1
        self._sum += softmax(logits)
        self._gammas[answer.gamma] += 1
        reason = self._health.check(answer.statistics, self._recogniser.small, frame.capture_time_s)
        said = self._smoother.skip(reason) if reason else self._smoother.step(logits, frame.capture_time_s)
        self._live["silent" if said.index is None else "right" if said.index == self._label else "wrong"] += 1

    def answer(self) -> dict[str, Any]:
        """What there is to know of the clip, as JSON carries it."""
        probabilities = (self._sum / max(self._ticks, 1)).astype(np.float32)
        return {
            "probabilities": probabilities.tolist(),
            "ticks": self._ticks,
            "gammas": sorted(self._gammas.items()),
            "live": None if self._whole_clip else dict(self._live),
        }

    def _prepared(self, frame: Frame) -> Frame:
        if self._variant.prepare is None:
            return frame
        return Frame(self._variant.prepare(frame.image), frame.sequence, frame.capture_time_s)

    def _chosen_head(self, clip: Clip, gate: Gate) -> int:
        """The head for the whole clip: statistics of as many ticks as the gate takes, evenly spread over the clip."""
        front_end = FrontEnd(self._manifest.front_end.height, self._manifest.front_end.width)
        seen = [
            front_end.measure(self._prepared(frame).image)
            for frame in at_cadence(clip.frames(), _cadence(self._manifest.cadence))
        ]
        spread = np.linspace(0, len(seen) - 1, gate.window).round().astype(int)
        features = [value for i in spread for value in (seen[i].mean, seen[i].std, seen[i].entropy)]
        return int(np.argmax(gate.scores(np.asarray(features, np.float32))))


class _Contest:
    """All contestants over one clip; travels between processes, and makes its runners where it works."""

    def __init__(self, contestants: Sequence[tuple[Bundle, Variant]], threads: int, whole_clip: bool) -> None:
        self._contestants, self._options = contestants, (threads, whole_clip)
        self._runners: list[_Runner] = []

    def __call__(self, labelled: tuple[Clip, int]) -> list[dict[str, Any]]:
        if not self._runners:
            self._runners = [_Runner(bundle, variant, *self._options) for bundle, variant in self._contestants]
        clip, label = labelled
        return _run(self._runners, clip, label, _cadence(self._contestants[0][0].manifest.cadence))


def _futures(contest: _Contest, labelled: Sequence[tuple[Clip, int]], workers: int) -> Iterator[Future[Any]]:
    """What the contest makes of every clip, in order, in this process or in several others."""
    if workers > 1:
        yield from (future for _, future in in_order(contest, labelled, workers))
        return
    for item in labelled:
        future: Future[Any] = Future()
        try:
            future.set_result(contest(item))
        except DataError as error:
            future.set_exception(error)
        yield future


def _run(runners: Sequence[_Runner], clip: Clip, label: int, cadence: Cadence) -> list[dict[str, Any]]:
    """Every runner over one clip, which is decoded frame by frame."""
    for runner in runners:
        runner.start(clip, label)
    for frame in clip.frames():
        step = cadence.offer(frame)
        for runner in runners if step is not Step.SKIP else ():
            if step is Step.GAP:
                runner.reset()
            runner.tick(frame)
    return [runner.answer() for runner in runners]


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def _cadence(pace: CadenceSpec) -> Cadence:
    return Cadence(pace.interval_ms, pace.tolerance_ms, pace.reset_after_ms)


def _result(clip: Clip, label: int, answer: dict[str, Any]) -> ClipResult:
    live = None if answer["live"] is None else LiveTicks(**answer["live"])
    gammas = {float(gamma): int(ticks) for gamma, ticks in answer["gammas"]}
    probabilities = np.asarray(answer["probabilities"], np.float32)
    return ClipResult(clip, label, probabilities, answer["ticks"], gammas, live)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command `edge-eval`; returns its exit code."""
    options = _parser().parse_args(arguments)
    try:
        if options.stream:
            return _stream(options)
        with team(options.exchange) as processes:
            found = _evaluated(options, processes)
            if processes.first:
                print(json.dumps(as_dict(found), indent=2) if options.json else text(found))
                if options.html is not None:
                    html_report.write(options.html, html_report.page(found))
    except EdgeError as error:
        print(f"edge-eval: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("edge-eval: stopped", file=sys.stderr)
        return EXIT_FAILURE
    return 0


def _stream(options: argparse.Namespace) -> int:
    """`--stream`: clips end to end through the whole pipeline."""
    from calibration.evaluation.stream import score_streams

    clips = open_set(options.set, options.data_root, options.limit, options.seed)
    bundle = form_alone(Bundle.load(options.bundle))
    score = score_streams(bundle, clips, threads=options.threads, seed=options.seed, engine=options.engine)
    print(json.dumps(score.as_dict(), indent=2) if options.json else score.text())
    return 0


def _evaluated(options: argparse.Namespace, processes: Team) -> Report:
    """Load, run everything that was asked for in one pass over the clips, and sort it into a report."""
    if options.html is not None and not options.html.resolve().parent.is_dir():
        raise UsageError(f"{options.html}: there is no folder {options.html.parent} for the report")
    bundle = form_alone(Bundle.load(options.bundle))
    gammas = bundle.manifest.gate.gammas
    main_variants = (
        ablations(gammas)
        if options.protocol == "ellar-table7"
        else [Variant(gamma=options.gamma, average=options.average)]
    )
    if options.gamma is not None and len(main_variants) > 1:
        raise UsageError("--gamma fixes what ellar-table7 switches on and off; leave one of them out")
    contestants = [(bundle, variant) for variant in (baselines(gammas) if options.baselines else [])]
    split = len(contestants)
    contestants += [(bundle, variant) for variant in main_variants]
    contestants = [(bundle, dataclasses.replace(variant, engine=options.engine)) for _, variant in contestants]
    if options.against is not None:
        contestants.append((Bundle.load(options.against), Variant(gamma=options.gamma, average=options.average)))
    clips = open_set(options.set, options.data_root, options.limit, options.seed)
    check_protocol(options.protocol, clips)
    evaluations = contend(
        contestants,
        clips,
        whole_clip=options.clip,
        threads=options.threads,
        progress=show_progress("evaluating") if processes.first else None,
        processes=processes,
        skip_damaged=True,
    )
    return Report.of(
        [(bundle.manifest, evaluation) for (bundle, _), evaluation in zip(contestants, evaluations, strict=True)],
        baselines=split,
        variants=len(main_variants),
        by=options.by,
        protocol=options.protocol,
    )


def attributes(value: str) -> tuple[str, ...]:
    """The option `--by`. Raises ArgumentTypeError."""
    names = tuple(name.strip() for name in value.split(","))
    if not set(names) <= set(GROUPS):
        raise argparse.ArgumentTypeError(f"expected some of {','.join(GROUPS)}, found {value!r}")
    return names


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="edge-eval", description="Accuracy of a bundle on a set of clips, as the device would decide them."
    )
    parser.add_argument("--bundle", type=Path, default=default_bundle_path(), help="default: the one in the package")
    parser.add_argument("--against", type=Path, metavar="BUNDLE", help="a second bundle, compared clip by clip")
    parser.add_argument("--set", required=True, help="a data set by name: `calibration list` shows them")
    parser.add_argument("--data-root", type=Path, help="where downloaded data sets lie")
    parser.add_argument("--gamma", type=float, help="fix the gamma (default: the gate chooses)")
    parser.add_argument("--average", action="store_true", help="every expert answers, averaged (default: the gate's)")
    parser.add_argument(
        "--stream", action="store_true", help="clips end to end: latency, flicker, false labels where there is nobody"
    )
    parser.add_argument("--clip", action="store_true", help="one gamma for the whole clip (default: tick by tick)")
    parser.add_argument("--by", type=attributes, default=(), metavar="light,camera,actor", help="rows for each value")
    parser.add_argument("--protocol", choices=sorted(PROTOCOLS), help="a table in the form of the ELLAR paper's")
    parser.add_argument("--baselines", action="store_true", help="also each fixed gamma, CLAHE, histogram equalisation")
    parser.add_argument("--limit", type=int, help="at most so many clips, spread over classes, cameras and lights")
    parser.add_argument("--seed", type=int, default=0, help="of the choice that --limit makes (default: 0)")
    parser.add_argument(
        "--engine",
        choices=NAMES,
        help=f"what runs the bundle's student.onnx (default: {NAMES[0]}); not that of --against",
    )
    parser.add_argument("--threads", type=int, default=1, help="of the engine (default: 1)")
    parser.add_argument("--exchange", type=Path, metavar="DIR", help="under torchrun: a folder that all machines see")
    parser.add_argument("--json", action="store_true", help="print JSON, with every clip's probabilities")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a report with plots, complete in one file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
