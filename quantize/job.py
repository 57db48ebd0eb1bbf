"""From a float bundle to an INT8 one: calibrate, quantise, score both, and judge the loss."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from calibration.clips import ClipSet
from calibration.evaluate import Comparison, Evaluation, compare, evaluate, known_clips
from calibration.sets import public_name
from calibration.shards import Team
from calibration.tensors import Geometry, clip_tensors
from edge.bundle import STUDENT_FILE, Accuracy, Bundle, Manifest
from edge.engines.onnxruntime import Student
from edge.errors import DataError, UsageError
from quantize.qdq import FORMS, prepared, quantized
from quantize.ranges import MinMaxObserver

ENOUGH_TICKS = 96  # fewer lost up to 13 dB of signal to quantisation noise (docs/quantize.md)
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Request:
    """What was asked for: a set by name and how much of it, and the target's form."""

    set_name: str
    limit: int | None
    seed: int
    target: str

    @property
    def selection(self) -> str:
        """The set as options of a command, without the folders of this machine."""
        return (
            f"{public_name(self.set_name)}{'' if self.limit is None else f' --limit {self.limit}'} --seed {self.seed}"
        )


@dataclass(frozen=True)
class Result:
    """The INT8 bundle, not yet written, and what both bundles are worth. ticks: seen in calibration, of every gamma."""

    bundle: Bundle
    ticks: int
    before: Evaluation
    after: Evaluation

    @property
    def comparison(self) -> Comparison:
        """Float against INT8, clip by clip."""
        return compare(self.before, self.after)

    @property
    def drop(self) -> float:
        """Points lost, of top-1 or macro, whichever lost more; negative where INT8 is better."""
        return 100 * max(self.before.top1 - self.after.top1, self.before.macro - self.after.macro)


def quantize(
    bundle: Bundle,
    clips: ClipSet,
    request: Request,
    calibrating: Progress | None = None,
    evaluating: Progress | None = None,
    processes: Team | None = None,
) -> Result:
    """Quantise a float bundle on a set. The same bundle and clips give the same bytes, over however many processes.

    A clip that cannot be decoded is left out and named in `result.after.damaged`.

    Raises UsageError (a bundle that is INT8 already), DataError (no clips to calibrate on), BundleError (a student
    that cannot be quantised).
    """
    if bundle.manifest.precision != "float32":
        raise UsageError(
            f"{bundle.where}: expected a float bundle, found {bundle.manifest.precision}; quantise its origin"
        )
    Student(bundle)  # refuses a model that is damaged or not the manifest's, before minutes of work
    model = prepared(bundle.student_bytes())
    observer = MinMaxObserver(model, bundle.manifest.states)
    _calibrate(observer, bundle.manifest, clips, calibrating, processes or Team())
    student, states = quantized(model, observer.ranges, bundle.manifest.states, FORMS[request.target])
    manifest = dataclasses.replace(bundle.manifest, precision="int8", target=request.target, states=states, files={})
    integer = Bundle("the INT8 bundle", "", manifest, {**bundle.files, STUDENT_FILE: student})
    before, after = evaluate([bundle, integer], clips, progress=evaluating, processes=processes, skip_damaged=True)
    ticks = observer.ticks // len(manifest.gate.gammas)
    result = Result(integer, ticks, before, after)
    return dataclasses.replace(result, bundle=_documented(result, bundle, request))


def forced(result: Result, max_drop: float) -> Bundle:
    """The bundle of a result over the gate, with a note that says so."""
    note = f"FORCED: INT8 lost {result.drop:.1f} points on {result.after.set_name}, more than --max-drop {max_drop:g}"
    return _with_notes(result.bundle, (note,))


def _calibrate(
    observer: MinMaxObserver, manifest: Manifest, clips: ClipSet, progress: Progress | None, processes: Team
) -> None:
    """Show the observer every clip under every gamma, made by the device's own front end and motion stage.

    Each process looks at its share of the clips; then all know what all have seen.
    """
    geometry = Geometry.of(manifest)
    known = processes.share(known_clips(clips, manifest.labels)[0])
    for done, (clip, _) in enumerate(known, 1):
        with contextlib.suppress(DataError):  # a clip that cannot be decoded: the evaluation names it in the report
            for stream in clip_tensors(clip.frames(), geometry).x:
                observer.observe(stream)
        if progress is not None:
            progress(done, len(known))
    for rank, seen in enumerate(processes.gather([observer.seen()])):
        if rank != processes.rank:
            observer.merge(**seen)
    if not observer.ticks:
        raise DataError(f"{clips.name}: expected clips with two frames or more, found none; calibrate on longer clips")


def _documented(result: Result, source: Bundle, request: Request) -> Bundle:
    """The INT8 bundle with both accuracies and its making in the manifest."""
    measured = (
        _accuracy("float32, before quantisation", result.before, f"edge-eval --bundle FLOAT --set {request.selection}"),
        _accuracy("int8", result.after, f"edge-eval --bundle BUNDLE --set {request.selection}"),
    )
    digest = hashlib.sha256(source.student_bytes()).hexdigest()
    gammas = len(source.manifest.gate.gammas)
    unknown = sum(result.after.unknown.values())
    notes = (
        f"quantize --calib {request.selection} --target {request.target}; from student.onnx with sha256 {digest}",
        f"calibrated on {len(result.after.results)} clips, {result.ticks} ticks under each of {gammas} gammas"
        + (f"; {unknown} clips of other labels left out" if unknown else "")
        + (f"; {len(result.after.damaged)} damaged clips left out" if result.after.damaged else ""),
        f"INT8 decides {result.comparison.agreement:.1%} of these clips as float does",
    )
    manifest = dataclasses.replace(result.bundle.manifest, accuracy=(*source.manifest.accuracy, *measured))
    return _with_notes(dataclasses.replace(result.bundle, manifest=manifest), notes)


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


def _with_notes(bundle: Bundle, notes: tuple[str, ...]) -> Bundle:
    provenance = bundle.manifest.provenance
    provenance = dataclasses.replace(provenance, notes=(*provenance.notes, *notes))
    return dataclasses.replace(bundle, manifest=dataclasses.replace(bundle.manifest, provenance=provenance))
