"""Every form of the student that the targets want, each made once, and which of them a target's bundle holds."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge.bundles.bundle import STUDENT_FILE, Bundle, ModelSpec
from quantize.graph import Graph, with_uint8_picture
from quantize.judging.fidelity import HeldOut
from quantize.observing.parts import Seen
from quantize.result import Fidelity, Trial
from quantize.rewriting.as_trained import as_trained
from quantize.rewriting.openvino_ir import FILES as IR_FILES
from quantize.rewriting.openvino_ir import ir, samples
from quantize.rewriting.qdq import FORMS, SYMMETRIC, U8S8
from quantize.search import Made, Maker, Search, integer_bundle

AS_TRAINED = "as trained"
TARGETS = tuple(FORMS)


@dataclass(frozen=True)
class Draft:
    """A candidate before the gate has seen it. engine: what runs it here. fidelity: in that engine; None: not known."""

    name: str
    engine: str
    made: Made
    fidelity: Fidelity | None

    @property
    def estimator(self) -> str:
        """What its ranges come from."""
        return self.made.trials[self.made.kept].estimator if self.made.trials else AS_TRAINED


@dataclass(frozen=True)
class Chosen:
    """One target's drafts. kept: indices of those that its bundle holds, `student.onnx` first. why: one line."""

    drafts: tuple[Draft, ...]
    kept: tuple[int, ...]
    why: str


def made_forms(
    targets: Sequence[str], maker: Maker, seen: Seen, held_out: HeldOut, search: Search
) -> dict[str, Chosen]:
    """Quantise for every target."""
    wanted = dict.fromkeys(form for target in targets for form in FORMS[target])
    made = {form: maker.best(form, search) for form in wanted}
    drafts = {form: Draft(form.name, "onnxruntime", one, _kept(one).fidelity) for form, one in made.items()}
    chosen = {
        "x86": lambda: Chosen((drafts[U8S8],), (0,), "onnxruntime's fastest form on x86-64"),
        "arm": lambda: Chosen(tuple(drafts[f] for f in FORMS["arm"]), (0, 1), "both are kept: the board measures them"),
        "jetson": lambda: Chosen((drafts[SYMMETRIC],), (0,), "the one that TensorRT takes"),
        "openvino": lambda: _for_openvino(maker, made[U8S8], seen, held_out),
    }
    return {target: chosen[target]() for target in targets}


def trained_forms(targets: Sequence[str], source: Bundle) -> dict[str, Chosen]:
    """A student that came quantised, for every target."""
    student, states = as_trained(source.student_bytes(), source.manifest.states)
    made = Made(integer_bundle(source, student, states), (), 0, ())
    engines = {target: "openvino" if target == "openvino" else "onnxruntime" for target in targets}
    why = "it came quantised, and is taken as it is"
    return {target: Chosen((Draft(AS_TRAINED, engines[target], made, None),), (0,), why) for target in targets}


def target_bundle(source: Bundle, target: str, chosen: Chosen) -> Bundle:
    """What a target's board gets: the first form as `student.onnx`, the others beside it."""
    first, *others = (chosen.drafts[index] for index in chosen.kept)
    manifest, files = first.made.bundle.manifest, dict(first.made.bundle.files)
    alternatives = []
    for draft in others:
        model = draft.made.bundle
        named = _named(draft)
        files |= {name: model.files[own] for name, own in named.items()}
        engine = "openvino" if set(named) == set(IR_FILES) else "onnxruntime"
        alternatives.append(ModelSpec(draft.name, engine, tuple(named), model.manifest.states))
    manifest = dataclasses.replace(manifest, target=target, alternatives=tuple(alternatives))
    return Bundle(f"the INT8 bundle for {target}", "", manifest, files)


def _named(draft: Draft) -> Mapping[str, str]:
    """A form's file names in a bundle that has another `student.onnx` -> its own."""
    if STUDENT_FILE in draft.made.bundle.files:
        return {f"student-{draft.name.lower().replace(' ', '-')}.onnx": STUDENT_FILE}
    return {name: name for name in IR_FILES}


def _for_openvino(maker: Maker, qdq: Made, seen: Seen, held_out: HeldOut) -> Chosen:
    """onnxruntime's file as OpenVINO reads it, against NNCF's; the one that answers more like the float student."""
    read = Draft("QDQ", "openvino", qdq, held_out.judge(qdq.bundle, "openvino"))
    own = _with_nncf(maker, _kept(qdq), seen, held_out)
    assert read.fidelity is not None and own.fidelity is not None
    better = own.fidelity.divergence < read.fidelity.divergence
    figures = f"{own.fidelity.divergence:.2g} against {read.fidelity.divergence:.2g} nats from float on held-out clips"
    why = f"NNCF's IR {'is kept: ' if better else 'is left out: '}{figures} of the QDQ file"
    return Chosen((read, own), (0, 1) if better else (0,), why)


def _with_nncf(maker: Maker, qdq: Trial, seen: Seen, held_out: HeldOut) -> Draft:
    """NNCF on the corrected student: its own bias correction is off, ours took it from 31 to 40 dB."""
    corrected = Graph(maker.corrected(qdq.estimator).model)
    with_uint8_picture(corrected)
    source = maker.source
    student = dataclasses.replace(
        source, files={**source.files, STUDENT_FILE: corrected.model.SerializeToString(deterministic=True)}
    )
    files = ir(student.student_bytes(), samples(student, seen.tensors))
    kept = {name: data for name, data in source.files.items() if name != STUDENT_FILE}
    bundle = integer_bundle(source, b"", source.manifest.states)
    bundle = dataclasses.replace(bundle, files={**kept, **files})
    fidelity = held_out.judge(bundle, "openvino")
    return Draft("NNCF", "openvino", Made(bundle, (Trial("minmax", (), fidelity),), 0, ()), fidelity)


def _kept(made: Made) -> Trial:
    return made.trials[made.kept]
