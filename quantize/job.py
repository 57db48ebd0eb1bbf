"""From a float bundle to integer ones: stream clips, make every target's builds, score them as they would be read."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from calibration.clip_sets.clips import ClipSet
from calibration.evaluation.evaluate import contend
from calibration.evaluation.report import comparison_line, learnt_notes, summary_line
from calibration.evaluation.scores import Evaluation, compare
from calibration.evaluation.variants import Variant, build_alone
from calibration.jobs.progress import Progress
from calibration.jobs.shards import ShardTeam
from calibration.learnt import LEARNT_FILE, LearntClips
from calibration.sets import public_name
from calibration.tensors import Geometry
from edge.bundles.bundle import STUDENT_FILE, Accuracy, Bundle, write_bundle
from edge.engines.onnxruntime import OnnxRuntimeSession
from edge.errors import DataError, UsageError
from edge.files import scratch_folder
from quantize.builds import AS_TRAINED, Draft, Selection, calibrated_builds, target_bundle, trained_builds
from quantize.judging.check import checked, is_quantised
from quantize.judging.fidelity import HeldOutClips
from quantize.observing.parts import ClipParts, ClipShare, LabelledClip, coverage, divided, load_share
from quantize.result import Coverage, IntegerCandidate, QuantizeResult, TargetResult
from quantize.search import Maker, Search

ShowProgress = Callable[..., Progress | None]  # of a phase, and what is counted in it where that is not clips
PACKAGES = ("ellar-edge", "numpy", "opencv-python-headless", "onnx", "onnxruntime", "openvino", "nncf")


@dataclass(frozen=True)
class QuantizeRequest:
    """What was asked for. out: the bundle, or the folder of several targets' bundles. workers: processes for clips.

    acceptance_name: None where the acceptance clips come from the calibration set.
    """

    set_name: str
    targets: tuple[str, ...]
    out: Path
    search: Search
    limit: int | None = None
    seed: int = 0
    acceptance_name: str | None = None
    workers: int = 1

    @property
    def command(self) -> str:
        """As it was called, without the folders of this machine."""
        options = {
            "--calib": public_name(self.set_name),
            "--limit": self.limit,
            "--seed": self.seed,
            "--acceptance": None if self.acceptance_name is None else public_name(self.acceptance_name),
            "--target": ",".join(self.targets),
            "--estimator": self.search.estimator,
            "--mixed": "auto" if self.search.mixed else "off",
            "--max-drop": f"{self.search.max_drop:g}",
        }
        return " ".join(["quantize", *(f"{name} {value}" for name, value in options.items() if value is not None)])

    def path(self, target: str) -> Path:
        """Where a target's bundle goes."""
        return self.out if len(self.targets) == 1 else self.out / target


@dataclass(frozen=True)
class _Job:
    """What the steps share. lost: clips that do not decode, here."""

    source: Bundle
    request: QuantizeRequest
    parts: ClipParts
    processes: ShardTeam
    show: ShowProgress
    lost: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Builds:
    """What was made, and from what. held_out_clips: that judged the choices. met: fingerprints of all these clips."""

    targets: Mapping[str, Selection]
    coverage: Coverage
    held_out_clips: int
    lost: int
    met: frozenset[str] = frozenset()


def quantize(
    source: Bundle,
    clips: ClipSet,
    request: QuantizeRequest,
    acceptance: ClipSet | None = None,
    show: ShowProgress = lambda *_: None,
    processes: ShardTeam | None = None,
) -> QuantizeResult:
    """Quantise a float bundle for every target. The same input gives the same bytes, by however many processes.

    clips: the whole set; `request.limit` is applied here. acceptance: a set that is for judging the loss alone. show:
    makes the progress of a step from its name. A clip that cannot be decoded is left out.

    Raises UsageError (a bundle that is INT8 already), DataError (no clips that would do), BundleError (a student that
    cannot be quantised).
    """
    if source.manifest.precision != "float32":
        raise UsageError(
            f"{source.where}: expected a float bundle, found {source.manifest.precision}; quantize its origin"
        )
    processes = processes or ShardTeam()
    if "openvino" in request.targets and processes.size > 1:
        raise UsageError(
            "--target openvino: NNCF runs in one process; run it without torchrun, --workers decodes clips"
        )
    model = checked(source.student_bytes(), f"{source.where}: {STUDENT_FILE}")
    OnnxRuntimeSession(source)  # refuses what is not the manifest's, before minutes of work
    parts = divided(clips, source.manifest.labels, request.limit, request.seed, acceptance)
    job = _Job(source, request, parts, processes, show)
    with scratch_folder("quantize") as scratch:
        builds = _as_trained(job) if is_quantised(model) else _calibrated(job, Path(scratch))
        return _scored(job, builds, Path(scratch))


def _calibrated(job: _Job, scratch: Path) -> _Builds:
    share = _decoded(job, "calibrating", job.parts.calibration, scratch)
    held_out = _decoded(job, "holding out", job.parts.held_out, scratch)
    covered = coverage(share, job.source)
    judges = len(held_out.gather(held_out.places))
    if not covered.ticks or not judges:
        raise DataError(
            f"{job.request.set_name}: expected clips with two frames or more, to calibrate on and to hold out, found "
            f"{covered.clips} and {judges}; calibrate on more or longer clips"
        )
    judge = HeldOutClips(job.source, held_out)
    maker = Maker(job.source, share, judge, job.show("observing"), job.show("trying", "integer students"))
    targets = calibrated_builds(job.request.targets, maker, share, judge, job.request.search)
    return _Builds(targets, covered, judges, sum(job.processes.gather([len(job.lost)])), _met(share) | _met(held_out))


def _met(share: ClipShare) -> frozenset[str]:
    return frozenset(share.gather([share.tensors.fingerprint(i) for i in range(len(share.tensors))]))


def _as_trained(job: _Job) -> _Builds:
    note = "nothing was calibrated: the student came quantised"
    return _Builds(trained_builds(job.request.targets, job.source), Coverage(0, 0, {}, {}, (note,)), 0, 0)


def _decoded(job: _Job, step: str, labelled: Sequence[LabelledClip], scratch: Path) -> ClipShare:
    return load_share(
        labelled,
        Geometry.of(job.source.manifest),
        scratch / "tensors",
        job.request.workers,
        job.processes,
        lambda clip, _: job.lost.append(clip.name),
        job.show(step),
    )


def _scored(job: _Job, builds: _Builds, scratch: Path) -> QuantizeResult:
    """Write every bundle aside, open it again, and score what was read as edge-eval does."""
    learnt = dataclasses.replace(LearntClips.of(job.source), calibration=builds.met)
    bundles = {
        name: _having_learnt(target_bundle(job.source, name, selection), learnt)
        for name, selection in builds.targets.items()
    }
    runs: dict[tuple[str, int], tuple[Bundle, Variant]] = {}
    for name, selection in builds.targets.items():
        opened = _reopened(bundles[name], scratch / name)
        for index, draft in enumerate(selection.drafts):
            bundle = opened[selection.kept.index(index)] if index in selection.kept else draft.student.bundle
            runs[name, index] = bundle, Variant(engine=draft.engine)
    different = {_identity(bundle, variant): (bundle, variant) for bundle, variant in runs.values()}
    before, *after = contend(
        [(job.source, Variant()), *different.values()],
        job.parts.acceptance,
        progress=job.show("evaluating"),
        processes=job.processes,
        skip_damaged=True,
        workers=job.request.workers,
        stand_in=True,
    )
    found = dict(zip(different, after, strict=True))
    targets = []
    for name, selection in builds.targets.items():
        candidates = tuple(
            _candidate(draft, runs[name, index][0], found[_identity(*runs[name, index])])
            for index, draft in enumerate(selection.drafts)
        )
        bundle = _documented(job, builds, bundles[name], selection, before, candidates)
        targets.append(TargetResult(name, job.request.path(name), bundle, candidates, selection.kept, selection.why))
    return QuantizeResult(
        source=job.source,
        float_evaluation=before,
        targets=tuple(targets),
        coverage=builds.coverage,
        calibration_clips=builds.coverage.clips,
        held_out_clips=builds.held_out_clips,
        acceptance_selection=job.parts.acceptance_selection,
        command=job.request.command,
        seed=job.request.seed,
        max_drop=job.request.search.max_drop,
        versions=_versions(),
    )


def _having_learnt(bundle: Bundle, learnt: LearntClips) -> Bundle:
    return dataclasses.replace(bundle, files={**bundle.files, LEARNT_FILE: learnt.to_bytes()})


def _reopened(bundle: Bundle, path: Path) -> list[Bundle]:
    """The bundle's builds, each without the others, as a device would read them."""
    write_bundle(path, bundle.manifest, bundle.files)
    return [build_alone(build) for build in Bundle.load(path).builds()]


def _identity(bundle: Bundle, variant: Variant) -> str:
    """The same for builds that answer the same: targets share some."""
    models = {name: data for name, data in bundle.files.items() if name != LEARNT_FILE}
    return f"{variant.engine} {sorted((name, hashlib.sha256(data).hexdigest()) for name, data in models.items())}"


def _candidate(draft: Draft, bundle: Bundle, evaluation: Evaluation) -> IntegerCandidate:
    return IntegerCandidate(
        name=draft.name,
        engine=draft.engine,
        bundle=bundle,
        estimator=draft.estimator,
        trials=draft.student.trials,
        kept=draft.student.kept,
        layers=draft.student.layers,
        evaluation=evaluation,
    )


def _documented(
    job: _Job,
    builds: _Builds,
    bundle: Bundle,
    selection: Selection,
    before: Evaluation,
    candidates: Sequence[IntegerCandidate],
) -> Bundle:
    """The bundle with accuracies and its making in the manifest."""
    judges = job.parts.acceptance_selection
    first = candidates[selection.kept[0]]
    engine = "" if first.engine == "onnxruntime" else f"--engine {first.engine} "
    measured = (
        ()
        if before.stand_in
        else (
            _accuracy("float32, before quantisation", before, f"edge-eval --bundle FLOAT --set {judges}"),
            _accuracy("int8", first.evaluation, f"edge-eval {engine}--bundle BUNDLE --set {judges}"),
        )
    )
    others = [candidates[index] for index in selection.kept[1:]]
    digest = hashlib.sha256(job.source.student_bytes()).hexdigest()
    notes = (
        f"{job.request.command}; from student.onnx with sha256 {digest}",
        _calibration_note(job, builds, first, before),
        *learnt_notes(first.evaluation),
        *(f"{one.name} beside it: {_summary(one.evaluation)}" for one in others),
        f"INT8 against float: {comparison_line(compare(before, first.evaluation), 'float', 'INT8')}",
    )
    manifest = dataclasses.replace(bundle.manifest, accuracy=(*job.source.manifest.accuracy, *measured))
    return with_notes(dataclasses.replace(bundle, manifest=manifest), notes)


def _calibration_note(job: _Job, builds: _Builds, first: IntegerCandidate, before: Evaluation) -> str:
    if first.estimator == AS_TRAINED:
        return "the student came quantised, from training, and is taken as it is"
    experts = len(job.source.manifest.gate.gammas)
    unknown, damaged = sum(before.unknown.values()), builds.lost + len(before.damaged)
    return (
        f"calibrated on {builds.coverage.clips} clips, {builds.coverage.ticks} ticks under each of {experts} experts; "
        f"ranges: {first.estimator}, chosen on {builds.held_out_clips} other clips"
        + (f"; in float: {', '.join(first.float_layers)}" if first.float_layers else "")
        + (f"; {unknown} clips of other labels left out" if unknown else "")
        + (f"; {damaged} damaged clips left out" if damaged else "")
    )


def _summary(evaluation: Evaluation) -> str:
    return summary_line(dataclasses.replace(evaluation, set_name=public_name(evaluation.set_name)))


def _accuracy(what: str, evaluation: Evaluation, command: str) -> Accuracy:
    return Accuracy(
        what=what,
        data=command.partition("--set ")[2].split()[0],
        command=command,
        top1=round(evaluation.top1, 6),
        macro=round(evaluation.macro, 6),
        interval95=(round(evaluation.interval95[0], 6), round(evaluation.interval95[1], 6)),
        clips=len(evaluation.results),
    )


def with_notes(bundle: Bundle, notes: tuple[str, ...]) -> Bundle:
    """A bundle with more notes on its provenance."""
    provenance = bundle.manifest.provenance
    provenance = dataclasses.replace(provenance, notes=(*provenance.notes, *notes))
    return dataclasses.replace(bundle, manifest=dataclasses.replace(bundle.manifest, provenance=provenance))


def _versions() -> dict[str, str]:
    return dict(_installed())


def _installed() -> Iterator[tuple[str, str]]:
    for package in PACKAGES:
        try:
            yield package, importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
