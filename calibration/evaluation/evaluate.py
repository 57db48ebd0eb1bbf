"""How good a bundle is: the device's own chain run over clip sets, one decision per clip, with honest intervals."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np

from calibration.clip_sets.clips import Clip, ClipSet
from calibration.clip_sets.labels import NO_LABEL, known_clips, labelled_clips
from calibration.evaluation.scores import ClipResult, Evaluation, LiveTicks, agreeing
from calibration.evaluation.variants import Variant
from calibration.jobs.parallel import WorkerError, in_order
from calibration.jobs.progress import Progress
from calibration.jobs.shards import ShardTeam
from calibration.learnt import Fingerprint, LearntClips
from edge.bundles.bundle import Bundle
from edge.errors import DataError, PictureError, UsageError
from edge.picture.frame import Frame
from edge.recognition.cadence import Cadence, at_cadence
from edge.recognition.chain import Chain
from edge.recognition.gate import Gate
from edge.recognition.inputs import network_input
from edge.recognition.smoothing import softmax


def evaluate(
    bundles: Sequence[Bundle],
    clips: ClipSet,
    gamma: float | None = None,
    threads: int = 1,
    progress: Progress | None = None,
    processes: ShardTeam | None = None,
    skip_damaged: bool = False,
) -> list[Evaluation]:
    """Run the device's chain over every clip, once for all bundles; they must share labels and cadence.

    gamma: fixed, or None for the gate's choice. progress: called with (clips done, all of this process's). processes:
    who shares the clips. skip_damaged: as in `contend`. Raises UsageError (bundles that cannot be compared, a gamma
    that no expert has), DataError (no clip that the bundles know, a damaged clip).
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
    processes: ShardTeam | None = None,
    skip_damaged: bool = False,
    workers: int = 1,
    stand_in: bool = False,
) -> list[Evaluation]:
    """Every bundle in its variant over every clip, decoded once for all; one evaluation each, in their order.

    whole_clip: the gate sees the clip's statistics first and chooses one gamma for all of it; otherwise it chooses tick
    by tick, as on the device. processes: who shares the clips (calibration/jobs/shards.py); all get all results.
    skip_damaged: a clip that cannot be decoded is left out and named, if there is another. workers: processes of this
    machine that share this process's clips; results do not depend on it. stand_in: where no clip has a label that the
    bundles know, the first bundle's decisions stand in for labels: every evaluation is then of agreement with it.
    Raises as `evaluate`.
    """
    processes = processes or ShardTeam()
    manifest = contestants[0][0].manifest
    if any((b.manifest.labels, b.manifest.cadence) != (manifest.labels, manifest.cadence) for b, _ in contestants):
        raise UsageError("the bundles differ in labels or cadence; compare bundles that were made from one another")
    known, unknown = labelled_clips(clips, manifest.labels), dict[str, int]()
    stand_in = stand_in and all(label == NO_LABEL for _, label in known)
    if not stand_in:
        known, unknown = known_clips(clips, manifest.labels)
    mine = processes.share(known)
    answers: list[dict[str, Any]] = []
    for future in _futures(_Contest(contestants, threads, whole_clip), mine, workers):
        try:
            answers.append({"runs": future.result()})
        except (DataError, PictureError, WorkerError) as error:
            if not skip_damaged:
                raise
            answers.append({"damage": str(error)})
        if progress is not None:
            progress(len(answers), len(mine))
    learnt = [LearntClips.of(bundle) for bundle, _ in contestants]
    everything = list(zip(known, processes.gather(answers), strict=True))
    damaged = {clip.name: answer["damage"] for (clip, _), answer in everything if "damage" in answer}
    if len(damaged) == len(known):
        raise DataError(f"{clips.name}: no clip can be decoded; the first: {next(iter(damaged.values()))}")
    evaluations = [
        Evaluation(
            set_name=clips.name,
            labels=manifest.labels,
            results=tuple(
                _result(clip, label, answer["runs"][i], learnt[i])
                for (clip, label), answer in everything
                if "runs" in answer
            ),
            unknown=unknown,
            damaged=damaged,
            name=variant.name,
            whole_clip=whole_clip,
        )
        for i, (_, variant) in enumerate(contestants)
    ]
    return agreeing(evaluations) if stand_in else evaluations


class _Runner:
    """One bundle in one variant, clip after clip."""

    def __init__(self, bundle: Bundle, variant: Variant, threads: int, whole_clip: bool) -> None:
        self._manifest, self._prepare, self._whole_clip = bundle.manifest, variant.prepare_frame, whole_clip
        gammas = bundle.manifest.gate.gammas
        self._gate = Gate(bundle.gate_weights(), gammas) if whole_clip and variant.gamma is None else None
        # For whole clips the expert is known before the first tick, and one chain per expert keeps it.
        self._chains = [
            Chain(
                bundle,
                threads=threads,
                gamma=gamma,
                engine=variant.engine,
                average=variant.average,
                head=variant.head,
                say=_say,
                prepare=variant.prepare_frame,
            )
            for gamma in (gammas if self._gate is not None else (variant.gamma,))
        ]
        self._chain = self._chains[0]

    def start(self, clip: Clip, label: int) -> None:
        """Begin a clip; with a gate that judges it as a whole, look at all of it."""
        if self._gate is not None:
            self._chain = self._chains[self._chosen_expert(clip, self._gate)]
        self._chain.reset()
        self._label, self._ticks = label, 0
        self._sum = np.zeros(len(self._manifest.labels), np.float64)
        self._gammas: Counter[float] = Counter()
        self._live: Counter[str] = Counter()

    def take(self, frame: Frame) -> None:
        """Take the clip's next frame."""
        tick = self._chain.take(frame)
        if tick is None or tick.result is None or tick.decision is None:
            return
        said = tick.decision.index
        self._ticks += 1
        self._sum += softmax(tick.result.logits)
        self._gammas[tick.result.gamma] += 1
        self._live["silent" if said is None else "right" if said == self._label else "wrong"] += 1

    def answer(self) -> dict[str, Any]:
        """What there is to know of the clip, as JSON carries it."""
        probabilities = (self._sum / max(self._ticks, 1)).astype(np.float32)
        return {
            "probabilities": probabilities.tolist(),
            "ticks": self._ticks,
            "gammas": sorted(self._gammas.items()),
            "live": None if self._whole_clip else dict(self._live),
        }

    def _chosen_expert(self, clip: Clip, gate: Gate) -> int:
        """For the whole clip: from statistics of as many ticks as the gate takes, evenly spread over the clip."""
        manifest = self._manifest
        eyes = network_input(manifest.front_end, manifest.input, manifest.gate)
        ticks = at_cadence(clip.frames(), Cadence(manifest.cadence), eyes.reset)
        seen = [eyes.take(self._prepare(frame)) for frame in ticks]
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
        return _run(self._runners, clip, label)


def _futures(contest: _Contest, labelled: Sequence[tuple[Clip, int]], workers: int) -> Iterator[Future[Any]]:
    """What the contest makes of every clip, in order, in this process or in several others."""
    if workers > 1:
        yield from (future for _, future in in_order(contest, labelled, workers))
        return
    for item in labelled:
        future: Future[Any] = Future()
        try:
            future.set_result(contest(item))
        except (DataError, PictureError) as error:
            future.set_exception(error)
        yield future


def _run(runners: Sequence[_Runner], clip: Clip, label: int) -> list[dict[str, Any]]:
    """Every runner over one clip, which is decoded frame by frame."""
    for runner in runners:
        runner.start(clip, label)
    fingerprint = Fingerprint()
    for frame in fingerprint.watch(clip.frames()):
        for runner in runners:
            runner.take(frame)
    return [{**runner.answer(), "fingerprint": fingerprint.value} for runner in runners]


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def _result(clip: Clip, label: int, answer: dict[str, Any], learnt: LearntClips) -> ClipResult:
    live = None if answer["live"] is None else LiveTicks(**answer["live"])
    gammas = {float(gamma): int(ticks) for gamma, ticks in answer["gammas"]}
    probabilities = np.asarray(answer["probabilities"], np.float32)
    # A new revision of the renderer gives other frames of a recording whose person and motion are known all the same.
    role = learnt.role(answer["fingerprint"]) or learnt.role(clip.rendered_from)
    return ClipResult(clip, label, probabilities, answer["ticks"], gammas, live, role)
