"""The report of `quantize` as one HTML file: tables and plots, complete in itself, nothing to load."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from html import escape

from calibration import svg
from calibration.evaluation.html import page as html_page
from calibration.evaluation.html.pictures import Curve, held_out
from calibration.evaluation.protocols import Table
from calibration.evaluation.report import comparison_line, summary_line
from calibration.evaluation.scores import Evaluation
from quantize.judging.verify import Proof, Refusal
from quantize.result import IntegerCandidate, QuantizeResult, TargetResult
from quantize.telling.report import QuantizeReport, expert_names, name, tables

Cells = Sequence[object]


def page(report: QuantizeReport, curve: Curve = ()) -> str:
    """The whole document. curve: accuracy on held-out clips while the float student was trained, where known."""
    result = report.result
    title = f"{result.source.manifest.name}: {', '.join(t.target for t in result.targets)}, INT8 against float"
    overall, *grouped = tables(report)
    parts = [
        f"<h1>{escape(title)}</h1>",
        *map(_refusal, report.refusals),
        *(f"<p>{escape(target.target)}: {escape(target.why)}</p>" for target in result.targets),
        html_page.table(overall),
        _decisions(report),
        "<h2>Size, memory, speed</h2>",
        _costs(report),
        "<h2>What really runs</h2>",
        _executions(report),
        *(_side_by_side(table) for table in grouped),
    ]
    for target, _, candidate, _ in report.candidates():
        parts += [*_candidate(target, candidate), *html_page.plots(_named(target, candidate))]
    parts.append(held_out(curve))
    parts += [*_coverage(result), *_making(result)]
    return html_page.document(title, parts)


def _named(target: TargetResult, candidate: IntegerCandidate) -> Evaluation:
    return dataclasses.replace(candidate.evaluation, name=name(target, candidate))


def _refusal(refusal: Refusal) -> str:
    steps = "".join(f"<li>{escape(step)}</li>" for step in refusal.next_steps)
    return (
        f'<div style="border-left: 4px solid #a40000; padding: .2em 1em; background: #fdf2f2">'
        f"<b>Refused.</b> {escape(refusal.reason)}<ol>{steps}</ol></div>"
    )


def _decisions(report: QuantizeReport) -> str:
    lines = [f"float: {summary_line(report.result.float_evaluation)}"]
    for target, _, candidate, _ in report.candidates():
        line = comparison_line(report.result.comparison(candidate), "float", candidate.name)
        lines.append(f"{name(target, candidate)}: {line}")
    return "<p>" + "<br>".join(map(escape, lines)) + "</p>"


def _costs(report: QuantizeReport) -> str:
    source = report.result.source
    rows: list[Cells] = [
        ("float", f"{len(source.student_bytes()) / 1e6:.2f}", f"{report.float_peak_mb:.0f}", "", "", "", "")
    ]
    for target, index, candidate, proof in report.candidates():
        here = next(v.here for v in report.verifications if v.target == target.target)
        rows.append(
            (
                name(target, candidate) + ("" if index in target.kept else " (not kept)"),
                f"{proof.size_bytes / 1e6:.2f}",
                "-" if proof.peak_mb is None else f"{proof.peak_mb:.0f}",
                f"{proof.integer_ms:.3f}",
                f"{proof.float_ms:.3f}",
                f"{proof.speed_up:.2f}" + ("" if here else " (not the target)"),
                proof.execution.engine,
            )
        )
    columns = ("", "MB", "peak MB of a process", "ms a step", "float, ms in turn", "times as fast", "measured in")
    return _grid(columns, rows)


def _executions(report: QuantizeReport) -> str:
    rows = [_execution(name(target, candidate), proof) for target, _, candidate, proof in report.candidates()]
    columns = ("", "integer kernels", "layers in float", "float islands", "stream against clip")
    return _grid(columns, rows)


def _execution(label: str, proof: Proof) -> Cells:
    execution = proof.execution
    return (
        label,
        f"{execution.integer} of {len(execution.kernels)}",
        ", ".join(f"{kernel.name} ({kernel.how})" for kernel in execution.floats) or "none",
        "; ".join(execution.islands) or "none",
        "-" if proof.streaming is None else f"{proof.streaming:.1%} of the spread",
    )


def _side_by_side(table: Table) -> str:
    rows = [(label, [None if c is None else (c.value, c.low, c.high) for c in cells]) for label, cells in table.rows]
    return f"{html_page.table(table)}\n{svg.intervals(rows, table.columns)}"


def _candidate(target: TargetResult, candidate: IntegerCandidate) -> list[str]:
    label = escape(name(target, candidate))
    parts = []
    if candidate.layers:
        noise = [
            (layer.name + ("" if layer.quantised else " (float)"), max(0.0, layer.sqnr_db))
            for layer in candidate.layers
        ]
        parts += [f"<h2>{label}: signal to quantisation noise by layer</h2>", svg.lengths(noise, "dB")]
    if any(layer.alone for layer in candidate.layers):
        rows: list[Cells] = [
            (
                layer.name,
                layer.operator,
                f"{layer.alone.logits_db:.1f}",
                f"{layer.alone.drop:.2f}",
                f"{layer.alone.agreement:.1%}",
            )
            for layer in candidate.layers
            if layer.alone is not None
        ]
        columns = ("this layer alone quantised", "operator", "logits, dB", "points lost", "same decision")
        parts += [f"<h2>{label}: sensitivity, on the held-out part</h2>", _grid(columns, rows)]
    if candidate.trials:
        parts += [f"<h2>{label}: what was tried, on the held-out part</h2>", _trials(candidate)]
    return parts


def _trials(candidate: IntegerCandidate) -> str:
    rows: list[Cells] = [
        (
            trial.estimator + (" (kept)" if index == candidate.kept else ""),
            ", ".join(trial.float_layers) or "none",
            f"{trial.fidelity.logits_db:.1f}",
            f"{trial.fidelity.divergence:.4f}",
            f"{trial.fidelity.agreement:.1%}",
            f"{trial.fidelity.drop:.1f}",
        )
        for index, trial in enumerate(candidate.trials)
    ]
    columns = ("range estimator", "layers in float", "logits, dB", "divergence, nats", "same decision", "points lost")
    return _grid(columns, rows)


def _coverage(result: QuantizeResult) -> list[str]:
    coverage = result.coverage
    names = expert_names(result)
    gate = {names[expert]: ticks for expert, ticks in coverage.gate_ticks.items()}
    parts = [
        "<h2>What calibration saw</h2>",
        f"<p>{coverage.clips} clips, {coverage.ticks} ticks of every expert</p>",
        *(f"<p><b>Warning.</b> {escape(warning)}</p>" for warning in coverage.warnings),
    ]
    for attribute, values in {**coverage.by, "ticks for which the gate chose": gate}.items():
        if values:
            shown = [(value, float(ticks)) for value, ticks in values.items()]
            parts.append(f"<p>{escape(attribute)}</p>\n{svg.lengths(shown, 'ticks')}")
    return parts


def _making(result: QuantizeResult) -> list[str]:
    rows: list[Cells] = [
        ("command", result.command),
        ("judged on", result.acceptance_selection),
        ("clips that calibrate", result.calibration_clips),
        ("clips that choose", result.held_out_clips),
        ("clips that judge", len(result.float_evaluation.results)),
        ("seed", result.seed),
        ("points that may be lost", f"{result.max_drop:g}"),
        *result.versions.items(),
    ]
    return ["<h2>How it was made</h2>", _grid(("", ""), rows)]


def _grid(columns: Sequence[str], rows: Sequence[Cells]) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "\n".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>\n{body}</table>"
