"""What `quantize` found and verified, for people and programs: lines of text and JSON."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from calibration.evaluation.protocols import Table
from calibration.evaluation.report import comparison_line, learnt_notes, left_out, summary_line
from calibration.evaluation.report import table as table_text
from calibration.evaluation.scores import Z95, Comparison, Estimate, Evaluation
from edge.messages import expert_text
from quantize.judging.verify import Proof, Refusal, Verification
from quantize.result import IntegerCandidate, Layer, QuantizeResult, TargetResult, Trial

Groups = Callable[[Evaluation], dict[str, tuple[int, int]]]  # value -> (right, clips)
NOISIEST = 8  # layers in the terminal; JSON and HTML have all


@dataclass(frozen=True)
class QuantizeReport:
    """verifications: of the result's targets, in their order. float_peak_mb: of the float student's process."""

    result: QuantizeResult
    verifications: tuple[Verification, ...]
    float_peak_mb: float

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """Of all targets."""
        return tuple(refusal for verification in self.verifications for refusal in verification.refusals)

    def candidates(self) -> Iterator[tuple[TargetResult, int, IntegerCandidate, Proof]]:
        """Every candidate of every target with its index there and its proof."""
        for target, verification in zip(self.result.targets, self.verifications, strict=True):
            for index, (candidate, proof) in enumerate(zip(target.candidates, verification.proofs, strict=True)):
                yield target, index, candidate, proof


def paired_difference(comparison: Comparison, clips: int) -> Estimate:
    """Points of top-1 gained (second less first), with a 95 % interval for pairs (Agresti and Min 2005)."""
    gained, lost, n = comparison.only_second + 0.5, comparison.only_first + 0.5, clips + 2
    centre = (gained - lost) / n
    half = Z95 * math.sqrt(max(0.0, gained + lost - (gained - lost) ** 2 / n)) / n
    value = (comparison.only_second - comparison.only_first) / clips
    return Estimate(value, min(value, centre - half), max(value, centre + half), clips)


def tables(report: QuantizeReport) -> list[Table]:
    """Float beside every candidate: over all clips, by class, expert, light and camera; notes: McNemar's p."""
    wholes = [report.result.float_evaluation, *(c.evaluation for _, _, c, _ in report.candidates())]
    names = ["float", *(name(target, c) for target, _, c, _ in report.candidates())]
    overall = Table(
        "accuracy over all clips",
        ("top-1", "macro"),
        tuple((n, (e.top(1), e.macro_estimate)) for n, e in zip(names, wholes, strict=True)),
        ("", *(difference_text(report.result, c) for _, _, c, _ in report.candidates())),
        "against float",
    )
    by: dict[str, Groups] = {
        "class": lambda e: e.per_class,
        "expert that the float bundle's gate chose most": _by_expert(report.result),
        "light": _by_attribute("light"),
        "camera": _by_attribute("camera"),
    }
    return [overall, *(_grouped(title, groups, names, wholes) for title, groups in by.items())]


def difference_text(result: QuantizeResult, candidate: IntegerCandidate) -> str:
    """`-0.4 points [-1.9, 1.1], McNemar p = 1`."""
    comparison = result.comparison(candidate)
    found = paired_difference(comparison, len(candidate.evaluation.results))
    return (
        f"{100 * found.value:+.1f} points [{100 * found.low:.1f}, {100 * found.high:.1f}], "
        f"McNemar p = {comparison.p_value:.2g}"
    )


def name(target: TargetResult, candidate: IntegerCandidate) -> str:
    """`arm U8S8`."""
    return f"{target.target} {candidate.name}"


def text(report: QuantizeReport) -> str:
    """The whole report for the terminal."""
    parts = [
        "\n".join(_head(report)),
        *("\n".join(_candidate(report, *one)) for one in report.candidates()),
        *map(table_text, tables(report)),
        "\n".join(_coverage(report.result)),
        "\n".join(_making(report.result)),
        *("\n".join(refusal_lines(refusal)) for refusal in report.refusals),
    ]
    return "\n\n".join(parts)


def refusal_lines(refusal: Refusal) -> list[str]:
    """The reason and the three next steps."""
    return [f"refused: {refusal.reason}", *(f"  {i}. {step}" for i, step in enumerate(refusal.next_steps, 1))]


def _head(report: QuantizeReport) -> list[str]:
    result = report.result
    return [
        f"float  {summary_line(result.float_evaluation)}",
        f"       {_megabytes(len(result.source.student_bytes()))}, a process with it {report.float_peak_mb:.0f} MB",
        *(f"target {target.target}: {target.why}" for target in result.targets),
        *learnt_notes(result.float_evaluation),
        *left_out(result.float_evaluation),
    ]


def _candidate(
    report: QuantizeReport, target: TargetResult, index: int, candidate: IntegerCandidate, proof: Proof
) -> list[str]:
    kept = "kept" if index in target.kept else "not kept"
    execution = proof.execution
    here = next(v.here for v in report.verifications if v.target == target.target)
    lines = [
        f"{name(target, candidate)} ({kept}; estimator {candidate.estimator})",
        f"  accuracy   {summary_line(candidate.evaluation)}",
        f"  against    {comparison_line(report.result.comparison(candidate), 'float', candidate.name)}",
        f"  size       {_megabytes(proof.size_bytes)}" + _memory(proof),
        f"  a step     {proof.integer_ms:.3f} ms, float {proof.float_ms:.3f} ms in turn: {proof.speed_up:.2f} times "
        f"as fast in {execution.engine}" + ("" if here else "; this machine is no such target, so it decides nothing"),
        f"  integer    {execution.integer} of {len(execution.kernels)} layers with weights are integer kernels",
    ]
    lines += [f"             in float: {kernel.name} ({kernel.how})" for kernel in execution.floats]
    lines += [f"             float island: {island}" for island in execution.islands]
    if proof.streaming is not None:
        lines.append(
            f"  streaming  differs from the unrolled clip by {proof.streaming:.1%} of the logits' spread at most"
        )
    lines += [
        f"  tried      {_trial(trial)}{' <- kept' * (i == candidate.kept)}" for i, trial in enumerate(candidate.trials)
    ]
    noisiest = sorted(candidate.layers, key=lambda layer: layer.sqnr_db)[:NOISIEST]
    lines += [f"  layer      {_layer(layer)}" for layer in noisiest]
    return lines


def _trial(trial: Trial) -> str:
    floats = f", float: {', '.join(trial.float_layers)}" if trial.float_layers else ""
    found = trial.fidelity
    return (
        f"{trial.estimator}{floats}: logits {found.logits_db:.1f} dB, same decision {found.agreement:.1%}, "
        f"lost {found.drop:.1f} points"
    )


def _layer(layer: Layer) -> str:
    state = "" if layer.quantised else ", kept in float"
    alone = "" if layer.alone is None else f", alone costs {layer.alone.drop:.1f} points"
    return f"{layer.name} ({layer.operator}): {layer.sqnr_db:.1f} dB{alone}{state}"


def _memory(proof: Proof) -> str:
    return "" if proof.peak_mb is None else f", a process with it {proof.peak_mb:.0f} MB at its peak"


def _coverage(result: QuantizeResult) -> list[str]:
    coverage = result.coverage
    lines = [f"calibrated on {coverage.clips} clips, {coverage.ticks} ticks of every expert"]
    for attribute, values in coverage.by.items():
        lines.append(f"  {attribute}: " + ", ".join(f"{value} {ticks}" for value, ticks in values.items()))
    names = expert_names(result)
    lines.append("  gate chose: " + ", ".join(f"{names[e]} {ticks}" for e, ticks in coverage.gate_ticks.items()))
    return [*lines, *(f"  warning: {warning}" for warning in coverage.warnings)]


def _making(result: QuantizeResult) -> list[str]:
    versions = ", ".join(f"{package} {version}" for package, version in result.versions.items())
    return [
        f"made by    {result.command}",
        f"judged on  {result.acceptance_selection}",
        f"parts      {result.calibration_clips} clips calibrate, {result.held_out_clips} choose, "
        f"{len(result.float_evaluation.results)} judge; seed {result.seed}, at most {result.max_drop:g} points lost",
        f"versions   {versions}",
    ]


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.2f} MB"


def _grouped(title: str, groups: Groups, names: Sequence[str], wholes: Sequence[Evaluation]) -> Table:
    found = [groups(whole) for whole in wholes]
    rows = tuple((value, tuple(Estimate.of(*one[value]) for one in found)) for value in found[0])
    return Table(f"by {title}", tuple(names), rows)


def _by_attribute(attribute: str) -> Groups:
    def groups(evaluation: Evaluation) -> dict[str, tuple[int, int]]:
        return {value: _counts(part) for value, part in evaluation.by(attribute).items()}

    return groups


def expert_names(result: QuantizeResult) -> list[str]:
    """`light x1 (gamma 1.5)`, of each; `expert 0 (gamma 1)` where a form has no names."""
    gate = result.source.manifest.gate
    named = enumerate(zip(gate.expert_names, gate.gammas, strict=True))
    return [expert_text(name or f"expert {index}", gamma) for index, (name, gamma) in named]


def _by_expert(result: QuantizeResult) -> Groups:
    """Clips by the expert of most of their ticks, as the float bundle's gate chose it."""
    names, gammas = expert_names(result), result.source.manifest.gate.gammas
    chosen = {
        r.clip.name: gammas.index(max(r.gammas, key=lambda g: r.gammas[g]))
        for r in result.float_evaluation.results
        if r.gammas
    }

    def groups(evaluation: Evaluation) -> dict[str, tuple[int, int]]:
        parts = {
            expert: [r for r in evaluation.results if chosen.get(r.clip.name) == expert]
            for expert in sorted(set(chosen.values()))
        }
        return {
            names[expert]: _counts(dataclasses.replace(evaluation, results=tuple(part)))
            for expert, part in parts.items()
        }

    return groups


def _counts(evaluation: Evaluation) -> tuple[int, int]:
    return sum(r.right for r in evaluation.results), len(evaluation.results)


def as_dict(report: QuantizeReport) -> dict[str, object]:
    """The same for programs; rates are fractions of 1."""
    result = report.result
    return {
        "command": result.command,
        "acceptance": result.acceptance_selection,
        "seed": result.seed,
        "max_drop": result.max_drop,
        "versions": dict(result.versions),
        "gammas": list(result.source.manifest.gate.gammas),  # of the experts, in their order
        "parts": {
            "calibration_clips": result.calibration_clips,
            "held_out_clips": result.held_out_clips,
            "acceptance_clips": len(result.float_evaluation.results),
        },
        "coverage": {
            "clips": result.coverage.clips,
            "ticks": result.coverage.ticks,
            "by": {attribute: dict(values) for attribute, values in result.coverage.by.items()},
            "gate_ticks": {str(expert): ticks for expert, ticks in result.coverage.gate_ticks.items()},
            "warnings": list(result.coverage.warnings),
        },
        "float": {
            **_scores(result.float_evaluation),
            "bytes": len(result.source.student_bytes()),
            "peak_mb": round(report.float_peak_mb, 1),
        },
        "targets": [
            {
                "target": target.target,
                "why": target.why,
                "here": verification.here,
                "candidates": [
                    _candidate_dict(result, candidate, proof, index in target.kept)
                    for index, (candidate, proof) in enumerate(zip(target.candidates, verification.proofs, strict=True))
                ],
                "refusals": [dataclasses.asdict(refusal) for refusal in verification.refusals],
            }
            for target, verification in zip(result.targets, report.verifications, strict=True)
        ],
    }


def _candidate_dict(result: QuantizeResult, candidate: IntegerCandidate, proof: Proof, kept: bool) -> dict[str, object]:
    comparison = result.comparison(candidate)
    difference = paired_difference(comparison, len(candidate.evaluation.results))
    return {
        "name": candidate.name,
        "kept": kept,
        **_scores(candidate.evaluation),
        "against_float": {
            **vars(comparison),
            "top1_difference": difference.value,
            "top1_difference_interval95": difference.interval,
        },
        "estimator": candidate.estimator,
        "trials": [dataclasses.asdict(trial) for trial in candidate.trials],
        "layers": [dataclasses.asdict(layer) for layer in candidate.layers],
        "engine": proof.execution.engine,
        "kernels": [dataclasses.asdict(kernel) for kernel in proof.execution.kernels],
        "islands": list(proof.execution.islands),
        "streaming_difference": proof.streaming,
        "bytes": proof.size_bytes,
        "peak_mb": None if proof.peak_mb is None else round(proof.peak_mb, 1),
        "float_ms": proof.float_ms,
        "integer_ms": proof.integer_ms,
    }


def _scores(evaluation: Evaluation) -> dict[str, object]:
    return {
        "top1": evaluation.top1,
        "top1_interval95": evaluation.interval95,
        "macro": evaluation.macro,
        "macro_interval95": evaluation.macro_estimate.interval,
        "clips": len(evaluation.results),
        "per_class": {label: {"right": r, "clips": n} for label, (r, n) in evaluation.per_class.items()},
        "decisions": {
            r.clip.name: None if r.decision is None else evaluation.labels[r.decision] for r in evaluation.results
        },
    }
