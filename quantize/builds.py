"""The integer builds of the student that the targets want, each made once, and which of them a target's bundle has."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge.bundles.bundle import STUDENT_FILE, Bundle, ModelSpec
from quantize.graph import Graph, with_uint8_picture
from quantize.judging.fidelity import HeldOutClips
from quantize.observing.parts import ClipShare
from quantize.result import Fidelity, Trial
from quantize.rewriting.as_trained import as_trained
from quantize.rewriting.openvino_ir import FILES as IR_FILES
from quantize.rewriting.openvino_ir import ir, samples
from quantize.rewriting.qdq import SCHEMES, SYMMETRIC, U8S8
from quantize.search import IntegerStudent, Maker, Search, integer_bundle

AS_TRAINED = "as trained"
TARGETS = tuple(SCHEMES)


@dataclass(frozen=True)
class Draft:
    """A build before acceptance scores it. engine: what runs it here. fidelity: in that engine; None: not known."""

    name: str
    engine: str
    student: IntegerStudent
    fidelity: Fidelity | None

    @property
    def estimator(self) -> str:
        """What its ranges come from."""
        return _kept(self.student).estimator if self.student.trials else AS_TRAINED


@dataclass(frozen=True)
class Selection:
    """One target's drafts. kept: indices of those that its bundle holds, `student.onnx` first. why: one line."""

    drafts: tuple[Draft, ...]
    kept: tuple[int, ...]
    why: str


def calibrated_builds(
    targets: Sequence[str], maker: Maker, share: ClipShare, held_out: HeldOutClips, search: Search
) -> dict[str, Selection]:
    """Quantise for every target."""
    wanted = dict.fromkeys(scheme for target in targets for scheme in SCHEMES[target])
    students = {scheme: maker.best(scheme, search) for scheme in wanted}
    drafts = {scheme: Draft(scheme.name, "onnxruntime", one, _kept(one).fidelity) for scheme, one in students.items()}
    select = {
        "x86": lambda: Selection((drafts[U8S8],), (0,), "onnxruntime's fastest on x86-64"),
        "arm": lambda: Selection(
            tuple(drafts[scheme] for scheme in SCHEMES["arm"]), (0, 1), "both are kept: the board measures them"
        ),
        "jetson": lambda: Selection((drafts[SYMMETRIC],), (0,), "the one that TensorRT takes"),
        "openvino": lambda: _for_openvino(maker, students[U8S8], share, held_out),
    }
    return {target: select[target]() for target in targets}


def trained_builds(targets: Sequence[str], source: Bundle) -> dict[str, Selection]:
    """A student that came quantised, for every target."""
    student, states = as_trained(source.student_bytes(), source.manifest.states)
    only = IntegerStudent(integer_bundle(source, student, states), (), 0, ())
    engines = {target: "openvino" if target == "openvino" else "onnxruntime" for target in targets}
    why = "it came quantised, and is taken as it is"
    return {target: Selection((Draft(AS_TRAINED, engines[target], only, None),), (0,), why) for target in targets}


def target_bundle(source: Bundle, target: str, selection: Selection) -> Bundle:
    """What a target's board gets: the first build as `student.onnx`, the others beside it."""
    first, *others = (selection.drafts[index] for index in selection.kept)
    manifest, files = first.student.bundle.manifest, dict(first.student.bundle.files)
    alternatives = []
    for draft in others:
        model = draft.student.bundle
        named = _named(draft)
        files |= {name: model.files[own] for name, own in named.items()}
        engine = "openvino" if set(named) == set(IR_FILES) else "onnxruntime"
        alternatives.append(ModelSpec(draft.name, engine, tuple(named), model.manifest.states))
    manifest = dataclasses.replace(manifest, target=target, alternatives=tuple(alternatives))
    return Bundle(f"the INT8 bundle for {target}", "", manifest, files)


def _named(draft: Draft) -> Mapping[str, str]:
    """A build's file names in a bundle that has another `student.onnx` -> its own."""
    if STUDENT_FILE in draft.student.bundle.files:
        return {f"student-{draft.name.lower().replace(' ', '-')}.onnx": STUDENT_FILE}
    return {name: name for name in IR_FILES}


def _for_openvino(maker: Maker, qdq: IntegerStudent, share: ClipShare, held_out: HeldOutClips) -> Selection:
    """onnxruntime's file as OpenVINO reads it, against NNCF's; the one that answers more like the float student."""
    read = Draft("QDQ", "openvino", qdq, held_out.judge(qdq.bundle, "openvino"))
    own = _with_nncf(maker, _kept(qdq), share, held_out)
    assert read.fidelity is not None and own.fidelity is not None
    better = own.fidelity.divergence < read.fidelity.divergence
    figures = f"{own.fidelity.divergence:.2g} against {read.fidelity.divergence:.2g} nats from float on held-out clips"
    why = f"NNCF's IR {'is kept: ' if better else 'is left out: '}{figures} of the QDQ file"
    return Selection((read, own), (0, 1) if better else (0,), why)


def _with_nncf(maker: Maker, qdq: Trial, share: ClipShare, held_out: HeldOutClips) -> Draft:
    """NNCF on the corrected student: its own bias correction is off, ours took it from 31 to 40 dB."""
    corrected = Graph(maker.corrected(qdq.estimator).model)
    with_uint8_picture(corrected)
    source = maker.source
    student = dataclasses.replace(
        source, files={**source.files, STUDENT_FILE: corrected.model.SerializeToString(deterministic=True)}
    )
    files = ir(student.student_bytes(), samples(student, share.tensors))
    kept = {name: data for name, data in source.files.items() if name != STUDENT_FILE}
    bundle = integer_bundle(source, b"", source.manifest.states)
    bundle = dataclasses.replace(bundle, files={**kept, **files})
    fidelity = held_out.judge(bundle, "openvino")
    return Draft("NNCF", "openvino", IntegerStudent(bundle, (Trial("minmax", (), fidelity),), 0, ()), fidelity)


def _kept(student: IntegerStudent) -> Trial:
    return student.trials[student.kept]
